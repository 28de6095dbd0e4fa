//! Which limit of BigQuery a table reaches, and when.

use serde::Serialize;

use super::TableForecast;
use crate::{
    contract::TableName,
    ledger::rules::{self, Limit},
};

/// The table that comes next to a limit.
#[derive(Clone, Debug, Serialize)]
pub struct LimitReached {
    /// The limit's name.
    pub limit: &'static str,
    /// What is counted.
    pub of: &'static str,
    /// How much is allowed.
    pub most: f64,
    /// Which table.
    pub table: TableName,
    /// What it has, by year.
    pub by_year: Vec<f64>,
    /// In which year it is reached, if it goes on as in the last year that was looked at; `None`: never.
    pub year: Option<f64>,
}

/// For each limit the table that reaches it first.
pub fn limits(tables: &[TableForecast]) -> Vec<LimitReached> {
    let of = |limit: &'static Limit, value: fn(&super::TableYear) -> u64| {
        let each = tables.iter().map(|table| {
            let by_year: Vec<f64> = table.years.iter().map(|year| count(value(year))).collect();
            let year = year_of(&by_year, limit.most);
            (table, by_year, year)
        });
        let first = each.min_by(|a, b| {
            let year = |y: Option<f64>| y.unwrap_or(f64::INFINITY);
            let last = |values: &[f64]| values.last().copied().unwrap_or_default();
            year(a.2).total_cmp(&year(b.2)).then(last(&b.1).total_cmp(&last(&a.1)))
        });
        first.map(|(table, by_year, year)| LimitReached {
            limit: limit.name,
            of: limit.of,
            most: limit.most,
            table: table.table.clone(),
            by_year,
            year,
        })
    };
    [
        of(&rules::PARTITIONS_OF_TABLE, |year| year.partition_count),
        of(&rules::PARTITIONS_OF_JOB, |year| year.partitions_changed_max),
        of(&rules::LOADS_OF_TABLE, |year| year.load_count),
        of(&rules::STATEMENTS_OF_TABLE, |year| year.dml_count),
        of(&rules::TEXT, |year| year.text_bytes_max),
        of(&rules::LAST_YEAR, |year| year.last_year),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// When a value that goes on as in its last year is more than the limit, in years from the first.
fn year_of(by_year: &[f64], most: f64) -> Option<f64> {
    let mut before: Option<f64> = None;
    for (year, value) in (0_u32..).zip(by_year) {
        if *value > most {
            let Some(before) = before else { return Some(0.0) };
            return Some(f64::from(year) - (value - most) / (value - before));
        }
        before = Some(*value);
    }
    let [.., before, last] = by_year else { return None };
    let years = count(by_year.len() as u64 - 1);
    let more = last - before;
    (more > 0.0).then(|| years + (most - last) / more)
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_of_a_limit_lies_between_years_or_after_them() {
        let of = |values: &[f64]| year_of(values, 100.0).map(|year| year.to_string());
        assert_eq!(of(&[0.0, 50.0, 150.0]).as_deref(), Some("1.5"));
        assert_eq!(of(&[10.0, 20.0]).as_deref(), Some("9"));
        assert_eq!(of(&[101.0]).as_deref(), Some("0"));
        assert_eq!(of(&[7.0, 7.0]), None);
    }
}
