//! What rows are there: their hash and count by partition, the dates that they lie on, and how many
//! break what. One statement reads the new rows once for all of it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Contents, Part, Recipe, Side};
use crate::{
    contract::{BuildKind, ColumnType},
    dialect::Dialect,
    graph::Node,
    plan::{Content, snapshot::Partition},
};

/// The partition of inferred rows, which no reader's result depends on.
const BEGINNING_OF_TIME: Date = jiff::civil::date(1, 1, 1);

/// What the columns of a measurement are, besides the partition and the count of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    has_load_date: bool,
    has_hash: bool,
    has_outside: bool,
}

/// A cell as text, NULL as `None`.
type Cell = Option<String>;

/// A measurement that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the warehouse counted the rows of a build in a way that cannot be read")]
pub struct UnreadableRow;

/// What is known of the rows of one window.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// By partition.
    pub contents: BTreeMap<Partition, Content>,
    /// By load date, the least and the greatest date.
    pub occupied: BTreeMap<Date, (Date, Date)>,
    /// All of them, also those of which no contents are kept.
    pub row_count: i64,
    /// Those that the window does not replace.
    pub outside_count: i64,
    /// Those that break each promise.
    pub broken: Vec<i64>,
}

/// What was measured of a recipe's windows so far.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub(super) old: BTreeMap<usize, Rows>,
    pub(super) new: BTreeMap<usize, Rows>,
}

/// The query of the rows that were set aside in `kept`.
pub(super) fn of_new(
    node: &Node,
    dialect: &dyn Dialect,
    kept: &str,
    within: Option<&str>,
    part: &Part,
) -> (String, Columns) {
    let is_stood_for = part.contents == Contents::StoodFor;
    let load_date = (node.build() == BuildKind::Delta)
        .then_some(node.file.contract.window_by.as_deref())
        .flatten();
    let columns = Columns {
        has_load_date: load_date.is_some(),
        has_hash: !is_stood_for,
        has_outside: within.is_some(),
    };
    let partition = if is_stood_for { "cast(null as date)".to_owned() } else { partition(node) };
    let mut selected = vec![partition];
    selected.extend(load_date.map(|column| format!("cast({column} as date)")));
    selected.extend(columns.has_hash.then(|| dialect.hash_sum_expression(&hashed(node))));
    selected.push("count(*)".to_owned());
    selected.extend(within.map(|within| format!("countif(({within}) is not true)")));
    selected.extend(part.promises.iter().map(|promise| promise.count.clone()));
    let groups = if columns.has_load_date { "1, 2" } else { "1" };
    let sql = format!("select {} from {kept} group by {groups}", selected.join(", "));
    (sql, columns)
}

/// The query of the rows of the table that meet a predicate.
pub(super) fn of_old(node: &Node, dialect: &dyn Dialect, predicate: &str) -> String {
    format!(
        "select {}, {}, count(*) from {} where {predicate} group by 1",
        partition(node),
        dialect.hash_sum_expression(&hashed(node)),
        node.name()
    )
}

fn partition(node: &Node) -> String {
    match node.partition_column() {
        Some(column) => format!("cast({column} as date)"),
        None => "cast(null as date)".to_owned(),
    }
}

/// Of a history, the ends of validity, which follow from the next rows, do not count.
fn hashed(node: &Node) -> Vec<(&str, Option<ColumnType>)> {
    let contract = &node.file.contract;
    let is_history = contract.build == BuildKind::History;
    let columns = contract.columns.iter().map(|(name, column)| (name.as_str(), Some(column.kind)));
    columns.filter(|(name, _)| !is_history || Some(*name) != contract.valid_to.as_deref()).collect()
}

impl Recipe {
    /// Takes what a `Measure` step returned, row by row, each cell as text.
    pub fn take(
        &self,
        measured: &mut Measured,
        (part, side): (usize, Side),
        rows: &[Vec<Cell>],
    ) -> Result<(), UnreadableRow> {
        let columns = match side {
            Side::New => self.parts[part].columns,
            Side::Old => Columns { has_hash: true, ..Columns::default() },
        };
        let mut found = Rows::default();
        for row in rows {
            self.add(&mut found, (part, columns), row).ok_or(UnreadableRow)?;
        }
        match side {
            Side::New => measured.new.insert(part, found),
            Side::Old => measured.old.insert(part, found),
        };
        Ok(())
    }

    fn add(&self, found: &mut Rows, (part, columns): (usize, Columns), row: &[Cell]) -> Option<()> {
        let mut cells = row.iter().map(Option::as_deref);
        let date = |cell: Option<&str>| match cell {
            None => Some(None),
            Some(text) => text.parse::<Date>().ok().map(Some),
        };
        let partition = date(cells.next()?)?;
        let load_date = if columns.has_load_date { date(cells.next()?)? } else { None };
        let hash_sum = if columns.has_hash { cells.next()??.parse().ok()? } else { 0 };
        let row_count: i64 = cells.next()??.parse().ok()?;
        let outside = if columns.has_outside { cells.next()??.parse().ok()? } else { 0 };
        let broken: Vec<i64> =
            cells.map(|cell| cell?.parse().ok()).collect::<Option<Vec<i64>>>()?;
        found.row_count += row_count;
        found.outside_count += outside;
        // Counts of rows add up over the groups; of keys and references each group has the one count
        // of all rows.
        found.broken.resize(broken.len(), 0);
        let promises = &self.parts[part].promises;
        for ((total, count), promise) in found.broken.iter_mut().zip(broken).zip(promises) {
            *total = if promise.is_by_row { *total + count } else { count };
        }
        // Inferred rows do not count.
        if !(self.is_history && partition == Some(BEGINNING_OF_TIME)) {
            let content = found.contents.entry(partition).or_default();
            *content = content.plus(Content { hash_sum, row_count });
        }
        if let (Some(load_date), Some(date)) = (load_date, partition) {
            let dates = found.occupied.entry(load_date).or_insert((date, date));
            *dates = (dates.0.min(date), dates.1.max(date));
        }
        Some(())
    }
}
