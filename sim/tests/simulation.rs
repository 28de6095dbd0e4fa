//! The simulation from outside: determinism, sampling, size, and what every payload must be.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod payloads;
mod scenario;

use payloads::check_message;
use scenario::{all_arrivals, arrivals, messages, tiny_with, truth};
use sim::{
    Meaning, MicrosUtc, Operation, Outcome, Row, SHARD_COUNT, Scenario, Simulation, Source, Truth,
};
use std::collections::{BTreeMap, BTreeSet};

const BASELINE: &str = include_str!("../../scenarios/baseline.toml");

#[test]
fn baseline_has_the_promised_size() {
    let scenario = Scenario::from_toml("baseline", BASELINE).unwrap();
    let simulation = Simulation::new(scenario);
    let mut of_source: BTreeMap<Source, Vec<usize>> = BTreeMap::new();
    for date in simulation.load_dates() {
        let arrivals = arrivals(&simulation, date);
        for source in Source::ALL {
            let of_date = arrivals.iter().filter(|arrival| arrival.source == source);
            let count = of_date.map(|arrival| arrival.messages.len()).sum();
            of_source.entry(source).or_default().push(count);
        }
    }
    let total = |source| of_source[&source].iter().sum::<usize>();
    assert!(Source::ALL.map(total).iter().sum::<usize>() < 480_000, "{of_source:?}");
    // The first day has the snapshot; every day has changes.
    let expected = [
        (Source::MobileEvents, 40_000..60_000, 45_000..65_000),
        (Source::DbUsers, 25_000..26_000, 150..900),
        (Source::DbProducts, 500..550, 1..50),
        (Source::DbOrders, 1_500..3_500, 900..2_500),
        (Source::DbOrderItems, 1_000..3_500, 400..1_200),
        (Source::DbPayments, 1_000..2_500, 400..1_200),
        (Source::DbSubscriptions, 4_500..5_000, 50..300),
    ];
    for (source, first_day, other_days) in expected {
        let counts = &of_source[&source];
        assert!(first_day.contains(&counts[0]), "{of_source:?}");
        assert!(counts[1..].iter().all(|count| other_days.contains(count)), "{of_source:?}");
    }
}

#[test]
fn another_seed_gives_other_bytes() {
    let once = all_arrivals(&tiny_with(&[]));
    assert_ne!(once, all_arrivals(&tiny_with(&[("\nseed = ", "\nseed = 1")])));
}

/// If this fails, the simulation's bytes have changed: every golden has to be looked at again.
#[test]
fn bytes_do_not_change_by_accident() {
    let arrivals = all_arrivals(&tiny_with(&[]));
    let mut fingerprint = 0_u64;
    for arrival in &arrivals {
        let instants = format!("{:?} {:?}", arrival.arrived_at.0, arrival.sent_at.0);
        for payload in arrival.messages.payloads() {
            let payload = String::from_utf8_lossy(payload);
            let digest = sim::digest(&format!("{} {instants} {payload}", arrival.source.name()));
            fingerprint = fingerprint.wrapping_add(digest);
        }
    }
    let counts = (arrivals.len(), messages(&arrivals).count(), fingerprint);
    assert_eq!(counts, (561, 1_306, 15_441_030_596_712_118_476));
}

#[test]
fn a_sample_is_part_of_a_larger_one() {
    let payloads = |one_in| {
        let simulation = tiny_with(&[("one_in = 3_000_000", one_in)]);
        let arrivals = all_arrivals(&simulation);
        messages(&arrivals).map(|message| message.payload.to_owned()).collect::<BTreeSet<_>>()
    };
    let small = payloads("one_in = 3_000_000");
    let large = payloads("one_in = 300_000");
    assert!(small.is_subset(&large));
    // There are ten times the users, and as many products.
    assert!(large.len() > 8 * small.len());
}

#[test]
fn senders_send_in_order_on_the_day_asked_for() {
    let simulation = tiny_with(&[("one_in = 3_000_000", "one_in = 200_000")]);
    let mut last_of_lane: BTreeMap<(Source, u64), MicrosUtc> = BTreeMap::new();
    let mut shard_of_lane: BTreeMap<(Source, u64), u64> = BTreeMap::new();
    for date in simulation.load_dates() {
        let day = simulation.day(date);
        for shard in 0..SHARD_COUNT {
            for arrival in day.shard(shard) {
                assert_eq!(arrival.arrived_at.date(), date);
                assert!(!arrival.messages.is_empty());
                let lane = (arrival.source, arrival.lane);
                let last = last_of_lane.insert(lane, arrival.arrived_at);
                assert!(last.is_none_or(|last| last < arrival.arrived_at));
                assert_eq!(*shard_of_lane.entry(lane).or_insert(shard), shard);
            }
        }
    }
}

