//! The sizes of all tables on a date, by factors that were measured.
//!
//! The factors: a partition of a table has so many rows for each message of the day, of the source that is
//! most of what it is made of; a table of growth `fixed` has what it had; a merged table grows by as many rows for each
//! message as in the last third of the measured days; rows take as many bytes as they took.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};

use super::Volumes;
use crate::{
    contract::{BuildKind, Growth, TableName},
    graph::{Domain, Graph, Node},
    ledger::{Profile, Sizes, TableSize},
    plan::{snapshot::Partition, window::Window},
};

/// The first date of which BigQuery makes a partition; rows of earlier ones are those of inferred members.
const FIRST_DATE: Date = jiff::civil::date(1960, 1, 1);

/// Tables on a date, after so many days of history.
#[derive(Debug)]
pub struct World<'a> {
    graph: &'a Graph,
    volumes: &'a Volumes,
    profile: &'a Profile,
    factors: BTreeMap<TableName, Factors>,
    /// The first load date, and the last.
    pub dates: (Date, Date),
    /// Messages of each source in all, over the history.
    messages: BTreeMap<TableName, f64>,
}

/// How the rows of a table follow from messages.
#[derive(Clone, Debug)]
struct Factors {
    source: TableName,
    /// Rows of a date for each message of the day.
    by_date: f64,
    /// Rows of a date, whatever comes.
    by_date_fixed: f64,
    /// Rows without a date of their own, for each message that ever came.
    ever: f64,
    /// Rows without a date of their own, whatever comes.
    ever_fixed: f64,
    /// Rows that a build makes for each message of its days.
    made: f64,
}

impl<'a> World<'a> {
    /// Of a history from the first to the last load date.
    pub fn new(
        graph: &'a Graph,
        profile: &'a Profile,
        volumes: &'a Volumes,
        dates: (Date, Date),
    ) -> Self {
        let sources = sources_of_rows(graph, profile, volumes);
        let mut factors = BTreeMap::new();
        for node in graph.in_order() {
            let found = factors_of(graph, node, profile, &sources, &factors);
            factors.insert(node.name().clone(), found);
        }
        let days = || each(dates.0, dates.1);
        let ever = |source: &TableName| days().map(|date| volumes.messages(source, date)).sum();
        let messages =
            graph.sources().iter().map(|source| (source.clone(), ever(source))).collect();
        Self { graph, volumes, profile, factors, dates, messages }
    }

    /// How much there is of every table and source.
    pub fn sizes(&self) -> Sizes {
        let mut sizes = Sizes::default();
        for source in self.graph.sources() {
            let rows = each(self.dates.0, self.dates.1)
                .map(|date| (Some(date), self.volumes.messages(source, date)));
            sizes.set(source.clone(), self.size(source, rows.collect()));
        }
        for node in self.graph.in_order() {
            sizes.set(node.name().clone(), self.size(node.name(), self.rows(node)));
        }
        sizes
    }

    fn size(&self, table: &TableName, rows: BTreeMap<Partition, f64>) -> TableSize {
        let columns = self.profile.sizes.get(table).map(|size| size.columns.clone());
        TableSize { rows, columns: columns.unwrap_or_default() }
    }

    fn rows(&self, node: &Node) -> BTreeMap<Partition, f64> {
        let factors = &self.factors[node.name()];
        let ever = factors.ever_fixed
            + factors.ever * self.messages.get(&factors.source).copied().unwrap_or_default();
        let mut rows = BTreeMap::new();
        if node.content == Domain::Whole || node.build() == BuildKind::Merge {
            rows.insert(None, ever);
            return rows;
        }
        let (from, to) = match node.build() {
            BuildKind::Full | BuildKind::Seed => self.calendar(),
            _ => self.dates,
        };
        rows.extend(each(from, to).map(|date| (Some(date), self.rows_on(factors, date))));
        if ever > 0.0 {
            rows.insert(Some(jiff::civil::date(1, 1, 1)), ever);
        }
        rows
    }

    /// The dates of the project's calendar.
    pub fn calendar(&self) -> (Date, Date) {
        let from = self.dates.0.saturating_sub(self.graph.lateness_days_max.days());
        (from.first_of_year(), self.dates.1.last_of_year())
    }

    /// The greatest lateness of all sources, in days.
    pub fn lateness_days(&self) -> i64 {
        self.graph.lateness_days_max
    }

    fn rows_on(&self, factors: &Factors, date: Date) -> f64 {
        factors.by_date_fixed + factors.by_date * self.volumes.messages(&factors.source, date)
    }

    /// How many rows the query of a table returns for a window.
    pub fn made(&self, node: &Node, window: Window) -> f64 {
        let factors = &self.factors[node.name()];
        let dates = match window {
            Window::Whole => return self.rows(node).values().sum(),
            Window::Dates { from, to } => each(from.max(self.dates.0), to.min(self.dates.1)),
        };
        let of_day = |date| match node.build() {
            BuildKind::Merge | BuildKind::History => {
                factors.made * self.volumes.messages(&factors.source, date)
            }
            _ => self.rows_on(factors, date),
        };
        dates.map(of_day).sum()
    }
}

