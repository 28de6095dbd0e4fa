//! What must be true whenever nothing is stale.

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::Date;
use lakebed::{
    builder::journal,
    contract::BuildKind,
    grade::grade,
    graph::Node,
    pipeline::Pipeline,
    plan::{Content, Snapshot, snapshot::Partition},
    verify::{
        compare::{Reading, difference},
        error::shown,
        lake::Lake,
        message::Sent,
        run,
        trial::ALL_DAYS,
    },
};
use sim::TruthRecorder;

use super::{
    Outcome,
    oracle::{self, BusinessKeys, readings},
    project::empty_lake,
    rows::check_rows,
};

/// The lake is what the messages mean, and what a build from nothing makes of its raw objects.
pub fn check_quiescent(lake: &Lake<'_>, messages: &[&Sent]) -> Outcome {
    check_settled(lake, messages)?;
    check_as_from_nothing(lake)
}

/// The lake is what a build from nothing makes of its raw objects, by its own code.
pub fn check_as_from_nothing(lake: &Lake<'_>) -> Outcome {
    let mut other = empty_lake(lake.variant.limits);
    other.variant = Arc::clone(&lake.variant);
    other.store = Arc::clone(&lake.store);
    build_all(&other)?;
    let all: Vec<Reading> = lake.variant.graph.in_order().map(Reading::all).collect();
    let found = difference(&other, lake, &all).map_err(|error| shown(&error))?;
    found.map_or(Ok(()), |found| Err(format!("not what a build from nothing gives: {found:?}")))
}

/// Builds what is stale, as the command does.
pub fn build_all(lake: &Lake<'_>) -> Outcome {
    let mut pipeline = lake.open().map_err(|error| shown(&error))?;
    run::build(&mut pipeline, None, ALL_DAYS).map_err(|error| format!("{error:?}"))
}

/// Nothing is stale, and the lake is what the messages mean.
pub fn check_settled(lake: &Lake<'_>, messages: &[&Sent]) -> Outcome {
    check_fresh(lake)?;
    check_meaning(lake, messages)
}

/// Nothing is stale, and the journal knows what the tables hold.
pub fn check_fresh(lake: &Lake<'_>) -> Outcome {
    let pipeline = lake.open().map_err(|error| shown(&error))?;
    let planner = pipeline.planner();
    for node in pipeline.graph.in_order() {
        let due = planner.due(node);
        if due.anew.is_some() {
            return Err(format!("{} must begin anew after a build", node.name()));
        }
        if let Some(stale) = due.stale.first() {
            return Err(format!("{} is stale after a build: {:?}", node.name(), stale));
        }
    }
    check_contents(lake, pipeline.snapshot())
}

/// The tables that there are are what the messages mean, by the oracle of these tests and by the
/// simulator's truth.
pub fn check_meaning(lake: &Lake<'_>, messages: &[&Sent]) -> Outcome {
    let owned: Vec<Sent> = messages.iter().map(|sent| (*sent).clone()).collect();
    let mut wanted = oracle::tables(&owned, lake.variant.limits);
    let keys = BusinessKeys::of(lake, &wanted);
    let mut problems = Vec::new();
    for reading in readings() {
        let wanted = wanted.take(&reading.name);
        if lake.variant.graph.get(&reading.table).is_some() {
            problems.extend(check_rows(&reading.name, &reading.rows(lake, &keys), &wanted).err());
        }
    }
    let left = wanted.left();
    assert!(left.is_empty(), "the oracle has tables that nothing reads: {left:?}");
    if !problems.is_empty() {
        return Err(format!("not what was meant: {}", problems.join("\n")));
    }
    check_truth(lake, messages)
}

fn check_truth(lake: &Lake<'_>, messages: &[&Sent]) -> Outcome {
    let mut recorder = TruthRecorder::new(lake.variant.limits);
    for sent in messages {
        recorder.observe(&sent.arrival());
    }
    let Some(last) = messages.iter().map(|sent| sent.load_date()).max() else { return Ok(()) };
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
pub fn check_journal(lake: &Lake<'_>, pipeline: &Pipeline) -> Outcome {
    let mut session = lake.warehouse.session().map_err(|error| shown(&error))?;
    let (mut told, _) = journal::load(session.as_mut()).map_err(|error| shown(&error))?;
    let known = pipeline.snapshot();
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

/// What the journal says that partitions hold is what they hold.
pub fn check_contents(lake: &Lake<'_>, snapshot: &Snapshot) -> Outcome {
    let graph = &lake.variant.graph;
    // Of what merges, the journal knows only what it was made of.
    let is_known = |node: &&Node| !matches!(node.build(), BuildKind::Merge | BuildKind::View);
    let nodes: Vec<&Node> = graph.in_order().filter(is_known).collect();
    let selects: Vec<String> = nodes.iter().map(|node| contents_query(lake, node)).collect();
    let mut session = lake.warehouse.session().expect("a session");
    let result = session.query(&selects.join(" union all ")).expect("tables can be read");
    let mut found: BTreeMap<String, BTreeMap<Partition, Content>> = BTreeMap::new();
    for row in result.text_rows().expect("results are readable") {
        let table = row[0].clone().expect("it has a name");
        let partition: Option<Date> = row[1].as_ref().map(|text| text.parse().expect("a date"));
        let hash_sum = row[2].as_ref().expect("a sum").parse().expect("a number");
        let row_count = row[3].as_ref().expect("a count").parse().expect("a number");
        found.entry(table).or_default().insert(partition, Content { hash_sum, row_count });
    }
    for node in nodes {
        let told = snapshot.contents.get(node.name()).cloned().unwrap_or_default();
        let held = found.remove(node.name().as_str()).unwrap_or_default();
        if told != held {
            return Err(format!(
                "{}: the journal says {told:?}, and it holds {held:?}",
                node.name()
            ));
        }
    }
    Ok(())
}

/// Of a history, neither the ends of validity count nor inferred rows.
fn contents_query(lake: &Lake<'_>, node: &Node) -> String {
    let contract = &node.file.contract;
    let is_history = node.build() == BuildKind::History;
    let columns = contract.columns.iter();
    let hashed: Vec<_> = columns
        .map(|(name, column)| (name.as_str(), Some(column.kind)))
        .filter(|(name, _)| !is_history || Some(*name) != contract.valid_to.as_deref())
        .collect();
    let partition = match node.partition_column() {
        Some(column) => format!("cast({column} as date)"),
        None => "cast(null as date)".to_owned(),
    };
    let condition = if is_history { "hashdiff <> 'inferred'" } else { "true" };
    let hash = lake.warehouse.dialect().hash_sum_expression(&hashed);
    format!(
        "select '{name}', {partition}, {hash}, count(*) from {name} where {condition} group by 2",
        name = node.name()
    )
}
