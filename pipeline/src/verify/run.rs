//! Performs the steps of a schedule over a lake.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{
    any_order,
    error::{RunError, shown},
    lake::Lake,
    message::Sent,
    trial::{ALL_DAYS, Build, FaultKind, ListedWindow, Order, Schedule, Step},
};
use crate::{
    builder::{BuildError, BuildOptions, TableOutcome},
    contract::TableName,
    pipeline::Pipeline,
    plan::Selection,
    recipe::Refusal,
};

/// Is asked whenever nothing is stale, with the messages that have landed.
pub type Observer<'a> = dyn Fn(&Lake<'_>, &[&Sent]) -> Result<(), String> + Sync + 'a;

/// Performs a schedule.
pub struct Runner<'a> {
    /// The messages that may land, by id.
    pub messages: BTreeMap<&'a str, &'a Sent>,
    /// Looks whenever nothing is stale.
    pub observer: Option<&'a Observer<'a>>,
}

/// What a schedule did that it does not say itself.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// By step: the windows that were built in any order.
    pub windows: BTreeMap<usize, Vec<ListedWindow>>,
}

impl Runner<'_> {
    /// Performs all steps.
    pub fn run(&self, lake: &mut Lake<'_>, schedule: &Schedule) -> Result<RunLog, RunError> {
        let mut log = RunLog::default();
        let mut landed: BTreeMap<&str, &Sent> = BTreeMap::new();
        for (position, step) in schedule.iter().enumerate() {
            match step {
                Step::Land { files } => {
                    lake.land(files, &self.messages)?;
                    let ids = files.iter().flat_map(|file| &file.messages);
                    let found = ids.filter_map(|id| self.messages.get_key_value(id.as_str()));
                    landed.extend(found.map(|(id, sent)| (*id, *sent)));
                }
                Step::Constants { max_lateness_days, max_skew_days } => {
                    let limits = sim::Limits {
                        max_lateness_days: *max_lateness_days,
                        max_skew_days: *max_skew_days,
                    };
                    lake.variant = lake.scope.variant(limits)?;
                }
                Step::BuildAgain { seed, table_count } => {
                    any_order::build_again(lake, *seed, *table_count)?;
                }
                Step::Build(build) => {
                    let (end, windows) = perform(lake, build)?;
                    log.windows.extend(windows.map(|windows| (position, windows)));
                    if let (End::Quiescent, Some(observer)) = (end, self.observer) {
                        let landed: Vec<&Sent> = landed.values().copied().collect();
                        observer(lake, &landed).map_err(RunError::Observed)?;
                    }
                }
            }
        }
        Ok(log)
    }
}

/// Whether a build came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is stale.
    Quiescent,
    /// It was cut short.
    Cut,
}

fn perform(lake: &Lake<'_>, build: &Build) -> Result<(End, Option<Vec<ListedWindow>>), RunError> {
    let Some(fault) = build.fault else {
        return in_order(&mut lake.open()?, lake, &build.order);
    };
    let (faulty, pipeline) = lake.open_faulty(fault);
    let was_open = pipeline.is_ok();
    let built = pipeline
        .map_err(RunError::from)
        .and_then(|mut pipeline| in_order(&mut pipeline, lake, &build.order));
    // A build of a table that may be tried again is; everything else ends the process.
    let is_retried = fault.kind == FaultKind::ConflictOnce && was_open;
    match built {
        Ok(done) => Ok(if faulty.has_failed() { (End::Cut, done.1) } else { done }),
        Err(error @ RunError::Table { .. }) if is_retried => Err(error),
        Err(_) if faulty.has_failed() => Ok((End::Cut, None)),
        Err(error) => Err(error),
    }
}

fn in_order(
    pipeline: &mut Pipeline,
    lake: &Lake<'_>,
    order: &Order,
) -> Result<(End, Option<Vec<ListedWindow>>), RunError> {
    match order {
        Order::Tables { window_days_max } => build(pipeline, None, *window_days_max)?,
        Order::Dates { dates, window_days_max } => {
            for date in dates {
                build(pipeline, Some((*date, *date)), 1)?;
            }
            build(pipeline, None, *window_days_max)?;
        }
        Order::Any { seed, builds_max } => {
            agree(pipeline)?;
            let (end, windows) = any_order::build(pipeline, *seed, *builds_max)?;
            return Ok((end, Some(windows)));
        }
        Order::Listed { windows } => {
            agree(pipeline)?;
            any_order::build_listed(pipeline, windows)?;
            build(&mut lake.open()?, None, ALL_DAYS)?;
        }
    }
    Ok((End::Quiescent, None))
}

/// Builds nothing, but for what each build does first: it writes down the raw objects that it reads.
pub fn agree(pipeline: &mut Pipeline) -> Result<(), RunError> {
    let options = BuildOptions { selection: Selection::default(), window_days_max: 1, jobs: 1 };
    pipeline.build(&options, &|_| {})?;
    Ok(())
}

/// Builds what is stale, as the command does; within these dates only.
pub fn build(
    pipeline: &mut Pipeline,
    dates: Option<(Date, Date)>,
    window_days_max: usize,
) -> Result<(), RunError> {
    let tables: BTreeSet<TableName> =
        pipeline.graph.in_order().map(|node| node.name().clone()).collect();
    let selection = Selection { tables, dates, full: BTreeSet::new() };
    let options = BuildOptions { selection, window_days_max, jobs: 1 };
    let report = pipeline.build(&options, &|_| {})?;
    // In the order of the graph, so that the first to blame is the one that is told.
    for node in pipeline.graph.in_order() {
        let Some(report) = report.tables.get(node.name()) else { continue };
        if let TableOutcome::Failed(error) = &report.outcome {
            // With dates only, a table may stand beside others that are still to come.
            if dates.is_none() || !matches!(error, BuildError::Refused(Refusal::Promises(_))) {
                let (table, message) = (node.name().clone(), shown(error));
                return Err(RunError::Table { table, message });
            }
        }
    }
    Ok(())
}
