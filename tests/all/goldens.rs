//! What every table of the scenario `tiny` holds, byte for byte, in `golden/tiny/`.
//!
//! `LAKEBED_BLESS=1` rewrites the files; a commit that changes one says why.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use arrow::csv::WriterBuilder;
use lakebed::{
    contract::{BuildKind, TableName, file::TableFile},
    prelude::Prelude,
    project::Project,
    verify::compare::ARRIVAL_COLUMNS,
    warehouse::Warehouse,
};
use lakebed_duckdb::{Options, open_shared};

use crate::harness::{CHECKOUT, World, difference, expect_file};

/// The rows of tables as CSV with a header, by name of the table.
pub type Tables = BTreeMap<TableName, String>;

/// The tables of the project.
pub fn table_files() -> BTreeMap<TableName, TableFile> {
    let project = Project::parse(&lakebed_files::embedded()).expect("the project is well-formed");
    project.tables
}

/// All tables of a data folder, each in the order of its grain.
pub fn export(data: &Path) -> Tables {
    let options = Options { threads: Some(1), is_read_only: true, ..Options::default() };
    let path = data.join("warehouse.duckdb");
    export_of(&*open_shared(Some(&path), options, &Prelude::default()).expect("a warehouse"))
}

/// All tables of a warehouse, each in the order of its grain.
pub fn export_of(warehouse: &dyn Warehouse) -> Tables {
    let mut session = warehouse.session().expect("a session");
    let mut rows = |name: &TableName, file: &TableFile| {
        let grain = file.contract.grain.join(", ");
        let result = session.query(&format!("select * from {name} order by {grain}"));
        let result = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut csv = Vec::new();
        let mut writer = WriterBuilder::new().with_header(true).build(&mut csv);
        for batch in &result.batches {
            writer.write(batch).expect("written into memory");
        }
        drop(writer);
        String::from_utf8(csv).expect("CSV is text")
    };
    table_files().iter().map(|(name, file)| (name.clone(), rows(name, file))).collect()
}

/// The same tables as `golden/tiny/` has them.
pub fn golden() -> Tables {
    let read = |name: &TableName| std::fs::read_to_string(golden_path(name)).unwrap_or_default();
    table_files().into_keys().map(|name| (name.clone(), read(&name))).collect()
}

/// Where a table's golden is.
pub fn golden_path(name: &TableName) -> String {
    format!("{CHECKOUT}/golden/tiny/{}/{}.csv", name.layer(), name.table())
}

/// The rows without the arrival columns, in order of what is left.
pub fn without_arrival(csv: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("CSV")).collect();
    let Some(header) = records.first() else { return Vec::new() };
    let is_kept: Vec<bool> =
        header.iter().map(|column| !ARRIVAL_COLUMNS.contains(&column)).collect();
    let kept = |row: &csv::StringRecord| {
        let cells = row.iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
        cells.map(|(cell, _)| format!("{cell:?}")).collect::<Vec<_>>().join(",")
    };
    let mut rows: Vec<String> = records.iter().map(kept).collect();
    rows.sort();
    rows
}

/// Tables that may hold more copies of a message after phones had to send it again.
fn holds_copies(name: &TableName) -> bool {
    let table = name.table();
    let ends = ["_checked", "_duplicates", "_rejected", "_rejection", "reconciliation"];
    ends.iter().any(|suffix| table.ends_with(suffix)) || counts_copies(name)
}

/// Tables that count what was planned and what was not.
fn counts_copies(name: &TableName) -> bool {
    let table = name.table();
    table.ends_with("_duplicates") || ["reconciliation", "app_quality"].contains(&table)
}

/// The tables of a data folder are the golden ones, but for how messages came and how often.
#[track_caller]
pub fn assert_same_but_for_copies(data: &Path, context: &str) {
    let (golden, found) = (golden(), export(data));
    for (name, expected) in &golden {
        let (mut expected, mut found) = (without_arrival(expected), without_arrival(&found[name]));
        if holds_copies(name) {
            // Every message that was planned is there, and nothing that says anything else. What
            // is a duplicate only since a phone sent again, was never planned.
            if counts_copies(name) {
                continue;
            }
            expected.dedup();
            found.dedup();
        }
        let diff = difference(&expected.join("\n"), &found.join("\n"));
        assert!(diff.is_empty(), "{context}: {name} differs:\n{diff}");
    }
}

/// The tables of a data folder are the golden ones, byte for byte.
#[track_caller]
pub fn assert_golden(data: &Path, context: &str) {
    let (golden, found) = (golden(), export(data));
    for (name, expected) in &golden {
        let diff = difference(expected, &found[name]);
        assert!(diff.is_empty(), "{context}: {name} differs:\n{diff}");
    }
}

#[test]
fn every_table_is_as_its_golden() {
    let world = World::new();
    let _ = world
        .lakebed("run tiny --ingest direct")
        .run()
        .status(0)
        .stdout_contains("Everything is right.");
    let found = export(&world.data());
    assert_eq!(found.len(), table_files().len());
    for (name, rows) in &found {
        expect_file(Path::new(&golden_path(name)), rows);
    }
}

#[test]
fn direct_ingestion_is_the_same_every_time() {
    let (one, other) = (World::new(), World::new());
    let _ = one.lakebed("run tiny --ingest direct --jobs 4").run().status(0);
    let _ = other.lakebed("run tiny --ingest direct --jobs 1 --window-days 1").run().status(0);
    let (one, other) = (export(&one.data()), export(&other.data()));
    for (name, rows) in &one {
        let diff = difference(rows, &other[name]);
        assert!(diff.is_empty(), "{name} differs between two runs:\n{diff}");
    }
}

#[test]
fn through_the_gateway_the_tables_are_the_same_apart_from_arrival() {
    let world = World::new();
    let _ = world
        .lakebed("run tiny --ingest gateway")
        .run()
        .status(0)
        .stdout_contains("Everything is right.");
    let (golden, found) = (golden(), export(&world.data()));
    for (name, expected) in &golden {
        let (expected, found) = (without_arrival(expected), without_arrival(&found[name]));
        let diff = difference(&expected.join("\n"), &found.join("\n"));
        assert!(diff.is_empty(), "{name} differs from direct ingestion:\n{diff}");
    }
}

#[test]
fn every_golden_has_its_table_and_no_table_is_empty() {
    let known: BTreeSet<String> = table_files().keys().map(golden_path).collect();
    let folder = Path::new(CHECKOUT).join("golden/tiny");
    for path in crate::harness::files_under(&folder, &|_| true) {
        let path = path.display().to_string();
        assert!(known.contains(&path), "{path} is the golden of no table: delete it");
    }
    for (name, file) in table_files().iter().filter(|(_, f)| f.contract.build != BuildKind::View) {
        let row_count = golden()[name].lines().count();
        assert!(row_count > 1, "{name} ({}) shows nothing in `tiny`", file.path.display());
    }
}
