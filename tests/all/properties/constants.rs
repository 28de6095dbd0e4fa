//! Constants that change in mid-history: everything is as if they had always been so.

use super::{
    Outcome, check_all,
    checks::check_quiescent,
    dice::Dice,
    lake::Lake,
    messages::{publish, random_messages},
    runs::{Mode, run, run_as},
    variant::{Variant, random_limits},
};

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "constants");
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 30);
    let split = dice.below(messages.len() + 1);
    let mut lake = Lake::with(&Variant::of(limits), &messages[..split], &mut dice);
    run(&lake, &mut dice)?;
    publish(&lake.store, &messages[split..], &mut dice);
    if dice.percent(30) {
        // Changed once more before the first change is through.
        lake.variant = Variant::of(random_limits(&mut dice));
        run(&lake, &mut dice)?;
    }
    lake.variant = Variant::of(random_limits(&mut dice));
    let mode = *dice.pick(&[Mode::Whole, Mode::Days, Mode::Random]);
    run_as(&lake, mode, false, &mut dice).map_err(|e| format!("{mode:?}: {e}"))?;
    check_quiescent(&lake, &messages).map_err(|e| format!("{mode:?}: {e}"))
}

#[test]
fn changed_constants_hold_for_all_of_history() {
    check_all("constants::changed_constants_hold_for_all_of_history", 12, check);
}
