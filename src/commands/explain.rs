//! `lakebed explain`: where rows of a table come from.

mod tree;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use lakebed_duckdb::Options;
use serde_json::json;

use super::{Failure, open, output};
use crate::{
    cli::{ExplainArgs, Place},
    contract::TableName,
    data_folder::DataFolder,
    diagnostic::FileError,
    explain::{self, ExplainError, Explanation, Request},
    graph::Node,
    suggest::similar,
};

pub fn explain(place: &Place, args: &ExplainArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    if !data.warehouse().exists() {
        return Err(open::no_data(&data));
    }
    let table = open::table(&open.graph, &args.table)?;
    let node = open.graph.node(&table);
    if let Some(column) = &args.column {
        known_column(node, column)?;
    }
    let request = Request {
        table,
        condition: args.condition.clone(),
        column: args.column.clone(),
        row_limit: args.limit.max(1),
    };
    let warehouse = open::warehouse(&data, &open.prelude, &place.machine, true)?;
    let empty = || {
        let options = Options::default();
        lakebed_duckdb::open_shared(None, options, &open.prelude)
    };
    let (explanation, mut session) =
        explain::explain(warehouse.as_ref(), &open.graph, &request, &empty)
            .map_err(|error| failure(place, node, &request, error))?;
    let shown = within(&explanation, args.depth);
    let mut located = Vec::new();
    for link in explanation.chain.links.iter().filter(|link| shown.contains(&link.table)) {
        located.push(explain::locate(session.as_mut(), &open.graph, link, args.limit)?);
    }
    if place.json {
        let all = json!({ "explanation": explanation, "rows_of": located });
        output::print(&format!("{all}\n"))?;
    } else {
        let command = open::command_line(place);
        output::print(
            tree::render(&open.graph, &explanation, &located, &command, args.limit).as_str(),
        )?;
    }
    if explanation.proof.is_same { Ok(()) } else { Err(Failure::said()) }
}

/// The tables at most so many steps above the asked one.
fn within(explanation: &Explanation, depth: Option<usize>) -> BTreeSet<TableName> {
    let mut found: BTreeSet<TableName> = [explanation.table.clone()].into();
    let mut last = found.clone();
    for _ in 0..depth.unwrap_or(explanation.chain.links.len()) {
        let next = last.iter().filter_map(|table| explanation.chain.link(table));
        let next: BTreeSet<TableName> =
            next.flat_map(|link| link.from.iter().map(|(table, _)| table.clone())).collect();
        last = next.difference(&found).cloned().collect();
        found.extend(next);
    }
    found
}

fn known_column(node: &Node, column: &str) -> Result<(), Failure> {
    let columns: Vec<String> = node.file.contract.columns.keys().cloned().collect();
    if columns.iter().any(|known| known == column) {
        return Ok(());
    }
    let hint = match similar(column, &columns) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("its columns are {}", columns.join(", ")),
    };
    Err(Failure::usage(format!("{} has no column `{column}`", node.name())).hint(hint))
}

fn failure(place: &Place, node: &Node, request: &Request, error: ExplainError) -> Failure {
    let program = open::command_line(place);
    let table = node.name();
    match error {
        ExplainError::Condition(error) => {
            let text: Arc<str> = request.condition.as_str().into();
            let start = error.offset().unwrap_or(0).min(text.len());
            let rest = text.get(start..).unwrap_or_default();
            let word: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let columns: Vec<String> = node.file.contract.columns.keys().cloned().collect();
            let help = match similar(&word, &columns) {
                Some(meant) if meant != word => format!("did you mean `{meant}`?"),
                _ => {
                    format!("it is a condition over the columns of {table}: {}", columns.join(", "))
                }
            };
            let span = start..start + word.len().max(1);
            FileError::new(Path::new("--where"), &text, span, error.to_string())
                .with_help(help)
                .into()
        }
        ExplainError::NoRow { row_count: 0, .. } => Failure::usage(error)
            .hint(format!("it is empty; `{program} plan {table}` says whether it is to be built")),
        ExplainError::NoRow { row_count, .. } => Failure::usage(error).hint(format!(
            "it has {row_count} rows: `{program} query \"select {} from {table} limit 10\"`{}",
            node.file.contract.grain.join(", "),
            if table.layer() == "mart" { "; a mart ends with the last load date" } else { "" }
        )),
        ExplainError::NoMessages => Failure::usage(error)
            .hint("`lakebed run` and `lakebed ingest` bring messages; --data says where they are"),
        ExplainError::Warehouse(error) => error.into(),
        ExplainError::Folder(_) => {
            Failure::data(error).hint("the machine's temporary folder is full")
        }
    }
}
