//! When users visit the app, and in which visit they order something. What they do there is up to
//! `walk`.

use crate::accounts::Accounts;
use crate::people::{ActiveDay, Person};
use crate::random::{Random, digest};
use crate::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, MicrosUtc};
use crate::walk::SESSION_MAX;

/// How likely a visit begins in each local hour.
const HOUR_WEIGHTS: [usize; 24] =
    [2, 1, 0, 0, 0, 1, 3, 6, 8, 7, 6, 6, 8, 7, 6, 6, 6, 7, 8, 10, 12, 12, 9, 5];

/// Every local hour as often as its weight says.
const LOCAL_HOURS: [u8; HOUR_WEIGHT] = {
    let mut hours = [0; HOUR_WEIGHT];
    let (mut index, mut hour, mut end) = (0, 0, HOUR_WEIGHTS[0]);
    while index < HOUR_WEIGHT {
        while index == end {
            hour += 1;
            end += HOUR_WEIGHTS[hour as usize];
        }
        hours[index] = hour;
        index += 1;
    }
    hours
};
const HOUR_WEIGHT: usize = {
    let (mut sum, mut hour) = (0, 0);
    while hour < HOUR_WEIGHTS.len() {
        sum += HOUR_WEIGHTS[hour];
        hour += 1;
    }
    sum
};

/// The share of active days with that many visits, in percent. Their mean is 2.1.
const VISITS: [(u64, u64); 5] = [(1, 42), (2, 28), (3, 16), (4, 9), (5, 5)];

/// A sign-up, a change of the profile, and the visits of an active day.
const OPENINGS_MAX: usize = 2 + VISITS.len();

/// The name of what is drawn about a day's purchase.
const PURCHASE: u64 = digest("purchase");

/// A visit to the app, before it is known what happens in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) day: i64,
    pub(crate) start_at: MicrosUtc,
    pub(crate) opening: Opening,
    /// Which visit of the day it is.
    pub(crate) ordinal: u64,
    /// Whether the user comes in order to buy something.
    pub(crate) buys: bool,
    pub(crate) random: Random,
}

/// How a visit begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Opening {
    SignUp,
    Profile,
    #[default]
    Ordinary,
}

/// What decides about visits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visits<'a> {
    pub(crate) accounts: &'a Accounts,
    pub(crate) start_at: MicrosUtc,
    /// The share of active days on which a user comes in order to buy, in millionths.
    pub(crate) buying_parts: u64,
}

impl Visits<'_> {
    /// The days of those on which a session of the user may begin. Costs next to nothing, so that
    /// weeks of past days can be asked.
    pub(crate) fn active_days(&self, person: &Person, days: &[ActiveDay]) -> Vec<ActiveDay> {
        let mut active_days = Vec::new();
        self.fill_active_days(person, days, &mut active_days);
        active_days
    }

    /// The same into a list that is used again.
    pub(crate) fn fill_active_days(
        &self,
        person: &Person,
        days: &[ActiveDay],
        active_days: &mut Vec<ActiveDay>,
    ) {
        active_days.clear();
        active_days.extend(days.iter().filter(|&&(day, usage_percent)| {
            person.is_active_on(day, usage_percent)
                || person.signed_up_at.day() == day
                || self.accounts.may_change_on(person, day)
        }));
    }

    /// Fills in the user's sessions that begin on that day, in order. Before the start of the
    /// scenario, nobody sends what happens in them, but orders were placed as well.
    pub(crate) fn on(
        &self,
        person: &Person,
        day: i64,
        usage_percent: u64,
        sessions: &mut Vec<Session>,
    ) {
        sessions.clear();
        let openings = self.openings(person, day, usage_percent);
        let random = person.random.on(day).stream("session");
        for (&(start_at, opening), ordinal) in openings.as_slice().iter().zip(0..) {
            let random = random.at(start_at.0.cast_unsigned());
            sessions.push(Session { day, start_at, opening, ordinal, buys: false, random });
        }
        if !sessions.is_empty() && self.may_buy_on(person, day) {
            let index = purchase_seed(person, day).at(0).index(sessions.len());
            sessions[index].buys = self.leaves_time_to_buy(person, sessions[index].start_at);
        }
    }

    /// Whether the user buys something on that day, if active. Costs next to nothing, so that
    /// weeks of past days can be asked.
    pub(crate) fn may_buy_on(&self, person: &Person, day: i64) -> bool {
        purchase_seed(person, day).chance(self.buying_parts)
    }

    /// Whether the account lasts until the session has ended, and the session does not last until
    /// the scenario has begun.
    fn leaves_time_to_buy(&self, person: &Person, session_at: MicrosUtc) -> bool {
        let end_at = session_at.plus(SESSION_MAX);
        end_at < person.deleted_at && (session_at >= self.start_at || end_at < self.start_at)
    }

    fn openings(&self, person: &Person, day: i64, usage_percent: u64) -> Openings {
        let mut openings = Openings::default();
        if person.signed_up_at.day() == day && person.signed_up_at >= self.start_at {
            openings.push((person.signed_up_at, Opening::SignUp));
        }
        if let Some(changed_at) = self.accounts.changed_in_app_at(person, day) {
            // The change is made some taps after the app was opened.
            let start_at = changed_at.plus(-40 * MICROS_PER_SECOND);
            if openings.as_slice().iter().all(|other| other.0.plus(SESSION_MAX) < start_at) {
                openings.push((start_at, Opening::Profile));
            }
        }
        if person.is_active_on(day, usage_percent) {
            let random = person.random.on(day);
            let visit = random.stream("visit");
            for number in 0..random.stream("visits").weighted(&VISITS) {
                let start_at = visit_at(person, day, visit.at(number));
                let is_free =
                    |other: &(MicrosUtc, Opening)| (other.0.0 - start_at.0).abs() > SESSION_MAX;
                if openings.as_slice().iter().all(is_free) && start_at > person.signed_up_at {
                    openings.push((start_at, Opening::Ordinary));
                }
            }
        }
        openings.sort();
        openings
    }
}

/// When the sessions of a day begin, and how.
#[derive(Default)]
struct Openings {
    all: [(MicrosUtc, Opening); OPENINGS_MAX],
    count: usize,
}

impl Openings {
    fn push(&mut self, opening: (MicrosUtc, Opening)) {
        self.all[self.count] = opening;
        self.count += 1;
    }

    fn as_slice(&self) -> &[(MicrosUtc, Opening)] {
        &self.all[..self.count]
    }

    fn sort(&mut self) {
        self.all[..self.count].sort_by_key(|opening| opening.0);
    }
}

/// The place in the tree of seeds of what the user buys on that day.
pub(crate) const fn purchase_seed(person: &Person, day: i64) -> Random {
    person.random.on(day).named(PURCHASE)
}

/// An instant of the UTC day at which it is a good hour where the user lives.
fn visit_at(person: &Person, day: i64, random: Random) -> MicrosUtc {
    let local_hour = i64::from(*random.pick(&LOCAL_HOURS));
    let micros = local_hour * MICROS_PER_HOUR + random.at(1).between(0, MICROS_PER_HOUR - 1)
        - person.country.offset_minutes * MICROS_PER_MINUTE;
    MicrosUtc::start_of(day).plus(micros.rem_euclid(24 * MICROS_PER_HOUR))
}

impl Session {
    pub(crate) fn session_id(&self) -> String {
        format!("s{:016x}", self.random.stream("id").bits())
    }
}
