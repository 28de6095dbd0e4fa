//! What must be true whenever nothing is stale.

use lakebed::{build::journal, grade::grade, plan::Planner};
use sim::TruthRecorder;

use super::{
    Outcome,
    lake::{Lake, shown},
    messages::Sent,
    oracle::{self, BusinessKeys, readings},
    tables::{check_contents, check_rows, check_same},
};

/// The lake is what the messages mean, and what a build from nothing makes of its raw objects.
pub fn check_quiescent(lake: &Lake, messages: &[Sent]) -> Outcome {
    check_settled(lake, messages)?;
    check_same("not what a build from nothing gives", lake, &lake.rebuilt()?)
}

/// Nothing is stale, and the lake is what the messages mean.
pub fn check_settled(lake: &Lake, messages: &[Sent]) -> Outcome {
    check_fresh(lake)?;
    check_meaning(lake, messages)
}

/// Nothing is stale, and the journal knows what the tables hold.
pub fn check_fresh(lake: &Lake) -> Outcome {
    let pipeline = lake.open()?;
    let planner = Planner { graph: &pipeline.graph, snapshot: &pipeline.snapshot };
    for node in pipeline.graph.in_order() {
        if planner.needs_reset(node) {
            return Err(format!("{} must begin anew after a build", node.name()));
        }
        if let Some(stale) = planner.stale(node).first() {
            return Err(format!("{} is stale after a build: {:?}", node.name(), stale));
        }
    }
    check_contents(lake, &pipeline.snapshot)
}

/// The tables are what the messages mean, by the oracle of these tests and by the simulator's truth.
pub fn check_meaning(lake: &Lake, messages: &[Sent]) -> Outcome {
    let mut wanted = oracle::tables(messages, lake.variant.limits);
    let keys = BusinessKeys::of(lake);
    let mut problems = Vec::new();
    for reading in readings() {
        let (found, wanted) = (reading.rows(lake, &keys), wanted.take(&reading.name));
        problems.extend(check_rows(&reading.name, &found, &wanted).err());
    }
    let left = wanted.left();
    assert!(left.is_empty(), "the oracle has tables that nothing reads: {left:?}");
    if !problems.is_empty() {
        return Err(format!("not what was meant: {}", problems.join("\n")));
    }
    check_truth(lake, messages)
}

fn check_truth(lake: &Lake, messages: &[Sent]) -> Outcome {
    let mut recorder = TruthRecorder::new(lake.variant.limits);
    for sent in messages {
        recorder.observe(&sent.arrival());
    }
    let Some(last) = messages.iter().map(Sent::load_date).max() else { return Ok(()) };
    let mut session = lake.warehouse.session().map_err(|error| shown(&error))?;
    let truth = recorder.finish(last);
    let grade =
        grade(session.as_mut(), &lake.variant.graph, &truth, false).map_err(|e| shown(&e))?;
    match grade.wrong().next() {
        None => Ok(()),
        Some(wrong) => Err(format!("not the simulator's truth: {wrong:?}")),
    }
}

/// The journal read again says what the pipeline in memory knows.
pub fn check_journal(lake: &Lake, pipeline: &lakebed::pipeline::Pipeline) -> Outcome {
    let mut session = lake.warehouse.session().map_err(|error| shown(&error))?;
    let (mut told, _) = journal::load(session.as_mut()).map_err(|error| shown(&error))?;
    let known = &pipeline.snapshot;
    // The contents of sources are found at opening.
    for source in pipeline.graph.sources() {
        told.contents.extend(known.contents.get(source).map(|c| (source.clone(), c.clone())));
    }
    let mut told_contents = told.contents;
    let mut known_contents = known.contents.clone();
    told_contents.retain(|_, partitions| !partitions.is_empty());
    known_contents.retain(|_, partitions| !partitions.is_empty());
    if told_contents != known_contents {
        return Err("the journal's contents are not those in memory".to_owned());
    }
    let mut known_stamps = known.stamps.clone();
    known_stamps.retain(|_, partitions| !partitions.is_empty());
    if told.stamps != known_stamps {
        return Err("the journal's stamps are not those in memory".to_owned());
    }
    Ok(())
}
