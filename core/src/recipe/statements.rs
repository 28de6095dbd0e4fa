//! The statements around a table's query, the same text for DuckDB and BigQuery.

use crate::{
    contract::{Column, ColumnType, OrderTerm},
    graph::Node,
    plan::window::Window,
    sql::literal,
};

/// The temporary table that holds the rows of a build that must be known before they are stored.
pub const NEW_ROWS: &str = "new_rows";
/// The temporary table that a history which begins anew reads in place of itself.
pub const NO_ROWS: &str = "no_rows";

/// `column between date '…' and date '…'`, or `true` for a table that is one partition.
pub fn window_predicate(column: Option<&str>, window: Window) -> String {
    match (column, window) {
        (Some(column), Window::Dates { from, to }) => {
            format!("{column} between date '{from}' and date '{to}'")
        }
        _ => "true".to_owned(),
    }
}

/// Removes the rows that meet a predicate.
pub fn delete(node: &Node, predicate: &str) -> String {
    format!("delete from {} where {predicate}", node.name())
}

/// Adds rows to a table that has the contract's columns.
pub fn insert(node: &Node, table: &str, rows: &str) -> String {
    format!("insert into {table} ({})\n{rows}", columns(node).join(", "))
}

/// Sets the rows of a query aside until the build's statements have used them.
pub fn keep(kept: &str, select: &str) -> String {
    format!("create or replace temp table {kept} as\n{select}")
}

/// Adds the rows that were set aside.
pub fn insert_kept(node: &Node, table: &str, kept: &str) -> String {
    let listed = columns(node).join(", ");
    insert(node, table, &format!("select {listed} from {kept}"))
}

/// The rows of a `history` table that a build replaces: of the kept keys, what lies at or after the
/// cut, and the row that spans it.
pub fn history_predicate(node: &Node, kept: &str, cut: &str) -> String {
    let key = &node.file.contract.grain[0];
    let valid_to = node.file.contract.valid_to.as_deref().expect("the contract's form was checked");
    format!("{key} in (select {key} from {kept}) and {valid_to} >= {cut}")
}

/// Merges the kept rows by key: the first row by `order_by` wins, and `least` columns keep
/// their least value whoever wins. Any order of merges gives the same rows.
pub fn merge(node: &Node, table: &str, kept: &str) -> String {
    let contract = &node.file.contract;
    let wins = comes_before(&contract.order_by);
    let is_less = |column: &String| format!("source.{column} < target.{column}");
    let changes: Vec<String> =
        std::iter::once(format!("({wins})")).chain(contract.least.iter().map(is_less)).collect();
    let is_key = |name: &&str| contract.grain.iter().any(|key| key == name);
    let updates: Vec<String> = columns(node)
        .into_iter()
        .filter(|name| !is_key(name))
        .map(|name| {
            let condition = if contract.least.iter().any(|least| least == name) {
                format!("source.{name} < target.{name}")
            } else {
                wins.clone()
            };
            format!("    {name} = case when {condition} then source.{name} else target.{name} end")
        })
        .collect();
    let on: Vec<String> =
        contract.grain.iter().map(|key| format!("target.{key} = source.{key}")).collect();
    let values: Vec<String> = columns(node).iter().map(|name| format!("source.{name}")).collect();
    format!(
        "merge into {table} as target\nusing {kept} as source\non {}\n\
         when matched and ({}) then update set\n{}\n\
         when not matched then insert ({}) values ({})",
        on.join(" and "),
        changes.join(" or "),
        updates.join(",\n"),
        columns(node).join(", "),
        values.join(", "),
    )
}

/// `source` before `target` in a total order.
fn comes_before(order: &[OrderTerm]) -> String {
    let Some((first, rest)) = order.split_first() else { return "false".to_owned() };
    let column = &first.column;
    let operator = if first.is_descending { '>' } else { '<' };
    let before = format!("source.{column} {operator} target.{column}");
    if rest.is_empty() {
        return before;
    }
    format!("{before} or (source.{column} = target.{column} and ({}))", comes_before(rest))
}

