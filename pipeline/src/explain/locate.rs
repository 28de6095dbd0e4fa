//! Shows the rows of a table that are meant: some of them, and a condition that finds them again.

use serde::Serialize;

use super::{chain::Link, recompute::Row, rows};
use crate::{
    contract::{ColumnType, TableName},
    graph::{Graph, Node},
    port_error::PortError,
    sql::literal,
    warehouse::Session,
};

/// So many rows are named one by one in a condition; more are told by what they have in common.
const NAMED_MAX: i64 = 20;

/// Rows of a table, and how to find them.
#[derive(Clone, Debug, Serialize)]
pub struct Located {
    /// The table.
    pub table: TableName,
    /// A condition that all of the rows meet.
    pub condition: String,
    /// How many rows of the table meet it.
    pub met_count: i64,
    /// The columns of `rows`.
    pub columns: Vec<String>,
    /// The first of the rows.
    pub rows: Vec<Row>,
}

/// The kept rows of a link, `row_limit` of them shown.
pub fn locate(
    session: &mut dyn Session,
    graph: &Graph,
    link: &Link,
    row_limit: usize,
) -> Result<Located, PortError> {
    let node = graph.get(&link.table);
    let columns = shown_columns(node, link);
    let is_kept = rows::is_kept(graph, &link.table);
    let condition = condition(session, node, link, &is_kept)?;
    let met = format!("select count(*) from {} where {condition}", link.table);
    let met_count = session.query(&met)?.count()?;
    let order = identity(node).join(", ");
    let shown: Vec<String> = columns.iter().map(|column| as_text(node, column)).collect();
    let first = session
        .query(&format!(
            "select {} from {} where {is_kept} order by {order} limit {row_limit}",
            shown.join(", "),
            link.table
        ))?
        .text_rows()?;
    Ok(Located { table: link.table.clone(), condition, met_count, columns, rows: first })
}

/// What tells rows apart.
fn identity(node: Option<&Node>) -> Vec<String> {
    match node {
        Some(node) => node.file.contract.grain.clone(),
        None => vec!["message_id".to_owned()],
    }
}

/// The partition, the grain and what is needed; of a message also what it says.
fn shown_columns(node: Option<&Node>, link: &Link) -> Vec<String> {
    let Some(node) = node else {
        return ["load_date", "message_id", "payload"].map(str::to_owned).to_vec();
    };
    let contract = &node.file.contract;
    let is_shown = |name: &&String| {
        contract.grain.contains(name)
            || contract.partition_by.as_ref() == Some(name)
            || link.columns.contains(*name)
    };
    contract.columns.keys().filter(is_shown).cloned().collect()
}

fn as_text(node: Option<&Node>, column: &str) -> String {
    if node.is_none() && column == "payload" {
        // A payload may be anything; what is not text is shown in hexadecimal.
        return "coalesce(udf.safe_string(payload), hex(payload))".to_owned();
    }
    column.to_owned()
}

/// What the rows have in common: columns with one value, and the dates from the first to the last;
/// at first of the columns that tell rows apart, and of others where these are not enough. Where all
/// that is met by more rows, and those that are meant are few, they are named.
fn condition(
    session: &mut dyn Session,
    node: Option<&Node>,
    link: &Link,
    is_kept: &str,
) -> Result<String, PortError> {
    let met = |session: &mut dyn Session, condition: &str| {
        let query = format!("select count(*) from {} where {condition}", link.table);
        session.query(&query)?.count()
    };
    let (keys, others) = candidates(node, link);
    let common = in_common(session, &keys, link, is_kept)?;
    if met(session, &together(&common))? == link.row_count {
        return Ok(together(&common));
    }
    if link.row_count <= NAMED_MAX {
        return named(session, node, link, is_kept);
    }
    let more = in_common(session, &others, link, is_kept)?;
    Ok(together(&[common, more].concat()))
}

fn together(parts: &[String]) -> String {
    if parts.is_empty() { "true".to_owned() } else { parts.join(" and ") }
}

/// What the kept rows have in common in these columns.
fn in_common(
    session: &mut dyn Session,
    columns: &[(String, ColumnType)],
    link: &Link,
    is_kept: &str,
) -> Result<Vec<String>, PortError> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let facts: Vec<String> = columns
        .iter()
        .map(|(name, _)| {
            format!("count({name}) = 0, count({name}) = count(*), min({name}), max({name})")
        })
        .collect();
    let found = session
        .query(&format!("select {} from {} where {is_kept}", facts.join(", "), link.table))?
        .text_rows()?;
    let facts = found.first().map(|row| row.chunks(4)).into_iter().flatten();
    let part = |((name, kind), facts): (&(String, ColumnType), &[Option<String>])| {
        let is_true = |at: usize| facts[at].as_deref() == Some("true");
        if is_true(0) {
            return Some(format!("{name} is null"));
        }
        let least = facts[2].as_ref().filter(|_| is_true(1))?;
        let greatest = facts[3].as_ref()?;
        let value = |text: &str| literal::of(*kind, text);
        if least == greatest {
            return Some(format!("{name} = {}", value(least)));
        }
        let is_time = matches!(kind, ColumnType::Date | ColumnType::Timestamp);
        is_time.then(|| format!("{name} between {} and {}", value(least), value(greatest)))
    };
    Ok(columns.iter().zip(facts).filter_map(part).collect())
}

type Columns = Vec<(String, ColumnType)>;

/// The columns that a condition may be about: those that tell rows apart, and others.
fn candidates(node: Option<&Node>, link: &Link) -> (Columns, Columns) {
    let Some(node) = node else {
        return (vec![("load_date".to_owned(), ColumnType::Date)], Vec::new());
    };
    let contract = &node.file.contract;
    let is_key = |name: &String| {
        contract.grain.contains(name) || contract.partition_by.as_ref() == Some(name)
    };
    shown_columns(Some(node), link)
        .into_iter()
        .map(|name| (name.clone(), contract.columns[&name].kind))
        .filter(|(_, kind)| {
            !matches!(kind, ColumnType::Bytes | ColumnType::Json | ColumnType::Float64)
        })
        .partition(|(name, _)| is_key(name))
}

/// Each row by its identity.
fn named(
    session: &mut dyn Session,
    node: Option<&Node>,
    link: &Link,
    is_kept: &str,
) -> Result<String, PortError> {
    let identity = identity(node);
    let rows = session
        .query(&format!(
            "select distinct {} from {} where {is_kept} order by all",
            identity.join(", "),
            link.table
        ))?
        .text_rows()?;
    let kind = |name: &String| {
        node.map_or(ColumnType::String, |node| node.file.contract.columns[name].kind)
    };
    if let [one] = identity.as_slice() {
        let values = rows.iter().filter_map(|row| row[0].as_ref());
        let values: Vec<String> = values.map(|value| literal::of(kind(one), value)).collect();
        return Ok(format!("{one} in ({})", values.join(", ")));
    }
    let of_row = |row: &Row| {
        let each = identity.iter().zip(row).map(|(name, value)| match value {
            Some(value) => format!("{name} = {}", literal::of(kind(name), value)),
            None => format!("{name} is null"),
        });
        format!("({})", each.collect::<Vec<_>>().join(" and "))
    };
    Ok(rows.iter().map(of_row).collect::<Vec<_>>().join(" or "))
}
