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

/// Checks the rows of `from` that meet `predicate`.
pub fn run(
    session: &mut dyn Session,
    node: &Node,
    from: &str,
    predicate: &str,
) -> Result<Vec<CheckFailure>, WarehouseError> {
    let mut promises = row_promises(node);
    let mut broken = count_broken_rows(session, &promises, from, predicate)?;
    let mut count = |promise: String, sql: String| -> Result<(), WarehouseError> {
        broken.push(session.query(&sql)?.count()?);
        promises.push(Promise {
            text: promise,
            condition: String::new(),
            severity: Severity::Fail,
        });
        Ok(())
    };
    let grain = node.file.contract.grain.join(", ");
    count(
        format!("one row per ({grain})"),
        format!(
            "select count(*) from (select {grain} from {from} where {predicate} group by {grain} having count(*) > 1)"
        ),
    )?;
    for (column, reference) in references(node) {
        let (table, key) = reference.rsplit_once('.').unwrap_or((reference, column));
        count(
            format!("each `{column}` is in `{reference}`"),
            format!(
                "select count(*) from (select distinct {column} as k from {from} where {predicate} and {column} is not null) as own \
                 left join (select distinct {key} as k from {table}) as other on own.k = other.k where other.k is null"
            ),
        )?;
    }
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
    condition: String,
    severity: Severity,
}

fn references(node: &Node) -> impl Iterator<Item = (&str, &str)> {
    let columns = node.file.contract.columns.iter();
    columns.filter_map(|(name, column)| Some((name.as_str(), column.references.as_deref()?)))
}

/// What each row must meet by itself.
fn row_promises(node: &Node) -> Vec<Promise> {
    let contract = &node.file.contract;
    let mut promises = Vec::new();
    for (name, column) in &contract.columns {
        if column.required {
            promises.push(Promise {
                text: format!("column `{name}` is required"),
                condition: format!("{name} is not null"),
                severity: Severity::Fail,
            });
        }
        if !column.accepted.is_empty() {
            let values: Vec<String> =
                column.accepted.iter().map(|value| literal::text(value)).collect();
            promises.push(Promise {
                text: format!("column `{name}` is one of {}", column.accepted.join(", ")),
                condition: format!("{name} is null or {name} in ({})", values.join(", ")),
                severity: Severity::Fail,
            });
        }
    }
    promises.extend(contract.checks.iter().map(|check| Promise {
        text: format!("{}: {}", check.name, check.expect),
        condition: check.expect.clone(),
        severity: check.severity,
    }));
    promises
}

/// All row promises in one pass.
fn count_broken_rows(
    session: &mut dyn Session,
    promises: &[Promise],
    from: &str,
    predicate: &str,
) -> Result<Vec<i64>, WarehouseError> {
    if promises.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<String> = promises
        .iter()
        .map(|promise| format!("countif(({}) is not true)", promise.condition))
        .collect();
    let rows = session
        .query(&format!("select {} from {from} where {predicate}", counts.join(", ")))?
        .text_rows()?;
    let number = |cell: &Option<String>| cell.as_ref().and_then(|text| text.parse().ok());
    Ok(rows.first().map(|row| row.iter().filter_map(number).collect()).unwrap_or_default())
}
