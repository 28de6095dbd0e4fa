//! A plan: what a build does, and what may become stale by it. It is shown, asked about, and executed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use serde::{Serialize, Serializer};

use super::{
    Anew, Planner, Reason, Selection, Stale,
    snapshot::Partition,
    window::{Window, windows},
};
use crate::{
    contract::{BuildKind, TableName},
    graph::{Domain, Input, Node, Reach},
};

/// What a build does with some tables, in the order of the graph.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Plan {
    /// By table.
    pub tables: Vec<TablePlan>,
}

/// What a build does with one table.
#[derive(Clone, Debug, Serialize)]
pub struct TablePlan {
    /// The table.
    pub table: TableName,
    /// Why it begins anew, if it does.
    pub anew: Option<Anew>,
    /// Partitions that will be built.
    #[serde(serialize_with = "stale")]
    pub stale: Vec<Stale>,
    /// Of those, how many were built before, and are not built again because somebody asked for it.
    pub rebuilt_count: usize,
    /// What will be read for them.
    pub reads: Vec<InputRead>,
    /// Rows that will be read, as far as they are known.
    pub rows_read: i64,
    /// Partitions that will be built if the contents of what they read change.
    pub may_follow: BTreeSet<Partition>,
    /// Whether partitions may follow that are not known yet.
    pub may_follow_more: bool,
    /// What `may_follow` reads that will, or may, be built.
    pub because_of: BTreeSet<TableName>,
}

/// What a build reads of one table.
#[derive(Clone, Debug, Serialize)]
pub struct InputRead {
    /// Which.
    pub table: TableName,
    /// Its columns that the query needs.
    pub columns: BTreeSet<String>,
    /// Its dates that have rows, as `from … to`; `whole`: all of it.
    pub windows: Vec<String>,
    /// Rows in them. Of sources and merged tables no rows are counted, only what stands for them.
    pub row_count: Option<i64>,
}

impl TablePlan {
    /// Whether nothing will be built, nor may be.
    pub fn is_nothing(&self) -> bool {
        self.anew.is_none()
            && self.stale.is_empty()
            && self.may_follow.is_empty()
            && !self.may_follow_more
    }
}

impl Plan {
    /// What a build of a selection does.
    pub fn new(planner: &Planner, selection: &Selection) -> Self {
        let mut changes: BTreeMap<TableName, Change> = BTreeMap::new();
        let mut tables = Vec::new();
        let graph = planner.graph();
        for node in graph.in_order().filter(|node| selection.tables.contains(node.name())) {
            let plan = table_plan(planner, node, selection, &changes);
            changes.insert(node.name().clone(), change(planner, node, &plan));
            tables.push(plan);
        }
        Self { tables }
    }

    /// Partitions that were built before and will be again.
    pub fn rebuilt_count(&self) -> usize {
        self.tables.iter().map(|table| table.rebuilt_count).sum()
    }
}

fn stale<S: Serializer>(stale: &[Stale], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        partition: Partition,
        reason: &'a Reason,
    }
    serializer.collect_seq(
        stale.iter().map(|stale| Shown { partition: stale.partition, reason: &stale.reason }),
    )
}

/// What changes in a table: known partitions, and whether others may.
#[derive(Clone, Debug, Default)]
struct Change {
    partitions: BTreeSet<Partition>,
    is_open: bool,
}

fn table_plan(
    planner: &Planner,
    node: &Node,
    selection: &Selection,
    changes: &BTreeMap<TableName, Change>,
) -> TablePlan {
    let stale = planner.selected(node, selection);
    let built: BTreeSet<Partition> = stale.iter().map(|stale| stale.partition).collect();
    let stamps = planner.snapshot().stamps.get(node.name());
    let is_rebuilt = |stale: &&Stale| {
        stale.reason != Reason::AskedFor
            && stamps.is_some_and(|stamps| stamps.contains_key(&stale.partition))
    };
    let reads = reads(planner, node, &built);
    let mut plan = TablePlan {
        table: node.name().clone(),
        anew: planner.due(node).anew.clone(),
        rebuilt_count: stale.iter().filter(|stale| is_rebuilt(stale)).count(),
        rows_read: reads.iter().filter_map(|read| read.row_count).sum(),
        reads,
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
        plan.because_of.insert(input.table.clone());
        // A lookup adds columns to rows, never partitions.
        plan.may_follow_more |= change.is_open && !input.is_lookup;
        plan.may_follow.extend(reached(planner, node, input, change));
    }
    plan.may_follow.retain(|partition| !built.contains(partition));
    plan
}

