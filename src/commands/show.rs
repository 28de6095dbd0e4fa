//! `lakebed show`: the sources and the tables, or one of them.

mod lineage;
mod source;

use serde_json::json;

use super::{
    Failure,
    open::{self, OpenProject},
    output::{self, Page},
};
use crate::{
    builder::journal,
    cli::{Place, ShowArgs},
    contract::ColumnType,
    data_folder::DataFolder,
    graph::{DaySpan, Graph, Input, Node, Reach},
    plan::{Snapshot, window::windows},
    project::{LAYERS, Source},
};

pub fn show(place: &Place, args: &ShowArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    let snapshot = if data.warehouse().exists() {
        let warehouse = open::warehouse(&data, &open.prelude, &place.machine, true)?;
        journal::load(warehouse.session()?.as_mut())?.0
    } else {
        Snapshot::default()
    };
    let Some(name) = &args.table else { return all(place, &open, &snapshot) };
    if let Some((name, source)) = named_source(&open, name) {
        return output::print(&source::shown(place, &open.graph, name, source)?);
    }
    let node = open.graph.node(&open::table(&open.graph, name)?);
    if place.json {
        return output::print(&format!("{}\n", to_json(&open.graph, node, &snapshot)));
    }
    let mut text = Page::default();
    render(&mut text, &open.graph, node, &snapshot);
    output::print(text.as_str())
}

/// A table hides a source of the same name; `raw.<source>` is always the source.
fn named_source<'a>(open: &'a OpenProject, name: &str) -> Option<(&'a str, &'a Source)> {
    let is_table = open.graph.in_order().any(|node| node.name().table() == name);
    let source = name.strip_prefix("raw.").or((!is_table).then_some(name))?;
    let (name, source) = open.project.sources.get_key_value(source)?;
    Some((name, source))
}

fn all(place: &Place, open: &OpenProject, snapshot: &Snapshot) -> Result<(), Failure> {
    let mut text = Page::default();
    if place.json {
        let tables = open.graph.in_order().map(|node| to_json(&open.graph, node, snapshot));
        text.line(format_args!("{}", tables.collect::<serde_json::Value>()));
        return output::print(text.as_str());
    }
    let sources = &open.project.sources;
    let sources =
        sources.iter().map(|(name, source)| (format!("raw.{name}"), &source.contract.about));
    let mut nodes: Vec<&Node> = open.graph.in_order().collect();
    let layer = |node: &Node| LAYERS.iter().position(|layer| *layer == node.name().layer());
    nodes.sort_by_key(|node| (layer(node), node.name()));
    let tables = nodes.into_iter().map(|node| (node.name().to_string(), &node.file.contract.about));
    for (name, about) in sources.chain(tables) {
        text.line(format_args!("{name:<42} {about}"));
    }
    output::print(text.as_str())
}

fn to_json(graph: &Graph, node: &Node, snapshot: &Snapshot) -> serde_json::Value {
    let readers: Vec<_> = graph.readers(node.name()).map(Node::name).collect();
    let reads: Vec<_> = node
        .inputs
        .iter()
        .map(|input| {
            let columns = node.facts.columns_of(&input.table);
            json!({ "table": input.table, "reach": reach(input), "columns": columns })
        })
        .collect();
    json!({
        "table": node.name(),
        "path": node.file.path,
        "contract": node.file.contract,
        "reads": reads,
        "lineage": lineage::to_json(&node.facts),
        "feeds": readers,
        "partition_count": snapshot.stamps.get(node.name()).map_or(0, std::collections::BTreeMap::len),
        "row_count": snapshot.content_whole(node.name()).row_count,
    })
}

fn render(text: &mut Page, graph: &Graph, node: &Node, snapshot: &Snapshot) {
    let contract = &node.file.contract;
    text.line(format_args!("{}  ({})", node.name(), node.file.path.display()));
    text.line(format_args!("  {}", contract.about));
    text.line(format_args!(
        "  one row per {}; build `{}`; owner {}",
        contract.grain.join(", "),
        lower(contract.build),
        contract.owner
    ));
    text.line(format_args!("\nColumns"));
    for (name, column) in &contract.columns {
        column_line(text, name, column.kind, column.required, &column.about);
    }
    lineage::render(text, &node.facts);
    text.line(format_args!("\nReads"));
    for input in &node.inputs {
        text.line(format_args!("  {:<42} {}", input.table.as_str(), reach(input)));
    }
    text.line(format_args!("\nFeeds"));
    for reader in graph.readers(node.name()) {
        text.line(format_args!("  {}", reader.name()));
    }
    text.line(format_args!("\nBuilt"));
    match snapshot.stamps.get(node.name()) {
        None => text.line(format_args!("  never")),
        Some(stamps) => {
            let partitions = stamps.keys().copied().collect();
            for window in windows(&partitions, usize::MAX) {
                text.line(format_args!("  {window}"));
            }
        }
    }
}

fn column_line(text: &mut Page, name: &str, kind: ColumnType, is_required: bool, about: &str) {
    let required = if is_required { "required" } else { "" };
    let kind = format!("{kind:?}").to_uppercase();
    text.line(format_args!("  {name:<22} {kind:<10} {required:<9} {about}"));
}

fn lower(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn reach(input: &Input) -> String {
    let how = match input.reach {
        Reach::Window(DaySpan { days_before: 0, days_after: 0 }) => "the same partition".to_owned(),
        Reach::Window(DaySpan { days_before, days_after: 0 }) => {
            format!("the same partition and {days_before} days before")
        }
        Reach::Window(DaySpan { days_before, days_after }) => {
            format!("the same partition, {days_before} days before and {days_after} after")
        }
        Reach::AsOf => "as of the end of the partition's date".to_owned(),
        Reach::Whole => "whole".to_owned(),
    };
    if input.is_lookup && input.reach != Reach::AsOf { format!("{how}, as a lookup") } else { how }
}
