//! The contract's promises, as counts of what breaks them among the new rows.

use crate::{contract::Severity, graph::Node, sql::literal};

/// A promise that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFailure {
    /// What was promised, such as ``column `user_hk` is required``.
    pub promise: String,
    /// How many rows, or keys, break it.
    pub broken_count: i64,
    /// What it does.
    pub severity: Severity,
}

/// The failures in one sentence.
pub fn describe(failures: &[CheckFailure]) -> String {
    let each = failures.iter().map(|f| format!("{} ({} rows break it)", f.promise, f.broken_count));
    each.collect::<Vec<_>>().join("; ")
}

/// One promise.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    /// What is promised.
    pub text: String,
    /// An expression beside aggregates over the new rows that counts what breaks it.
    pub count: String,
    /// Whether each row is counted by itself; else the count is of all rows together.
    pub is_by_row: bool,
    /// What it does.
    pub severity: Severity,
}

impl Promise {
    fn of_all(text: String, count: String) -> Self {
        Self { text, count, is_by_row: false, severity: Severity::Fail }
    }

    fn of_each(text: String, count: String) -> Self {
        Self { text, count, is_by_row: true, severity: Severity::Fail }
    }
}

/// Of each row, of the grain, and of references, for the rows of `from`.
pub(super) fn promises(node: &Node, from: &str) -> Vec<Promise> {
    let mut promises = row_promises(node);
    let grain = node.file.contract.grain.join(", ");
    promises.push(Promise::of_all(
        format!("one row per ({grain})"),
        format!(
            "(select count(*) from (select {grain} from {from} group by {grain} having count(*) > 1))"
        ),
    ));
    promises.extend(references(node).map(|(column, reference)| {
        let (table, key) = reference.rsplit_once('.').unwrap_or((reference, column));
        Promise::of_all(
            format!("each `{column}` is in `{reference}`"),
            format!(
                "(select count(*) from (select distinct {column} as k from {from} where {column} is not null) as own \
                 left join (select distinct {key} as k from {table}) as other on own.k = other.k where other.k is null)"
            ),
        )
    }));
    promises
}

fn references(node: &Node) -> impl Iterator<Item = (&str, &str)> {
    let columns = node.file.contract.columns.iter();
    columns.filter_map(|(name, column)| Some((name.as_str(), column.references.as_deref()?)))
}

/// What each row must meet by itself.
fn row_promises(node: &Node) -> Vec<Promise> {
    let contract = &node.file.contract;
    let broken = |condition: &str| format!("countif(({condition}) is not true)");
    let mut promises = Vec::new();
    for (name, column) in &contract.columns {
        if column.required {
            let text = format!("column `{name}` is required");
            promises.push(Promise::of_each(text, broken(&format!("{name} is not null"))));
        }
        if !column.accepted.is_empty() {
            let values: Vec<String> =
                column.accepted.iter().map(|value| literal::text(value)).collect();
            let condition = format!("{name} is null or {name} in ({})", values.join(", "));
            let text = format!("column `{name}` is one of {}", column.accepted.join(", "));
            promises.push(Promise::of_each(text, broken(&condition)));
        }
    }
    promises.extend(contract.checks.iter().map(|check| Promise {
        text: format!("{}: {}", check.name, check.expect),
        count: broken(&check.expect),
        is_by_row: true,
        severity: check.severity,
    }));
    promises
}
