//! Everything built again by the command: nothing changes, nothing is stale, and the journal says so.

use std::collections::BTreeSet;

use lakebed::{
    builder::BuildOptions,
    contract::TableName,
    plan::Selection,
    verify::{
        compare::{Reading, fingerprints},
        dice::Dice,
        error::shown,
        lake::Lake,
    },
};

use super::{
    Outcome, check_all,
    checks::{build_all, check_fresh, check_journal},
    project::{draw, empty_lake, land},
};

fn check(seed: u64) -> Outcome {
    let draw = draw(seed, 40);
    let lake = empty_lake(draw.limits);
    land(&lake, &draw.messages, &mut Dice::new(seed, "replay"));
    build_all(&lake)?;
    let graph = &lake.variant.graph;
    let all: Vec<Reading> = graph.in_order().map(Reading::all).collect();
    let hashes = |lake: &Lake<'_>| fingerprints(lake, &all).map_err(|error| shown(&error));
    let before = hashes(&lake)?;
    let mut pipeline = lake.open().map_err(|error| shown(&error))?;
    let names: BTreeSet<TableName> = graph.in_order().map(|node| node.name().clone()).collect();
    let selection = Selection { full: names.clone(), tables: names, dates: None };
    let options = BuildOptions { selection, window_days_max: 2, jobs: 2 };
    let report = pipeline.build(&options, &|_| {}).map_err(|error| shown(&error))?;
    if !report.is_success() {
        return Err(format!("a build of everything failed: {report:?}"));
    }
    if hashes(&lake)? != before {
        return Err("a table changed when it was built again".to_owned());
    }
    check_journal(&lake, &pipeline)?;
    check_fresh(&lake)
}

#[test]
fn everything_built_again_stays_as_it_is() {
    check_all("replay::everything_built_again_stays_as_it_is", 3, check);
}
