//! What a build and a run print for people, and for scripts.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use sim::Scenario;

use super::{Failure, drift, open, output::Page};
use crate::{
    builder::{BuildReport, TableOutcome, TableReport},
    contract::TableName,
    data_folder::DataFolder,
    grade::{Grade, has_table},
    graph::Graph,
    ingest::{IngestMode, IngestReport, SimulationRecord},
    payload::drift::SourceDrift,
    plan::ahead::Ahead,
    project::LAYERS,
    warehouse::Session,
};

/// What `lakebed run` did.
pub struct RunSummary<'a> {
    /// What was simulated.
    pub scenario: &'a Scenario,
    /// Its name.
    pub scenario_name: &'a str,
    /// Where everything is.
    pub data: &'a DataFolder,
    /// What came in.
    pub ingested: &'a IngestReport,
    /// What was simulated into the folder.
    pub record: &'a SimulationRecord,
    /// What was built.
    pub build: &'a BuildReport,
    /// How the tables compare with the truth; `None` if a table failed, or the folder has messages
    /// that the simulator does not know.
    pub grade: Option<&'a Grade>,
    /// The tables.
    pub graph: &'a Graph,
    /// Fields of messages that came in, of which no contract knows.
    pub drift: &'a [SourceDrift],
    /// Time of the ingestion.
    pub ingest_duration: Duration,
    /// Time of the build.
    pub build_duration: Duration,
    /// The program with the options of this place, as it can be typed.
    pub command_line: String,
}

impl RunSummary<'_> {
    /// For scripts.
    pub fn json(&self, duration: Duration) -> serde_json::Value {
        let wrong: Vec<_> = self.grade.into_iter().flat_map(Grade::wrong).collect();
        json!({
            "scenario": self.scenario_name,
            "data": self.data.path(),
            "message_count": self.ingested.message_count,
            "check_count": self.grade.map(|grade| grade.checks.len()),
            "wrong_checks": wrong,
            "build": build_json(self.build),
            "drift": drift::to_json(self.drift),
            "ingest_ms": millis(self.ingest_duration),
            "build_ms": millis(self.build_duration),
            "duration_ms": millis(duration),
        })
    }
}

/// For scripts.
pub fn build_json(report: &BuildReport) -> serde_json::Value {
    let table = |table: &TableReport| {
        let (outcome, error) = match &table.outcome {
            TableOutcome::Fresh => ("fresh", None),
            TableOutcome::Built => ("built", None),
            TableOutcome::Waiting { on } => ("waiting", Some(format!("{on} is stale"))),
            TableOutcome::Failed(error) => ("failed", Some(error.to_string())),
            TableOutcome::Blocked { by } => ("blocked", Some(format!("{by} failed"))),
        };
        json!({
            "outcome": outcome,
            "error": error,
            "partition_count": table.partition_count,
            "changed_partition_count": table.changed_count,
            "row_count": table.row_count,
            "reason": table.reason,
            "warnings": table.warnings.iter().map(|w| &w.promise).collect::<Vec<_>>(),
            "statements": table.statements,
            "duration_ms": millis(table.duration),
        })
    };
    report.tables.iter().map(|(name, report)| (name.to_string(), table(report))).collect()
}

/// What was built, a line a table.
pub fn render_build(report: &BuildReport) -> Page {
    let mut text = Page::default();
    if report.is_success() && report.partition_count() == 0 {
        text.line(format_args!("Nothing to build: all {} tables are fresh.", report.tables.len()));
        return text;
    }
    text.line(format_args!(
        "{:<42} {:>10} {:>12} {:>8}  why",
        "table", "partitions", "rows", "time"
    ));
    let mut tables: Vec<_> = report.tables.iter().collect();
    tables.sort_by_key(|(name, _)| LAYERS.iter().position(|layer| *layer == name.layer()));
    for (name, table) in tables {
        let why = match &table.outcome {
            TableOutcome::Fresh => continue,
            TableOutcome::Built => {
                table.reason.as_ref().map(ToString::to_string).unwrap_or_default()
            }
            TableOutcome::Waiting { on } => {
                format!("not built: it begins anew, and {on} is stale; build all dates")
            }
            TableOutcome::Failed(_) => "FAILED, see below".to_owned(),
            TableOutcome::Blocked { by } => format!("not built: {by} failed"),
        };
        text.line(format_args!(
            "{:<42} {:>10} {:>12} {:>8}  {why}",
            name.as_str(),
            table.partition_count,
            grouped(u64::try_from(table.row_count).unwrap_or(0)),
            seconds(table.duration)
        ));
    }
    let fresh = report.tables.values().filter(|t| matches!(t.outcome, TableOutcome::Fresh)).count();
    if fresh > 0 {
        let were = if fresh == 1 { "was" } else { "were" };
        text.line(format_args!("{} {were} fresh.", counted(fresh as u64, "table")));
    }
    for (name, table) in &report.tables {
        for warning in &table.warnings {
            text.line(format_args!(
                "warning: {name}: {} ({} rows)",
                warning.promise, warning.broken_count
            ));
        }
    }
    text
}

