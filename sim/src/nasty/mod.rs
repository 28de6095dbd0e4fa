//! Small sets of messages in which everything that is hard comes close together: for random tests
//! of a pipeline, whose constants may then be days instead of weeks.
//!
//! A few keys are used over and over, at times on the edges of days, of the lookback and of the
//! limits. What is left out is what has no right answer: two copies of an event's id with different
//! contents at the same instant, two states of a row under one (`committed_at`, `lsn`), and two
//! states of a device at one instant. Contents may differ there in what the truth does not look at.
//!
//! Meanings have no NULL. An amount of zero, and an empty code or attribute, stands for a field
//! that the payload does not say: it is null there, or not there at all. An empty key of another
//! row, of a session or of a device may also be there as an empty text, which tells as little.

mod breakage;
mod changes;
mod events;
mod rows;

use crate::arrival::{Arrival, Meaning, Outcome, Source};
use crate::json::Defect;
use crate::random::Random;
use crate::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MicrosUtc, date_of, day_of};
use crate::truth::Limits;
use changes::Changes;
use events::Events;
use jiff::civil::Date;

/// 2026-01-01, the first load date.
const FIRST_DAY: i64 = 20_454;

/// Times of the day at which things happen: its first and its last microsecond among them.
const TIMES: [i64; 5] =
    [0, MICROS_PER_HOUR, 5 * MICROS_PER_HOUR, 12 * MICROS_PER_HOUR, MICROS_PER_DAY - 1];

/// Who is told of by several sources; an empty id is none.
const USERS: [&str; 7] = ["u0", "u0", "u1", "u1", "u2", "ü✓ 用户", ""];
const PRODUCTS: [&str; 6] = ["x0", "x0", "x0", "x1", "\"1\" ü/", ""];
const ORDERS: [&str; 7] = ["o0", "o0", "o0", "o1", "o1", "o0/1 '✓", ""];
/// Mostly one country, so that much comes together under it.
const COUNTRIES: [&str; 5] = ["NL", "NL", "NL", "BE", ""];

/// How many messages of a hundred come from each source. One set has something of everything, the
/// others are dense in what belongs together.
const THEMES: [[(Source, u64); 7]; 4] = [
    shares([36, 12, 8, 14, 14, 10, 6]),
    shares([80, 16, 4, 0, 0, 0, 0]),
    shares([4, 0, 4, 36, 36, 20, 0]),
    shares([16, 24, 20, 10, 0, 10, 20]),
];

const fn shares(parts: [u64; 7]) -> [(Source, u64); 7] {
    let mut shares = [(Source::MobileEvents, 0); 7];
    let mut index = 0;
    while index < shares.len() {
        shares[index] = (Source::ALL[index], parts[index]);
        index += 1;
    }
    shares
}

/// A set of about `size` messages, in the order of (`arrived_at`, `lane`). The first load date is
/// 2026-01-01, the last four to eight days later. Each arrival has a lane of its own.
pub fn nasty(seed: u64, limits: Limits, size: usize) -> Vec<Arrival> {
    nasty_from(date_of(FIRST_DAY), seed, limits, size)
}

/// The same with another first load date: together with a set of other dates, messages of days long
/// past.
pub fn nasty_from(first_date: Date, seed: u64, limits: Limits, size: usize) -> Vec<Arrival> {
    let random = Random::new(seed).stream("nasty");
    let calendar = Calendar {
        limits,
        first_day: day_of(first_date),
        days: random.stream("days").between(4, 8),
    };
    // Half of the sets have something of everything.
    let theme = THEMES[random.stream("theme").weighted(&[(0, 3), (1, 1), (2, 1), (3, 1)])];
    let mut sent = Sent::default();
    let mut events = Events::new(calendar, random.stream("attributes"), (size / 4).max(2));
    let mut changes = Changes::new(calendar);
    for random in (0..).map(|index| random.at(index)) {
        if sent.arrivals.len() >= size {
            break;
        }
        match random.stream("source").weighted(&theme) {
            Source::MobileEvents => events.add(random.stream("event"), &mut sent),
            source => changes.add(source, random.stream("change"), &mut sent),
        }
    }
    sent.arrivals.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane));
    sent.arrivals
}

/// The dates of a set.
#[derive(Clone, Copy, Debug)]
struct Calendar {
    limits: Limits,
    first_day: i64,
    days: i64,
}

impl Calendar {
    /// An instant on a load date.
    fn arrived_at(self, random: Random) -> MicrosUtc {
        instant_on(self.first_day + random.at(0).between(0, self.days - 1), random.at(1))
    }

    /// A number of days after the load date, on the edges of what is allowed.
    fn day_offset(self, random: Random) -> i64 {
        let lateness = i64::from(self.limits.max_lateness_days);
        let skew = i64::from(self.limits.max_skew_days);
        *random.pick(&[0, 0, 0, 0, -1, -1, -2, -3, -lateness, -lateness - 1, skew, skew + 1, 1])
    }

    fn last_day(self) -> i64 {
        self.first_day + self.days - 1
    }
}

/// One of few instants of that day.
fn instant_on(day: i64, random: Random) -> MicrosUtc {
    MicrosUtc::start_of(day).plus(*random.pick(&TIMES))
}

/// What was sent so far.
#[derive(Debug, Default)]
struct Sent {
    arrivals: Vec<Arrival>,
}

impl Sent {
    fn push(
        &mut self,
        source: Source,
        arrived_at: MicrosUtc,
        sent_at: MicrosUtc,
        messages: impl IntoIterator<Item = (Vec<u8>, Meaning)>,
    ) {
        let lane = self.arrivals.len() as u64 + 1;
        let outcome = Outcome::Acknowledged;
        let messages = messages.into_iter().collect();
        self.arrivals.push(Arrival { source, lane, arrived_at, sent_at, messages, outcome });
    }
}

/// How a field is written of which nothing is said.
fn unsaid(field: &'static str, random: Random) -> Defect {
    *random.stream(field).pick(&[Defect::Missing(field), Defect::Null(field)])
}
