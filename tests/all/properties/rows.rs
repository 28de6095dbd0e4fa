//! Rows of a lake as texts, and how two sets of them differ.

use std::collections::BTreeMap;

use lakebed::{verify::lake::Lake, warehouse::Session};

use super::Outcome;

/// The cells of a query's rows as texts, NULL as `-`.
pub fn cells(session: &mut dyn Session, sql: &str) -> Vec<Vec<String>> {
    let result = session.query(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let cell = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    let row = |row: Vec<Option<String>>| row.into_iter().map(cell).collect();
    result.text_rows().expect("results are readable").into_iter().map(row).collect()
}

/// The rows of a query as texts: cells joined by `|`, in order.
pub fn rows(lake: &Lake<'_>, sql: &str) -> Vec<String> {
    let mut session = lake.warehouse.session().expect("a session");
    let cells = cells(session.as_mut(), sql);
    let mut rows: Vec<String> = cells.into_iter().map(|row| row.join("|")).collect();
    rows.sort();
    rows
}

/// Both are the same rows; the error shows those that only one has.
pub fn check_rows(name: &str, found: &[String], wanted: &[String]) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for row in found {
        *counts.entry(row).or_default() += 1;
    }
    for row in wanted {
        *counts.entry(row).or_default() -= 1;
    }
    let shown: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .take(12)
        .map(|(row, count)| format!("  {} {row}", if count > 0 { "found " } else { "wanted" }))
        .collect();
    Err(format!("{name} differs\n{}", shown.join("\n")))
}
