//! The part of the truth that is about business dates: who was active, who they were, who stayed.

use super::ActivityTruth;
use super::recorder::AcceptedEvent;
use crate::arrival::RowChange;
use crate::rows::Row;
use crate::time::{MicrosUtc, date_of};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// A date's numbers of active users look at that many days, itself included.
const WEEK_DAYS: i64 = 7;
const MONTH_DAYS: i64 = 28;

/// Cohorts are followed for that many days after the sign-up.
const COHORT_DAYS: i64 = 28;

/// The plan of users without one.
const UNKNOWN: &str = "unknown";

/// The users with the days on which they were active, each once, in order.
struct ActiveDays(Vec<(u32, i64)>);

impl ActiveDays {
    fn new(events: &[AcceptedEvent]) -> ActiveDays {
        let mut days: Vec<(u32, i64)> =
            events.iter().map(|event| (event.user, event.day)).collect();
        days.sort_unstable();
        days.dedup();
        ActiveDays(days)
    }

    /// User by user.
    fn by_user(&self) -> impl Iterator<Item = &[(u32, i64)]> {
        self.0.chunk_by(|one, other| one.0 == other.0)
    }
}

/// What there is to say of business dates.
#[derive(Debug, Default)]
pub(super) struct ActivityDays {
    pub(super) activity: BTreeMap<Date, ActivityTruth>,
    pub(super) retention: BTreeMap<Date, BTreeMap<Date, u64>>,
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
pub(super) struct Profiles {
    of_user: BTreeMap<u32, Vec<Profile>>,
}

impl Profiles {
    pub(super) fn add(&mut self, user: u32, change: &RowChange) {
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

/// The activity of every date up to the last on which anybody was active within the month, or on
/// the day before it.
pub(super) fn by_date(
    events: &[AcceptedEvent],
    profiles: &Profiles,
    last_day: i64,
) -> ActivityDays {
    let mut days: BTreeMap<i64, ActivityTruth> = BTreeMap::new();
    for event in events {
        days.entry(event.day).or_default().event_count += 1;
    }
    let active_days = ActiveDays::new(events);
    for day in active_users_in_window(&active_days, MONTH_DAYS + 1).into_keys() {
        days.entry(day).or_default();
    }
    for (day, count) in active_users_in_window(&active_days, WEEK_DAYS) {
        days.entry(day).or_default().active_users_7_days = count;
    }
    for (day, count) in active_users_in_window(&active_days, MONTH_DAYS) {
        days.entry(day).or_default().active_users_28_days = count;
    }
    let mut retention: BTreeMap<Date, BTreeMap<Date, u64>> = BTreeMap::new();
    for active_days in active_days.by_user() {
        for (index, &(user, day)) in active_days.iter().enumerate() {
            let profile = profiles.at_end_of(user, day);
            days.entry(day).or_default().note_active(profile, day);
            let signed_up_on = profile.and_then(|profile| profile.signed_up_on);
            if let Some(signed_up_on) = signed_up_on
                && day <= last_day
                && (0..=COHORT_DAYS).contains(&(day - signed_up_on))
            {
                let cohorts = retention.entry(date_of(day)).or_default();
                *cohorts.entry(date_of(signed_up_on)).or_default() += 1;
            }
            let next = active_days.get(index + 1);
            if next.is_none_or(|next| next.1 > day + MONTH_DAYS) {
                days.entry(day + MONTH_DAYS).or_default().churned_users += 1;
            }
        }
    }
    let days = days.into_iter().filter(|(day, _)| *day <= last_day);
    ActivityDays { activity: days.map(|(day, truth)| (date_of(day), truth)).collect(), retention }
}

impl ActivityTruth {
    /// Takes note of a user who was active on the day.
    fn note_active(&mut self, profile: Option<&Profile>, day: i64) {
        self.active_users += 1;
        match profile.and_then(|profile| profile.signed_up_on) {
            Some(signed_up_on) if signed_up_on == day => self.new_users += 1,
            Some(signed_up_on) if signed_up_on < day => self.returning_users += 1,
            _ => self.unknown_users += 1,
        }
        let plan = profile.and_then(|profile| profile.plan.as_deref()).unwrap_or(UNKNOWN);
        *self.active_users_by_plan.entry(plan.to_owned()).or_default() += 1;
    }
}

/// For each day on which there were any, how many distinct users had an event on it or on one of
/// the days before it that belong to the window. Each user is counted along the union of the
/// windows of the user's days.
fn active_users_in_window(active_days: &ActiveDays, window_days: i64) -> BTreeMap<i64, u64> {
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for days in active_days.by_user() {
        let mut covered_until = i64::MIN;
        for &(_, day) in days {
            *changes.entry(covered_until.max(day)).or_default() += 1;
            covered_until = day + window_days;
            *changes.entry(covered_until).or_default() -= 1;
        }
    }
    let (Some(first), Some(last)) = (changes.keys().next(), changes.keys().last()) else {
        return BTreeMap::new();
    };
    let mut count = 0;
    (*first..*last)
        .map(|day| {
            count += changes.get(&day).copied().unwrap_or(0);
            (day, u64::try_from(count).expect("nobody leaves without having come"))
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}
