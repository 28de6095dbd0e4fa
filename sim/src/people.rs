//! Who the users are: where they live, what phone they have, how often they use the app.

use crate::countries::{COUNTRIES, Country};
use crate::growth::Growth;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MicrosUtc};
use std::ops::RangeInclusive;

/// Chance of being active on a day in parts per million, and the share of users who have it, in
/// thousandths: most come rarely, few come every day. Their mean is about 19 %.
const ARCHETYPES: [(u64, u64); 6] =
    [(20_000, 220), (60_000, 290), (150_000, 210), (300_000, 150), (550_000, 90), (900_000, 40)];

/// Nobody is more regular than that.
const ACTIVE_PARTS_MAX: u64 = 900_000;

/// How much more (or less) the app is used from Monday to Sunday, in percent.
const WEEKDAY_PERCENT: [u64; 7] = [96, 94, 96, 98, 103, 110, 112];

/// How much more (or less) it is used from January to December, in percent.
const MONTH_PERCENT: [u64; 12] = [100, 98, 99, 99, 98, 96, 94, 94, 99, 101, 108, 114];

/// A new version is released that often.
const DAYS_PER_RELEASE: i64 = 14;

/// One user, apart from what the account in the database says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) user: u64,
    pub(crate) signed_up_at: MicrosUtc,
    /// From then on there is no trace of the user; far in the future for most.
    pub(crate) deleted_at: MicrosUtc,
    pub(crate) country: &'static Country,
    /// The user's place in the tree of seeds.
    pub(crate) random: Random,
    active_parts: u64,
}

impl Person {
    pub(crate) fn user_id(&self) -> String {
        user_id(self.user)
    }

    pub(crate) fn device_id(&self) -> String {
        format!("d{:016x}", self.random.stream("device").bits())
    }

    pub(crate) fn os(&self) -> &'static str {
        if self.random.stream("os").chance(380_000) { "ios" } else { "android" }
    }

    /// The version of the app that the user has on that day: some update at once, some in months.
    pub(crate) fn app_version(&self, day: i64) -> String {
        let lag_days = self.random.stream("update").long_tailed(1, 120);
        let release = (day - lag_days).div_euclid(DAYS_PER_RELEASE);
        // The first release was in 2013; 26 make a year, which is when the first number changes.
        let since_first = (release - 1_121).max(0);
        format!("{}.{}", since_first / 26 + 1, since_first % 26)
    }

    /// Whether the user opens the app on that day, sign-ups and changes of the profile apart.
    pub(crate) fn is_active_on(&self, day: i64, usage_percent: u64) -> bool {
        let age_days = (day - self.signed_up_at.day()).cast_unsigned();
        if day < self.signed_up_at.day() || self.deleted_at.day() < day {
            return false;
        }
        // New users are curious; the curve of retention falls to what the archetype says.
        // A quotient is greater than the draw if the draw and one, times the divisor, are no more
        // than the dividend: every user is asked for weeks of days, and a division takes longer
        // than all the rest.
        let draw = self.random.on(day).below(1_000_000);
        let parts = self.active_parts * usage_percent / 100;
        draw < ACTIVE_PARTS_MAX && (draw + 1) * (age_days + 1) <= parts * (age_days + 6)
    }
}

/// Users are known to all sources by this.
pub(crate) fn user_id(user: u64) -> String {
    format!("u{user}")
}

/// A day, and how much the app is used on it, in percent of an ordinary day.
pub(crate) type ActiveDay = (i64, u64);

/// Those days with how much the app is used on each.
pub(crate) fn usage(days: RangeInclusive<i64>) -> Vec<ActiveDay> {
    days.map(|day| (day, usage_percent(day))).collect()
}

/// How much the app is used on that day of the calendar, in percent of an ordinary day.
fn usage_percent(day: i64) -> u64 {
    let date = MicrosUtc::start_of(day).date();
    let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
    let month = usize::from(date.month().unsigned_abs()) - 1;
    WEEKDAY_PERCENT[weekday] * MONTH_PERCENT[month] / 100
}

/// All users, each of whom can be asked for without the others.
#[derive(Clone, Debug)]
pub(crate) struct People {
    pub(crate) growth: Growth,
    random: Random,
    /// How long it takes until everybody has deleted the account, or 0 if nobody does.
    deletion_span_micros: i64,
}

impl People {
    pub(crate) fn new(scenario: &Scenario, random: Random) -> People {
        let parts = i64::from(scenario.accounts.deleted_per_day.0);
        let deletion_span_micros =
            if parts == 0 { 0 } else { 1_000_000 * (MICROS_PER_DAY / parts) };
        People {
            growth: Growth::new(scenario),
            random: random.stream("people"),
            deletion_span_micros,
        }
    }

    pub(crate) fn person(&self, user: u64) -> Person {
        let random = self.random.at(user);
        let signed_up_at = self.growth.signed_up_at(user);
        Person {
            user,
            signed_up_at,
            deleted_at: self.deleted_at(signed_up_at, random),
            country: country(signed_up_at, random.stream("country")),
            active_parts: random.stream("archetype").weighted(&ARCHETYPES),
            random: random.stream("days"),
        }
    }

    /// The same share of users leaves on every day, so the time of leaving is spread evenly.
    fn deleted_at(&self, signed_up_at: MicrosUtc, random: Random) -> MicrosUtc {
        if self.deletion_span_micros == 0 {
            return MicrosUtc(i64::MAX);
        }
        let offset = random.stream("deletion").between(0, self.deletion_span_micros);
        signed_up_at.max(self.growth.start_at()).plus(MICROS_PER_HOUR + offset)
    }
}

/// A country in which it was day when the user signed up, since people sleep at night.
fn country(signed_up_at: MicrosUtc, random: Random) -> &'static Country {
    let mut candidate = random.weighted(&COUNTRIES);
    for attempt in 0..4 {
        let local = signed_up_at.0.saturating_add(candidate.offset_minutes * MICROS_PER_MINUTE);
        let hour = local.rem_euclid(MICROS_PER_DAY) / MICROS_PER_HOUR;
        if (7..24).contains(&hour) {
            break;
        }
        candidate = random.at(attempt).weighted(&COUNTRIES);
    }
    candidate
}
