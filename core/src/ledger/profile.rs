//! What was measured of a real warehouse, from which larger ones are forecast.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Sizes;
use crate::{
    contract::{BuildKind, ColumnType, TableName},
    graph::Node,
};

/// Tables as they are, and what a build of the last load date makes of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// The first and the last load date.
    pub load_dates: Option<(Date, Date)>,
    /// Rows by partition, and average sizes of columns.
    pub sizes: Sizes,
    /// Of tables that merge: rows by the date on which each was first heard of.
    pub arrivals: BTreeMap<TableName, BTreeMap<Date, f64>>,
    /// Of tables that merge or have a history: how many rows their query returns for the last load date.
    pub made: BTreeMap<TableName, f64>,
    /// Of histories: the most days by which `@cut` lay before its load date.
    pub cut_days: BTreeMap<TableName, i64>,
}

impl Profile {
    /// How many load dates were measured.
    pub fn day_count(&self) -> f64 {
        self.load_dates.map_or(0.0, |(first, last)| {
            let days = last.since(first).map_or(0, |span| span.get_days());
            f64::from(days + 1)
        })
    }
}

/// The columns of a table that are measured, with their types.
pub fn columns(node: &Node) -> Vec<(&str, ColumnType)> {
    let columns = node.file.contract.columns.iter();
    columns.map(|(name, column)| (name.as_str(), column.kind)).collect()
}

/// The column by whose date the rows of a table are counted: that of its partitions; of a merge, when
/// the row was first heard of.
pub fn counted_by(node: &Node) -> Option<&str> {
    let contract = &node.file.contract;
    let is_dated = |column: &&String| {
        let kind = contract.columns.get(*column).map(|column| column.kind);
        matches!(kind, Some(ColumnType::Date | ColumnType::Timestamp))
    };
    match node.build() {
        BuildKind::Merge => contract.least.iter().find(is_dated).map(String::as_str),
        _ => node.partition_column(),
    }
}
