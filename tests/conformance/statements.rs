//! Every statement of a build is one that BigQuery takes, and leaves what it is meant to leave.
//!
//! The tables of a scenario are built twice over a warehouse that writes down what is sent; then
//! Google's analyzer reads each text. The reference implementation executes no MERGE, so what a
//! statement leaves is written once more as a query, from the contract and not from the statement's
//! text, and its rows are compared with what DuckDB was left with.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lakebed::{
    builder::BuildOptions,
    contract::{ColumnType, TableName},
    dialect::Dialect,
    graph::Node,
    plan::Selection,
    warehouse::Warehouse,
};

use crate::{
    google::{Google, type_name},
    recorder::{Change, Log, NEW_ROWS, Recorder, Sent},
    report::{GOOGLESQL, Line, Part, Report, Verdict},
    rows::{Row, difference},
    world::{OpenProject, World, in_memory, query},
};

/// The SHA-256 that the journal has of a SELECT is that of the text that was sent.
const JOURNALED: &str = "select_sha256 in the journal";

/// Checks the statements of two builds of a scenario: the first into empty tables, the second over
/// what the first has left.
pub fn check(open: &OpenProject, world: &World, google: &mut Google, report: &mut Report) {
    let recorder = record(open, world);
    let journal = journaled(&recorder);
    let log = recorder.log();
    let mut lines: BTreeMap<(Part, String), (usize, Vec<String>)> = BTreeMap::new();
    let mut new_rows = String::new();
    for Sent { sql, new_rows: made_by } in &log.statements {
        if *made_by != new_rows {
            new_rows.clone_from(made_by);
            make_new_rows(google, made_by);
        }
        let line = lines.entry((Part::Statements, kind(sql))).or_default();
        line.0 += 1;
        let text = with_types(&recorder, sql);
        match google.analyze(&text) {
            Ok(_) => remember_created(google, &text),
            Err(error) => line.1.push(format!("GoogleSQL refuses it: {error}\n{text}")),
        }
    }
    for change in &log.changes {
        let line =
            lines.entry((Part::Effects, format!("what {} leaves", change.kind))).or_default();
        line.0 += change.after.len();
        let node = world.pipeline.graph.node(&TableName::parse(&change.table).expect("a table"));
        line.1.extend(compare(google, node, change).err());
    }
    lines.insert((Part::Effects, JOURNALED.to_owned()), unsent(&journal, &log));
    for ((part, construct), (case_count, differences)) in lines {
        let verdict =
            if differences.is_empty() { Verdict::Same } else { Verdict::Differs(differences) };
        report.add(Line { part, construct, engine: GOOGLESQL, verdict, case_count });
    }
}

fn record(open: &OpenProject, world: &World) -> Arc<Recorder> {
    let duckdb = in_memory(&open.duckdb);
    let names = || open.graph.in_order().map(|node| node.name().clone());
    let tables = names().map(|name| name.to_string()).collect();
    let recorder = Arc::new(Recorder::new(duckdb, tables));
    let mut pipeline = World::open(open, recorder.clone(), world.data());
    for full in [BTreeSet::new(), names().collect()] {
        let selection = Selection { tables: names().collect(), dates: None, full };
        let options = BuildOptions { selection, window_days_max: 1, jobs: 1 };
        let built = pipeline.build(&options, &|_| {}).expect("a build");
        assert!(built.is_success(), "the build failed that `lakebed run` did before");
    }
    recorder
}

/// The SHA-256 of each table's SELECTs.
fn journaled(recorder: &Recorder) -> Vec<Row> {
    let sql = "select distinct table_name, select_sha256 from lakebed.builds \
               where select_sha256 <> ''";
    query(recorder.session().expect("a session").as_mut(), sql)
}

/// How many SELECTs the journal speaks of, and those that were not sent.
fn unsent(journal: &[Row], log: &Log) -> (usize, Vec<String>) {
    let is_unsent =
        |row: &&Row| row[1].as_str().is_none_or(|sha256| !log.query_sha256.contains(sha256));
    let problem = |row: &Row| format!("no SELECT of this SHA-256 was sent: {row:?}");
    (journal.len(), journal.iter().filter(is_unsent).map(problem).collect())
}

