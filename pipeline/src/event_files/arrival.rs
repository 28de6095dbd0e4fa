//! When the messages of a file arrive: all at one instant, or each when it says.

use crate::{
    clock::MicrosUtc,
    payload::{self, path, time},
};

/// 2000-01-01T00:00:00Z: an earlier time is a clock that was never set.
const EARLIEST: MicrosUtc = MicrosUtc(946_684_800_000_000);

/// When the messages of a file arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrivalRule {
    /// All when the command runs.
    Now(MicrosUtc),
    /// All at this instant.
    At(MicrosUtc),
    /// Each at the instant that it has at this path, so that a past of many days gets its own load
    /// dates. A message whose time cannot be read arrives with the one before it.
    Backfill {
        /// As in a source's contract.
        path: String,
        /// A later time is one that cannot be read.
        latest: MicrosUtc,
    },
}

impl ArrivalRule {
    /// What tells ingestions of one file apart. The same command says the same later on.
    pub fn identity(&self) -> String {
        match self {
            Self::Now(_) => "now".to_owned(),
            Self::At(instant) => format!("at {instant}"),
            Self::Backfill { path, .. } => format!("by {path}"),
        }
    }

    /// The instant that the message says, if the rule asks for it and it can be read.
    pub fn told_by(&self, payload: &[u8]) -> Option<MicrosUtc> {
        let Self::Backfill { path: text, latest } = self else { return None };
        let payload = payload::read(payload).ok()?;
        time::read_leniently(path::find(&payload, text)?)
            .filter(|instant| (EARLIEST..=*latest).contains(instant))
    }

    /// The arrival of messages that come before the first one that says its own.
    pub fn first(&self, told_first: Option<MicrosUtc>) -> Option<MicrosUtc> {
        match self {
            Self::Now(instant) | Self::At(instant) => Some(*instant),
            Self::Backfill { .. } => told_first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ArrivalRule;
    use crate::clock::MicrosUtc;

    #[test]
    fn a_message_says_when_it_arrived_if_it_can_be_true() {
        let latest = MicrosUtc::parse_rfc3339("2026-01-08T00:00:00Z").unwrap();
        let rule = ArrivalRule::Backfill { path: "meta.at".to_owned(), latest };
        let told = |payload: &str| rule.told_by(payload.as_bytes()).map(|at| at.to_string());
        assert_eq!(
            told(r#"{"meta":{"at":"2026-01-05T10:00:00Z"}}"#).as_deref(),
            Some("2026-01-05T10:00:00.000000Z")
        );
        // As in the tables, the first of equal names counts.
        let twice =
            r#"{"meta":{"at":"2026-01-05T10:00:00Z","at":"2026-01-06T10:00:00Z"},"meta":1}"#;
        assert_eq!(told(twice).as_deref(), Some("2026-01-05T10:00:00.000000Z"));
        for unreadable in [
            r#"{"meta":{"at":"2026-01-09T10:00:00Z"}}"#,
            r#"{"meta":{"at":"1970-01-01T00:00:00Z"}}"#,
            r#"{"meta":{"at":null}}"#,
            r#"{"meta":1}"#,
            "{\"meta\":{\"at\":\"2026-01-05T10:00",
        ] {
            assert_eq!(told(unreadable), None, "{unreadable}");
        }
        assert_eq!(ArrivalRule::At(latest).told_by(b"{}"), None);
    }
}
