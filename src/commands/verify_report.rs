//! What `lakebed verify` prints for people: the cases, and a failure that a newcomer can understand.

use std::{fmt::Write as _, path::Path};

use sim::Meaning;

use super::{output::Page, summary::grouped};
use crate::{
    contract::TableName,
    verify::{
        Failing, Failure, Problem, Report, Unverifiable,
        compare::{Difference, Pair, Row},
        message::{Sent, Side},
        trial::{Build, Order, Schedule, Step},
    },
};

/// Pairs of rows that are shown; the folder has all.
const PAIRS_SHOWN: usize = 6;
/// Messages that are shown; the folder has all.
const MESSAGES_SHOWN: usize = 10;
/// Characters of a cell, and of a payload.
const CELL_SHOWN: usize = 44;
const PAYLOAD_SHOWN: usize = 200;

/// Whether it fails for the first time, or when tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A new failure; in a set of so many messages.
    New(usize),
    /// The failure of a folder.
    Again,
}

/// Cases a minute.
pub fn cases_per_minute(report: &Report) -> u64 {
    let millis = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX).max(1);
    report.case_count() * 60_000 / millis
}

/// How many cases there were, of which property.
pub fn render_cases(page: &mut Page, report: &Report) {
    let failed = u64::from(report.failure.is_some());
    let tables = report.table_count;
    page.line(format_args!(
        "{} cases over {tables} tables, {} failed ({} a minute)",
        grouped(report.case_count()),
        if failed == 0 { "none".to_owned() } else { failed.to_string() },
        grouped(cases_per_minute(report)),
    ));
    for (property, count) in &report.cases {
        let failed = report.failure.as_ref().is_some_and(|f| f.property == *property);
        let mark = if failed { "FAILED" } else { "" };
        page.line(format_args!(
            "  {:<13}{:>7}  {:<7}{}",
            property.name(),
            grouped(*count),
            mark,
            property.about()
        ));
    }
    for Unverifiable { table, sources } in &report.unverifiable {
        let sources = sources.join(", ");
        page.line(format_args!(
            "  left out: {table} reads {sources}, which the simulator cannot make"
        ));
    }
}

/// A new failure, with where it was kept.
pub fn render_failure(page: &mut Page, failure: &Failure, folder: &Path, command: &str) {
    page.line(format_args!(""));
    render_failing(page, &failure.failing, Verdict::New(failure.drawn_count));
    page.line(format_args!(""));
    page.line(format_args!("All of it is in {}", folder.display()));
    page.line(format_args!("Once you have mended the table, try it again:"));
    page.line(format_args!("  {command}"));
}

/// A failure.
pub fn render_failing(page: &mut Page, failing: &Failing, verdict: Verdict) {
    let trial = &failing.trial;
    let property = trial.property;
    let count = trial.message_ids().len();
    let table = failing.problem.table().map_or_else(|| "a table".to_owned(), ToString::to_string);
    let said = match verdict {
        Verdict::New(drawn) if drawn > count => format!(", of {drawn}"),
        _ => String::new(),
    };
    let messages = if count == 1 { "message" } else { "messages" };
    let wrong = match failing.problem {
        Problem::Differs(_) => "is wrong in",
        Problem::Failed { .. } => "cannot be built from",
    };
    page.line(format_args!("{property} does not hold: {table} {wrong} {count} {messages}{said}"));
    page.line(format_args!("  {property}: {}", property.about()));
    page.line(format_args!(
        "  (lateness {} days, skew {} days, seed {})",
        trial.limits.max_lateness_days, trial.limits.max_skew_days, trial.seed
    ));
    page.line(format_args!(""));
    match &failing.problem {
        Problem::Differs(difference) => {
            render_difference(page, difference, property.sides());
        }
        Problem::Failed { side, message, .. } => {
            let [_, variation] = property.sides();
            let side =
                if *side == Side::Variation { variation } else { "built at once, from nothing" };
            page.line(format_args!("  {side}: {message}"));
        }
    }
    page.line(format_args!(""));
    render_messages(page, &trial.messages);
    if let Some(schedule) = &trial.variation {
        let [reference, variation] = property.sides();
        page.line(format_args!("What was done:"));
        page.line(format_args!("  {reference}: {}", told(&trial.reference)));
        page.line(format_args!("  {variation}: {}", told(schedule)));
    }
    let hint = match failing.problem {
        Problem::Differs(_) => property.hint(),
        Problem::Failed { .. } => {
            "the query makes rows that the contract rules out, or fails on them"
        }
    };
    page.line(format_args!("Where to look: {hint}"));
}

fn render_difference(page: &mut Page, difference: &Difference, [reference, variation]: [&str; 2]) {
    let width = reference.len().max(variation.len());
    for pair in difference.pairs.iter().take(PAIRS_SHOWN) {
        page.line(format_args!("  {}", key_of(difference, pair)));
        let differing = difference.differing_columns(pair);
        if differing.is_empty() {
            for (side, row) in [(reference, &pair.reference), (variation, &pair.variation)] {
                let cells = row.as_ref().map(|row| cells(difference, row));
                let said = cells.unwrap_or_else(|| "no such row".to_owned());
                page.line(format_args!("    {side:<width$}  {said}"));
            }
        }
        for column in differing {
            page.line(format_args!("    {column}"));
            for (side, row) in [(reference, &pair.reference), (variation, &pair.variation)] {
                let cell = cell(difference, row.as_ref(), column);
                page.line(format_args!("      {side:<width$}  {cell}"));
            }
        }
    }
    let more = difference.pairs.len().saturating_sub(PAIRS_SHOWN);
    if more > 0 {
        page.line(format_args!("  … and {} more rows", grouped(more as u64)));
    }
    if !difference.also.is_empty() {
        let names: Vec<&str> = difference.also.iter().map(TableName::as_str).collect();
        page.line(format_args!("  It is the first; after it also {}", names.join(", ")));
    }
}

