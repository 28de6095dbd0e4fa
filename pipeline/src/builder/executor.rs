//! Builds all stale partitions of many tables, independent tables at the same time.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::table::{BuildError, TableBuilder};
use crate::{
    contract::{BuildKind, TableName},
    engine::Outside,
    graph::{Graph, Node},
    plan::{Planner, Reason, Selection, Snapshot},
    recipe::{CheckFailure, Fence, RawObjects, Task, tasks},
    warehouse::{Ran, Receipt, Warehouse},
};

/// How often a build is tried that fails for a passing reason.
pub const ATTEMPTS_MAX: u32 = 3;

/// What to build, and how.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// What.
    pub selection: Selection,
    /// Longest window of one statement, in days.
    pub window_days_max: usize,
    /// Tables at the same time.
    pub jobs: usize,
}

/// What happens during a build, for progress.
#[derive(Clone, Debug)]
pub enum BuildEvent<'a> {
    /// A table has stale partitions.
    Started {
        /// The table.
        table: &'a TableName,
        /// How many.
        partition_count: usize,
    },
    /// A window is tried again, perhaps as several.
    Retried {
        /// The table.
        table: &'a TableName,
        /// Why.
        reason: String,
    },
    /// Something was committed. What reads it is not begun before this is told.
    Committed {
        /// What it was, for people: a table with its windows.
        of: &'a str,
        /// All statements, in order.
        sent: &'a [&'a str],
    },
    /// A table is done, for good or bad.
    Finished {
        /// The table.
        table: &'a TableName,
    },
}

/// How a table came out.
#[derive(Debug)]
pub enum TableOutcome {
    /// Nothing was stale.
    Fresh,
    /// All stale partitions were built.
    Built,
    /// A build failed; the old data of that window stands.
    Failed(BuildError),
    /// It must begin anew, and something above it is still stale, since only some dates were built.
    /// The old rows stand.
    Waiting {
        /// What is stale.
        on: TableName,
    },
    /// Something that it reads failed.
    Blocked {
        /// What failed.
        by: TableName,
    },
}

/// What was done for a table.
#[derive(Debug)]
pub struct TableReport {
    /// How it came out.
    pub outcome: TableOutcome,
    /// Partitions that were built.
    pub partition_count: usize,
    /// Partitions whose contents then differed from before.
    pub changed_count: usize,
    /// Rows that were written.
    pub row_count: i64,
    /// Why the first stale partition was stale.
    pub reason: Option<Reason>,
    /// Checks of severity `warn` that did not hold.
    pub warnings: Vec<CheckFailure>,
    /// The statements of all that was committed, in order.
    pub statements: Vec<Ran>,
    /// How long it took.
    pub duration: Duration,
}

/// What a build did, by table.
#[derive(Debug, Default)]
pub struct BuildReport {
    /// In order of name.
    pub tables: BTreeMap<TableName, TableReport>,
}

impl BuildReport {
    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        let good = |table: &TableReport| {
            !matches!(table.outcome, TableOutcome::Failed(_) | TableOutcome::Blocked { .. })
        };
        self.tables.values().all(good)
    }

    /// Partitions that were built.
    pub fn partition_count(&self) -> usize {
        self.tables.values().map(|table| table.partition_count).sum()
    }
}

/// Runs builds over one warehouse.
pub struct Executor<'a> {
    /// The engine.
    pub warehouse: &'a dyn Warehouse,
    /// The tables.
    pub graph: &'a Graph,
    /// By what the run may write.
    pub fence: &'a Fence,
    /// The pinned raw objects.
    pub raw: &'a Arc<RawObjects>,
    /// The engine that runs the SELECTs of tables that are marked for it.
    pub outside: Option<Outside<'a>>,
    /// Is told what happens.
    pub on_event: &'a (dyn Fn(BuildEvent<'_>) + Sync),
}

/// What the workers share.
struct Shared<'a> {
    planner: &'a mut Planner,
    next_sequence: i64,
    waiting: BTreeSet<TableName>,
    running: BTreeSet<TableName>,
    report: BuildReport,
}

