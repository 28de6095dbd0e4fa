//! The scenario `tiny`, what arrives in it, and its truth.

use jiff::civil::Date;
use sim::{Arrival, Limits, Message, SHARD_COUNT, Scenario, Simulation, Truth, TruthRecorder};

pub const LIMITS: Limits = Limits { max_lateness_days: 30, max_skew_days: 1 };
pub const TINY: &str = include_str!("../../../scenarios/tiny.toml");

/// The tiny scenario with some lines replaced.
pub fn tiny_with(replacements: &[(&str, &str)]) -> Simulation {
    let mut text = TINY.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "tiny.toml has no `{from}`");
        text = text.replace(from, to);
    }
    Simulation::new(Scenario::from_toml("tiny", &text).unwrap())
}

pub fn all_arrivals(simulation: &Simulation) -> Vec<Arrival> {
    simulation.load_dates().flat_map(|date| arrivals(simulation, date)).collect()
}

/// Everything that arrives on the day, in the order of its arrival.
pub fn arrivals(simulation: &Simulation, date: Date) -> Vec<Arrival> {
    let day = simulation.day(date).with_meanings();
    let mut arrivals: Vec<_> = (0..SHARD_COUNT).flat_map(|shard| day.shard(shard)).collect();
    arrivals.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane, arrival.source));
    arrivals
}

pub fn messages(arrivals: &[Arrival]) -> impl Iterator<Item = Message<'_>> {
    arrivals.iter().flat_map(|arrival| arrival.messages.iter())
}

pub fn truth(simulation: &Simulation, arrivals: &[Arrival]) -> Truth {
    let mut recorder = TruthRecorder::new(LIMITS);
    for arrival in arrivals {
        recorder.observe(arrival);
    }
    recorder.finish(simulation.load_dates().last().unwrap())
}
