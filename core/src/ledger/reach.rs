//! How much of its tables a query reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
};

use jiff::civil::{Date, date};
use serde::Serialize;

use super::{
    Ledger, Sizes,
    prune::{Holds, holds},
};
use crate::{
    contract::{BuildKind, ColumnType, TableName},
    plan::snapshot::Partition,
    query::{Facts, PartitionFilter, TableRead},
    sql::{bind, tokens::TokenError},
};

/// A date before all data: whoever reads it reads from the beginning of history.
const LONG_AGO: Date = date(1960, 1, 2);

/// What a statement reads of one table.
#[derive(Clone, Debug, Serialize)]
pub struct Scan {
    /// Which.
    pub table: TableName,
    /// The columns that are needed.
    pub columns: BTreeSet<String>,
    /// Partitions that are read; a table without any is one.
    pub partitions_read: u64,
    /// Partitions that there are.
    pub partition_count: u64,
    /// Rows in the partitions that are read.
    pub row_count: u64,
    /// Logical bytes.
    pub bytes: u64,
    /// Why it is read from its first row on, if it is.
    pub blame: Option<Blame>,
}

/// Why a table is read from its first row on, however long its history is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// What is read.
    pub table: TableName,
    /// Why.
    pub why: Why,
    /// The condition, as it is written; empty if there is none.
    pub condition: String,
    /// Where it is in the file of the table that is built, if it is there.
    #[serde(skip)]
    pub place: Option<Range<usize>>,
    /// Logical bytes that are read or changed for it.
    pub bytes: u64,
}

/// Why no partition is left out at the beginning of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It has no partitions.
    NoPartitions,
    /// No condition names their column.
    NoCondition,
    /// The condition has another column, a subquery, arithmetic, or a function that the engine does not look into.
    NotConstant,
    /// The condition bounds it on the other side only.
    OneSided,
    /// The statement may change rows anywhere in it.
    Changes,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, why, condition, .. } = self;
        match why {
            Why::NoPartitions => write!(f, "{table} has no partitions, so that all of it is read"),
            Why::NoCondition => write!(f, "{table} is read without a condition on its partitions"),
            Why::NotConstant => write!(f, "`{condition}` leaves out no partition of {table}"),
            Why::OneSided => {
                write!(f, "`{condition}` leaves out nothing at the beginning of {table}")
            }
            Why::Changes => {
                write!(f, "rows of {table} are changed wherever they are: `{condition}`")
            }
        }
    }
}

/// What is read of each table, column by column and partition by partition.
#[derive(Debug, Default)]
pub(super) struct Reached {
    tables: BTreeMap<TableName, BTreeMap<String, BTreeSet<Partition>>>,
    blames: BTreeMap<TableName, Blame>,
}

/// What the conditions of a read say of one partition.
pub(super) fn reaches(
    filter: &PartitionFilter,
    partition: Partition,
    is_of_instants: bool,
) -> Holds {
    let mut all = Holds { may: true, must: true };
    for condition in &filter.conditions {
        let found = condition.is_alone.then(|| holds(&condition.expr, partition, is_of_instants));
        match found.flatten() {
            Some(found) => {
                all = Holds { may: all.may && found.may, must: all.must && found.must };
            }
            None => all.must = false,
        }
    }
    all
}

/// Why a read begins with the first row of its table, if it does.
pub fn blame(read: &TableRead, is_of_instants: bool) -> Option<Blame> {
    let blame = |why, condition: String, place: Range<usize>| {
        Some(Blame { table: read.table.clone(), why, condition, place: Some(place), bytes: 0 })
    };
    let Some(filter) = &read.partition else {
        return blame(Why::NoPartitions, String::new(), read.place.clone());
    };
    if !reaches(filter, Some(LONG_AGO), is_of_instants).may {
        return None;
    }
    let is_idle = |condition: &&crate::query::PartitionCondition| {
        !condition.is_alone || holds(&condition.expr, Some(LONG_AGO), is_of_instants).is_none()
    };
    if let Some(idle) = filter.conditions.iter().find(is_idle) {
        return blame(Why::NotConstant, idle.expr.to_string(), idle.place.clone());
    }
    match filter.conditions.first() {
        Some(first) => blame(Why::OneSided, first.expr.to_string(), first.place.clone()),
        None => blame(Why::NoCondition, String::new(), read.place.clone()),
    }
}