/// The reader's partitions that a change of an input reaches.
fn reached(planner: &Planner, node: &Node, input: &Input, change: &Change) -> BTreeSet<Partition> {
    let stamps = planner.snapshot().stamps.get(node.name());
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
fn change(planner: &Planner, node: &Node, plan: &TablePlan) -> Change {
    let built: BTreeSet<Partition> =
        plan.stale.iter().map(|s| s.partition).chain(plan.may_follow.iter().copied()).collect();
    let is_any = !built.is_empty() || plan.may_follow_more;
    match node.build() {
        BuildKind::Delta => {
            let occupied = planner.snapshot().occupied.get(node.name());
            let reach = |load_date: Date| {
                let from = load_date.saturating_sub(planner.graph().lateness_days_max.days());
                let to = load_date.saturating_add(planner.graph().skew_days_max.days());
                let recorded = occupied.and_then(|o| o.get(&load_date)).copied();
                let (old_from, old_to) = recorded.unwrap_or((from, to));
                Window::Dates { from: from.min(old_from), to: to.max(old_to) }.partitions()
            };
            let has_rows = |p: &Partition| !planner.snapshot().content(node.name(), *p).is_empty();
            let partitions: BTreeSet<Partition> =
                built.iter().flatten().flat_map(|date| reach(*date)).filter(has_rows).collect();
            Change { partitions, is_open: is_any }
        }
        // One build writes all dates of a calendar, and which of them change is not known before.
        BuildKind::Full | BuildKind::Seed if node.content != Domain::Whole && is_any => {
            let dates = planner.snapshot().occupied_dates(node.name());
            Change { partitions: dates.map(Some).collect(), is_open: true }
        }
        // The least effective time that a window touches is not known before it is built.
        BuildKind::History => Change { partitions: BTreeSet::new(), is_open: is_any },
        _ => Change { partitions: built, is_open: plan.may_follow_more },
    }
}

fn reads(planner: &Planner, node: &Node, built: &BTreeSet<Partition>) -> Vec<InputRead> {
    if built.is_empty() {
        return Vec::new();
    }
    let snapshot = planner.snapshot();
    let read = |input: &Input| {
        let dates: Option<BTreeSet<Partition>> = match input.reach {
            Reach::Window(span) => {
                let read = built.iter().flatten().flat_map(|date| span.read_by(*date));
                Some(read.map(|(_, date)| Some(date)).collect())
            }
            Reach::AsOf | Reach::Whole => None,
        };
        let contents = |partition: &Partition| snapshot.content(&input.table, *partition);
        let row_count = match &dates {
            Some(dates) => dates.iter().map(|date| contents(date).row_count).sum(),
            None => snapshot.content_whole(&input.table).row_count,
        };
        let occupied = dates
            .map(|dates| dates.into_iter().filter(|date| !contents(date).is_empty()).collect());
        let is_counted =
            planner.graph().get(&input.table).is_some_and(|node| node.build() != BuildKind::Merge);
        InputRead {
            table: input.table.clone(),
            columns: node.facts.columns_of(&input.table),
            windows: match occupied {
                Some(dates) => windows(&dates, usize::MAX).iter().map(Window::to_string).collect(),
                None => vec![Window::Whole.to_string()],
            },
            row_count: is_counted.then_some(row_count),
        }
    };
    node.inputs.iter().map(read).collect()
}
