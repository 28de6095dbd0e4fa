//! Everything lands at once; the days are cut into windows.

use super::super::{
    dice::Dice,
    property::Draw,
    trial::{Schedule, Step},
};

/// Windows of a few days.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    vec![Step::land(&draw.messages), Step::build(*dice.pick(&[1, 2, 3, 5]))]
}
