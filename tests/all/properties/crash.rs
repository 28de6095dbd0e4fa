//! A statement fails in the midst of a run: tables and journal agree, and the next run makes all good.

use super::{
    Outcome, check_all,
    checks::check_quiescent,
    dice::Dice,
    faults::Fault,
    lake::{Lake, shown},
    messages::{publish, random_messages},
    runs::build,
    tables::check_contents,
    variant::{Variant, random_limits},
};

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "crash");
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 30);
    let split = dice.below(messages.len() + 1);
    let mut lake = Lake::with(&Variant::of(limits), &messages[..split], &mut dice);
    if dice.percent(50) {
        lake.build_all()?;
        if dice.percent(50) {
            lake.variant = Variant::of(random_limits(&mut dice));
        }
    }
    publish(&lake.store, &messages[split..], &mut dice);
    for _ in 0..2 {
        let fault = *dice.pick(&[Fault::Kill, Fault::FailOnce, Fault::ConflictOnce]);
        let window_days_max = *dice.pick(&[1, 3, 1000]);
        let (faulty, pipeline) = lake.open_faulty(fault, dice.below(400));
        let was_open = pipeline.is_ok();
        let outcome = pipeline
            .map_err(|error| shown(&error))
            .and_then(|mut pipeline| build(&mut pipeline, None, window_days_max));
        let is_excused = faulty.has_failed() && !(fault == Fault::ConflictOnce && was_open);
        if !is_excused {
            outcome?;
        }
        let pipeline = lake.open()?;
        check_contents(&lake, &pipeline.snapshot).map_err(|e| format!("after {fault:?}: {e}"))?;
    }
    lake.build_all()?;
    check_quiescent(&lake, &messages)
}

#[test]
fn a_failed_statement_leaves_nothing_half_done() {
    check_all("crash::a_failed_statement_leaves_nothing_half_done", 8, check);
}
