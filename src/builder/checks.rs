//! The contract's promises, checked on the rows just built, before they are committed.

use crate::{
    contract::Severity,
    graph::Node,
    sql::literal,
    warehouse::{Session, WarehouseError},
};

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

/// Checks the rows of `from` that meet `predicate`, in one statement: of many small windows, sending
/// a statement takes longer than running it.
pub fn run(
    session: &mut dyn Session,
    node: &Node,
    from: &str,
    predicate: &str,
) -> Result<Vec<CheckFailure>, WarehouseError> {
    let promises = promises(node, from, predicate);
    let counts: Vec<&str> = promises.iter().map(|promise| promise.count.as_str()).collect();
    let sql = format!("select count(*), {} from {from} where {predicate}", counts.join(", "));
    let rows = session.query(&sql)?.text_rows()?;
    let counted = rows.first().into_iter().flatten().skip(1);
    let number = |cell: &Option<String>| cell.as_ref().and_then(|text| text.parse().ok());
    let broken = counted.map(|cell| number(cell).unwrap_or(0));
    let failures = promises.into_iter().zip(broken).filter(|(_, count)| *count > 0);
    Ok(failures
        .map(|(promise, broken_count)| CheckFailure {
            promise: promise.text,
            broken_count,
            severity: promise.severity,
        })
        .collect())
}

struct Promise {
    text: String,
    /// An expression beside `from`'s aggregates that counts what breaks it.
    count: String,
    severity: Severity,
}

impl Promise {
    fn fail(text: String, count: String) -> Self {
        Self { text, count, severity: Severity::Fail }
    }
}

/// Of each row, of the grain, and of references.
fn promises(node: &Node, from: &str, predicate: &str) -> Vec<Promise> {
    let mut promises = row_promises(node);
    let grain = node.file.contract.grain.join(", ");
    promises.push(Promise::fail(
        format!("one row per ({grain})"),
        format!(
            "(select count(*) from (select {grain} from {from} where {predicate} group by {grain} having count(*) > 1))"
        ),
    ));
    promises.extend(references(node).map(|(column, reference)| {
        let (table, key) = reference.rsplit_once('.').unwrap_or((reference, column));
        Promise::fail(
            format!("each `{column}` is in `{reference}`"),
            format!(
                "(select count(*) from (select distinct {column} as k from {from} where {predicate} and {column} is not null) as own \
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
            promises.push(Promise::fail(text, broken(&format!("{name} is not null"))));
        }
        if !column.accepted.is_empty() {
            let values: Vec<String> =
                column.accepted.iter().map(|value| literal::text(value)).collect();
            let condition = format!("{name} is null or {name} in ({})", values.join(", "));
            let text = format!("column `{name}` is one of {}", column.accepted.join(", "));
            promises.push(Promise::fail(text, broken(&condition)));
        }
    }
    promises.extend(contract.checks.iter().map(|check| Promise {
        text: format!("{}: {}", check.name, check.expect),
        count: broken(&check.expect),
        severity: check.severity,
    }));
    promises
}
