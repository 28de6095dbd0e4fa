//! Raw objects that are taken away: refused without consent, and with it as if never there.

use lakebed::{
    pipeline::{PinOptions, PipelineError},
    verify::{dice::Dice, error::shown, message::Sent, run, trial::RawFile},
};

use super::{
    Outcome, check_all,
    checks::{build_all, check_quiescent},
    project::{draw, empty_lake, land},
};

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "removal");
    let draw = draw(seed, 30);
    let lake = empty_lake(draw.limits);
    let mut objects = land(&lake, &draw.messages, &mut dice);
    build_all(&lake)?;
    // At times nothing is left at all.
    let takes_all = dice.percent(10);
    let gone_count = if takes_all { objects.len() } else { 1 + dice.below(objects.len().min(3)) };
    for _ in 0..gone_count {
        let (key, _) = objects.swap_remove(dice.below(objects.len()));
        lake.store.remove(&key).map_err(|error| shown(&error))?;
    }
    match lake.open() {
        Err(PipelineError::ObjectsRemoved { .. }) => {}
        Err(error) => return Err(shown(&error)),
        Ok(_) => return Err("objects that are gone were not missed".to_owned()),
    }
    let consent = PinOptions { accepts_removed_objects: true };
    let mut pipeline = lake.open_with(consent).map_err(|error| shown(&error))?;
    run::agree(&mut pipeline).map_err(|error| format!("{error:?}"))?;
    drop(pipeline);
    build_all(&lake)?;
    let is_left = |sent: &&Sent| {
        let holds = |(_, file): &(String, RawFile)| file.messages.contains(&sent.message_id);
        objects.iter().any(holds)
    };
    check_quiescent(&lake, &draw.messages.iter().filter(is_left).collect::<Vec<_>>())
}

#[test]
fn objects_taken_away_are_as_if_they_had_never_been() {
    check_all("removal::objects_taken_away_are_as_if_they_had_never_been", 8, check);
}
