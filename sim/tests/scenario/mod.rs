//! The scenario `tiny`, what arrives in it, and its truth.

use sim::{Arrival, Limits, Message, Scenario, Simulation, Truth, TruthRecorder};

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
    simulation.load_dates().flat_map(|date| simulation.arrivals(date)).collect()
}

pub fn messages(arrivals: &[Arrival]) -> impl Iterator<Item = &Message> {
    arrivals.iter().flat_map(|arrival| &arrival.messages)
}

pub fn truth(simulation: &Simulation, arrivals: &[Arrival]) -> Truth {
    let mut recorder = TruthRecorder::new(LIMITS);
    for arrival in arrivals {
        recorder.observe(arrival);
    }
    recorder.finish(simulation.load_dates().last().unwrap())
}
