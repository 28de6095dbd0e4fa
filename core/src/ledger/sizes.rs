//! How much there is of each table: rows by partition, and what a row's columns take.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rules;
use crate::{
    contract::{ColumnType, TableName},
    dialect::Dialect,
    plan::snapshot::Partition,
};

/// Of all tables and sources.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sizes {
    tables: BTreeMap<TableName, TableSize>,
}

/// Of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableSize {
    /// By partition; of a table without partitions under none. Forecasts have parts of rows.
    pub rows: BTreeMap<Partition, f64>,
    /// By column: its logical bytes in a row, on average, NULLs among them.
    pub columns: BTreeMap<String, f64>,
}

impl TableSize {
    /// All rows.
    pub fn row_count(&self) -> f64 {
        self.rows.values().sum()
    }

    /// Logical bytes of a row, on average.
    pub fn row_bytes(&self) -> f64 {
        self.columns.values().sum()
    }

    /// Logical bytes of all rows.
    pub fn bytes(&self) -> f64 {
        self.row_count() * self.row_bytes()
    }
}

impl Sizes {
    /// Of a table, if it is known.
    pub fn get(&self, table: &TableName) -> Option<&TableSize> {
        self.tables.get(table)
    }

    /// Says how much there is of a table.
    pub fn set(&mut self, table: TableName, size: TableSize) {
        self.tables.insert(table, size);
    }

    /// Each table.
    pub fn iter(&self) -> impl Iterator<Item = (&TableName, &TableSize)> {
        self.tables.iter()
    }
}

/// The query that measures a table, or a query in parentheses: a row for each date, with the count of rows and, for each column,
/// the sum of its logical bytes.
pub fn measuring_query(
    dialect: &dyn Dialect,
    table: &str,
    partition_by: Option<&str>,
    columns: &[(&str, ColumnType)],
) -> String {
    let partition = match partition_by {
        Some(column) => format!("cast({column} as date)"),
        None => "cast(null as date)".to_owned(),
    };
    let sums = columns.iter().map(|(name, kind)| {
        let size = rules::size(*kind);
        if size.has_length {
            // Of NULL nothing is counted, and its length is none.
            let length = dialect.byte_length(name, *kind);
            format!("ifnull(sum({} + {length}), 0)", size.bytes)
        } else {
            format!("count({name}) * {}", size.bytes)
        }
    });
    let selected: Vec<String> =
        [partition, "count(*)".to_owned()].into_iter().chain(sums).collect();
    format!("select {} from {table} group by 1", selected.join(", "))
}

/// What the measuring query returned, each cell as text; `None` if it cannot be read.
pub fn measured(rows: &[Vec<Option<String>>], columns: &[(&str, ColumnType)]) -> Option<TableSize> {
    let mut size = TableSize::default();
    let mut sums = vec![0.0; columns.len()];
    for row in rows {
        let mut cells = row.iter();
        let partition = match cells.next()? {
            None => None,
            Some(text) => Some(text.parse().ok()?),
        };
        let number = |cell: &Option<String>| cell.as_deref()?.parse::<f64>().ok();
        *size.rows.entry(partition).or_default() += number(cells.next()?)?;
        for sum in &mut sums {
            *sum += number(cells.next()?)?;
        }
    }
    let row_count = size.row_count();
    let average = |sum: f64| if row_count > 0.0 { sum / row_count } else { 0.0 };
    size.columns = columns
        .iter()
        .zip(sums)
        .map(|((name, _), sum)| ((*name).to_owned(), average(sum)))
        .collect();
    Some(size)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::ledger::PricedTexts;

    const COLUMNS: [(&str, ColumnType); 2] =
        [("load_date", ColumnType::Date), ("name", ColumnType::String)];

    #[test]
    fn a_table_is_measured_by_one_query() {
        assert_eq!(
            measuring_query(&PricedTexts, "mart.a", Some("load_date"), &COLUMNS),
            "select cast(load_date as date), count(*), count(load_date) * 8, \
             ifnull(sum(2 + byte_length(name)), 0) from mart.a group by 1"
        );
        let row = |cells: [&str; 4]| cells.map(|cell| Some(cell.to_owned())).to_vec();
        let rows = [row(["2026-01-05", "3", "24", "10"]), row(["2026-01-06", "1", "8", "2"])];
        let size = measured(&rows, &COLUMNS).expect("numbers");
        assert_eq!(size.rows[&Some(date(2026, 1, 5))].to_string(), "3");
        assert_eq!(size.columns["name"].to_string(), "3");
        assert_eq!(size.bytes().to_string(), "44");
        assert_eq!(measured(&[row(["2026-01-05", "x", "8", "2"])], &COLUMNS), None);
    }
}
