//! The truth against a second, quadratic reading of the rules, on nasty sets of messages.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod payloads;

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};
use payloads::check_message;
use proptest::prelude::*;
use sim::{
    ActivityTruth, Arrival, Limits, LoadDayTruth, Meaning, MobileEvent, RowChange, Source, Truth,
    TruthRecorder, digest, nasty,
};
use std::collections::{BTreeMap, BTreeSet};

const LAST_DATE: Date = date(2026, 1, 8);

fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        (0..4_i32, 0..2_i32).prop_map(|(max_lateness_days, max_skew_days)| Limits {
            max_lateness_days,
            max_skew_days
        }),
        Just(Limits { max_lateness_days: 30, max_skew_days: 1 }),
    ]
}

fn truth_of<'a>(arrivals: impl Iterator<Item = &'a Arrival>, limits: Limits, last: Date) -> Truth {
    let mut recorder = TruthRecorder::new(limits);
    for arrival in arrivals {
        recorder.observe(arrival);
    }
    recorder.finish(last)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn truth_agrees_with_a_naive_reading(seed: u64, limits in limits(), size in 1..60_usize) {
        let arrivals = nasty(seed, limits, size);
        let truth = truth_of(arrivals.iter(), limits, LAST_DATE);
        prop_assert_eq!(naive_truth(&arrivals, limits), truth.clone());
        prop_assert_eq!(truth_of(arrivals.iter().rev(), limits, LAST_DATE), truth);
        prop_assert_eq!(nasty(seed, limits, size), arrivals);
    }

    #[test]
    fn nasty_payloads_are_what_their_meaning_says(seed: u64, limits in limits()) {
        for arrival in nasty(seed, limits, 50) {
            for message in &arrival.messages {
                if let Err(problem) = check_message(arrival.source, message) {
                    let text = String::from_utf8_lossy(&message.payload);
                    prop_assert!(false, "{}: {:?} of {}", problem, message.meaning, text);
                }
            }
        }
    }

    #[test]
    fn truth_as_of_a_date_ignores_what_was_loaded_later(seed: u64, limits in limits()) {
        let arrivals = nasty(seed, limits, 40);
        let last = date(2026, 1, 3);
        let until = arrivals.iter().filter(|arrival| arrival.arrived_at.date() <= last);
        prop_assert_eq!(truth_of(until, limits, last), truth_of(arrivals.iter(), limits, last));
    }
}

/// What the sets are for must be in them.
#[test]
fn nasty_sets_are_nasty() {
    let limits = Limits { max_lateness_days: 2, max_skew_days: 1 };
    let mut found = BTreeSet::new();
    for seed in 0..200 {
        let arrivals = nasty(seed, limits, 50);
        for source in truth_of(arrivals.iter(), limits, LAST_DATE).load_days {
            for day in source.1.values() {
                found.extend(day.rejected.keys().map(|code| format!("{} {code}", source.0.name())));
                if day.duplicates > 0 {
                    found.insert(format!("{} duplicates", source.0.name()));
                }
            }
        }
        if arrivals.windows(2).any(|pair| pair[0].arrived_at == pair[1].arrived_at) {
            found.insert("tie".to_owned());
        }
    }
    let reasons = ["duplicates", "in_future", "missing_key", "not_json", "not_utf8", "wrong_type"];
    let own = |source: Source| match source {
        Source::MobileEvents => vec!["too_late", "unknown_event"],
        _ => vec!["unknown_operation"],
    };
    let mut expected = BTreeSet::from(["tie".to_owned()]);
    for source in Source::ALL {
        let codes = reasons.iter().copied().chain(own(source));
        expected.extend(codes.map(|code| format!("{} {code}", source.name())));
    }
    assert_eq!(found, expected);
}

/// A valid event with its dates.
#[derive(Clone, Copy)]
struct Valid<'a> {
    said: &'a MobileEvent,
    load_date: Date,
    date: Date,
}

fn naive_truth(arrivals: &[Arrival], limits: Limits) -> Truth {
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
        for message in &arrival.messages {
            day.archived += 1;
            let mut reject = |code: &str| *day.rejected.entry(code.to_owned()).or_default() += 1;
            match &message.meaning {
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
    truth.activity_days = naive_activity_days(&accepted_events, &changes);
    truth
}

fn naive_activity_days(
    events: &[Valid],
    changes: &[(&RowChange, Date)],
) -> BTreeMap<Date, ActivityTruth> {
    let mut activity_days = BTreeMap::new();
    let mut day = date(2025, 11, 1);
    while day <= LAST_DATE {
        let activity = naive_activity(events, changes, day);
        if activity.active_users_28_days > 0 {
            activity_days.insert(day, activity);
        }
        day = day.tomorrow().unwrap();
    }
    activity_days
}

fn naive_activity(events: &[Valid], changes: &[(&RowChange, Date)], day: Date) -> ActivityTruth {
    let on = |event: &&Valid| event.date == day;
    let users = |from: Date| -> BTreeSet<&str> {
        events
            .iter()
            .filter(|event| event.date >= from && event.date <= day)
            .map(|event| event.said.user_id.as_str())
            .collect()
    };
    let active = users(day);
    let mut truth = ActivityTruth {
        active_users: active.len() as u64,
        active_users_28_days: users(day.checked_sub(27.days()).unwrap()).len() as u64,
        event_count: events.iter().filter(on).count() as u64,
        ..ActivityTruth::default()
    };
    for user in active {
        let last = changes
            .iter()
            .map(|(change, _)| change)
            .filter(|change| change.key == user && change.committed_at.date() <= day)
            .max_by_key(|change| (change.committed_at, change.lsn))
            .and_then(|change| change.row.as_ref()?.as_user());
        match last.map(|row| row.signed_up_at.date()) {
            Some(signed_up_on) if signed_up_on == day => truth.new_users += 1,
            Some(signed_up_on) if signed_up_on < day => truth.returning_users += 1,
            _ => truth.unknown_users += 1,
        }
        let plan = last.map(|row| row.plan.clone());
        *truth.active_users_by_plan.entry(plan.unwrap_or("unknown".to_owned())).or_default() += 1;
    }
    truth
}

#[test]
fn sources_are_known_by_the_names_of_their_contracts() {
    assert_eq!(Source::MobileEvents.name(), "mobile_events");
    assert_eq!(serde_json::to_string(&Source::DbUsers).unwrap(), "\"db_users\"");
}
