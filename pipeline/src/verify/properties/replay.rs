//! Partitions are built again that are not stale.

use super::super::{
    dice::Dice,
    property::Draw,
    trial::{ALL_DAYS, Schedule, Step},
};

/// Some partitions of some tables again.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    let table_count = draw.table_count.min(20);
    let again = Step::BuildAgain { seed: dice.bits(), table_count };
    vec![Step::land(&draw.messages), Step::build(ALL_DAYS), again]
}