#[test]
fn payloads_are_what_their_meaning_says() {
    for arrival in all_arrivals(&tiny_with(&[("= 3_000_000", "= 500_000")])) {
        for message in arrival.messages.iter() {
            check_message(arrival.source, &message)
                .unwrap_or_else(|problem| panic!("{problem}: {message:?}"));
        }
    }
}

#[test]
fn nobody_acts_before_the_sign_up_or_after_the_deletion() {
    // Clocks are right here, so that the phone's time is the time.
    let simulation = tiny_with(&[
        ("one_in = 3_000_000", "one_in = 100_000"),
        ("fault = \"wrong_clock\"\nrate = 0.15", "fault = \"wrong_clock\"\nrate = 0.0"),
        ("fault = \"clock_changed\"\nrate = 0.1", "fault = \"clock_changed\"\nrate = 0.0"),
    ]);
    let arrivals = all_arrivals(&simulation);
    let mut signed_up = BTreeMap::new();
    let mut deleted = BTreeMap::new();
    for message in messages(&arrivals) {
        if let Meaning::RowChange(change) = message.meaning {
            let row = change.row.as_ref().and_then(Row::as_user);
            match (change.operation, row.map(|row| row.signed_up_at)) {
                (Operation::Delete, _) => {
                    deleted.insert(change.key.clone(), change.committed_at);
                }
                (Operation::Insert, Some(signed_up_at)) => {
                    signed_up.insert(change.key.clone(), signed_up_at);
                }
                _ => {}
            }
        }
    }
    assert!(deleted.len() > 10 && signed_up.len() > 5, "{deleted:?} {signed_up:?}");
    let mut newcomers = BTreeSet::new();
    for message in messages(&arrivals) {
        if let Meaning::MobileEvent(event) = message.meaning {
            assert!(event.occurred_at.date() >= simulation.scenario().start_date);
            assert!(deleted.get(&event.user_id).is_none_or(|at| event.occurred_at < *at));
            assert!(signed_up.get(&event.user_id).is_none_or(|at| event.occurred_at > *at));
            if event.event == sim::Event::SignedUp {
                newcomers.insert(event.user_id.clone());
            }
        }
    }
    assert!(newcomers.len() > 5);
}

#[test]
fn users_grow() {
    let users_on_first_day = |users: &str| {
        let simulation = tiny_with(&[("users = 250_000_000", users)]);
        let arrivals = arrivals(&simulation, simulation.load_dates().next().unwrap());
        messages(&arrivals)
            .filter(|message| {
                matches!(message.meaning, Meaning::RowChange(change)
                    if change.operation == Operation::Snapshot)
            })
            .count()
    };
    assert!(users_on_first_day("users = 500_000_000") > users_on_first_day("users = 250_000_000"));
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    let arrivals = all_arrivals(&tiny_with(&[("days = 3", "days = 6")]));
    let (early, rest): (Vec<_>, Vec<_>) = arrivals
        .iter()
        .partition(|arrival| arrival.arrived_at.date() < jiff::civil::date(2026, 1, 10));
    assert!(!rest.is_empty());
    for arrival in early {
        let again = arrivals.iter().any(|later| {
            later.lane == arrival.lane
                && later.source == arrival.source
                && later.arrived_at > arrival.arrived_at
                && later.messages == arrival.messages
        });
        let expected = arrival.outcome != Outcome::Acknowledged;
        assert!(again || !expected, "never sent again: {arrival:?}");
    }
}

#[test]
fn changes_of_a_row_follow_each_other() {
    let simulation = tiny_with(&[("one_in = 3_000_000", "one_in = 200_000")]);
    let arrivals = all_arrivals(&simulation);
    let mut by_lsn = BTreeMap::new();
    let mut committed_at_by_lsn = BTreeMap::new();
    for message in messages(&arrivals) {
        if let Meaning::RowChange(change) = message.meaning {
            let payload: serde_json::Value = serde_json::from_slice(message.payload).unwrap();
            by_lsn.insert((change.key.clone(), change.lsn), payload);
            committed_at_by_lsn.insert(change.lsn, change.committed_at);
        }
    }
    assert!(committed_at_by_lsn.values().is_sorted(), "lsn does not follow the time of commit");
    let mut follow_ups = 0;
    for (((user, _), earlier), ((next_user, _), later)) in by_lsn.iter().zip(by_lsn.iter().skip(1))
    {
        // A change between the two may have been sent broken.
        if user == next_user && earlier["after"] == later["before"] {
            follow_ups += 1;
        }
    }
    assert!(follow_ups > 300, "{follow_ups}");
}

#[test]
fn truth_does_not_depend_on_the_order_of_observation() {
    let simulation = tiny_with(&[]);
    let mut arrivals = all_arrivals(&simulation);
    let forwards = truth(&simulation, &arrivals);
    arrivals.reverse();
    assert_eq!(forwards, truth(&simulation, &arrivals));
    let text = serde_json::to_string(&forwards).unwrap();
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), forwards);
}
