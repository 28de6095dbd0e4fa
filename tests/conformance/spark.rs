//! The standardized layer gives the same rows in real Spark, from the same raw Parquet.
//!
//! Each table is read from what Spark made of the tables before it, never from what DuckDB made.

use std::path::Path;

use lakebed::{contract::BuildKind, data_folder::DataFolder, graph::Node};
use serde_json::json;

use crate::{
    google::{RAW_COLUMNS, type_name},
    report::{Line, Report, Verdict},
    rows::{Row, difference},
    tables::{bound_query, shown, stored_rows, windows},
    worker::Worker,
    world::{OpenProject, World},
};

/// The layer that may run on Spark.
const LAYER: &str = "standardized";

/// Compares the layer's tables of a scenario.
pub fn compare(
    open: &OpenProject,
    scenario: &str,
    world: &World,
    python: &Path,
    report: &mut Report,
) {
    let mut spark = Worker::start(python, "spark.py", &[]);
    let statements: Vec<&str> = open.spark.statements().iter().map(|s| s.text.as_str()).collect();
    if let Err(error) = spark.ask(&json!({"do": "prelude", "statements": statements})) {
        let verdict = Verdict::Differs(vec![format!("Spark refuses it: {error}")]);
        let construct = "layers/functions/spark.sql".to_owned();
        report.add(Line { part: "spark", construct, engine: "spark", verdict, case_count: 1 });
        return;
    }
    let raw = DataFolder::new(world.data()).raw();
    for source in open.project.sources.keys() {
        let columns = RAW_COLUMNS.map(|(name, kind)| (name, type_name(kind)));
        let folder = raw.join(source);
        let request = json!({
            "do": "raw", "table": format!("raw.{source}"), "folder": folder, "columns": columns,
        });
        spark.ask(&request).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    for node in world.pipeline.graph.in_order() {
        if node.name().layer() != LAYER || node.build() == BuildKind::Seed {
            continue;
        }
        let construct = format!("{} ({scenario})", node.name());
        let (verdict, case_count) = match compare_one(world, &mut spark, node) {
            Ok(case_count) => (Verdict::Same, case_count),
            Err(problem) => (Verdict::Differs(vec![problem]), 0),
        };
        report.add(Line { part: "spark", construct, engine: "spark", verdict, case_count });
    }
}

/// How many rows both agree on, all load dates at once, or how they differ.
fn compare_one(world: &World, spark: &mut Worker, node: &Node) -> Result<usize, String> {
    let window = windows(world, node)[0];
    let mut session = world.session();
    let sql = bound_query(world, session.as_mut(), node, window);
    let contract = node.file.contract.columns.iter();
    let columns: Vec<(&String, String)> =
        contract.map(|(name, column)| (name, type_name(column.kind))).collect();
    let request = json!({"do": "table", "table": node.name(), "sql": sql, "columns": columns});
    let answer =
        spark.ask(&request).map_err(|error| format!("Spark refuses it: {error}\n{sql}"))?;
    let theirs: Vec<Row> = serde_json::from_value(answer["rows"].clone()).expect("lists of cells");
    let ours = stored_rows(world, session.as_mut(), node, &sql);
    let (only_ours, only_theirs) = difference(&ours, &theirs);
    if only_ours.is_empty() && only_theirs.is_empty() {
        return Ok(ours.len());
    }
    Err(format!(
        "{} rows only in DuckDB, {} only in Spark{}{}\n{sql}",
        only_ours.len(),
        only_theirs.len(),
        shown("DuckDB", &only_ours),
        shown("Spark", &only_theirs)
    ))
}
