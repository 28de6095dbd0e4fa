//! Raw objects that are taken away: refused without consent, and with it as if never there.

use lakebed::pipeline::{PinOptions, PipelineError};
use std::rc::Rc;

use super::{
    Outcome, check_all,
    checks::check_quiescent,
    dice::Dice,
    lake::{Lake, shown},
    messages::{Sent, publish, random_messages},
    runs::{Mode, agree, run, run_as},
    store::TestStore,
    variant::{Variant, random_limits},
};

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "removal");
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 30);
    let lake = Lake::new(&Variant::of(limits), &Rc::new(TestStore::new()));
    let mut objects = publish(&lake.store, &messages, &mut dice);
    lake.build_all()?;
    // At times nothing is left at all.
    let takes_all = dice.percent(10);
    let gone_count = if takes_all { objects.len() } else { 1 + dice.below(objects.len().min(3)) };
    for _ in 0..gone_count {
        let (key, _) = objects.swap_remove(dice.below(objects.len()));
        lake.store.remove(&key);
    }
    match lake.open_with(PinOptions::default()) {
        Err(PipelineError::ObjectsRemoved { .. }) => {}
        Err(error) => return Err(shown(&error)),
        Ok(_) => return Err("objects that are gone were not missed".to_owned()),
    }
    let consent = PinOptions { accepts_removed_objects: true };
    agree(&mut lake.open_with(consent).map_err(|error| shown(&error))?)?;
    run(&lake, &mut dice)?;
    let mode = *dice.pick(&[Mode::Whole, Mode::Days, Mode::Random]);
    run_as(&lake, mode, false, &mut dice).map_err(|e| format!("{mode:?}: {e}"))?;
    let mut left: Vec<Sent> = objects.into_iter().flat_map(|(_, messages)| messages).collect();
    left.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    check_quiescent(&lake, &left)
}

#[test]
fn objects_taken_away_are_as_if_they_had_never_been() {
    check_all("removal::objects_taken_away_are_as_if_they_had_never_been", 8, check);
}
