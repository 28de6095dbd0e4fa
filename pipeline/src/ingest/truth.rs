//! What the tables must show of a whole simulation.

use std::thread;

use jiff::civil::Date;
use sim::{Day, Limits, SHARD_COUNT, Simulation, Truth, TruthRecorder};

use crate::parts::part_count;

/// The truth of all days. It needs to know all that came before, so each shard is simulated once more, by
/// itself through all days: then no more is held than what its own users did, however many there are.
pub fn of(simulation: &Simulation, limits: Limits) -> Truth {
    let day = |date| (date, simulation.day(date).with_meanings());
    let days: Vec<(Date, Day<'_>)> = simulation.load_dates().map(day).collect();
    let part_count = part_count();
    let part = |part: usize| {
        let shards = (0..SHARD_COUNT).skip(part).step_by(part_count);
        shards.fold(Truth::default(), |sum, shard| sum.plus(&of_shard(&days, shard, limits)))
    };
    thread::scope(|scope| {
        let part = &part;
        let threads: Vec<_> =
            (0..part_count).map(|number| scope.spawn(move || part(number))).collect();
        threads.into_iter().fold(Truth::default(), |sum, thread| {
            sum.plus(&thread.join().expect("the truth of a part does not panic"))
        })
    })
}

fn of_shard(days: &[(Date, Day<'_>)], shard: u64, limits: Limits) -> Truth {
    let mut recorder = TruthRecorder::new(limits);
    for (_, day) in days {
        let mut arrivals = day.shard(shard);
        while let Some(arrival) = arrivals.next() {
            recorder.observe(&arrival);
            arrivals.recycle(arrival);
        }
    }
    recorder.finish(days.last().map(|(date, _)| *date).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use sim::Scenario;

    use super::*;

    #[test]
    fn shard_by_shard_it_is_the_truth_of_all() {
        let text = include_str!("../../../scenarios/tiny.toml");
        let simulation = Simulation::new(Scenario::from_toml("tiny", text).unwrap());
        let limits = Limits { max_lateness_days: 30, max_skew_days: 1 };
        let mut recorder = TruthRecorder::new(limits);
        for date in simulation.load_dates() {
            let day = simulation.day(date).with_meanings();
            for arrival in (0..SHARD_COUNT).flat_map(|shard| day.shard(shard)) {
                recorder.observe(&arrival);
            }
        }
        let last_date = simulation.load_dates().last().unwrap();
        let truth = of(&simulation, limits);
        assert_eq!(truth, recorder.finish(last_date));
        assert!(!truth.revenue_days.is_empty() && !truth.session_days.is_empty());
    }
}
