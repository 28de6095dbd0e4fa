//! Which rows of a table are meant: their numbers, and the temporary tables that hold them.
//!
//! A table's rows are told apart by the engine's row number, which stands as long as nothing is
//! written; messages by their id; rows of a view by their grain.

use super::{
    annotate::{InputTable, ROW_BITS},
    recompute::Row,
};
use crate::{
    contract::{BuildKind, ColumnType, TableName},
    graph::{Graph, Node},
    port_error::PortError,
    sql::literal,
    warehouse::Session,
};

/// The columns of the raw layer.
const RAW_COLUMNS: [&str; 7] =
    ["message_id", "published_at", "received_at", "source", "attributes", "payload", "load_date"];

/// What the annotator must know of a table.
pub fn input_table(graph: &Graph, name: &TableName) -> InputTable {
    let columns = match graph.get(name) {
        Some(node) => node.file.contract.columns.keys().cloned().collect(),
        None => RAW_COLUMNS.map(str::to_owned).to_vec(),
    };
    InputTable { columns, row_number: row_number(graph, name) }
}

/// Tells the rows of a table apart.
pub fn row_number(graph: &Graph, name: &TableName) -> String {
    let shift = u64::BITS - ROW_BITS;
    match graph.get(name) {
        Some(node) if node.build() == BuildKind::View => {
            format!("hash({}) >> {shift}", node.file.contract.grain.join(", "))
        }
        Some(_) => "rowid".to_owned(),
        None => message_number("message_id"),
    }
}

/// Tells messages apart.
pub fn message_number(column: &str) -> String {
    format!("hash({column}) >> {}", u64::BITS - ROW_BITS)
}

/// The temporary table with the numbers of a table's rows that are meant.
pub fn kept(name: &TableName) -> String {
    format!("rows_of_{}_{}", name.layer(), name.table())
}

/// The condition that a row is meant.
pub fn is_kept(graph: &Graph, name: &TableName) -> String {
    is_among(graph, name, &kept(name))
}

/// The condition that a row's number is in a temporary table.
pub fn is_among(graph: &Graph, name: &TableName, numbers: &str) -> String {
    let number = row_number(graph, name);
    format!("cast({number} as ubigint) in (select id from {numbers})")
}

/// No rows are meant.
pub fn forget(session: &mut dyn Session, name: &TableName) -> Result<(), PortError> {
    session.execute(&format!("create or replace temp table {} (id ubigint)", kept(name)))?;
    Ok(())
}

/// The temporary table with the numbers of rows that are meant whether a row above them needs them or
/// not, and that are followed whole.
pub fn besides(name: &TableName) -> String {
    format!("besides_of_{}_{}", name.layer(), name.table())
}

/// Means them.
pub fn keep_besides(session: &mut dyn Session, name: &TableName) -> Result<(), PortError> {
    let (kept, besides) = (kept(name), besides(name));
    session.execute(&format!("insert into {kept} select id from {besides}"))?;
    Ok(())
}

/// Means the rows that meet a condition, and no others.
pub fn keep_where(
    session: &mut dyn Session,
    graph: &Graph,
    name: &TableName,
    condition: &str,
) -> Result<(), PortError> {
    session.execute(&format!(
        "create or replace temp table {} as \
         select cast({} as ubigint) as id from {name} where {condition}",
        kept(name),
        row_number(graph, name)
    ))?;
    Ok(())
}

/// How many rows are meant.
pub fn count(session: &mut dyn Session, name: &TableName) -> Result<i64, PortError> {
    session.query(&format!("select count(*) from {}", kept(name)))?.count()
}

/// Columns that are equal, NULL to NULL.
pub fn same(columns: &[String], left: &str, right: &str) -> String {
    let each = columns.iter().map(|c| format!("{left}.{c} is not distinct from {right}.{c}"));
    each.collect::<Vec<_>>().join(" and ")
}

/// The grain of a table, as a list.
pub fn grain(node: &Node) -> String {
    node.file.contract.grain.join(", ")
}

/// The condition that is met by rows with the same grain as these, whose columns are `columns`.
pub fn among(node: &Node, columns: &[String], rows: &[Row]) -> String {
    let grain: Vec<(usize, &String)> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| node.file.contract.grain.contains(column))
        .collect();
    let of_row = |row: &Row| {
        let each = grain.iter().map(|(at, column)| equals(node, column, row[*at].as_deref()));
        format!("({})", each.collect::<Vec<_>>().join(" and "))
    };
    let all: Vec<String> = rows.iter().map(of_row).collect();
    if all.is_empty() { "false".to_owned() } else { all.join(" or ") }
}

/// `column = literal`, in SQL that can be pasted.
fn equals(node: &Node, column: &str, value: Option<&str>) -> String {
    match value {
        None => format!("{column} is null"),
        Some(value) => {
            let kind = node.file.contract.columns[column].kind;
            format!("{column} = {}", literal::of(kind, value))
        }
    }
}

/// Greatest relative difference of sums of FLOAT64, whose order of adding is nobody's promise.
const TOLERANCE: f64 = 1e-9;

/// Whether rows are the same, in order.
pub fn are_same(node: &Node, columns: &[String], rows: &[Row], others: &[Row]) -> bool {
    let is_float: Vec<bool> = columns
        .iter()
        .map(|name| node.file.contract.columns[name].kind == ColumnType::Float64)
        .collect();
    let is_same = |(at, (one, other)): (usize, (&Option<String>, &Option<String>))| {
        let number =
            |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
        one == other
            || match (number(one), number(other)) {
                (Some(one), Some(other)) if is_float[at] => {
                    (one - other).abs() <= TOLERANCE * one.abs().max(other.abs())
                }
                _ => false,
            }
    };
    rows.len() == others.len()
        && rows
            .iter()
            .zip(others)
            .all(|(row, other)| row.iter().zip(other).enumerate().all(is_same))
}
