//! One run over a lake, in one of many ways, perhaps cut short.

use std::collections::BTreeSet;

use jiff::{ToSpan, civil::Date};
use lakebed::{
    build::{BuildError, BuildOptions, TableBuilder, TableOutcome, tasks},
    contract::TableName,
    graph::Node,
    pipeline::Pipeline,
    plan::{Planner, Stale},
};

use super::{
    Outcome,
    dice::Dice,
    faults::Fault,
    lake::{Lake, shown},
};

/// More builds than any case needs: beyond it the planner never comes to an end.
const BUILDS_MAX: usize = 5_000;

/// Whether a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is stale.
    Quiescent,
    /// It was cut short.
    Cut,
}

/// How a run goes about it.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// As the command does.
    Whole,
    /// One date after the other, in any order.
    Days,
    /// Any stale partition, in any order that the graph allows, in any window.
    Random,
}

/// One run in a random mode, at times cut short.
pub fn run(lake: &Lake, dice: &mut Dice) -> Result<End, String> {
    let mode = *dice.pick(&[Mode::Whole, Mode::Days, Mode::Random, Mode::Random]);
    let is_cut = dice.percent(40);
    run_as(lake, mode, is_cut, dice).map_err(|problem| format!("{mode:?}: {problem}"))
}

/// One run in this mode.
pub fn run_as(lake: &Lake, mode: Mode, is_cut: bool, dice: &mut Dice) -> Result<End, String> {
    match mode {
        Mode::Random => {
            let mut pipeline = lake.open()?;
            agree(&mut pipeline)?;
            let builds_max = if is_cut { 1 + dice.below(40) } else { BUILDS_MAX };
            let end = build_in_any_order(&mut pipeline, lake.next_sequence(), builds_max, dice)?;
            if end == End::Cut && !is_cut {
                return Err(format!("still stale after {BUILDS_MAX} builds"));
            }
            Ok(end)
        }
        Mode::Whole | Mode::Days if is_cut => {
            let (faulty, pipeline) = lake.open_faulty(Fault::Kill, 1 + dice.below(900));
            let outcome = pipeline
                .map_err(|error| shown(&error))
                .and_then(|mut pipeline| build_by(mode, &mut pipeline, dice));
            if faulty.has_failed() { Ok(End::Cut) } else { outcome.map(|()| End::Quiescent) }
        }
        Mode::Whole | Mode::Days => {
            build_by(mode, &mut lake.open()?, dice).map(|()| End::Quiescent)
        }
    }
}

fn build_by(mode: Mode, pipeline: &mut Pipeline, dice: &mut Dice) -> Outcome {
    if let (Mode::Days, Some((first, last))) = (mode, pipeline.load_dates()) {
        let (mut dates, mut date) = (Vec::new(), first - 4.days());
        while date <= last + 2.days() {
            dates.push(date);
            date += 1.day();
        }
        // Of a long time only some days.
        dice.shuffle(&mut dates);
        dates.truncate(5);
        if dice.percent(50) {
            dates.sort();
        }
        for date in dates {
            build(pipeline, Some((date, date)), 1)?;
        }
    }
    let window_days_max = *dice.pick(&[1, 2, 3, 1000]);
    build(pipeline, None, window_days_max)
}

/// Builds nothing, but for what each build does first: it writes down the raw objects that it reads.
pub fn agree(pipeline: &mut Pipeline) -> Outcome {
    let options = BuildOptions {
        tables: BTreeSet::new(),
        dates: None,
        full: BTreeSet::new(),
        window_days_max: 1,
        jobs: 1,
    };
    pipeline.build(&options, &|_| {}).map(|_| ()).map_err(|error| shown(&error))
}

/// Builds what is stale, as the command does; within these dates only.
pub fn build(
    pipeline: &mut Pipeline,
    dates: Option<(Date, Date)>,
    window_days_max: usize,
) -> Outcome {
    let tables: BTreeSet<TableName> =
        pipeline.graph.in_order().map(|node| node.name().clone()).collect();
    let options = BuildOptions { tables, dates, full: BTreeSet::new(), window_days_max, jobs: 1 };
    let report = pipeline.build(&options, &|_| {}).map_err(|error| shown(&error))?;
    for (table, report) in &report.tables {
        if let TableOutcome::Failed(error) = &report.outcome {
            // With dates only, a table may stand beside others that are still to come.
            if dates.is_none() || !matches!(error, BuildError::Checks(_)) {
                return Err(format!("{table}: {}", shown(error)));
            }
        }
    }
    Ok(())
}

