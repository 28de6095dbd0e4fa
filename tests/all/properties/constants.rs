//! Constants that change in mid-history: everything is as if they had always been so.

use sim::Limits;

use super::{
    Outcome, check_all,
    checks::check_quiescent,
    dice::Dice,
    lake::Lake,
    messages::{publish, random_messages},
    runs::{Mode, build, run, run_as},
    tables::check_rows,
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

/// Built for some dates only, nothing begins anew by halves.
fn check_some_dates(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "some dates");
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 30);
    let mut lake = Lake::with(&Variant::of(limits), &messages, &mut dice);
    lake.build_all()?;
    let hub = "select * from vault.hub_user";
    let before = lake.rows(hub);
    let lateness = (limits.max_lateness_days + 1) % 4;
    lake.variant = Variant::of(Limits { max_lateness_days: lateness, ..limits });
    let mut pipeline = lake.open()?;
    let (_, last) = pipeline.load_dates().ok_or("there are messages")?;
    build(&mut pipeline, Some((last, last)), 1)?;
    let was_only_date = messages.iter().all(|sent| sent.load_date() == last);
    if !was_only_date {
        check_rows("hub_user after a build of some dates", &lake.rows(hub), &before)?;
    }
    build(&mut lake.open()?, None, 1000)?;
    check_quiescent(&lake, &messages)
}

#[test]
fn a_build_of_some_dates_begins_nothing_anew_by_halves() {
    let property = "constants::a_build_of_some_dates_begins_nothing_anew_by_halves";
    check_all(property, 5, check_some_dates);
}

#[test]
fn changed_constants_hold_for_all_of_history() {
    check_all("constants::changed_constants_hold_for_all_of_history", 10, check);
}
