//! Grades the tables against the simulator's truth.
//!
//! The truth was computed in Rust from what each message meant. Here it is only compared: each check
//! is one number of the truth and one of a table.

use std::collections::BTreeMap;

use arrow::array::{Array, Date32Array, StringArray};
use jiff::{ToSpan, civil::Date};
use serde::Serialize;
use sim::{LoadDayTruth, Source, Truth};

use crate::{
    contract::TableName,
    graph::Graph,
    warehouse::{ErrorKind, Session, WarehouseError},
};

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GradeCheck {
    /// What is compared, such as `mobile_events 2026-01-05 accepted`.
    pub name: String,
    /// What the truth says.
    pub expected: u64,
    /// What the tables hold.
    pub found: u64,
    /// Whether that is right.
    pub is_right: bool,
}

/// All comparisons.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Grade {
    /// In the order of layers and dates.
    pub checks: Vec<GradeCheck>,
}

impl Grade {
    /// The comparisons that do not hold.
    pub fn wrong(&self) -> impl Iterator<Item = &GradeCheck> {
        self.checks.iter().filter(|check| !check.is_right)
    }

    fn exactly(&mut self, name: String, expected: u64, found: u64) {
        self.checks.push(GradeCheck { name, expected, found, is_right: expected == found });
    }

    /// After an interruption phones have sent some batches again, which the plan does not know.
    fn at_least(&mut self, name: String, expected: u64, found: u64) {
        self.checks.push(GradeCheck { name, expected, found, is_right: expected <= found });
    }
}

type Numbers = BTreeMap<String, u64>;

/// Whether a project has a table: one of people's own need not have those that the truth speaks of.
pub fn has_table(graph: &Graph, name: &str) -> bool {
    TableName::parse(name).is_some_and(|name| graph.get(&name).is_some())
}

/// Compares the tables that the project has with the truth. With `was_interrupted`, counts of copies
/// may be greater.
pub fn grade(
    session: &mut dyn Session,
    graph: &Graph,
    truth: &Truth,
    was_interrupted: bool,
) -> Result<Grade, WarehouseError> {
    let mut grade = Grade::default();
    let has = |table: &str| has_table(graph, table);
    if has("standardized.reconciliation") {
        grade_sources(session, graph, truth, was_interrupted, &mut grade)?;
    }
    if has("mart.daily_active_users") && has("mart.active_users_by_plan") {
        grade_activity(session, truth, &mut grade)?;
    }
    Ok(grade)
}

fn grade_sources(
    session: &mut dyn Session,
    graph: &Graph,
    truth: &Truth,
    was_interrupted: bool,
    grade: &mut Grade,
) -> Result<(), WarehouseError> {
    let reconciled = reconciliation(session)?;
    for (source, days) in &truth.load_days {
        if !has_table(graph, &format!("standardized.{}", source.name())) {
            continue;
        }
        let rejected = rejected(session, *source)?;
        let digests = accepted_digests(session, *source)?;
        for (date, expected) in days {
            let key = format!("{} {date}", source.name());
            let digest = digests.get(date).copied().unwrap_or(0);
            grade.exactly(format!("{key} accepted ids"), expected.accepted_digest, digest);
            let found = Found { reconciled: &reconciled, rejected: &rejected };
            grade_load_day(grade, &key, expected, &found, was_interrupted);
        }
    }
    Ok(())
}

struct Found<'a> {
    reconciled: &'a Numbers,
    rejected: &'a Numbers,
}

fn grade_load_day(
    grade: &mut Grade,
    key: &str,
    expected: &LoadDayTruth,
    found: &Found<'_>,
    was_interrupted: bool,
) {
    let number = |what: &str| found.reconciled.get(&format!("{key} {what}")).copied().unwrap_or(0);
    let compare_copies = if was_interrupted { Grade::at_least } else { Grade::exactly };
    grade.exactly(format!("{key} accepted"), expected.accepted, number("accepted"));
    compare_copies(grade, format!("{key} archived"), expected.archived, number("archived"));
    compare_copies(grade, format!("{key} duplicates"), expected.duplicates, number("duplicates"));
    let all: u64 = expected.rejected.values().sum();
    compare_copies(grade, format!("{key} rejected"), all, number("rejected"));
    for (reason, count) in &expected.rejected {
        let name = format!("{key} rejected as {reason}");
        let found = found.rejected.get(&format!("{key} {reason}")).copied().unwrap_or(0);
        compare_copies(grade, name, *count, found);
    }
    for broken in ["lost", "repeated", "invented"] {
        grade.exactly(format!("{key} {broken}"), 0, number(broken));
    }
}

