//! What became of the messages of each source on each load date.

use std::collections::BTreeMap;

use arrow::array::{Array, Date32Array, StringArray};
use jiff::{ToSpan, civil::Date};
use sim::{LoadDayTruth, Source, Truth};

use super::{Grade, Numbers, has_table, numbers};
use crate::{
    graph::Graph,
    port_error::PortError,
    warehouse::{ErrorKind, Session},
};

/// The table that accounts for every message.
pub const RECONCILIATION: &str = "standardized.reconciliation";

/// Compares the reconciliation, the reasons of rejections and the accepted ids.
pub fn grade(
    session: &mut dyn Session,
    graph: &Graph,
    truth: &Truth,
    was_interrupted: bool,
    grade: &mut Grade,
) -> Result<(), PortError> {
    let reconciled = reconciled(session)?;
    for (source, days) in &truth.load_days {
        let name = source.name();
        if !has_table(graph, &format!("standardized.{name}")) {
            continue;
        }
        let key = "cast(load_date as varchar) || ' rejected as ' || reject_reason";
        let rejected = numbers(
            session,
            key,
            &["count(*) as messages"],
            &format!("from standardized.{name}_rejected group by 1"),
        )?;
        let digests = accepted_digests(session, *source)?;
        for (date, expected) in days {
            let digest = digests.get(date).copied().unwrap_or(0);
            let accepted = format!("standardized.{name}");
            let ids = format!("{name} {date} accepted ids");
            grade.exactly(&accepted, ids, expected.accepted_digest, digest);
            let place = Place { source: name, date: *date };
            place.grade(grade, expected, &reconciled, &rejected, was_interrupted);
        }
    }
    Ok(())
}

/// A source on a load date.
struct Place {
    source: &'static str,
    date: Date,
}

impl Place {
    fn grade(
        &self,
        grade: &mut Grade,
        expected: &LoadDayTruth,
        reconciled: &Numbers,
        rejected: &Numbers,
        was_interrupted: bool,
    ) {
        let Self { source, date } = self;
        let place = format!("{source} {date}");
        let compare_copies = if was_interrupted { Grade::at_least } else { Grade::exactly };
        let number = |what: &str| {
            let name = format!("{place} {what}_count");
            reconciled.get(&name).copied().unwrap_or(0)
        };
        let all: u64 = expected.rejected.values().sum();
        let table = RECONCILIATION;
        grade.exactly(table, format!("{place} accepted"), expected.accepted, number("accepted"));
        for (what, expected) in
            [("archived", expected.archived), ("duplicate", expected.duplicates), ("rejected", all)]
        {
            compare_copies(grade, table, format!("{place} {what}"), expected, number(what));
        }
        for (reason, count) in &expected.rejected {
            let name = format!("{date} rejected as {reason} messages");
            let found = rejected.get(&name).copied().unwrap_or(0);
            let name = format!("{place} rejected as {reason}");
            let rejections = format!("standardized.{source}_rejected");
            compare_copies(grade, &rejections, name, *count, found);
        }
        for broken in ["lost", "repeated", "invented"] {
            grade.exactly(table, format!("{place} {broken}"), 0, number(broken));
        }
    }
}

fn reconciled(session: &mut dyn Session) -> Result<Numbers, PortError> {
    let columns = [
        "archived_count",
        "accepted_count",
        "rejected_count",
        "duplicate_count",
        "lost_count",
        "repeated_count",
        "invented_count",
    ];
    let key = "source || ' ' || cast(load_date as varchar)";
    numbers(session, key, &columns, &format!("from {RECONCILIATION}"))
}

/// By load date, the sum of the accepted ids' digests: the set itself, not only its size.
fn accepted_digests(
    session: &mut dyn Session,
    source: Source,
) -> Result<BTreeMap<Date, u64>, PortError> {
    let sql = match key(source) {
        None => "select load_date, event_id from standardized.mobile_events".to_owned(),
        Some(key) => format!(
            "select load_date, {key} || '/' || cast(lsn as varchar) from standardized.{}",
            source.name()
        ),
    };
    let unexpected = || PortError::new(ErrorKind::Bug, "ids are not text with a date");
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
