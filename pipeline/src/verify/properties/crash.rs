//! A statement fails in the midst of a build, and the next build makes all good.

use super::{
    super::{
        dice::Dice,
        property::Draw,
        trial::{ALL_DAYS, Build, Fault, FaultKind, Order, Schedule, Step},
    },
    rebuild::statement,
};

/// Twice something fails, at times over tables that were built before.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    let mut schedule = Schedule::new();
    let split = if dice.percent(50) { dice.below(draw.messages.len() + 1) } else { 0 };
    if split > 0 {
        schedule.push(Step::land(&draw.messages[..split]));
        schedule.push(Step::build(ALL_DAYS));
    }
    schedule.push(Step::land(&draw.messages[split..]));
    for _ in 0..2 {
        let kind = *dice.pick(&[FaultKind::Kill, FaultKind::FailOnce, FaultKind::ConflictOnce]);
        let order = Order::Tables { window_days_max: *dice.pick(&[1, 3, ALL_DAYS]) };
        let fault = Some(Fault { kind, after_statements: statement(draw, dice) });
        schedule.push(Step::Build(Build { order, fault }));
    }
    schedule.push(Step::build(ALL_DAYS));
    schedule
}
