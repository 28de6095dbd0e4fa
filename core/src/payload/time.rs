//! Instants in payloads: in which form a value says one, and which.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::instant::MicrosUtc;

/// 2000-01-01: what a number says that lies before it is hardly a time of an event.
const NUMBERS_FROM_SECONDS: i64 = 946_684_800;
/// 2100-01-01.
const NUMBERS_TO_SECONDS: i64 = 4_102_444_800;

/// How a value says an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// Text such as `2026-01-05T10:00:00.123Z`.
    Utc,
    /// Text of ISO 8601 in another form: with an offset, with a space, without a zone (then UTC), or
    /// a date alone.
    Iso,
    /// A number of seconds since 1970.
    #[serde(rename = "epoch_seconds")]
    Seconds,
    /// A number of milliseconds since 1970.
    #[serde(rename = "epoch_millis")]
    Millis,
    /// A number of microseconds since 1970.
    #[serde(rename = "epoch_micros")]
    Micros,
}

impl TimeForm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Utc, Self::Iso, Self::Seconds, Self::Millis, Self::Micros];

    /// The function of the schema `udf` that reads it in the tables.
    pub fn function(self) -> &'static str {
        match self {
            Self::Utc => "safe_timestamp",
            Self::Iso => "safe_iso_timestamp",
            Self::Seconds => "safe_epoch_seconds",
            Self::Millis => "safe_epoch_millis",
            Self::Micros => "safe_epoch_micros",
        }
    }

    /// As a contract writes it, in quotes; nothing for UTC, which it need not say.
    pub fn in_contract(self) -> Option<String> {
        let written = || toml::Value::try_from(self).expect("a form is a name").to_string();
        (self != Self::Utc).then(written)
    }

    /// What it is, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Utc => "an instant in UTC",
            Self::Iso => "a time of ISO 8601",
            Self::Seconds => "seconds since 1970",
            Self::Millis => "milliseconds since 1970",
            Self::Micros => "microseconds since 1970",
        }
    }

    /// Whether it is a number.
    pub fn is_epoch(self) -> bool {
        self.digits_max().is_some()
    }

    /// The instant that [`Self::function`] reads from a text, from which it reads one.
    pub fn read(self, text: &str) -> Option<MicrosUtc> {
        match self {
            Self::Utc => Civil::parse(text).filter(|civil| civil.is_strict).map(Civil::instant),
            Self::Iso => Civil::parse(text).map(Civil::instant),
            Self::Seconds | Self::Millis | Self::Micros => self.read_epoch(text),
        }
    }

    /// Of a number, how many digits it has before the point.
    fn digits_max(self) -> Option<usize> {
        match self {
            Self::Utc | Self::Iso => None,
            Self::Seconds => Some(10),
            Self::Millis => Some(13),
            Self::Micros => Some(16),
        }
    }

    fn micros_per_unit(self) -> i128 {
        match self {
            Self::Seconds => 1_000_000,
            Self::Millis => 1_000,
            Self::Utc | Self::Iso | Self::Micros => 1,
        }
    }

    fn read_epoch(self, text: &str) -> Option<MicrosUtc> {
        let is_digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if !is_digits(whole) || !is_digits(fraction) || whole.len() > self.digits_max()? {
            return None;
        }
        // The tables' decimals have nine places, and round.
        let kept: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let rounds_up = fraction.as_bytes().get(9).is_some_and(|digit| *digit >= b'5');
        let fraction = kept.parse::<i128>().ok()? + i128::from(rounds_up);
        let decimal = whole.parse::<i128>().ok()? * 1_000_000_000 + fraction;
        i64::try_from(decimal * self.micros_per_unit() / 1_000_000_000).ok().map(MicrosUtc)
    }
}

/// The instant that a value says, and how; `None` if it says none. A number is one only between the
/// years 2000 and 2100, where its size tells its unit.
pub fn read(value: &Value) -> Option<(MicrosUtc, TimeForm)> {
    match value {
        Value::String(text) => {
            let civil = Civil::parse(text)?;
            let form = if civil.is_strict { TimeForm::Utc } else { TimeForm::Iso };
            Some((civil.instant(), form))
        }
        Value::Number(number) => read_number(&number.to_string()),
        _ => None,
    }
}

/// The instant that a number in quotes says, which may as well be an id.
pub fn read_quoted(value: &Value) -> Option<(MicrosUtc, TimeForm)> {
    value.as_str().and_then(read_number)
}

/// As [`read`], and also of a number that stands in quotes.
pub fn read_leniently(value: &Value) -> Option<MicrosUtc> {
    read(value).or_else(|| read_quoted(value)).map(|(instant, _)| instant)
}

fn read_number(text: &str) -> Option<(MicrosUtc, TimeForm)> {
    let is_near = |instant: &MicrosUtc| {
        (NUMBERS_FROM_SECONDS..NUMBERS_TO_SECONDS).contains(&instant.0.div_euclid(1_000_000))
    };
    TimeForm::ALL
        .into_iter()
        .filter_map(|form| Some((form.read_epoch(text)?, form)))
        .find(|(instant, _)| is_near(instant))
}