/// All dates from the first to the last.
pub(super) fn each(from: Date, to: Date) -> impl Iterator<Item = Date> {
    let dates = std::iter::successors(Some(from), |date| date.tomorrow().ok());
    dates.take_while(move |date| *date <= to)
}

/// Of each table, the source above it that has the most messages. A table of entities, which merges or has
/// a history, follows a source that does not grow with users, if there is one above it: how many products
/// there are does not hang on how often they are looked at.
fn sources_of_rows(
    graph: &Graph,
    profile: &Profile,
    volumes: &Volumes,
) -> BTreeMap<TableName, TableName> {
    let row_count =
        |source: &TableName| profile.sizes.get(source).map_or(0.0, TableSize::row_count);
    let mut above: BTreeMap<&TableName, BTreeSet<TableName>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for node in graph.in_order() {
        let mut sources = BTreeSet::new();
        for input in &node.inputs {
            if graph.sources().contains(&input.table) {
                sources.insert(input.table.clone());
            }
            sources.extend(above.get(&input.table).into_iter().flatten().cloned());
        }
        let is_of_entities = matches!(node.build(), BuildKind::Merge | BuildKind::History);
        let fixed = sources.iter().find(|source| is_of_entities && volumes.is_fixed(source));
        let most = || sources.iter().max_by(|a, b| row_count(a).total_cmp(&row_count(b)));
        found.extend(fixed.or_else(most).map(|source| (node.name().clone(), source.clone())));
        above.insert(node.name(), sources);
    }
    found
}

fn factors_of(
    graph: &Graph,
    node: &Node,
    profile: &Profile,
    sources: &BTreeMap<TableName, TableName>,
    known: &BTreeMap<TableName, Factors>,
) -> Factors {
    let nobody = || TableName::new("raw", "");
    let source = sources.get(node.name()).cloned().unwrap_or_else(nobody);
    let size = profile.sizes.get(node.name()).cloned().unwrap_or_default();
    let messages = profile.sizes.get(&source).cloned().unwrap_or_default();
    let message_count = messages.row_count().max(1.0);
    let dated = |partition: &Partition| partition.is_some_and(|date| date >= FIRST_DATE);
    let (on_dates, others): (Vec<_>, Vec<_>) =
        size.rows.iter().partition(|(partition, _)| dated(partition));
    let of_dates: f64 = on_dates.iter().map(|(_, count)| **count).sum();
    let ever_measured: f64 = others.iter().map(|(_, count)| **count).sum();
    let is_fixed = node.file.contract.growth == Growth::Fixed;
    let date_count = f64::from(u32::try_from(on_dates.len()).unwrap_or(u32::MAX)).max(1.0);
    let last_messages = messages.rows.values().next_back().copied().unwrap_or(1.0).max(1.0);
    // Without a date of their own: as the merged table does from which the rows come.
    let ever = profile
        .arrivals
        .get(node.name())
        .map(|arrivals| tail_rate(arrivals, &messages))
        .or_else(|| {
            let merged = node.inputs.iter().filter_map(|input| {
                let above = graph.get(&input.table)?;
                let factors = known.get(above.name())?;
                let count = profile.sizes.get(above.name())?.row_count();
                (above.build() == BuildKind::Merge && count > 0.0 && factors.source == source)
                    .then_some((count, factors.ever * ever_measured / count))
            });
            merged.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, rate)| rate)
        })
        .unwrap_or(ever_measured / message_count);
    Factors {
        source,
        by_date: if is_fixed { 0.0 } else { of_dates / message_count },
        by_date_fixed: if is_fixed { of_dates / date_count } else { 0.0 },
        ever: if is_fixed { 0.0 } else { ever },
        ever_fixed: if is_fixed { ever_measured } else { 0.0 },
        made: profile.made.get(node.name()).copied().unwrap_or_default() / last_messages,
    }
}

/// New rows for each message, in the last third of the days: in the first ones everybody is new.
fn tail_rate(arrivals: &BTreeMap<Date, f64>, messages: &TableSize) -> f64 {
    let dates: Vec<&Partition> = messages.rows.keys().collect();
    let tail = &dates[dates.len() - dates.len().div_ceil(3)..];
    let came: f64 = tail.iter().filter_map(|p| messages.rows.get(p)).sum();
    let is_in_tail = |date: &Date| tail.first().is_some_and(|first| Some(*date) >= **first);
    let new: f64 = arrivals.iter().filter(|(date, _)| is_in_tail(date)).map(|(_, n)| n).sum();
    if came > 0.0 { new / came } else { 0.0 }
}