impl Reached {
    /// Adds partitions of columns. What was there is not counted again.
    pub fn add(
        &mut self,
        table: &TableName,
        columns: impl IntoIterator<Item = String>,
        partitions: &BTreeSet<Partition>,
    ) {
        let known = self.tables.entry(table.clone()).or_default();
        for column in columns {
            known.entry(column).or_default().extend(partitions);
        }
    }

    /// Says why a table is read from its first row on; what was said first stands.
    pub fn add_blame(&mut self, blame: Blame) {
        self.blames.entry(blame.table.clone()).or_insert(blame);
    }

    /// The reads, in order of name.
    pub fn scans(mut self, sizes: &Sizes) -> Vec<Scan> {
        let mut scans = Vec::new();
        for (table, columns) in self.tables {
            let size = sizes.get(&table).cloned().unwrap_or_default();
            let rows = |partitions: &BTreeSet<Partition>| -> f64 {
                partitions.iter().filter_map(|partition| size.rows.get(partition)).sum()
            };
            let bytes = |(column, partitions): (&String, &BTreeSet<Partition>)| {
                rows(partitions) * size.columns.get(column).copied().unwrap_or_default()
            };
            let read: BTreeSet<Partition> = columns.values().flatten().copied().collect();
            let bytes = whole(columns.iter().map(bytes).sum());
            let blame = self.blames.remove(&table).map(|blame| Blame { bytes, ..blame });
            scans.push(Scan {
                partitions_read: read.len() as u64,
                partition_count: size.rows.len() as u64,
                row_count: whole(rows(&read)),
                bytes,
                blame,
                columns: columns.into_keys().collect(),
                table,
            });
        }
        scans
    }
}

/// Bytes or rows, of which forecasts have parts.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

impl Ledger<'_> {
    /// Whether a table is partitioned by instants, of which a partition has a day.
    pub(super) fn is_of_instants(&self, table: &TableName, column: &str) -> bool {
        let columns = self.graph.get(table).map(|node| &node.file.contract.columns);
        columns
            .and_then(|columns| columns.get(column))
            .is_some_and(|column| column.kind == ColumnType::Timestamp)
    }

    /// Why a read begins with the first row of its table, if it does. What a build has set aside is its own.
    pub(super) fn blame_of(&self, read: &TableRead) -> Option<Blame> {
        let column = read.partition.as_ref().map_or("", |filter| &filter.column);
        let found = blame(read, self.is_of_instants(&read.table, column));
        found.filter(|_| read.table.layer() != super::TEMPORARY)
    }

    /// The partitions of a table that a read reaches.
    pub(super) fn partitions(&self, read: &TableRead, sizes: &Sizes) -> BTreeSet<Partition> {
        let Some(size) = sizes.get(&read.table) else { return BTreeSet::new() };
        let all = size.rows.keys().copied();
        match &read.partition {
            _ if self.ignores_partitions => all.collect(),
            None => all.collect(),
            Some(filter) => {
                let is_of_instants = self.is_of_instants(&read.table, &filter.column);
                all.filter(|partition| reaches(filter, *partition, is_of_instants).may).collect()
            }
        }
    }

    /// Adds what a query reads; of a view, what its query reads (rule `views`).
    pub(super) fn add_reads(
        &self,
        facts: &Facts,
        sizes: &Sizes,
        reached: &mut Reached,
    ) -> Result<(), TokenError> {
        for read in &facts.reads {
            let view = self.graph.get(&read.table).filter(|node| node.build() == BuildKind::View);
            if let Some(view) = view {
                let text = bind::bind(view.file.query(), &view.parameters);
                let text = text.map_or_else(|_| view.file.query().to_owned(), |bound| bound.text);
                self.add_reads(&self.facts(&text)?, sizes, reached)?;
                continue;
            }
            reached.add(&read.table, read.columns.iter().cloned(), &self.partitions(read, sizes));
            if let Some(blame) = self.blame_of(read) {
                reached.add_blame(blame);
            }
        }
        Ok(())
    }
}