/// Tables whose files are gone.
pub fn render_orphans(text: &mut Page, orphans: &BTreeSet<TableName>, is_pruned: bool) {
    let names: Vec<&str> = orphans.iter().map(TableName::as_str).collect();
    match (names.is_empty(), is_pruned) {
        (true, _) => {}
        (false, true) => text.line(format_args!("Dropped: {}.", names.join(", "))),
        (false, false) => text.line(format_args!(
            "No file defines {} any more; the old rows stay. `lakebed build --prune` drops them.",
            names.join(", ")
        )),
    }
}

/// Rows that are in no mart yet, and when they will be.
pub fn render_ahead(text: &mut Page, ahead: Option<&Ahead>) {
    let Some(Ahead { last_load_date, last_date, row_counts }) = ahead else { return };
    let counted: Vec<String> = row_counts
        .iter()
        .map(|(table, count)| format!("{} of {table}", grouped(count.unsigned_abs())))
        .collect();
    text.line(format_args!(
        "Rows of days up to {last_date} wait: {}. Marts end with the last load date, {last_load_date}, \
         until messages of a later one come.",
        counted.join(", ")
    ));
}

/// The whole run, so that a newcomer knows what happened, that it is right, and what to do next.
pub fn render_run(summary: &RunSummary<'_>, session: &mut dyn Session) -> Result<Page, Failure> {
    let mut text = Page::default();
    render_world(&mut text, summary);
    text.line(format_args!(""));
    text.line(format_args!("2. Tables"));
    text.append(&render_build(summary.build));
    text.line(format_args!("   time: {}", seconds(summary.build_duration)));
    drift::render(&mut text, summary.drift, drift::FIELDS_SHOWN_SHORT);
    if !summary.build.is_success() {
        return Ok(text);
    }
    if has_table(summary.graph, "standardized.reconciliation") {
        text.line(format_args!(""));
        render_accounts(&mut text, session)?;
    }
    let has = |table: &str| has_table(summary.graph, table);
    if has("mart.daily_active_users") || has("mart.revenue_daily") {
        text.line(format_args!(""));
        text.line(format_args!("4. What came of it"));
    }
    if has("mart.daily_active_users") {
        render_activity(&mut text, session)?;
    }
    if has("mart.revenue_daily") {
        render_revenue(&mut text, session)?;
    }
    text.line(format_args!(""));
    match summary.grade {
        Some(grade) => render_grade(&mut text, grade, summary.record),
        None => text.line(format_args!(
            "5. The truth\n   is not compared: files were ingested, of which the simulator knows nothing."
        )),
    }
    text.line(format_args!(""));
    render_next(&mut text, summary);
    Ok(text)
}

fn render_world(text: &mut Page, summary: &RunSummary<'_>) {
    let scenario = summary.scenario;
    let population = &scenario.population;
    text.line(format_args!(
        "Scenario `{}`: {} days from {}, {} users at a scale of 1:{}.",
        summary.scenario_name,
        scenario.days,
        scenario.start_date,
        grouped(population.users),
        grouped(population.one_in)
    ));
    text.line(format_args!(""));
    text.line(format_args!("1. Messages"));
    let report = summary.ingested;
    if report.message_count == 0 {
        text.line(format_args!("   all of them are in the raw layer since an earlier run"));
        return;
    }
    text.line(format_args!("   simulated: {} messages", grouped(report.message_count)));
    if summary.record.mode == IngestMode::Gateway {
        let phones = &report.phones;
        text.line(format_args!("   phones:    {} batches with {} messages acknowledged by the gateway over websockets;",
            grouped(phones.batch_count),
            grouped(phones.message_count)));
        text.line(format_args!("              {} acknowledgements lost and {} connections broken, as the scenario says",
            grouped(phones.lost_acknowledgement_count),
            grouped(phones.broken_connection_count)));
    }
    for (source, progress) in &report.archived {
        text.line(format_args!(
            "   archived:  {} of {source} in {} ({})",
            counted(progress.message_count, "message"),
            counted(progress.object_count, "Parquet object"),
            indicatif::HumanBytes(progress.object_bytes)
        ));
    }
    text.line(format_args!("   time: {}", seconds(summary.ingest_duration)));
}

fn render_accounts(text: &mut Page, session: &mut dyn Session) -> Result<(), Failure> {
    text.line(format_args!("3. Where every message is"));
    text.line(format_args!(
        "   {:<16} {:>10} {:>10} {:>10} {:>9} {:>11} {:>5} {:>6}",
        "source", "load dates", "archived", "accepted", "rejected", "duplicates", "lost", "twice"
    ));
    let rows = session
        .query(
            "select source, count(*), sum(archived_count), sum(accepted_count), \
             sum(rejected_count), sum(duplicate_count), sum(lost_count + invented_count), \
             sum(repeated_count) from standardized.reconciliation group by source order by source",
        )?
        .text_rows()?;
    for row in rows {
        let cell = |at: usize| row[at].clone().unwrap_or_default();
        let number = |at: usize| grouped(cell(at).parse().unwrap_or(0));
        text.line(format_args!(
            "   {:<16} {:>10} {:>10} {:>10} {:>9} {:>11} {:>5} {:>6}",
            cell(0),
            number(1),
            number(2),
            number(3),
            number(4),
            number(5),
            number(6),
            number(7)
        ));
    }
    text.line(format_args!("   (by load date: standardized.reconciliation)"));
    Ok(())
}

