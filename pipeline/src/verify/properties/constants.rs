//! Lateness and skew change while messages come.

use super::super::{
    dice::Dice,
    message::random_limits,
    property::Draw,
    trial::{ALL_DAYS, Schedule, Step},
};

/// Other constants first, at times twice, then those of the trial.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    let split = 1 + dice.below(draw.messages.len());
    let mut schedule = vec![
        Step::constants(random_limits(dice)),
        Step::land(&draw.messages[..split]),
        Step::build(*dice.pick(&[1, ALL_DAYS])),
        Step::land(&draw.messages[split..]),
    ];
    if dice.percent(30) {
        schedule.push(Step::constants(random_limits(dice)));
        schedule.push(Step::build(ALL_DAYS));
    }
    schedule.push(Step::constants(draw.limits));
    schedule.push(Step::build(*dice.pick(&[1, 2, ALL_DAYS, ALL_DAYS])));
    schedule
}
