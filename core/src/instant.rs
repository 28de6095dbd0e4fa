//! Instants. Not for: what time it is.
//!
//! The simulator has an instant of its own, since it knows nothing of the pipeline; `ingest` turns one
//! into the other.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicrosUtc(pub i64);

impl MicrosUtc {
    /// Reads RFC 3339 text, such as `2026-01-05T10:00:00.000000Z`; `None` if it is not that or
    /// lies outside the years that a date can have.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|timestamp| Self(timestamp.as_microsecond()))
    }

    /// The UTC date, or `None` outside the years -9999 to 9999.
    pub fn date(self) -> Option<Date> {
        let timestamp = Timestamp::from_microsecond(self.0).ok()?;
        Some(TimeZone::UTC.to_datetime(timestamp).date())
    }
}

/// RFC 3339 with six decimals, such as `2026-01-05T10:00:00.000000Z`.
impl fmt::Display for MicrosUtc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(formatter, "{timestamp:.6}"),
            Err(_) => write!(formatter, "{} µs since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MicrosUtc;

    #[test]
    fn text_goes_both_ways_and_dates_are_utc() {
        let instant = MicrosUtc::parse_rfc3339("2026-01-05T00:30:00.000001+01:00").unwrap();
        assert_eq!(instant.to_string(), "2026-01-04T23:30:00.000001Z");
        assert_eq!(instant.date().unwrap().to_string(), "2026-01-04");
        assert_eq!(MicrosUtc(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(MicrosUtc(-1).date().unwrap().to_string(), "1969-12-31");
        assert!(MicrosUtc::parse_rfc3339("yesterday").is_none());
    }
}
