//! The simulation in parts: any division of the shards among any number of parts, and any order of
//! days, gives the same batches and the same truth.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod scenario;

use proptest::prelude::*;
use scenario::{LIMITS, all_arrivals, arrivals, messages, tiny_with, truth};
use sim::{Arrival, SHARD_COUNT, Simulation, Truth, TruthRecorder};
use std::time::{Duration, Instant};

/// A world of a few hundred users, in which most shards have nobody and some have someone.
fn world(seed: u64) -> Simulation {
    let seed = format!("\nseed = {seed} # ");
    tiny_with(&[("one_in = 3_000_000", "one_in = 600_000"), ("\nseed = ", &seed)])
}

/// What the shards of one part send on all days, which are asked for in the order given.
fn part(simulation: &Simulation, part: u64, part_count: usize, days: &[usize]) -> Vec<Arrival> {
    let dates: Vec<_> = simulation.load_dates().collect();
    let mut all = Vec::new();
    for index in days {
        let day = simulation.day(dates[*index]).with_meanings();
        for shard in (part..SHARD_COUNT).step_by(part_count) {
            let mut arrivals = day.shard(shard);
            while let Some(arrival) = arrivals.next() {
                all.push(arrival.clone());
                arrivals.recycle(arrival);
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn parts_are_the_whole(
        seed in 0..1_000_000_u64,
        part_count in prop::sample::select(vec![1, 2, 7]),
        days in Just(vec![0, 1, 2]).prop_shuffle(),
    ) {
        let simulation = world(seed);
        let whole = all_arrivals(&simulation);
        let parts: Vec<Vec<Arrival>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..part_count as u64)
                .map(|number| {
                    let (simulation, days) = (&simulation, &days);
                    scope.spawn(move || part(simulation, number, part_count, days))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let truths = parts.iter().map(|part| truth(&simulation, part));
        let sum = truths.fold(Truth::default(), |sum, part| sum.plus(&part));
        prop_assert_eq!(sum, truth(&simulation, &whole));
        let mut together = parts.concat();
        together.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane, arrival.source));
        prop_assert_eq!(together, whole);
    }
}

#[test]
fn without_meanings_there_are_the_same_bytes() {
    let simulation = tiny_with(&[]);
    let date = simulation.load_dates().next().unwrap();
    let day = simulation.day(date);
    let bare = (0..SHARD_COUNT).flat_map(|shard| day.shard(shard));
    let bare: Vec<Vec<u8>> = bare
        .flat_map(|arrival| arrival.messages.payloads().map(<[u8]>::to_owned).collect::<Vec<_>>())
        .collect();
    let full = arrivals(&simulation, date);
    let mut full: Vec<&[u8]> = messages(&full).map(|message| message.payload).collect();
    full.sort_unstable();
    let mut bare: Vec<&[u8]> = bare.iter().map(Vec::as_slice).collect();
    bare.sort_unstable();
    assert_eq!(bare, full);
}

/// The real population, at the end of ten years of growth by half a year.
#[test]
fn the_first_batch_of_any_day_comes_at_once() {
    let days = "days = 3_660";
    for one_in in ["one_in = 1", "one_in = 100", "one_in = 10_000"] {
        let simulation = tiny_with(&[
            ("one_in = 3_000_000", one_in),
            ("days = 3", days),
            ("growth_per_year = 9.0", "growth_per_year = 0.5"),
        ]);
        for index in [0, 1, 700, 3_659] {
            let date = simulation.load_dates().nth(index).unwrap();
            let (arrival, elapsed) = first(&simulation, date);
            assert_eq!(arrival.arrived_at.date(), date);
            assert!(elapsed < Duration::from_millis(100), "{one_in} {date}: {elapsed:?}");
        }
    }
}

/// The least of three times, since others use the machine as well.
#[expect(clippy::disallowed_methods, reason = "what is promised is a time")]
fn first(simulation: &Simulation, date: jiff::civil::Date) -> (Arrival, Duration) {
    let once = || {
        let started = Instant::now();
        let day = simulation.day(date);
        let first = (0..SHARD_COUNT).find_map(|shard| day.shard(shard).next());
        (first.unwrap(), started.elapsed())
    };
    [once(), once(), once()].into_iter().min_by_key(|(_, elapsed)| *elapsed).unwrap()
}

#[test]
fn nothing_happens_before_the_start() {
    let simulation = tiny_with(&[]);
    let before = simulation.scenario().start_date.yesterday().unwrap();
    assert_eq!(arrivals(&simulation, before), []);
    let nothing = TruthRecorder::new(LIMITS).finish(before);
    assert_eq!(nothing, Truth::default().plus(&nothing));
}
