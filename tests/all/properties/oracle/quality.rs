//! How well the app works, by day. Of rejected messages the meaning does not say which version sent
//! them: they are compared in sum over all versions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use sim::Source;

use super::{
    Tables, UNKNOWN,
    activity::Marts,
    cells::{cells, said},
    meanings::{Event, Meanings},
};

/// Adds the mart: events by version, and rejections of all versions.
pub fn add(tables: &mut Tables, meanings: &Meanings<'_>, marts: &Marts<'_>) {
    let mut by_version: BTreeMap<(Date, &str), Vec<&Event<'_>>> = BTreeMap::new();
    for event in meanings.accepted_events.iter().filter(|event| event.date() <= marts.last_date) {
        let version = said(&event.said.visit.app_version).unwrap_or(UNKNOWN);
        by_version.entry((event.date(), version)).or_default().push(event);
    }
    for ((date, version), events) in by_version {
        let users: BTreeSet<&str> = events.iter().map(|e| e.said.user_id.as_str()).collect();
        let late = events.iter().filter(|event| event.sent.load_date() > date).count();
        let named = |name| events.iter().filter(|event| event.said.event.name() == name).count();
        let head = cells![date, version, events.len(), users.len(), late];
        let tail = cells![named("order_failed"), named("payment_failed"), marts.is_final(date)];
        tables.add("mart.app_quality", [head, tail].concat());
    }
    let mut rejected: BTreeMap<Date, Vec<&str>> = BTreeMap::new();
    for (sent, reason) in &meanings.rejected {
        if sent.source == Source::MobileEvents {
            rejected.entry(sent.load_date()).or_default().push(reason);
        }
    }
    for (date, reasons) in rejected {
        let of = |wanted: &[&str]| reasons.iter().filter(|r| wanted.contains(r)).count();
        let row = cells![
            date,
            reasons.len(),
            of(&["missing_key"]),
            of(&["wrong_type"]),
            of(&["unknown_event"]),
            of(&["too_late", "in_future"]),
        ];
        tables.add("mart.app_quality of rejections", row);
    }
}
