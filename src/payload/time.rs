//! Instants in payloads: in which form a value says one, and which.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

use crate::clock::MicrosUtc;

/// 2000-01-01: what a number says that lies before it is hardly a time of an event.
const NUMBERS_FROM_SECONDS: i64 = 946_684_800;
/// 2100-01-01.
const NUMBERS_TO_SECONDS: i64 = 4_102_444_800;

/// How a value says an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeForm {
    /// Text such as `2026-01-05T10:00:00.123Z`.
    Utc,
    /// Text of ISO 8601 in another form: with an offset, with a space, without a zone (then UTC), or
    /// a date alone.
    Iso,
    /// A number of seconds since 1970.
    Seconds,
    /// A number of milliseconds since 1970.
    Millis,
    /// A number of microseconds since 1970.
    Micros,
}

/// The instant that a value says; `None` if it says none. A number is one only between the years
/// 2000 and 2100, where its size tells its unit.
pub fn read(value: &Value) -> Option<(MicrosUtc, TimeForm)> {
    match value {
        Value::String(text) => read_text(text),
        Value::Number(number) => read_number(&number.to_string()),
        _ => None,
    }
}

/// As [`read`], and also of a number that stands in quotes.
pub fn read_leniently(value: &Value) -> Option<MicrosUtc> {
    let quoted = || value.as_str().and_then(read_number);
    read(value).or_else(quoted).map(|(instant, _)| instant)
}

fn read_text(text: &str) -> Option<(MicrosUtc, TimeForm)> {
    // jiff reads `20260105` too, which is more often an id.
    let bytes = text.as_bytes();
    let has_dashes = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-';
    if !has_dashes || text.contains('[') {
        return None;
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Ok(instant) = text.parse::<Timestamp>() {
        let is_utc = bytes[10] == b'T' && text.ends_with('Z') && text.len() <= 27;
        let form = if is_utc { TimeForm::Utc } else { TimeForm::Iso };
        return Some((MicrosUtc(instant.as_microsecond()), form));
    }
    let civil: DateTime = text.parse().ok()?;
    let instant = TimeZone::UTC.to_timestamp(civil).ok()?;
    Some((MicrosUtc(instant.as_microsecond()), TimeForm::Iso))
}

fn read_number(text: &str) -> Option<(MicrosUtc, TimeForm)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    for (form, per_second) in
        [(TimeForm::Seconds, 1), (TimeForm::Millis, 1_000), (TimeForm::Micros, 1_000_000)]
    {
        let seconds = whole / per_second;
        if (NUMBERS_FROM_SECONDS..NUMBERS_TO_SECONDS).contains(&seconds) {
            let micros_per_unit = 1_000_000 / per_second;
            let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
            let rest: i64 = digits.parse().ok()?;
            let micros = whole * micros_per_unit + rest * micros_per_unit / 1_000_000;
            return Some((MicrosUtc(micros), form));
        }
    }
    None
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
