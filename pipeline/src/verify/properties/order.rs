//! Everything lands at once, in any files; partitions are built in any order.

use super::super::{
    dice::Dice,
    property::Draw,
    trial::{Order, Schedule, Step},
};

/// Any stale partition, in any order that the graph allows.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    let order = Order::Any { seed: dice.bits(), builds_max: None };
    vec![Step::land_cut(&draw.messages, dice), Step::build_in(order)]
}
