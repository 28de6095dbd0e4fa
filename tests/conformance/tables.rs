//! Every table's bound query gives the same rows in DuckDB and in Google's reference implementation,
//! over what a scenario left in the tables that it reads.

use std::collections::BTreeSet;

use lakebed::{
    builder::cut, contract::BuildKind, graph::Node, plan::window::Window, recipe::select,
    sql::reads::tables_read, warehouse::Session,
};

use crate::{
    arguments::Arguments,
    google::{Google, type_name},
    report::{GOOGLESQL, Line, Part, Report, Verdict},
    rows::{Row, difference},
    world::{World, contents, query},
};

/// Where the rows of a query are put, so that they get the contract's types as in a build.
const STORED: &str = "conformance_rows";
/// How many rows of a difference are shown.
const SHOWN_MAX: usize = 3;

/// Compares every table of a scenario.
pub fn compare(
    scenario: &str,
    world: &World,
    google: &mut Google,
    arguments: &Arguments,
    report: &mut Report,
) {
    for node in world.pipeline.graph.in_order() {
        let construct = format!("{} ({scenario})", node.name());
        if node.build() == BuildKind::Seed || !arguments.wants(&construct) {
            continue;
        }
        let mut case_count = 0;
        let mut differences = Vec::new();
        for window in windows(world, node).into_iter().take(arguments.depth.windows_max) {
            let mut session = world.session();
            let sql = bound_query(world, session.as_mut(), node, window);
            match compare_one(world, session.as_mut(), google, node, &sql) {
                Ok(row_count) => case_count += row_count,
                Err(problem) => {
                    differences.push(format!("{problem}\nof the window {window}:\n{sql}"));
                }
            }
        }
        let verdict =
            if differences.is_empty() { Verdict::Same } else { Verdict::Differs(differences) };
        report.add(Line { part: Part::Tables, construct, engine: GOOGLESQL, verdict, case_count });
    }
}

/// All dates at once, and the last one alone: the first is what a backfill does, the second what a
/// day does.
fn windows(world: &World, node: &Node) -> Vec<Window> {
    let stamps = world.pipeline.snapshot().stamps.get(node.name());
    let dates: BTreeSet<_> =
        stamps.into_iter().flatten().filter_map(|(partition, _)| *partition).collect();
    let (Some(from), Some(to)) = (dates.first(), dates.last()) else { return vec![Window::Whole] };
    let all = Window::Dates { from: *from, to: *to };
    let last = Window::Dates { from: *to, to: *to };
    if all == last { vec![all] } else { vec![all, last] }
}

/// The text that a build of the window would send.
fn bound_query(world: &World, session: &mut dyn Session, node: &Node, window: Window) -> String {
    let cut = cut(session, node, window).expect("the build asked for it too");
    let calendar = world.pipeline.planner().calendar(node);
    select::bound(node, window, &calendar, cut).expect("the build bound it too").text
}

/// How many rows both engines agree on, or how they differ.
fn compare_one(
    world: &World,
    session: &mut dyn Session,
    google: &mut Google,
    node: &Node,
    sql: &str,
) -> Result<usize, String> {
    let analyzed = google.analyze(sql).map_err(|error| format!("GoogleSQL refuses it: {error}"))?;
    let contract = &node.file.contract.columns;
    let expected: Vec<(String, String)> =
        contract.iter().map(|(name, c)| (name.clone(), type_name(c.kind))).collect();
    if analyzed != expected {
        return Err(format!(
            "GoogleSQL returns columns {analyzed:?}, the contract has {expected:?}"
        ));
    }
    let reads = tables_read(sql).expect("the build read it too");
    let inputs = contents(session, reads.iter().map(String::as_str));
    let ours = stored_rows(world, session, node, sql);
    let theirs = google.query(sql, &inputs).map_err(|error| format!("GoogleSQL fails: {error}"))?;
    let (only_ours, only_theirs) = difference(&ours, &theirs);
    if only_ours.is_empty() && only_theirs.is_empty() {
        return Ok(ours.len());
    }
    Err(format!(
        "{} rows only in DuckDB, {} only in GoogleSQL{}{}",
        only_ours.len(),
        only_theirs.len(),
        shown("DuckDB", &only_ours),
        shown("GoogleSQL", &only_theirs)
    ))
}

/// The rows of a query as a build stores them: with the contract's types.
fn stored_rows(world: &World, session: &mut dyn Session, node: &Node, sql: &str) -> Vec<Row> {
    let contract = &node.file.contract.columns;
    let columns: Vec<_> = contract.iter().map(|(name, column)| (name.as_str(), column)).collect();
    let create = world.pipeline.warehouse.dialect().create_table(STORED, &columns);
    let run = |session: &mut dyn Session, sql: &str| {
        session.execute(sql).unwrap_or_else(|error| panic!("{}: {error}\n{sql}", node.name()));
    };
    run(session, "begin transaction");
    run(session, &create);
    run(session, &format!("insert into {STORED}\n{sql}"));
    let rows = query(session, &format!("select * from {STORED}"));
    run(session, "rollback transaction");
    rows
}

pub fn shown(engine: &str, rows: &[Row]) -> String {
    let row = |row: &Row| format!("\n  {engine}: {}", serde_json::to_string(row).expect("JSON"));
    rows.iter().take(SHOWN_MAX).map(row).collect()
}
