//! The part of the truth that is about business dates: who was active, who they were.

use crate::arrival::RowChange;
use crate::rows::Row;
use crate::time::{MicrosUtc, date_of};
use crate::truth::ActivityTruth;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// A date's number of active users looks at that many days, itself included.
const WINDOW_DAYS: i64 = 28;

/// The plan of users without one.
const UNKNOWN: &str = "unknown";

/// An accepted event, as far as activity is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AcceptedEvent {
    pub(crate) day: i64,
    pub(crate) user: u32,
}

/// What a user was from some change on.
#[derive(Clone, Debug)]
struct Profile {
    committed_at: MicrosUtc,
    lsn: i64,
    plan: Option<String>,
    signed_up_on: Option<i64>,
    is_deleted: bool,
}

/// All that is known of the users' rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles {
    of_user: BTreeMap<u32, Vec<Profile>>,
}

impl Profiles {
    pub(crate) fn add(&mut self, user: u32, change: &RowChange) {
        let row = change.row.as_ref().and_then(Row::as_user);
        self.of_user.entry(user).or_default().push(Profile {
            committed_at: change.committed_at,
            lsn: change.lsn,
            plan: row.map(|row| row.plan.clone()),
            signed_up_on: row.map(|row| row.signed_up_at.day()),
            is_deleted: row.is_none(),
        });
    }

    /// The profile at the end of the day, unless there is none or it is deleted.
    fn at_end_of(&self, user: u32, day: i64) -> Option<&Profile> {
        let midnight = MicrosUtc::start_of(day + 1);
        self.of_user
            .get(&user)?
            .iter()
            .filter(|profile| profile.committed_at < midnight)
            .max_by_key(|profile| (profile.committed_at, profile.lsn))
            .filter(|profile| !profile.is_deleted)
    }
}

/// The activity of every date up to the last on which anybody was active within the window.
pub(crate) fn by_date(
    mut events: Vec<AcceptedEvent>,
    profiles: &Profiles,
    last_day: i64,
) -> BTreeMap<Date, ActivityTruth> {
    events.sort_unstable();
    let mut days: BTreeMap<i64, ActivityTruth> = BTreeMap::new();
    for (day, count) in active_users_in_window(&events) {
        if day <= last_day && count > 0 {
            days.entry(day).or_default().active_users_28_days = count;
        }
    }
    let mut previous = None;
    for event in events.into_iter().filter(|event| event.day <= last_day) {
        let truth = days.entry(event.day).or_default();
        truth.event_count += 1;
        if previous == Some(event) {
            continue;
        }
        previous = Some(event);
        truth.active_users += 1;
        let profile = profiles.at_end_of(event.user, event.day);
        match profile.and_then(|profile| profile.signed_up_on) {
            Some(signed_up_on) if signed_up_on == event.day => truth.new_users += 1,
            Some(signed_up_on) if signed_up_on < event.day => truth.returning_users += 1,
            _ => truth.unknown_users += 1,
        }
        let plan = profile.and_then(|profile| profile.plan.as_deref()).unwrap_or(UNKNOWN);
        *truth.active_users_by_plan.entry(plan.to_owned()).or_default() += 1;
    }
    days.into_iter().map(|(day, truth)| (date_of(day), truth)).collect()
}

/// For each day, how many distinct users had an event on it or on one of the days before it that
/// belong to the window. Each user is counted along the union of the windows of the user's days.
fn active_users_in_window(events: &[AcceptedEvent]) -> BTreeMap<i64, u64> {
    let mut days_of_user: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for event in events {
        let days = days_of_user.entry(event.user).or_default();
        if days.last() != Some(&event.day) {
            days.push(event.day);
        }
    }
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for days in days_of_user.values() {
        for (index, day) in days.iter().enumerate() {
            let covered_until = days[..index].last().map_or(*day, |last| last + WINDOW_DAYS);
            *changes.entry(covered_until.max(*day)).or_default() += 1;
            *changes.entry(day + WINDOW_DAYS).or_default() -= 1;
        }
    }
    let (Some(first), Some(last)) = (changes.keys().next(), changes.keys().last()) else {
        return BTreeMap::new();
    };
    let mut count = 0;
    (*first..=*last)
        .map(|day| {
            count += changes.get(&day).copied().unwrap_or(0);
            (day, u64::try_from(count).expect("nobody leaves without having come"))
        })
        .collect()
}
