//! A second, quadratic reading of the rules, word by word: what is slow and plain is hard to get
//! wrong.

mod activity;
mod revenue;
mod sessions;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use sim::{Arrival, Limits, LoadDayTruth, Meaning, MobileEvent, RowChange, Truth, digest};
use std::collections::BTreeMap;

/// A valid event with its dates.
#[derive(Clone, Copy)]
pub struct Valid<'a> {
    pub said: &'a MobileEvent,
    load_date: Date,
    pub date: Date,
}

pub fn naive_truth(arrivals: &[Arrival], limits: Limits, last: Date) -> Truth {
    let days = |count: i32| -> Span { i64::from(count).days() };
    let mut truth = Truth::default();
    let mut events: Vec<Valid> = Vec::new();
    let mut accepted_events: Vec<Valid> = Vec::new();
    let mut changes: Vec<(&RowChange, Date)> = Vec::new();
    for arrival in arrivals {
        let load_date = arrival.arrived_at.date();
        let latest = load_date.checked_add(days(limits.max_skew_days)).unwrap();
        let source_days: &mut BTreeMap<Date, LoadDayTruth> =
            truth.load_days.entry(arrival.source).or_default();
        let day = source_days.entry(load_date).or_default();
        for message in arrival.messages.iter() {
            day.archived += 1;
            let mut reject = |code: &str| *day.rejected.entry(code.to_owned()).or_default() += 1;
            match message.meaning {
                Meaning::Invalid(reason) => reject(reason.code()),
                Meaning::RowChange(change) if change.committed_at.date() > latest => {
                    reject("in_future");
                }
                Meaning::RowChange(change) => {
                    let same = |(other, date): &(&RowChange, Date)| {
                        *date == load_date && other.identity == change.identity
                    };
                    if changes.iter().any(same) {
                        day.duplicates += 1;
                    } else {
                        day.accepted += 1;
                        let id = digest(&format!("{}/{}", change.key, change.lsn));
                        day.accepted_digest = day.accepted_digest.wrapping_add(id);
                        changes.push((change, load_date));
                    }
                }
                Meaning::MobileEvent(event) => {
                    let clock = arrival.arrived_at.0 - arrival.sent_at.0;
                    let event_date = sim::MicrosUtc(event.occurred_at.0 + clock).date();
                    let earliest = load_date.checked_sub(days(limits.max_lateness_days)).unwrap();
                    if event_date < earliest {
                        reject("too_late");
                    } else if event_date > latest {
                        reject("in_future");
                    } else {
                        let lookback = limits.max_lateness_days + limits.max_skew_days;
                        let since = load_date.checked_sub(days(lookback)).unwrap();
                        let valid = Valid { said: event, load_date, date: event_date };
                        if events.iter().any(|earlier| {
                            earlier.said.event_id == event.event_id && earlier.load_date >= since
                        }) {
                            day.duplicates += 1;
                        } else {
                            day.accepted += 1;
                            let id = digest(&event.event_id);
                            day.accepted_digest = day.accepted_digest.wrapping_add(id);
                            accepted_events.push(valid);
                        }
                        events.push(valid);
                    }
                }
            }
        }
    }
    let changes: Vec<&RowChange> = changes.into_iter().map(|(change, _)| change).collect();
    truth.activity_days = activity::activity_days(&accepted_events, &changes, last);
    truth.retention_days = activity::retention_days(&accepted_events, &changes, last);
    let sessions = sessions::sessions(&accepted_events, last);
    truth.session_days = sessions::session_days(&sessions);
    truth.funnel_days = sessions::funnel_days(&sessions);
    truth.revenue_days = revenue::revenue_days(&changes, last);
    truth
}