fn render_activity(text: &mut Page, session: &mut dyn Session) -> Result<(), Failure> {
    text.line(format_args!("   mart.daily_active_users"));
    text.line(format_args!(
        "   {:<13} {:>12} {:>18} {:>9} {:>15} {:>13} {:>7}",
        "activity date",
        "active users",
        "in 28 days to date",
        "new users",
        "returning users",
        "unknown users",
        "events"
    ));
    let rows = session
        .query(
            "select cast(activity_date as varchar), active_users, active_users_28_days, new_users, \
             returning_users, unknown_users, event_count from mart.daily_active_users order by 1 desc limit 7",
        )?
        .text_rows()?;
    for row in rows.iter().rev() {
        let cell = |at: usize| row[at].clone().unwrap_or_default();
        let number = |at: usize| grouped(cell(at).parse().unwrap_or(0));
        text.line(format_args!(
            "   {:<13} {:>12} {:>18} {:>9} {:>15} {:>13} {:>7}",
            cell(0),
            number(1),
            number(2),
            number(3),
            number(4),
            number(5),
            number(6),
        ));
    }
    Ok(())
}

fn render_revenue(text: &mut Page, session: &mut dyn Session) -> Result<(), Failure> {
    text.line(format_args!("   mart.revenue_daily, all countries, in euros"));
    text.line(format_args!(
        "   {:<13} {:>7} {:>12} {:>12} {:>12} {:>12}",
        "revenue date", "orders", "gross", "net", "countries", "currencies"
    ));
    let rows = session
        .query(
            "select cast(revenue_date as varchar), sum(order_count), \
             sum(gross_eur_micros) // 1000000, sum(net_eur_micros) // 1000000, \
             count(distinct country_code), count(distinct currency_code) \
             from mart.revenue_daily group by 1 order by 1 desc limit 7",
        )?
        .text_rows()?;
    for row in rows.iter().rev() {
        let cell = |at: usize| row[at].clone().unwrap_or_default();
        let number = |at: usize| {
            let amount: i64 = cell(at).parse().unwrap_or(0);
            let sign = if amount < 0 { "-" } else { "" };
            format!("{sign}{}", grouped(amount.unsigned_abs()))
        };
        text.line(format_args!(
            "   {:<13} {:>7} {:>12} {:>12} {:>12} {:>12}",
            cell(0),
            number(1),
            number(2),
            number(3),
            number(4),
            number(5),
        ));
    }
    Ok(())
}

fn render_grade(text: &mut Page, grade: &Grade, record: &SimulationRecord) {
    text.line(format_args!("5. The truth"));
    if grade.checks.is_empty() {
        text.line(format_args!("   speaks of no table that this project has."));
        return;
    }
    let wrong: Vec<_> = grade.wrong().collect();
    text.line(format_args!(
        "   {} of {} numbers that the simulator knows are what the tables hold: accepted, rejected",
        grade.checks.len() - wrong.len(),
        grade.checks.len()
    ));
    text.line(format_args!(
        "   and duplicate messages by source, day and reason, active, new, returning and churned"
    ));
    text.line(format_args!(
        "   users, plans, cohorts, sessions, the funnel, revenue by country and currency."
    ));
    if record.was_interrupted {
        text.line(format_args!("   A run was cut short: phones sent some batches again, so copies may be more than planned."));
    }
    for check in wrong.iter().take(20) {
        text.line(format_args!(
            "   WRONG: {}: the truth is {}, the table has {}",
            check.name, check.expected, check.found
        ));
    }
    if wrong.len() > 20 {
        text.line(format_args!("   … and {} more", wrong.len() - 20));
    }
    text.line(format_args!(
        "   {}",
        if wrong.is_empty() { "Everything is right." } else { "Something is WRONG." }
    ));
}

fn render_next(text: &mut Page, summary: &RunSummary<'_>) {
    let data = summary.data.path().display();
    let lakebed = &summary.command_line;
    text.line(format_args!("6. What now"));
    text.line(format_args!(
        "   The data is in {data}/: raw/ has the messages, warehouse.duckdb all tables."
    ));
    let (query, show) = if has_table(summary.graph, "mart.daily_active_users") {
        (
            "query \"select * from mart.daily_active_users order by activity_date\"",
            "show mart.daily_active_users",
        )
    } else {
        ("query \"select * from LAYER.TABLE limit 10\"", "show")
    };
    for (command, what) in [
        (query, "the result, day by day"),
        (show, "what it is, and what it is made of"),
        ("plan", "what is stale, and why; nothing now"),
    ] {
        text.line(format_args!("   {what}:"));
        text.line(format_args!("     {lakebed} {command}"));
    }
    text.line(format_args!("   What else there is: {} --help", open::program()));
}

/// Such as `1.2 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Such as `1 table` or `1,234 tables`.
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Such as `1,234`.
pub fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
