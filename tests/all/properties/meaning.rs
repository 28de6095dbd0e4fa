//! A build of everything at once gives what the messages mean. It is cheap, so that many cases run.

use std::sync::Arc;

use super::{
    Outcome, check_all,
    checks::check_settled,
    dice::Dice,
    lake::Lake,
    messages::random_messages,
    rebuild::CASE,
    variant::{Variant, random_limits},
};

/// Messages land at once, and are built at once.
pub fn case(seed: u64, variant: &Arc<Variant>, size_max: usize) -> Outcome {
    let mut dice = Dice::new(seed, CASE);
    let messages = random_messages(&mut dice, seed, variant.limits, size_max);
    let lake = Lake::with(variant, &messages, &mut dice);
    lake.build_all()?;
    check_settled(&lake, &messages)
}

fn check(seed: u64) -> Outcome {
    case(seed, &Variant::of(random_limits(&mut Dice::new(seed, "limits"))), 40)
}

#[test]
fn a_build_gives_what_was_meant() {
    check_all("meaning::a_build_gives_what_was_meant", 30, check);
}
