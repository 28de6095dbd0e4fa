//! A message lands in any run, whatever its day, and in any file.

use super::{
    super::{
        dice::Dice,
        message::Sent,
        property::Draw,
        trial::{Schedule, Step},
    },
    rebuild::any_build,
};

/// More runs say no more.
const RUNS_MAX: usize = 3;

/// Messages land in some runs, without any order; between them is built.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    let run_count = 2 + dice.below(RUNS_MAX - 1);
    let mut runs: Vec<Vec<&Sent>> = vec![Vec::new(); run_count];
    for sent in &draw.messages {
        runs[dice.below(run_count)].push(sent);
    }
    let mut schedule = Schedule::new();
    for (place, landing) in runs.into_iter().enumerate() {
        schedule.push(Step::land_cut(landing, dice));
        schedule.push(Step::Build(any_build(draw, dice, place + 1 < run_count)));
    }
    schedule
}
