//! The truth against a second, quadratic reading of the rules, on nasty sets of messages.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod naive;
mod payloads;

use jiff::civil::{Date, date};
use naive::naive_truth;
use payloads::check_message;
use proptest::prelude::*;
use sim::{Arrival, Limits, Source, Truth, TruthRecorder, nasty};
use std::collections::BTreeSet;

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
        prop_assert_eq!(naive_truth(&arrivals, limits, LAST_DATE), truth.clone());
        prop_assert_eq!(truth_of(arrivals.iter().rev(), limits, LAST_DATE), truth);
        prop_assert_eq!(nasty(seed, limits, size), arrivals);
    }

    #[test]
    fn nasty_payloads_are_what_their_meaning_says(seed: u64, limits in limits()) {
        for arrival in nasty(seed, limits, 50) {
            for message in arrival.messages.iter() {
                if let Err(problem) = check_message(arrival.source, &message) {
                    let text = String::from_utf8_lossy(message.payload);
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

#[test]
fn sources_are_known_by_the_names_of_their_contracts() {
    assert_eq!(Source::MobileEvents.name(), "mobile_events");
    assert_eq!(serde_json::to_string(&Source::DbUsers).unwrap(), "\"db_users\"");
}
