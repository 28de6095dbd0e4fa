//! `lakebed show raw.<source>`: what a source sends, and what came.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use jiff::civil::Date;
use serde_json::json;

use super::{
    super::{Failure, open, output::Page},
    column_line,
};
use crate::{
    archiver::load_date,
    cli::Place,
    contract::TableName,
    data_folder::DataFolder,
    graph::{Graph, Node},
    project::Source,
};

/// What is known of a source, as text or JSON.
pub fn shown(place: &Place, graph: &Graph, name: &str, source: &Source) -> Result<String, Failure> {
    let table = TableName::new("raw", name);
    let objects = objects_by_date(place, name)?;
    let feeds: Vec<&TableName> = graph.readers(&table).map(Node::name).collect();
    let contract = &source.contract;
    if place.json {
        let source = json!({
            "source": table,
            "path": source.path,
            "contract": contract,
            "feeds": feeds,
            "object_count_by_load_date": objects,
        });
        return Ok(format!("{source}\n"));
    }
    let mut text = Page::default();
    text.line(format_args!("{table}  ({})", source.path.display()));
    text.line(format_args!("  {}", contract.about));
    text.line(format_args!("  messages as they came; owner {}", contract.owner));
    for (name, value) in &contract.parameters {
        text.line(format_args!("  {name} = {value}"));
    }
    text.line(format_args!("\nFields of the payload"));
    for (name, field) in &contract.fields {
        column_line(&mut text, name, field.kind, field.required, &field.about);
    }
    text.line(format_args!("\nFeeds"));
    for reader in feeds {
        text.line(format_args!("  {reader}"));
    }
    text.line(format_args!("\nObjects in the raw layer, by load date"));
    for (date, count) in &objects {
        text.line(format_args!("  {date}: {count}"));
    }
    if objects.is_empty() {
        text.line(format_args!("  none"));
    }
    Ok(text.as_str().to_owned())
}

/// How many objects lie under `<source>/load_date=<date>/`.
fn objects_by_date(place: &Place, source: &str) -> Result<BTreeMap<Date, usize>, Failure> {
    let data = DataFolder::new(&place.data);
    let mut counts = BTreeMap::new();
    if !data.raw().is_dir() {
        return Ok(counts);
    }
    let store = open::raw_store_to_read(&data)?;
    open::runtime()?.block_on(async {
        let prefix = format!("{source}/");
        let mut objects = store.list(&prefix);
        while let Some(object) = objects.try_next().await? {
            if let Some(date) = load_date(&object.key) {
                *counts.entry(date).or_default() += 1;
            }
        }
        Ok(counts)
    })
}