fn reconciliation(session: &mut dyn Session) -> Result<Numbers, WarehouseError> {
    let columns = [
        ("archived", "archived_count"),
        ("accepted", "accepted_count"),
        ("rejected", "rejected_count"),
        ("duplicates", "duplicate_count"),
        ("lost", "lost_count"),
        ("repeated", "repeated_count"),
        ("invented", "invented_count"),
    ];
    let list: Vec<&str> = columns.iter().map(|(_, column)| *column).collect();
    let rows = session
        .query(&format!(
            "select source || ' ' || cast(load_date as varchar), {} from standardized.reconciliation",
            list.join(", ")
        ))?
        .text_rows()?;
    let mut numbers = Numbers::new();
    for row in rows {
        let key = row[0].clone().unwrap_or_default();
        for ((name, _), cell) in columns.iter().zip(&row[1..]) {
            numbers.insert(format!("{key} {name}"), unsigned(cell.as_ref()));
        }
    }
    Ok(numbers)
}

fn rejected(session: &mut dyn Session, source: Source) -> Result<Numbers, WarehouseError> {
    let name = source.name();
    let rows = session
        .query(&format!(
            "select '{name} ' || cast(load_date as varchar) || ' ' || reject_reason, count(*) \
             from standardized.{name}_rejected group by 1"
        ))?
        .text_rows()?;
    Ok(rows
        .into_iter()
        .map(|row| (row[0].clone().unwrap_or_default(), unsigned(row[1].as_ref())))
        .collect())
}

/// By load date, the sum of the accepted ids' digests: the set itself, not only its size.
fn accepted_digests(
    session: &mut dyn Session,
    source: Source,
) -> Result<BTreeMap<Date, u64>, WarehouseError> {
    let sql = match key(source) {
        None => "select load_date, event_id from standardized.mobile_events".to_owned(),
        Some(key) => format!(
            "select load_date, {key} || '/' || cast(lsn as varchar) from standardized.{}",
            source.name()
        ),
    };
    let unexpected = || WarehouseError::new(ErrorKind::Bug, "ids are not text with a date");
    let mut digests: BTreeMap<Date, u64> = BTreeMap::new();
    for batch in session.query(&sql)?.batches {
        let dates =
            batch.column(0).as_any().downcast_ref::<Date32Array>().ok_or_else(unexpected)?;
        let ids = batch.column(1).as_any().downcast_ref::<StringArray>().ok_or_else(unexpected)?;
        for row in 0..batch.num_rows() {
            let date = jiff::civil::date(1970, 1, 1) + i64::from(dates.value(row)).days();
            let sum = digests.entry(date).or_default();
            *sum = sum.wrapping_add(sim::digest(ids.value(row)));
        }
    }
    Ok(digests)
}

/// The key of a change's row, as the truth writes it; events have an id of their own.
fn key(source: Source) -> Option<&'static str> {
    match source {
        Source::MobileEvents => None,
        Source::DbUsers => Some("user_id"),
        Source::DbProducts => Some("product_id"),
        Source::DbOrders => Some("order_id"),
        Source::DbOrderItems => Some("order_id || '/' || cast(line_number as varchar)"),
        Source::DbPayments => Some("payment_id"),
        Source::DbSubscriptions => Some("subscription_id"),
    }
}

fn grade_activity(
    session: &mut dyn Session,
    truth: &Truth,
    grade: &mut Grade,
) -> Result<(), WarehouseError> {
    let columns = [
        "active_users",
        "active_users_28_days",
        "new_users",
        "returning_users",
        "unknown_users",
        "event_count",
    ];
    let rows = session
        .query(&format!(
            "select activity_date, {} from mart.daily_active_users",
            columns.join(", ")
        ))?
        .text_rows()?;
    let plans = session
        .query("select activity_date, plan, active_users from mart.active_users_by_plan")?
        .text_rows()?;
    let mut found = Numbers::new();
    for row in &rows {
        let date = row[0].as_deref().unwrap_or_default();
        for (column, cell) in columns.iter().zip(&row[1..]) {
            found.insert(format!("{date} {column}"), unsigned(cell.as_ref()));
        }
    }
    for row in &plans {
        let (date, plan) =
            (row[0].as_deref().unwrap_or_default(), row[1].as_deref().unwrap_or_default());
        found.insert(format!("{date} active_users of plan {plan}"), unsigned(row[2].as_ref()));
    }
    grade.exactly(
        "days with activity".to_owned(),
        truth.activity_days.len() as u64,
        rows.len() as u64,
    );
    let plan_count: usize =
        truth.activity_days.values().map(|day| day.active_users_by_plan.len()).sum();
    grade.exactly("plans by day".to_owned(), plan_count as u64, plans.len() as u64);
    for (date, day) in &truth.activity_days {
        let numbers = [
            day.active_users,
            day.active_users_28_days,
            day.new_users,
            day.returning_users,
            day.unknown_users,
            day.event_count,
        ];
        let by_plan = day.active_users_by_plan.iter();
        let expected =
            columns.iter().map(|column| (*column).to_owned()).zip(numbers).chain(
                by_plan.map(|(plan, count)| (format!("active_users of plan {plan}"), *count)),
            );
        for (what, count) in expected {
            let name = format!("{date} {what}");
            let found = found.get(&name).copied().unwrap_or(0);
            grade.exactly(name, count, found);
        }
    }
    Ok(())
}

fn unsigned(cell: Option<&String>) -> u64 {
    cell.and_then(|text| text.parse().ok()).unwrap_or(0)
}
