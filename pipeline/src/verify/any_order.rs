//! Builds partitions in any order that the graph allows, in any windows, also such that are not stale.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    dice::Dice,
    error::{RunError, shown},
    lake::Lake,
    run::End,
    trial::ListedWindow,
};
use crate::{
    builder::{BuildError, TableBuilder, tasks},
    contract::TableName,
    graph::Node,
    pipeline::Pipeline,
    plan::{Due, Planner, Stale, snapshot::Partition},
    recipe::{Refusal, Task},
};

/// More builds than any case needs: beyond it the planner never comes to an end.
const BUILDS_MAX: usize = 5_000;
/// Most surprises lie in the first builds, of many tables in more of them; what is left then goes in
/// wide windows.
const NARROW_BUILDS_MIN: usize = 10;

/// Builds windows of any tables until nothing is stale, or so many were built.
pub fn build(
    pipeline: &mut Pipeline,
    seed: u64,
    builds_max: Option<usize>,
) -> Result<(End, Vec<ListedWindow>), RunError> {
    let mut dice = Dice::new(seed, "any order");
    let mut builder = Builder { pipeline };
    let mut built = Vec::new();
    let table_count = builder.pipeline.graph.in_order().count();
    let narrow_count = NARROW_BUILDS_MIN + dice.below(1 + table_count / 2);
    for build_count in 0..builds_max.unwrap_or(BUILDS_MAX) {
        let is_narrow = build_count < narrow_count;
        let planner = builder.pipeline.planner();
        let candidates = candidates(planner);
        if candidates.is_empty() {
            return Ok((End::Quiescent, built));
        }
        let (node, due) = dice.pick(&candidates);
        let needs_reset = due.anew.is_some();
        let is_whole = needs_reset || !is_narrow;
        let stale = if is_whole {
            due.stale.clone()
        } else {
            widened(planner, node, &due.stale, &mut dice)
        };
        let days_max = if is_narrow { *dice.pick(&[1, 1, 2, 3, 1000]) } else { 1000 };
        let mut tasks = tasks(planner, node, &stale, days_max);
        if !needs_reset {
            tasks = vec![tasks.swap_remove(dice.below(tasks.len()))];
        }
        let table = node.name().clone();
        let partitions =
            tasks.iter().flat_map(|task| task.stamps.iter().map(|(partition, _)| *partition));
        built.push(ListedWindow { table: table.clone(), partitions: partitions.collect() });
        builder.build(&table, needs_reset, &tasks)?;
    }
    let is_done = candidates(builder.pipeline.planner()).is_empty();
    if !is_done && builds_max.is_none() {
        let table = built.last().map(|window| window.table.clone());
        let message = format!("something is still stale after {BUILDS_MAX} builds");
        return Err(table.map_or_else(
            || RunError::Observed(message.clone()),
            |table| RunError::Table { table, message: message.clone() },
        ));
    }
    Ok((if is_done { End::Quiescent } else { End::Cut }, built))
}

/// Builds these windows, as far as their partitions have anything to build.
pub fn build_listed(pipeline: &mut Pipeline, windows: &[ListedWindow]) -> Result<(), RunError> {
    let mut builder = Builder { pipeline };
    for window in windows {
        let planner = builder.pipeline.planner();
        let Some(node) = planner.graph().get(&window.table) else { continue };
        if planner.waits_for(node).is_some() {
            continue;
        }
        let due = planner.due(node);
        let needs_reset = due.anew.is_some();
        let mut stale = due.stale.clone();
        if !needs_reset {
            let known: BTreeSet<Partition> = stale.iter().map(|stale| stale.partition).collect();
            stale.extend(planner.fresh_again(node, &known));
            stale.retain(|stale| window.partitions.contains(&stale.partition));
        }
        let tasks = tasks(planner, node, &stale, windows.len().max(1000));
        if needs_reset {
            builder.build(&window.table, true, &tasks)?;
        } else {
            for task in tasks {
                builder.build(&window.table, false, &[task])?;
            }
        }
    }
    Ok(())
}

/// Builds some partitions of some tables again that are not stale.
pub fn build_again(lake: &Lake<'_>, seed: u64, table_count: usize) -> Result<(), RunError> {
    let mut dice = Dice::new(seed, "again");
    let mut pipeline = lake.open()?;
    let names: Vec<TableName> = pipeline.graph.in_order().map(|node| node.name().clone()).collect();
    let mut builder = Builder { pipeline: &mut pipeline };
    for _ in 0..table_count {
        let planner = builder.pipeline.planner();
        let node = planner.graph().node(dice.pick(&names));
        let chance = *dice.pick(&[30, 100]);
        let mut again = planner.fresh_again(node, &BTreeSet::new());
        again.retain(|_| dice.percent(chance));
        let tasks = tasks(planner, node, &again, *dice.pick(&[1, 3, 1000]));
        let table = node.name().clone();
        for task in tasks {
            builder.build(&table, false, &[task])?;
        }
    }
    Ok(())
}

/// Builds windows one by one, and keeps the snapshot right.
struct Builder<'a> {
    pipeline: &'a mut Pipeline,
}

impl Builder<'_> {
    fn build(
        &mut self,
        table: &TableName,
        needs_reset: bool,
        tasks: &[Task],
    ) -> Result<(), RunError> {
        let pipeline = &mut *self.pipeline;
        // One more for the reset of a table that begins anew.
        let first = pipeline.take_sequences(1 + tasks.len());
        let node = pipeline.graph.node(table).clone();
        let builder = TableBuilder {
            warehouse: pipeline.warehouse.as_ref(),
            node: &node,
            snapshot: pipeline.snapshot(),
            run_id: pipeline.run_id(),
            outside: None,
        };
        match builder.build(tasks, needs_reset, first) {
            Ok(receipt) => {
                pipeline.apply(node.name(), &receipt.built);
                Ok(())
            }
            // What stands beside tables that are still to come may not fit them yet.
            Err(BuildError::Refused(Refusal::Promises(_)))
                if pipeline.planner().stale_above(&node).is_some() =>
            {
                Ok(())
            }
            Err(error) => Err(RunError::Table { table: table.clone(), message: shown(&error) }),
        }
    }
}

/// The tables that can be built now, with what is to be built of them.
fn candidates(planner: &Planner) -> Vec<(&Node, Arc<Due>)> {
    let all = planner.graph().in_order().map(|node| (node, planner.due(node)));
    all.filter(|(node, due)| !due.is_nothing() && planner.waits_for(node).is_none()).collect()
}

/// Some of the stale partitions, and at times fresh ones between and beside them.
fn widened(planner: &Planner, node: &Node, stale: &[Stale], dice: &mut Dice) -> Vec<Stale> {
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
