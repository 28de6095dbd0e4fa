//! What must become of each message: accepted, rejected, or a duplicate, and of which one.
//!
//! Quadratic, since that is the plain reading of the rules (`ARCHITECTURE.md`, `docs/verify.md`).

use std::collections::BTreeMap;

use jiff::ToSpan;
use sim::{Limits, Meaning};

use super::message::Sent;

/// What must become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It becomes a row.
    Accepted,
    /// It is rejected for this reason.
    Rejected(&'static str),
    /// It says again what this valid message said before it.
    Duplicate {
        /// The immediate predecessor; whether that one was accepted does not matter.
        of: String,
    },
}

/// The verdict of each message, by its id; each counts once, however often it is there.
pub fn verdicts<'a>(
    messages: impl IntoIterator<Item = &'a Sent>,
    limits: Limits,
) -> BTreeMap<&'a str, Verdict> {
    let distinct: BTreeMap<&str, &Sent> =
        messages.into_iter().map(|sent| (sent.message_id.as_str(), sent)).collect();
    let mut in_order: Vec<&Sent> = distinct.into_values().collect();
    in_order.sort_by_key(|sent| (sent.arrived_at, &sent.message_id));
    let mut valid: Vec<&Sent> = Vec::new();
    let mut found = BTreeMap::new();
    for sent in in_order {
        let verdict = if let Some(reason) = reject_reason(sent, limits) {
            Verdict::Rejected(reason)
        } else {
            let earlier = valid.iter().rev().find(|earlier| repeats(sent, earlier, limits));
            let of = earlier.map(|earlier| earlier.message_id.clone());
            valid.push(sent);
            of.map_or(Verdict::Accepted, |of| Verdict::Duplicate { of })
        };
        found.insert(sent.message_id.as_str(), verdict);
    }
    found
}

/// Late changes are never refused: the copy of the database would differ for ever.
fn reject_reason(sent: &Sent, limits: Limits) -> Option<&'static str> {
    let latest = sent.load_date() + i64::from(limits.max_skew_days).days();
    let earliest = sent.load_date() - i64::from(limits.max_lateness_days).days();
    let date = sent.happened_at().map(sim::MicrosUtc::date);
    match &sent.meaning {
        Meaning::Invalid(reason) => Some(reason.code()),
        Meaning::MobileEvent(_) if date < Some(earliest) => Some("too_late"),
        _ if date > Some(latest) => Some("in_future"),
        _ => None,
    }
}

/// Whether a valid message says again what an earlier valid one said: an event within the lookback,
/// a change on the same load date.
fn repeats(sent: &Sent, earlier: &Sent, limits: Limits) -> bool {
    let lookback_days = match sent.meaning {
        Meaning::MobileEvent(_) => limits.max_lateness_days + limits.max_skew_days,
        _ => 0,
    };
    let since = sent.load_date() - i64::from(lookback_days).days();
    sent.identity() == earlier.identity() && earlier.load_date() >= since
}
