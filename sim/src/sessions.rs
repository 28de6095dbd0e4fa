//! When users visit the app, and in which visit they order something. What they do there is up to
//! `walk`.

use crate::accounts::Accounts;
use crate::people::Person;
use crate::random::{Random, digest};
use crate::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, MicrosUtc};
use crate::walk::SESSION_MAX;

/// How likely a visit begins in each local hour.
const HOUR_WEIGHTS: [u64; 24] =
    [2, 1, 0, 0, 0, 1, 3, 6, 8, 7, 6, 6, 8, 7, 6, 6, 6, 7, 8, 10, 12, 12, 9, 5];

/// The share of active days with that many visits, in percent. Their mean is 2.1.
const VISITS: [(u64, u64); 5] = [(1, 42), (2, 28), (3, 16), (4, 9), (5, 5)];

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    SignUp,
    Profile,
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
    /// The user's sessions that begin on that day, in order. Before the start of the scenario,
    /// nobody sends what happens in them, but orders were placed as well.
    pub(crate) fn on(&self, person: &Person, day: i64, usage_percent: u64) -> Vec<Session> {
        let random = person.random.on(day);
        let mut sessions: Vec<Session> = self
            .openings(person, day, usage_percent)
            .into_iter()
            .zip(0..)
            .map(|((start_at, opening), ordinal)| {
                let random = random.stream("session").at(start_at.0.cast_unsigned());
                Session { day, start_at, opening, ordinal, buys: false, random }
            })
            .collect();
        if self.may_buy_on(person, day) && !sessions.is_empty() {
            let index = purchase_seed(person, day).at(0).index(sessions.len());
            sessions[index].buys = self.leaves_time_to_buy(person, sessions[index].start_at);
        }
        sessions
    }

    /// The session of the day in which the user buys something, if there is one.
    pub(crate) fn purchase_on(
        &self,
        person: &Person,
        day: i64,
        usage_percent: u64,
    ) -> Option<Session> {
        self.on(person, day, usage_percent).into_iter().find(|session| session.buys)
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

    fn openings(&self, person: &Person, day: i64, usage_percent: u64) -> Vec<(MicrosUtc, Opening)> {
        let random = person.random.on(day);
        let mut openings = Vec::new();
        if person.signed_up_at.day() == day && person.signed_up_at >= self.start_at {
            openings.push((person.signed_up_at, Opening::SignUp));
        }
        if let Some(changed_at) = self.accounts.changed_in_app_at(person, day) {
            // The change is made some taps after the app was opened.
            let start_at = changed_at.plus(-40 * MICROS_PER_SECOND);
            if openings.iter().all(|other| other.0.plus(SESSION_MAX) < start_at) {
                openings.push((start_at, Opening::Profile));
            }
        }
        if person.is_active_on(day, usage_percent) {
            for visit in 0..random.stream("visits").weighted(&VISITS) {
                let start_at = visit_at(person, day, random.stream("visit").at(visit));
                let free =
                    openings.iter().all(|other| (other.0.0 - start_at.0).abs() > SESSION_MAX);
                if free && start_at > person.signed_up_at {
                    openings.push((start_at, Opening::Ordinary));
                }
            }
        }
        openings.sort_by_key(|opening| opening.0);
        openings
    }
}

/// The place in the tree of seeds of what the user buys on that day.
pub(crate) const fn purchase_seed(person: &Person, day: i64) -> Random {
    person.random.on(day).named(PURCHASE)
}

/// An instant of the UTC day at which it is a good hour where the user lives.
fn visit_at(person: &Person, day: i64, random: Random) -> MicrosUtc {
    let total: u64 = HOUR_WEIGHTS.iter().sum();
    let mut rest = random.below(total);
    let mut local_hour = 0;
    for (hour, weight) in (0..).zip(HOUR_WEIGHTS) {
        if rest < weight {
            local_hour = hour;
            break;
        }
        rest -= weight;
    }
    let micros = local_hour * MICROS_PER_HOUR + random.at(1).between(0, MICROS_PER_HOUR - 1)
        - person.country.offset_minutes * MICROS_PER_MINUTE;
    MicrosUtc::start_of(day).plus(micros.rem_euclid(24 * MICROS_PER_HOUR))
}

impl Session {
    pub(crate) fn session_id(&self) -> String {
        format!("s{:016x}", self.random.stream("id").bits())
    }
}
