//! Instants, and the days they lie in. UTC only: a phone's local time is an offset that `people`
//! adds.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub(crate) const MICROS_PER_MILLISECOND: i64 = 1_000;
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
pub(crate) const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
pub(crate) const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// Microseconds since the beginning of 1970, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct MicrosUtc(pub i64);

impl MicrosUtc {
    /// The UTC date that the instant lies in.
    pub fn date(self) -> Date {
        date_of(self.day())
    }

    /// Such as `2026-01-05T10:00:00.123456Z`: always six decimals, so that texts sort like times.
    pub fn to_rfc3339(self) -> String {
        let mut text = Vec::with_capacity(27);
        self.write_rfc3339(&mut text);
        text.into_iter().map(char::from).collect()
    }

    /// Appends what [`MicrosUtc::to_rfc3339`] returns.
    pub(crate) fn write_rfc3339(self, text: &mut Vec<u8>) {
        let date = self.date();
        let micros = self.0.rem_euclid(MICROS_PER_DAY);
        let seconds = micros / MICROS_PER_SECOND;
        write_digits(text, i64::from(date.year()), 4);
        text.push(b'-');
        write_digits(text, i64::from(date.month()), 2);
        text.push(b'-');
        write_digits(text, i64::from(date.day()), 2);
        text.push(b'T');
        write_digits(text, seconds / 3_600, 2);
        text.push(b':');
        write_digits(text, seconds / 60 % 60, 2);
        text.push(b':');
        write_digits(text, seconds % 60, 2);
        text.push(b'.');
        write_digits(text, micros % MICROS_PER_SECOND, 6);
        text.push(b'Z');
    }

    /// The UTC date as a number of days since 1970-01-01.
    pub(crate) const fn day(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    /// Midnight at which that day begins.
    pub(crate) const fn start_of(day: i64) -> MicrosUtc {
        MicrosUtc(day * MICROS_PER_DAY)
    }

    pub(crate) const fn plus(self, micros: i64) -> MicrosUtc {
        MicrosUtc(self.0 + micros)
    }
}

/// The number of days from 1970-01-01 to the date.
pub(crate) fn day_of(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

/// The date that many days after 1970-01-01. Howard Hinnant's `civil_from_days`; calendar
/// arithmetic in the hot path of every payload, so without a span.
#[expect(
    clippy::cast_possible_truncation,
    reason = "month and day are small, years checked by jiff"
)]
pub(crate) fn date_of(day: i64) -> Date {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Date::new(year as i16, month as i8, day_of_month as i8)
        .expect("simulated instants lie within the calendar")
}

fn write_digits(text: &mut Vec<u8>, number: i64, width: usize) {
    let start = text.len();
    text.resize(start + width, b'0');
    let mut rest = number;
    for digit in text[start..].iter_mut().rev() {
        #[expect(clippy::cast_possible_truncation, reason = "one decimal digit")]
        let value = rest.rem_euclid(10).cast_unsigned() as u8;
        *digit = b'0' + value;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::{MicrosUtc, date_of, day_of};
    use jiff::civil::date;

    #[test]
    fn instants_are_written_with_six_decimals() {
        assert_eq!(MicrosUtc(0).to_rfc3339(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(MicrosUtc(1_767_607_200_123_456).to_rfc3339(), "2026-01-05T10:00:00.123456Z");
        assert_eq!(MicrosUtc(-1).to_rfc3339(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn days_and_dates_agree() {
        for day in -200_000..200_000 {
            assert_eq!(day_of(date_of(day)), day);
        }
        assert_eq!(day_of(date(2000, 2, 29)), 11_016);
        assert_eq!(date_of(0), date(1970, 1, 1));
    }
}
