//! `lakebed show`: the tables, or one of them.

use serde_json::json;

use super::{Failure, open};
use crate::{
    build::journal,
    cli::{Place, ShowArgs},
    data_folder::DataFolder,
    graph::{Graph, Input, Node, Reach},
    plan::{Snapshot, window::windows},
};

pub fn show(place: &Place, args: &ShowArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    let snapshot = if data.warehouse().exists() {
        let warehouse = open::warehouse(&data, &open.prelude, true)?;
        journal::load(warehouse.session()?.as_mut())?.0
    } else {
        Snapshot::default()
    };
    match &args.table {
        None if place.json => {
            let tables = open.graph.in_order().map(|node| to_json(&open.graph, node, &snapshot));
            println!("{}", serde_json::Value::from_iter(tables));
        }
        None => {
            for node in open.graph.in_order() {
                println!("{:<42} {}", node.name().as_str(), node.file.contract.about);
            }
        }
        Some(name) => {
            let node = open.graph.node(&open::table(&open.graph, name)?);
            if place.json {
                println!("{}", to_json(&open.graph, node, &snapshot));
            } else {
                print(&open.graph, node, &snapshot);
            }
        }
    }
    Ok(())
}

fn to_json(graph: &Graph, node: &Node, snapshot: &Snapshot) -> serde_json::Value {
    let readers: Vec<_> = graph.readers(node.name()).map(Node::name).collect();
    let reads: Vec<_> = node
        .inputs
        .iter()
        .map(|input| json!({ "table": input.table, "reach": reach(input) }))
        .collect();
    json!({
        "table": node.name(),
        "path": node.file.path,
        "contract": node.file.contract,
        "reads": reads,
        "feeds": readers,
        "partition_count": snapshot.stamps.get(node.name()).map_or(0, |stamps| stamps.len()),
        "row_count": snapshot.content_whole(node.name()).row_count,
    })
}

fn print(graph: &Graph, node: &Node, snapshot: &Snapshot) {
    let contract = &node.file.contract;
    println!("{}  ({})", node.name(), node.file.path.display());
    println!("  {}", contract.about);
    println!("  one row per {}; build `{}`; owner {}", contract.grain.join(", "), lower(contract.build), contract.owner);
    println!("\nColumns");
    for (name, column) in &contract.columns {
        let required = if column.required { "required" } else { "" };
        let kind = format!("{:?}", column.kind).to_uppercase();
        println!("  {name:<22} {kind:<10} {required:<9} {}", column.about);
    }
    println!("\nReads");
    for input in &node.inputs {
        println!("  {:<42} {}", input.table.as_str(), reach(input));
    }
    println!("\nFeeds");
    for reader in graph.readers(node.name()) {
        println!("  {}", reader.name());
    }
    println!("\nBuilt");
    match snapshot.stamps.get(node.name()) {
        None => println!("  never"),
        Some(stamps) => {
            let partitions = stamps.keys().copied().collect();
            for window in windows(&partitions, usize::MAX) {
                println!("  {window}");
            }
        }
    }
}

fn lower(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn reach(input: &Input) -> String {
    let how = match input.reach {
        Reach::Window { days_before: 0 } => "the same partition".to_owned(),
        Reach::Window { days_before } => format!("the same partition and {days_before} days before"),
        Reach::AsOf => "as of the end of the partition's date".to_owned(),
        Reach::Whole => "whole".to_owned(),
    };
    if input.is_lookup && input.reach != Reach::AsOf { format!("{how}, as a lookup") } else { how }
}
