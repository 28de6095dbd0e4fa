//! Grades the tables against the simulator's truth.
//!
//! The truth was computed in Rust from what each message meant. Here it is only compared: each check
//! is one number of the truth and one of a table.

mod business;
mod load_days;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;
use sim::Truth;

use crate::{contract::TableName, graph::Graph, port_error::PortError, warehouse::Session};

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GradeCheck {
    /// The table that says so.
    pub table: String,
    /// What is compared, such as `mobile_events 2026-01-05 accepted`.
    pub name: String,
    /// What the truth says: a count, an amount in micros, or a digest.
    pub expected: i128,
    /// What the tables hold.
    pub found: i128,
    /// Whether that is right.
    pub is_right: bool,
}

/// All comparisons.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Grade {
    /// In the order of layers and dates.
    pub checks: Vec<GradeCheck>,
}

impl Grade {
    /// The comparisons that do not hold.
    pub fn wrong(&self) -> impl Iterator<Item = &GradeCheck> {
        self.checks.iter().filter(|check| !check.is_right)
    }

    fn exactly(
        &mut self,
        table: &str,
        name: String,
        expected: impl Into<i128>,
        found: impl Into<i128>,
    ) {
        self.compare(table, name, (expected.into(), found.into()), i128::eq);
    }

    /// After an interruption phones have sent some batches again, which the plan does not know.
    fn at_least(
        &mut self,
        table: &str,
        name: String,
        expected: impl Into<i128>,
        found: impl Into<i128>,
    ) {
        self.compare(table, name, (expected.into(), found.into()), i128::le);
    }

    fn compare(
        &mut self,
        table: &str,
        name: String,
        (expected, found): (i128, i128),
        holds: fn(&i128, &i128) -> bool,
    ) {
        let is_right = holds(&expected, &found);
        self.checks.push(GradeCheck { table: table.to_owned(), name, expected, found, is_right });
    }

    /// Every number of the truth and every number of a table, by their names; what one of them does
    /// not have is 0.
    fn all_exactly(
        &mut self,
        (topic, table): (&str, &str),
        mut expected: Numbers,
        found: &Numbers,
    ) {
        for name in found.keys() {
            expected.entry(name.clone()).or_default();
        }
        for (name, expected) in expected {
            let found = found.get(&name).copied().unwrap_or(0);
            self.exactly(table, format!("{topic} {name}"), expected, found);
        }
    }
}

/// Numbers by their names, such as `2026-01-05 active_users`.
type Numbers = BTreeMap<String, i128>;

/// Whether a project has a table: one of people's own need not have those that the truth speaks of.
pub fn has_table(graph: &Graph, name: &str) -> bool {
    TableName::parse(name).is_some_and(|name| graph.get(&name).is_some())
}

/// Compares the tables that the project has with the truth. With `was_interrupted`, counts of copies
/// may be greater.
pub fn grade(
    session: &mut dyn Session,
    graph: &Graph,
    truth: &Truth,
    was_interrupted: bool,
) -> Result<Grade, PortError> {
    let mut grade = Grade::default();
    let has = |table: &str| has_table(graph, table);
    if has(load_days::RECONCILIATION) {
        load_days::grade(session, graph, truth, was_interrupted, &mut grade)?;
    }
    business::grade(session, &has, truth, &mut grade)?;
    Ok(grade)
}

/// The last load date that the truth knows.
fn last_load_date(truth: &Truth) -> Option<Date> {
    truth.load_days.values().flat_map(BTreeMap::keys).max().copied()
}

/// The numbers in the columns of a query's rows. `key` is an expression that names a row.
fn numbers(
    session: &mut dyn Session,
    key: &str,
    columns: &[&str],
    rest: &str,
) -> Result<Numbers, PortError> {
    let sql = format!("select {key}, {} {rest}", columns.join(", "));
    let mut numbers = Numbers::new();
    for row in session.query(&sql)?.text_rows()? {
        let key = row[0].clone().unwrap_or_default();
        for (column, cell) in columns.iter().zip(&row[1..]) {
            // `sum(gross_micros) as gross_micros` is called by what stands at its end.
            let name = column.rsplit(' ').next().unwrap_or(column);
            let number = cell.as_ref().and_then(|text| text.parse().ok()).unwrap_or(0);
            numbers.insert(format!("{key} {name}"), number);
        }
    }
    Ok(numbers)
}
