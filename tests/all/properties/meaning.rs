//! A build of everything at once gives what the messages mean. It is cheap, so that many cases run.

use super::{
    Outcome, check_all,
    checks::check_settled,
    dice::Dice,
    lake::Lake,
    messages::random_messages,
    variant::{Variant, random_limits},
};

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "meaning");
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 40);
    let lake = Lake::with(&Variant::of(limits), &messages, &mut dice);
    lake.build_all()?;
    check_settled(&lake, &messages)
}

#[test]
fn a_build_gives_what_was_meant() {
    check_all("meaning::a_build_gives_what_was_meant", 30, check);
}