/// Builds windows of any tables until nothing is stale, or so many were built.
pub fn build_in_any_order(
    pipeline: &mut Pipeline,
    first_sequence: i64,
    builds_max: usize,
    dice: &mut Dice,
) -> Result<End, String> {
    let mut session = pipeline.warehouse.session().map_err(|error| shown(&error))?;
    let mut sequence = first_sequence;
    // Most surprises lie in the first builds; what is left then goes in wide windows.
    let narrow_count = 10 + dice.below(40);
    for build_count in 0..builds_max {
        let is_narrow = build_count < narrow_count;
        let planner = Planner { graph: &pipeline.graph, snapshot: &pipeline.snapshot };
        let candidates = candidates(&planner);
        if candidates.is_empty() {
            return Ok(End::Quiescent);
        }
        let (node, stale) = dice.pick(&candidates);
        let needs_reset = planner.needs_reset(node);
        let is_whole = needs_reset || !is_narrow;
        let stale = if is_whole { stale.clone() } else { widened(&planner, node, stale, dice) };
        let days_max = if is_narrow { *dice.pick(&[1, 1, 2, 3, 1000]) } else { 1000 };
        let mut tasks = tasks(&planner, node, &stale, days_max);
        if !needs_reset {
            tasks = vec![tasks.swap_remove(dice.below(tasks.len()))];
        }
        let builder = TableBuilder {
            warehouse: pipeline.warehouse.as_ref(),
            node,
            snapshot: &pipeline.snapshot,
            run_id: "any order",
            outside: None,
        };
        let built = if needs_reset {
            builder.rebuild(session.as_mut(), &tasks, sequence)
        } else {
            builder.build(session.as_mut(), &tasks[0], sequence).map(|built| vec![built])
        };
        sequence += 1 + i64::try_from(tasks.len()).expect("few");
        match built {
            Ok(all) => {
                let node = (*node).clone();
                for built in &all {
                    built.apply(&node, &mut pipeline.snapshot);
                }
            }
            // What stands beside tables that are still to come may not fit them yet.
            Err(BuildError::Checks(_)) if is_waiting(&planner, node) => {}
            Err(error) => {
                return Err(format!("{} {}: {}", node.name(), tasks[0].window, shown(&error)));
            }
        }
    }
    let planner = Planner { graph: &pipeline.graph, snapshot: &pipeline.snapshot };
    Ok(if candidates(&planner).is_empty() { End::Quiescent } else { End::Cut })
}

/// The tables that can be built now, with what is stale of them.
fn candidates<'a>(planner: &Planner<'a>) -> Vec<(&'a Node, Vec<Stale>)> {
    let all = planner.graph.in_order().map(|node| (node, planner.stale(node)));
    all.filter(|(node, stale)| {
        let is_stale = !stale.is_empty() || planner.needs_reset(node);
        is_stale && planner.waits_for(node).is_none()
    })
    .collect()
}

/// Whether something above the table is stale.
fn is_waiting(planner: &Planner<'_>, node: &Node) -> bool {
    let above = planner.graph.with_upstream(&BTreeSet::from([node.name().clone()]));
    let is_stale = |name: &TableName| {
        let other = planner.graph.node(name);
        name != node.name() && (planner.needs_reset(other) || !planner.stale(other).is_empty())
    };
    above.iter().any(is_stale)
}

/// Some of the stale partitions, and at times fresh ones between and beside them.
fn widened(planner: &Planner<'_>, node: &Node, stale: &[Stale], dice: &mut Dice) -> Vec<Stale> {
    let one = dice.below(stale.len());
    let chance = *dice.pick(&[0, 50, 100]);
    let mut chosen: Vec<Stale> = Vec::new();
    for (index, partition) in stale.iter().enumerate() {
        if index == one || dice.percent(chance) {
            chosen.push(partition.clone());
        }
    }
    if dice.percent(30) {
        let known = stale.iter().map(|stale| stale.partition).collect();
        chosen.extend(planner.fresh_again(node, &known).into_iter().filter(|_| dice.percent(50)));
    }
    chosen
}
