//! Partitions built again, however often: nothing changes, and nothing is stale.

use std::collections::BTreeSet;

use lakebed::{
    build::{BuildOptions, TableBuilder, tasks},
    plan::Planner,
};

use super::{
    Outcome, check_all,
    checks::{check_fresh, check_journal},
    dice::Dice,
    lake::{Lake, shown},
    messages::random_messages,
    runs::build,
    tables::{check_rows, fingerprints},
    variant::{Variant, random_limits},
};

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "replay");
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 40);
    let lake = Lake::with(&Variant::of(limits), &messages, &mut dice);
    let mut pipeline = lake.open()?;
    build(&mut pipeline, None, 1000)?;
    let graph = &lake.variant.graph;
    let before = fingerprints(lake.warehouse.as_ref(), graph);
    let names: Vec<_> = graph.in_order().map(|node| node.name().clone()).collect();
    let mut session = lake.warehouse.session().map_err(|error| shown(&error))?;
    let mut sequence = lake.next_sequence();
    for _ in 0..20 {
        let node = graph.node(dice.pick(&names));
        let planner = Planner { graph, snapshot: &pipeline.snapshot };
        let chance = *dice.pick(&[30, 100]);
        let mut again = planner.fresh_again(node, &BTreeSet::new());
        again.retain(|_| dice.percent(chance));
        for task in tasks(&planner, node, &again, *dice.pick(&[1, 3, 1000])) {
            let builder = TableBuilder {
                warehouse: lake.warehouse.as_ref(),
                node,
                snapshot: &pipeline.snapshot,
                run_id: "replay",
                outside: None,
            };
            let built = builder.build(session.as_mut(), &task, sequence).map_err(|e| shown(&e))?;
            sequence += 1;
            if !built.entry.contents.is_empty() {
                return Err(format!("{} {} changed when built again", node.name(), task.window));
            }
        }
    }
    check_rows("all tables", &fingerprints(lake.warehouse.as_ref(), graph), &before)?;
    let mut pipeline = lake.open()?;
    let options = BuildOptions {
        full: names.iter().cloned().collect(),
        tables: names.into_iter().collect(),
        dates: None,
        window_days_max: 2,
        jobs: 2,
    };
    let report = pipeline.build(&options, &|_| {}).map_err(|error| shown(&error))?;
    if !report.is_success() {
        return Err(format!("a build of everything failed: {report:?}"));
    }
    check_rows("all tables", &fingerprints(lake.warehouse.as_ref(), graph), &before)?;
    check_journal(&lake, &pipeline)?;
    check_fresh(&lake)
}

#[test]
fn what_is_built_again_stays_as_it_is() {
    check_all("replay::what_is_built_again_stays_as_it_is", 6, check);
}