/// `activity_date = 2026-01-05`
fn key_of(difference: &Difference, pair: &Pair) -> String {
    let row = pair.reference.as_ref().or(pair.variation.as_ref());
    let parts: Vec<String> = difference
        .key
        .iter()
        .map(|column| format!("{column} = {}", cell(difference, row, column)))
        .collect();
    parts.join(", ")
}

fn cell(difference: &Difference, row: Option<&Row>, column: &str) -> String {
    let place = difference.columns.iter().position(|own| own == column);
    let value = row.zip(place).and_then(|(row, place)| row.get(place)).cloned().flatten();
    shortened(value.as_deref().unwrap_or("NULL"), CELL_SHOWN)
}

/// What a row says beside its key.
fn cells(difference: &Difference, row: &Row) -> String {
    let others = difference.columns.iter().filter(|column| !difference.key.contains(column));
    let said: Vec<String> = others
        .map(|column| (column, cell(difference, Some(row), column)))
        .filter(|(_, cell)| cell != "NULL")
        .map(|(column, cell)| format!("{column} {cell}"))
        .collect();
    if said.is_empty() { "is there".to_owned() } else { said.join(", ") }
}

fn render_messages(page: &mut Page, messages: &[Sent]) {
    page.line(format_args!("The messages, in the order in which they arrived:"));
    let mut all: Vec<&Sent> = messages.iter().collect();
    all.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    for sent in all.iter().take(MESSAGES_SHOWN) {
        let side = match sent.side {
            Side::Both => "",
            Side::Reference => " (before)",
            Side::Variation => " (after)",
        };
        let (id, source) = (&sent.message_id, sent.source.name());
        let at = sent.arrived_at.to_rfc3339();
        page.line(format_args!("  {id} {source}, arrived {at}: {}{side}", meant(sent)));
        let payload = String::from_utf8_lossy(&sent.payload);
        page.line(format_args!("    {}", shortened(&payload, PAYLOAD_SHOWN)));
    }
    let more = all.len().saturating_sub(MESSAGES_SHOWN);
    if more > 0 {
        page.line(format_args!("  … and {} more", grouped(more as u64)));
    }
}

/// What a message means.
fn meant(sent: &Sent) -> String {
    let happened = sent.happened_at().map(sim::MicrosUtc::to_rfc3339).unwrap_or_default();
    match &sent.meaning {
        Meaning::MobileEvent(said) => format!("event `{}` of {happened}", said.event_id),
        Meaning::RowChange(_) => format!("a change committed at {happened}"),
        Meaning::Invalid(reason) => format!("broken, {}", reason.code()),
    }
}

/// A schedule in a line.
fn told(schedule: &Schedule) -> String {
    let steps: Vec<String> = schedule.iter().map(told_step).collect();
    steps.join("; ")
}

fn told_step(step: &Step) -> String {
    match step {
        Step::Land { files } => {
            let ids: Vec<String> = files.iter().map(|file| file.messages.join(" ")).collect();
            let count: usize = files.iter().map(|file| file.messages.len()).sum();
            if count > MESSAGES_SHOWN {
                format!("{count} messages land in {} files", files.len())
            } else {
                format!("land {}", ids.join(" | "))
            }
        }
        Step::Constants { max_lateness_days, max_skew_days } => {
            format!("lateness becomes {max_lateness_days} days, skew {max_skew_days}")
        }
        Step::Build(build) => told_build(build),
        Step::BuildAgain { .. } => "build some partitions again".to_owned(),
    }
}

fn told_build(build: &Build) -> String {
    let mut said = match &build.order {
        Order::Tables { window_days_max } if *window_days_max > MESSAGES_SHOWN * 10 => {
            "build all".to_owned()
        }
        Order::Tables { window_days_max } => format!("build in windows of {window_days_max} days"),
        Order::Dates { dates, .. } => {
            let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
            format!("build {}, then the rest", dates.join(", "))
        }
        Order::Any { .. } => "build partitions in any order".to_owned(),
        Order::Listed { windows } if windows.is_empty() => "build all".to_owned(),
        Order::Listed { windows } => {
            let shown: Vec<String> = windows
                .iter()
                .take(PAIRS_SHOWN)
                .map(|window| {
                    let dates: Vec<String> =
                        window.partitions.iter().flatten().map(ToString::to_string).collect();
                    format!("{} {}", window.table, dates.join(" ")).trim_end().to_owned()
                })
                .collect();
            let more = if windows.len() > PAIRS_SHOWN { ", …" } else { "" };
            format!("build {}{more}, then the rest", shown.join(", "))
        }
    };
    if let Some(fault) = build.fault {
        let _ = write!(said, ", cut short after {} statements", fault.after_statements);
    }
    said
}

fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length).collect();
    format!("{kept}…")
}