/// What a text of ISO 8601 says, as `udf.safe_iso_timestamp` reads it.
struct Civil {
    /// Microseconds since 1970, as if it were UTC.
    micros: i64,
    offset_minutes: i64,
    /// Whether `udf.safe_timestamp` reads it, too.
    is_strict: bool,
}

impl Civil {
    fn parse(text: &str) -> Option<Self> {
        // The functions of the tables read no other centuries.
        if !text.starts_with("19") && !text.starts_with("20") {
            return None;
        }
        let mut rest = Rest(text);
        let year = rest.digits(4, 9999)?;
        let month = rest.after("-")?.digits(2, 12)?;
        let day = rest.after("-")?.digits(2, 31)?;
        let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
        let days = date.ok()?.since(Date::constant(1970, 1, 1)).ok()?.get_days();
        let micros = i64::from(days) * 86_400 * 1_000_000;
        let mut civil = Self { micros, offset_minutes: 0, is_strict: rest.0.starts_with('T') };
        if rest.after("T").is_some() || rest.after(" ").is_some() {
            civil.parse_time(&mut rest)?;
            civil.parse_zone(&mut rest)?;
        }
        rest.0.is_empty().then_some(civil)
    }

    fn parse_time(&mut self, rest: &mut Rest<'_>) -> Option<()> {
        let hours = rest.digits(2, 23)?;
        let minutes = rest.after(":")?.digits(2, 59)?;
        self.micros += (hours * 60 + minutes) * 60 * 1_000_000;
        if rest.after(":").is_none() {
            self.is_strict = false;
            return Some(());
        }
        self.micros += rest.digits(2, 59)? * 1_000_000;
        if rest.after(".").is_some() {
            let fraction = rest.all_digits();
            if !(1..=9).contains(&fraction.len()) {
                return None;
            }
            self.is_strict &= fraction.len() <= 6;
            let kept: String = fraction.chars().chain("000000".chars()).take(6).collect();
            self.micros += kept.parse::<i64>().ok()?;
        }
        Some(())
    }

    fn parse_zone(&mut self, rest: &mut Rest<'_>) -> Option<()> {
        self.is_strict &= rest.0 == "Z";
        if rest.0.is_empty() {
            return Some(());
        }
        let _ = rest.after(" ");
        if rest.after("Z").is_some() || rest.after("UTC").is_some() {
            return Some(());
        }
        let sign = if rest.after("-").is_some() { -1 } else { rest.after("+").map(|_| 1)? };
        self.offset_minutes = rest.digits(2, 99)? * 60;
        if rest.after(":").is_some() || !rest.0.is_empty() {
            self.offset_minutes += rest.digits(2, 99)?;
        }
        self.offset_minutes *= sign;
        Some(())
    }

    fn instant(self) -> MicrosUtc {
        MicrosUtc(self.micros - self.offset_minutes * 60 * 1_000_000)
    }
}

/// What is not read yet of a text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn after(&mut self, part: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(part)?;
        Some(self)
    }

    fn digits(&mut self, count: usize, max: i64) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|value| is_number && *value <= max)
    }

    fn all_digits(&mut self) -> &'a str {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{TimeForm, read, read_leniently};

    #[track_caller]
    fn check(value: &serde_json::Value, expected: Option<(&str, TimeForm)>) {
        let found = read(value).map(|(instant, form)| (instant.to_string(), form));
        let expected = expected.map(|(text, form)| (text.to_owned(), form));
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn values_say_instants_in_many_forms() {
        let ten = "2026-01-05T10:00:00.000000Z";
        check(&json!("2026-01-05T10:00:00Z"), Some((ten, TimeForm::Utc)));
        check(&json!("2026-01-05T12:00:00+02:00"), Some((ten, TimeForm::Iso)));
        check(&json!("2026-01-05 10:00:00"), Some((ten, TimeForm::Iso)));
        check(&json!("2026-01-05 10:00:00 UTC"), Some((ten, TimeForm::Iso)));
        check(&json!("2026-01-05T10:00Z"), Some((ten, TimeForm::Iso)));
        check(&json!("2026-01-05T10:00:00.0000000Z"), Some((ten, TimeForm::Iso)));
        check(&json!("2026-01-05"), Some(("2026-01-05T00:00:00.000000Z", TimeForm::Iso)));
        check(&json!(1_767_607_200), Some((ten, TimeForm::Seconds)));
        check(&json!(1_767_607_200_000_u64), Some((ten, TimeForm::Millis)));
        check(&json!(1_767_607_200_000_000_u64), Some((ten, TimeForm::Micros)));
        let fraction = json!(1_767_607_200.25);
        check(&fraction, Some(("2026-01-05T10:00:00.250000Z", TimeForm::Seconds)));
    }

    #[test]
    fn what_says_no_instant() {
        for value in [
            json!("20260105"),
            json!("2026-01-05T25:00:00Z"),
            json!("2026-13-05"),
            json!("tomorrow"),
            json!(42),
            json!(-1_767_607_200),
            json!(1e300),
            json!(true),
            json!(null),
            json!({ "at": 1_767_607_200 }),
        ] {
            check(&value, None);
        }
        // In quotes it may as well be an id: only who says that it is a time gets one.
        check(&json!("1767607200"), None);
        assert!(read_leniently(&json!("1767607200")).is_some());
    }
}