/// `create table`, `insert`, `select` and so on.
fn kind(sql: &str) -> String {
    let mut words = sql.split_whitespace();
    let first = words.next().unwrap_or_default();
    match first {
        "create" | "drop" | "begin" | "commit" | "rollback" => {
            let rest = words.filter(|word| !["or", "replace"].contains(word));
            format!(
                "{first} {}",
                rest.take(1 + usize::from(sql.contains("temp table") || sql.contains("external")))
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        }
        "with" => "select".to_owned(),
        _ => first.to_owned(),
    }
}

/// The journal's tables, and only those, are written with the names that the port gives to types.
fn with_types(recorder: &Recorder, sql: &str) -> String {
    if !sql.starts_with("create table if not exists lakebed.") {
        return sql.to_owned();
    }
    let kinds = [ColumnType::String, ColumnType::Int64, ColumnType::Date, ColumnType::Timestamp];
    let mut text = sql.to_owned();
    for kind in kinds {
        for end in [",", ")"] {
            let ours = format!(" {}{end}", recorder.type_name(kind));
            text = text.replace(&ours, &format!(" {}{end}", type_name(kind)));
        }
    }
    text
}

/// Adds a table to the catalog that is none of the project.
fn remember_created(google: &mut Google, sql: &str) {
    let journal = sql.strip_prefix("create table if not exists ");
    let Some(rest) = journal.filter(|rest| rest.starts_with("lakebed.")) else { return };
    let (name, columns) = rest.split_once(" (").expect("a table has columns");
    let columns = columns.trim_end_matches(')').split(", ").filter_map(|c| c.split_once(' '));
    let columns = columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    google.set_table(name, &columns);
}

fn make_new_rows(google: &mut Google, sql: &str) {
    let columns = google.analyze(sql).unwrap_or_default();
    google.set_table(NEW_ROWS, &columns);
}

/// Whether the target has the rows that it is meant to have.
fn compare(google: &mut Google, node: &Node, change: &Change) -> Result<(), String> {
    make_new_rows(google, &change.new_rows);
    let expectation = expectation(node, change);
    let theirs = google
        .query(&expectation, &change.before)
        .map_err(|error| format!("GoogleSQL fails: {error}\n{expectation}"))?;
    let (only_ours, only_theirs) = difference(&change.after, &theirs);
    if only_ours.is_empty() && only_theirs.is_empty() {
        return Ok(());
    }
    Err(format!(
        "after this statement {} rows are only in DuckDB, and {} only in what is expected:\n{}\n{expectation}",
        only_ours.len(),
        only_theirs.len(),
        change.sql
    ))
}

/// What a statement leaves, as a query.
fn expectation(node: &Node, change: &Change) -> String {
    let contract = &node.file.contract;
    let columns = contract.columns.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let table = &change.table;
    match change.kind {
        "delete" => {
            let (_, predicate) =
                change.sql.split_once(" where ").expect("a delete has a predicate");
            format!("select {columns} from {table} where ({predicate}) is not true")
        }
        "insert" => {
            let (_, rows) = change.sql.split_once('\n').expect("its query has lines of its own");
            let rows = match rows.strip_prefix("values ") {
                Some(values) => literal_rows(node, values),
                None => format!("select * from (\n{rows}\n)"),
            };
            format!("select {columns} from {table}\nunion all\n{rows}")
        }
        _ => {
            let key = contract.grain.join(", ");
            let order: Vec<String> = contract.order_by.iter().cloned().map(String::from).collect();
            let kept = |name: &String| {
                if contract.least.contains(name) {
                    format!("min({name}) over (partition by {key}) as {name}")
                } else {
                    name.clone()
                }
            };
            let kept: Vec<String> = contract.columns.keys().map(kept).collect();
            format!(
                "select {}\nfrom (select {columns} from {table} union all select {columns} from {NEW_ROWS})\n\
                 where true\nqualify row_number() over (partition by {key} order by {}) = 1",
                kept.join(", "),
                order.join(", ")
            )
        }
    }
}

/// GoogleSQL has no rows of literals outside of INSERT.
fn literal_rows(node: &Node, values: &str) -> String {
    let kinds: Vec<String> =
        node.file.contract.columns.values().map(|column| type_name(column.kind)).collect();
    format!("select * from unnest(array<struct<{}>>[{values}])", kinds.join(", "))
}
