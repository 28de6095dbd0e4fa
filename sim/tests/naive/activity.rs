//! Who was active on which date, and who stayed.

use super::Valid;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use sim::{ActivityTruth, RowChange, Source, UserRow};
use std::collections::{BTreeMap, BTreeSet};

pub fn activity_days(
    events: &[Valid],
    changes: &[&RowChange],
    last: Date,
) -> BTreeMap<Date, ActivityTruth> {
    let mut activity_days = BTreeMap::new();
    let mut day = date(2025, 11, 1);
    while day <= last {
        let since = day.checked_sub(28.days()).unwrap();
        if events.iter().any(|event| event.date >= since && event.date <= day) {
            activity_days.insert(day, activity(events, changes, day));
        }
        day = day.tomorrow().unwrap();
    }
    activity_days
}

fn activity(events: &[Valid], changes: &[&RowChange], day: Date) -> ActivityTruth {
    let users = |days_ago: i64| -> BTreeSet<&str> {
        let since = day.checked_sub(days_ago.days()).unwrap();
        let in_time = events.iter().filter(|event| event.date >= since && event.date <= day);
        in_time.map(|event| event.said.user_id.as_str()).collect()
    };
    let mut truth = ActivityTruth {
        active_users: users(0).len() as u64,
        active_users_7_days: users(6).len() as u64,
        active_users_28_days: users(27).len() as u64,
        churned_users: users(28).difference(&users(27)).count() as u64,
        event_count: events.iter().filter(|event| event.date == day).count() as u64,
        ..ActivityTruth::default()
    };
    for user in users(0) {
        let last = profile(changes, user, day);
        match last.map(|row| row.signed_up_at.date()) {
            Some(signed_up_on) if signed_up_on == day => truth.new_users += 1,
            Some(signed_up_on) if signed_up_on < day => truth.returning_users += 1,
            _ => truth.unknown_users += 1,
        }
        let plan = last.map(|row| row.plan.clone());
        *truth.active_users_by_plan.entry(plan.unwrap_or("unknown".to_owned())).or_default() += 1;
    }
    truth
}

/// The user's row at the end of the day.
fn profile<'a>(changes: &[&'a RowChange], user: &str, day: Date) -> Option<&'a UserRow> {
    changes
        .iter()
        .filter(|change| change.source == Source::DbUsers)
        .filter(|change| change.key == user && change.committed_at.date() <= day)
        .max_by_key(|change| (change.committed_at, change.lsn))
        .and_then(|change| change.row.as_ref()?.as_user())
}

pub fn retention_days(
    events: &[Valid],
    changes: &[&RowChange],
    last: Date,
) -> BTreeMap<Date, BTreeMap<Date, u64>> {
    let mut retention: BTreeMap<Date, BTreeMap<Date, u64>> = BTreeMap::new();
    let active: BTreeSet<(Date, &str)> =
        events.iter().map(|event| (event.date, event.said.user_id.as_str())).collect();
    for (day, user) in active.into_iter().filter(|(day, _)| *day <= last) {
        let Some(row) = profile(changes, user, day) else { continue };
        let cohort = row.signed_up_at.date();
        let days_since = (day - cohort).get_days();
        if (0..=28).contains(&days_since) {
            *retention.entry(day).or_default().entry(cohort).or_default() += 1;
        }
    }
    retention
}
