//! The population's curve: when each user signed up.
//!
//! `users(t) = users * (1 + growth_per_year)^(years since the start)`, and user `i` signs up when
//! the curve reaches `i`. The curve has no beginning; the app has: who would have signed up before
//! it was launched did so evenly over the year before [`LAUNCH_YEARS`].

use crate::scenario::{Population, Scenario};
use crate::time::{MicrosUtc, day_of};

/// How many years before the start of the scenario the app left its trial.
const LAUNCH_YEARS: u32 = 12;

const MICROS_PER_YEAR: f64 = 365.25 * 86_400.0 * 1e6;

/// When users sign up, and which of them are simulated.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    users: f64,
    rate_logarithm: f64,
    /// Users when the trial ended, a fraction of one included.
    users_at_launch: f64,
    start_at: MicrosUtc,
    trial_began_at: MicrosUtc,
    trial_years: f64,
    one_in: u64,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "numbers of users and microseconds of decades are below 2^53"
)]
impl Growth {
    pub(crate) fn new(scenario: &Scenario) -> Growth {
        let Population { users, growth_per_year, one_in } = scenario.population;
        let start_at = MicrosUtc::start_of(day_of(scenario.start_date));
        let mut users_at_launch = users as f64;
        for _ in 0..LAUNCH_YEARS {
            users_at_launch /= 1.0 + growth_per_year;
        }
        // Without growth the curve says nothing of the past: everybody came evenly over all years.
        let trial_years = if growth_per_year > 0.0 { 1.0 } else { f64::from(LAUNCH_YEARS) + 1.0 };
        let history_years = f64::from(LAUNCH_YEARS) + 1.0;
        Growth {
            users: users as f64,
            rate_logarithm: natural_logarithm(1.0 + growth_per_year),
            users_at_launch,
            start_at,
            trial_began_at: start_at.plus(-((history_years * MICROS_PER_YEAR) as i64)),
            trial_years,
            one_in,
        }
    }

    /// When the first user signed up, or before.
    pub(crate) const fn began_at(&self) -> MicrosUtc {
        self.trial_began_at
    }

    /// The beginning of the scenario.
    pub(crate) const fn start_at(&self) -> MicrosUtc {
        self.start_at
    }

    /// When the user signs up: strictly before the start for the first `users` users.
    pub(crate) fn signed_up_at(&self, user: u64) -> MicrosUtc {
        let rank = user as f64 + 0.5;
        if rank < self.users_at_launch {
            let share = rank / self.users_at_launch;
            let micros = share * self.trial_years * MICROS_PER_YEAR;
            return MicrosUtc(self.trial_began_at.0 + micros as i64).min(self.start_at.plus(-1));
        }
        if self.rate_logarithm <= 0.0 {
            return MicrosUtc(i64::MAX);
        }
        let years = natural_logarithm(rank / self.users) / self.rate_logarithm;
        MicrosUtc(self.start_at.0 + (years * MICROS_PER_YEAR) as i64)
    }

    /// How many of the simulated users sign up before the instant, which must not lie a century
    /// ahead.
    pub(crate) fn user_count_before(&self, instant: MicrosUtc) -> u64 {
        let (mut low, mut high) = (0, 1);
        while self.signed_up_at(high * self.one_in) < instant {
            (low, high) = (high, high * 2);
        }
        // Whoever is at `low` has signed up before the instant, unless it is the very first.
        while low < high {
            let middle = low + (high - low) / 2;
            if self.signed_up_at(middle * self.one_in) < instant {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The simulated user of that index, from zero.
    pub(crate) const fn user(&self, index: u64) -> u64 {
        index * self.one_in
    }
}

/// The natural logarithm of a positive, normal number, by operations that IEEE 754 fixes to the
/// last bit: `ln(m * 2^e) = e * ln(2) + 2 * artanh((m - 1) / (m + 1))`.
fn natural_logarithm(value: f64) -> f64 {
    const EXPONENT_BIAS: i32 = 1_023;
    let bits = value.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7FF).expect("eleven bits") - EXPONENT_BIAS;
    let mantissa = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | (1_023 << 52));
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    // The ratio is at most a third, so that twenty terms are more than a double can hold.
    let mut sum = 0.0;
    for term in (0..20_i32).rev() {
        sum = sum * square + 1.0 / f64::from(2 * term + 1);
    }
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * ratio * sum
}

#[cfg(test)]
mod tests {
    use super::{Growth, natural_logarithm};
    use crate::scenario::Scenario;
    use crate::time::MICROS_PER_DAY;

    fn growth(growth_per_year: f64) -> Growth {
        let text = format!(
            "about = ''\nseed = 1\nstart_date = 2026-01-05\ndays = 7\n\
             [population]\ngrowth_per_year = {growth_per_year:?}\n"
        );
        Growth::new(&Scenario::from_toml("test", &text).unwrap())
    }

    #[test]
    fn logarithm_is_right() {
        for (value, expected) in
            [(1.0, 0.0), (1.5, 0.405_465_108_108_164_4), (1e-9, -20.723_265_836_946_41)]
        {
            assert!((natural_logarithm(value) - expected).abs() < 1e-14, "{value}");
        }
    }

    #[test]
    fn users_grow_by_half_in_a_year() {
        let growth = growth(0.5);
        let start = growth.start_at();
        assert_eq!(growth.user_count_before(start), 25_000);
        let next_year = start.plus(365 * MICROS_PER_DAY + MICROS_PER_DAY / 4);
        assert!((37_499..=37_501).contains(&growth.user_count_before(next_year)));
        let first_day = growth.user_count_before(start.plus(MICROS_PER_DAY)) - 25_000;
        assert!((27..=29).contains(&first_day), "{first_day}");
        assert!(growth.signed_up_at(249_999_999) < start);
        assert!(growth.signed_up_at(0) >= growth.began_at());
        assert_eq!(growth.began_at().date().year(), 2013);
    }

    #[test]
    fn sign_ups_come_in_the_order_of_users() {
        for rate in [0.0, 0.5, 3.0] {
            let growth = growth(rate);
            let instants: Vec<_> =
                (0..50_000).map(|index| growth.signed_up_at(index * 10_000)).collect();
            assert!(instants.is_sorted());
        }
    }

    #[test]
    fn without_growth_nobody_comes() {
        let growth = growth(0.0);
        let much_later = growth.start_at().plus(100 * MICROS_PER_DAY);
        assert_eq!(growth.user_count_before(much_later), 25_000);
        assert_eq!(growth.user_count_before(growth.start_at()), 25_000);
    }
}