/// The rows of a seed's CSV as literals. The error says what is wrong with the CSV, and where it is.
pub fn seed_rows(node: &Node) -> Result<String, String> {
    let csv = node.file.seed_csv.as_deref().unwrap_or_default();
    let path = node.file.path.with_extension("csv");
    let wrong = |error: csv::Error| format!("{}: {error}", path.display());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv.as_bytes());
    let header = reader.headers().map_err(wrong)?.clone();
    if header.iter().ne(columns(node)) {
        let header: Vec<&str> = header.iter().collect();
        return Err(format!(
            "{}: the header is `{}`, and the contract's columns are `{}`",
            path.display(),
            header.join(","),
            columns(node).join(",")
        ));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let kinds = node.file.contract.columns.values();
        let values: Vec<String> = record
            .iter()
            .zip(kinds)
            .map(|(cell, column)| seed_literal(cell, column.kind))
            .collect::<Result<_, _>>()
            .map_err(|problem| {
                let line = record.position().map_or(0, csv::Position::line);
                format!("{}, line {line}: {problem}", path.display())
            })?;
        rows.push(format!("({})", values.join(", ")));
    }
    Ok(format!("values {}", rows.join(",\n")))
}

/// A cell as a literal. Numbers stand as they are written, so they must be numbers and nothing else.
fn seed_literal(cell: &str, kind: ColumnType) -> Result<String, String> {
    let quoted = literal::text(cell);
    let is_written_right = match kind {
        ColumnType::Int64 => cell.parse::<i64>().is_ok(),
        ColumnType::Bool => matches!(cell, "true" | "false"),
        ColumnType::Float64 | ColumnType::Numeric => cell.parse::<f64>().is_ok_and(f64::is_finite),
        ColumnType::Date => cell.parse::<jiff::civil::Date>().is_ok(),
        _ => true,
    };
    match kind {
        _ if cell.is_empty() => Ok("null".to_owned()),
        _ if !is_written_right => {
            Err(format!("`{cell}` is not of type {}", format!("{kind:?}").to_uppercase()))
        }
        ColumnType::Int64 | ColumnType::Float64 | ColumnType::Bool | ColumnType::Numeric => {
            Ok(cell.to_owned())
        }
        ColumnType::Date => Ok(format!("date {quoted}")),
        ColumnType::Timestamp => Ok(format!("timestamp {quoted}")),
        ColumnType::String | ColumnType::Bytes | ColumnType::Json => Ok(quoted),
    }
}

/// The contract's columns in order, with what it says of them.
pub fn defined_columns(node: &Node) -> Vec<(&str, &Column)> {
    node.file.contract.columns.iter().map(|(name, column)| (name.as_str(), column)).collect()
}

/// The names of the contract's columns in order.
pub fn columns(node: &Node) -> Vec<&str> {
    node.file.contract.columns.keys().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seeds_cell_is_a_literal_and_never_an_expression() {
        assert_eq!(seed_literal("12", ColumnType::Int64).as_deref(), Ok("12"));
        assert_eq!(
            seed_literal("it's", ColumnType::String).as_deref(),
            Ok("('it' || chr(39) || 's')")
        );
        assert_eq!(seed_literal("", ColumnType::Bool).as_deref(), Ok("null"));
        for (cell, kind) in [
            ("1+1", ColumnType::Int64),
            ("(select 1)", ColumnType::Numeric),
            ("NaN", ColumnType::Float64),
            ("yes", ColumnType::Bool),
            ("2026-02-30", ColumnType::Date),
        ] {
            assert!(seed_literal(cell, kind).is_err(), "{cell}");
        }
    }

    #[test]
    fn the_first_row_wins_column_by_column() {
        let term = |text: &str| OrderTerm::try_from(text.to_owned()).expect("a term");
        assert_eq!(
            comes_before(&[term("a"), term("b desc")]),
            "source.a < target.a or (source.a = target.a and (source.b > target.b))"
        );
    }
}
