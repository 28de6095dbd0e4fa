//! What a build would do: the stale partitions, and those that may become stale by it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};

use super::{
    snapshot::Partition,
    stale::{Planner, Stale},
};
use crate::{
    contract::{BuildKind, TableName},
    graph::{Domain, Input, Node, Reach},
};

/// What a build would do with one table.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The table.
    pub table: TableName,
    /// Partitions that will be built.
    pub stale: Vec<Stale>,
    /// Partitions that will be built if the contents of what they read change.
    pub may_follow: BTreeSet<Partition>,
    /// Whether partitions may follow that are not known yet.
    pub may_follow_more: bool,
    /// What `may_follow` reads that will, or may, be built.
    pub because_of: BTreeSet<TableName>,
    /// Rows of the inputs in reach of the stale partitions, as far as they are known.
    pub rows_read: i64,
}

/// What changes in a table: known partitions, and whether others may.
#[derive(Clone, Debug, Default)]
struct Change {
    partitions: BTreeSet<Partition>,
    is_open: bool,
}

/// Forecasts a build of `tables`, in the order of the graph.
pub fn forecast(planner: &Planner<'_>, tables: &BTreeSet<TableName>) -> Vec<Forecast> {
    let mut changes: BTreeMap<TableName, Change> = BTreeMap::new();
    let mut forecasts = Vec::new();
    for node in planner.graph.in_order().filter(|node| tables.contains(node.name())) {
        let forecast = forecast_table(planner, node, &changes);
        changes.insert(node.name().clone(), change(planner, node, &forecast));
        forecasts.push(forecast);
    }
    forecasts
}

fn forecast_table(
    planner: &Planner<'_>,
    node: &Node,
    changes: &BTreeMap<TableName, Change>,
) -> Forecast {
    let stale = planner.stale(node);
    let built: BTreeSet<Partition> = stale.iter().map(|stale| stale.partition).collect();
    let mut forecast = Forecast {
        table: node.name().clone(),
        rows_read: rows_read(planner, node, &built),
        stale,
        may_follow: BTreeSet::new(),
        may_follow_more: false,
        because_of: BTreeSet::new(),
    };
    for input in &node.inputs {
        let Some(change) = changes.get(&input.table) else { continue };
        if change.partitions.is_empty() && !change.is_open {
            continue;
        }
        forecast.because_of.insert(input.table.clone());
        // A lookup adds columns to rows, never partitions.
        forecast.may_follow_more |= change.is_open && !input.is_lookup;
        forecast.may_follow.extend(reached(planner, node, input, change));
    }
    forecast.may_follow.retain(|partition| !built.contains(partition));
    forecast
}

/// The reader's partitions that a change of an input reaches.
fn reached(
    planner: &Planner<'_>,
    node: &Node,
    input: &Input,
    change: &Change,
) -> BTreeSet<Partition> {
    let stamps = planner.snapshot.stamps.get(node.name());
    let known = || stamps.into_iter().flat_map(|stamps| stamps.keys().copied());
    match input.reach {
        Reach::Whole => known().chain((known().next().is_none()).then_some(None)).collect(),
        Reach::AsOf => {
            let first = change.partitions.iter().next().copied().flatten();
            known().filter(|partition| change.is_open || *partition >= first).collect()
        }
        Reach::Window(span) => change
            .partitions
            .iter()
            .flatten()
            .flat_map(|date| span.reached_by(*date))
            .map(Some)
            .filter(|partition| !input.is_lookup || known().any(|k| k == *partition))
            .collect(),
    }
}

/// What a build of these partitions may change in the table's contents.
fn change(planner: &Planner<'_>, node: &Node, forecast: &Forecast) -> Change {
    let built: BTreeSet<Partition> = forecast
        .stale
        .iter()
        .map(|s| s.partition)
        .chain(forecast.may_follow.iter().copied())
        .collect();
    let is_any = !built.is_empty() || forecast.may_follow_more;
    match node.build() {
        BuildKind::Delta => {
            let occupied = planner.snapshot.occupied.get(node.name());
            let reach = |load_date: Date| {
                let from = load_date.saturating_sub(planner.graph.lateness_days_max.days());
                let to = load_date.saturating_add(planner.graph.skew_days_max.days());
                let recorded = occupied.and_then(|o| o.get(&load_date)).copied();
                let (old_from, old_to) = recorded.unwrap_or((from, to));
                super::window::Window::Dates { from: from.min(old_from), to: to.max(old_to) }
                    .partitions()
            };
            let has_rows = |p: &Partition| !planner.snapshot.content(node.name(), *p).is_empty();
            let partitions: BTreeSet<Partition> =
                built.iter().flatten().flat_map(|date| reach(*date)).filter(has_rows).collect();
            Change { partitions, is_open: is_any }
        }
        // One build writes all dates of a calendar, and which of them change is not known before.
        BuildKind::Full | BuildKind::Seed if node.content != Domain::Whole && is_any => {
            let dates = planner.snapshot.occupied_dates(node.name());
            Change { partitions: dates.map(Some).collect(), is_open: true }
        }
        // The least effective time that a window touches is not known before it is built.
        BuildKind::History => Change { partitions: BTreeSet::new(), is_open: is_any },
        _ => Change { partitions: built, is_open: forecast.may_follow_more },
    }
}

fn rows_read(planner: &Planner<'_>, node: &Node, built: &BTreeSet<Partition>) -> i64 {
    if built.is_empty() {
        return 0;
    }
    let rows = |input: &Input| -> i64 {
        let Reach::Window(span) = input.reach else {
            return planner.snapshot.content_whole(&input.table).row_count;
        };
        let read = built.iter().flatten().flat_map(|date| span.read_by(*date));
        let dates: BTreeSet<Date> = read.map(|(_, date)| date).collect();
        let contents = dates.iter().map(|date| planner.snapshot.content(&input.table, Some(*date)));
        contents.map(|content| content.row_count).sum()
    };
    // Of sources and merged tables no rows are counted, only what stands for them.
    let is_counted = |input: &&Input| {
        planner.graph.get(&input.table).is_some_and(|input| input.build() != BuildKind::Merge)
    };
    node.inputs.iter().filter(is_counted).map(rows).sum()
}