impl Executor<'_> {
    /// Builds what is due, each table after what it reads. Of a table of which nothing that it reads
    /// has changed since it was planned, that is what the plan says. Returns what was done, and the
    /// journal's next sequence number.
    pub fn run(
        &self,
        planner: &mut Planner,
        next_sequence: i64,
        options: &BuildOptions,
    ) -> (BuildReport, i64) {
        let shared = Mutex::new(Shared {
            planner,
            next_sequence,
            waiting: options.selection.tables.clone(),
            running: BTreeSet::new(),
            report: BuildReport::default(),
        });
        let changed = Condvar::new();
        thread::scope(|scope| {
            for _ in 0..options.jobs.max(1) {
                scope.spawn(|| self.work(&shared, &changed, options));
            }
        });
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        (shared.report, shared.next_sequence)
    }

    fn work(&self, shared: &Mutex<Shared<'_>>, changed: &Condvar, options: &BuildOptions) {
        while let Some(name) = self.next_table(shared, changed) {
            let node = self.graph.node(&name);
            let started = Instant::now();
            let mut report = self.build_table(node, shared, options);
            report.duration = started.elapsed();
            (self.on_event)(BuildEvent::Finished { table: &name });
            let mut guard = lock(shared);
            guard.running.remove(&name);
            guard.report.tables.insert(name, report);
            drop(guard);
            changed.notify_all();
        }
    }

    /// Waits for a table whose inputs are all done; `None` when no table is left.
    fn next_table(&self, shared: &Mutex<Shared<'_>>, changed: &Condvar) -> Option<TableName> {
        let mut guard = lock(shared);
        loop {
            if guard.waiting.is_empty() {
                return None;
            }
            let is_done =
                |name: &TableName| !guard.waiting.contains(name) && !guard.running.contains(name);
            let is_ready = |node: &&Node| {
                guard.waiting.contains(node.name())
                    && node.inputs.iter().all(|input| is_done(&input.table))
            };
            if let Some(node) = self.graph.in_order().find(is_ready) {
                let name = node.name().clone();
                guard.waiting.remove(&name);
                guard.running.insert(name.clone());
                return Some(name);
            }
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn build_table(
        &self,
        node: &Node,
        shared: &Mutex<Shared<'_>>,
        options: &BuildOptions,
    ) -> TableReport {
        let mut report = TableReport {
            outcome: TableOutcome::Fresh,
            partition_count: 0,
            changed_count: 0,
            row_count: 0,
            reason: None,
            warnings: Vec::new(),
            statements: Vec::new(),
            duration: Duration::ZERO,
        };
        if let Some(by) = failed_input(node, &lock(shared).report) {
            report.outcome = TableOutcome::Blocked { by };
            return report;
        }
        let (stale, needs_reset, tasks) = {
            let guard = lock(shared);
            if let Some(on) = guard.planner.waits_for(node) {
                report.outcome = TableOutcome::Waiting { on };
                return report;
            }
            let stale = guard.planner.selected(node, &options.selection);
            let tasks = tasks(guard.planner, node, &stale, options.window_days_max);
            (stale, guard.planner.due(node).anew.is_some(), tasks)
        };
        if stale.is_empty() && !needs_reset {
            return report;
        }
        (self.on_event)(BuildEvent::Started { table: node.name(), partition_count: stale.len() });
        report.reason = stale.first().map(|stale| stale.reason.clone());
        report.outcome = TableOutcome::Built;
        let mut groups = grouped(tasks, needs_reset);
        while let Some(group) = groups.pop_front() {
            match self.build_group(node, &group, needs_reset, shared) {
                Ok(receipt) => {
                    report.statements.extend(receipt.statements);
                    for built in receipt.built {
                        report.partition_count += built.entry.stamps.len();
                        report.changed_count += built.entry.contents.len();
                        report.row_count += built.row_count;
                        report.warnings.extend(built.warnings);
                    }
                }
                Err(error) => {
                    let Some(days) = shorter(node, &group, needs_reset, &error) else {
                        report.outcome = TableOutcome::Failed(error);
                        break;
                    };
                    let reason = format!("{error}\nNow in windows of at most {days} days.");
                    (self.on_event)(BuildEvent::Retried { table: node.name(), reason });
                    // What comes after it is hardly smaller.
                    groups.push_front(group);
                    let cut = groups.iter().flatten().flat_map(|task| task.cut(days)).collect();
                    groups = grouped(cut, needs_reset);
                }
            }
        }
        report
    }

    /// One transaction: one window, or a table that begins anew with all its windows.
    fn build_group(
        &self,
        node: &Node,
        tasks: &[Task],
        needs_reset: bool,
        shared: &Mutex<Shared<'_>>,
    ) -> Result<Receipt, BuildError> {
        let (snapshot, sequence) = {
            let mut guard = lock(shared);
            let sequence = guard.next_sequence;
            guard.next_sequence += 1 + i64::try_from(tasks.len()).unwrap_or(0);
            (own_part(guard.planner.snapshot(), node), sequence)
        };
        let builder = TableBuilder {
            warehouse: self.warehouse,
            node,
            snapshot: &snapshot,
            fence: self.fence,
            raw: self.raw,
            outside: self.outside,
        };
        let (mut attempt, mut prepared) = (1, None);
        loop {
            let ready = match prepared.take() {
                Some(ready) => Ok(ready),
                None => builder.prepare(tasks, needs_reset, sequence),
            };
            // The same again and no other: its answer may have been lost, and it be done.
            match ready.and_then(|ready| builder.run(prepared.insert(ready))) {
                Err(error) if error.is_transient() && attempt < ATTEMPTS_MAX => {
                    let reason = error.to_string();
                    (self.on_event)(BuildEvent::Retried { table: node.name(), reason });
                    attempt += 1;
                }
                Err(error) => return Err(error),
                Ok(receipt) => {
                    let windows: Vec<String> =
                        tasks.iter().map(|task| task.window.to_string()).collect();
                    let of = format!("{} {}", node.name(), windows.join(", "));
                    let sent: Vec<&str> = receipt.sent.iter().map(String::as_str).collect();
                    (self.on_event)(BuildEvent::Committed { of: &of, sent: &sent });
                    lock(shared).planner.apply(node.name(), &receipt.built);
                    return Ok(receipt);
                }
            }
        }
    }
}

/// What is built in one transaction: one window, or all windows of a table that begins anew.
fn grouped(tasks: Vec<Task>, needs_reset: bool) -> VecDeque<Vec<Task>> {
    if needs_reset { [tasks].into() } else { tasks.into_iter().map(|task| vec![task]).collect() }
}

/// How many days windows may have after one of these took more than the warehouse may use; `None` if
/// shorter ones are no help.
fn shorter(node: &Node, tasks: &[Task], needs_reset: bool, error: &BuildError) -> Option<usize> {
    // A history that begins anew is one window, however its dates are cut.
    if !error.exceeds_resources() || (needs_reset && node.build() == BuildKind::History) {
        return None;
    }
    let longest = tasks.iter().filter(|task| !task.is_empty()).map(|task| task.stamps.len()).max();
    longest.map(|days| days / 2).filter(|days| *days > 0)
}

/// The part of a snapshot that the build of a table changes.
fn own_part(snapshot: &Snapshot, node: &Node) -> Snapshot {
    let name = node.name();
    let mut own = Snapshot::default();
    own.contents.extend(snapshot.contents.get(name).map(|c| (name.clone(), c.clone())));
    own.occupied.extend(snapshot.occupied.get(name).map(|o| (name.clone(), o.clone())));
    own.misshapen.extend(snapshot.misshapen.get(name).cloned());
    own
}

fn failed_input(node: &Node, report: &BuildReport) -> Option<TableName> {
    node.inputs.iter().find_map(|input| match &report.tables.get(&input.table)?.outcome {
        TableOutcome::Failed(_) => Some(input.table.clone()),
        TableOutcome::Blocked { by } => Some(by.clone()),
        TableOutcome::Fresh | TableOutcome::Built | TableOutcome::Waiting { .. } => None,
    })
}

fn lock<'a, 'b>(shared: &'a Mutex<Shared<'b>>) -> MutexGuard<'a, Shared<'b>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
