//! Where the columns of a table come from, for people and for scripts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    commands::output::Page,
    query::{ColumnSource, Facts, lineage::How},
};

/// By column and of the rows, the columns of other tables; whether that is all of them.
pub fn to_json(facts: &Facts) -> Value {
    let names = facts.rows.columns.iter().map(|column| column.name.as_str());
    let columns: BTreeMap<&str, &Vec<ColumnSource>> = names.zip(&facts.lineage).collect();
    json!({
        "columns": columns,
        "rows": facts.deciding,
        "is_complete": facts.is_understood(),
    })
}

/// A line for each column and each table that it comes from.
pub fn render(text: &mut Page, facts: &Facts) {
    if facts.rows.columns.is_empty() {
        return;
    }
    text.line(format_args!("\nWhere columns come from"));
    for (column, sources) in facts.rows.columns.iter().zip(&facts.lineage) {
        let mut name = column.name.as_str();
        if sources.is_empty() {
            text.line(format_args!("  {name:<22} no table"));
        }
        for ((how, table), columns) in by_table(sources) {
            let how = match how {
                How::Copied => "copied from",
                How::Computed => "computed from",
                How::Aggregated => "aggregated from",
                How::Decided => "decided by",
            };
            text.line(format_args!("  {name:<22} {how:<16} {table} ({})", columns.join(", ")));
            name = "";
        }
    }
    text.line(format_args!("\nWhat decides which rows there are"));
    for ((_, table), columns) in by_table(&facts.deciding) {
        text.line(format_args!("  {table:<42} {}", columns.join(", ")));
    }
    if !facts.is_understood() {
        text.line(format_args!(
            "  and perhaps more: the query is not understood as a whole; `lakebed check` says why"
        ));
    }
}

/// The columns of each table, by how they count; what is decided by a column comes last.
fn by_table(sources: &[ColumnSource]) -> Vec<((How, &str), Vec<String>)> {
    let mut found: BTreeMap<(How, &str), Vec<String>> = BTreeMap::new();
    for ColumnSource { table, column, field, how } in sources {
        let column = match (column, field) {
            (Some(column), Some(field)) => format!("{column}.{field}"),
            (Some(column), None) => column.clone(),
            (None, _) => "its rows".to_owned(),
        };
        found.entry((*how, table.as_str())).or_default().push(column);
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|((how, _), _)| *how == How::Decided);
    found
}
