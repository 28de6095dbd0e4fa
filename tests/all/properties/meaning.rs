//! A build of everything at once gives what the messages mean. It is cheap, so that many cases run.

use lakebed::verify::{Checker, Draw, Property, dice::Dice, error::shown};

use super::{
    Outcome, check_all,
    checks::check_settled,
    project::{SIZE_MAX, draw, scope},
};

fn check_built(draw: &Draw) -> Outcome {
    let Some(trial) = Property::Conservation.trial(draw) else { return Ok(()) };
    let checker = Checker { scope: scope(), observer: Some(&check_settled) };
    let checked = checker.check(&trial).map_err(|error| shown(&error))?;
    checked.problem.map_or(Ok(()), |problem| Err(format!("{problem:?}")))
}

fn check(seed: u64) -> Outcome {
    check_built(&draw(seed, SIZE_MAX))
}

#[test]
fn a_build_gives_what_was_meant() {
    check_all("meaning::a_build_gives_what_was_meant", 20, check);
}

/// The bus numbers messages as they come; where its clock jumps, their times have another order.
fn check_jumping_clock(seed: u64) -> Outcome {
    let mut draw = draw(seed, SIZE_MAX);
    let mut ids: Vec<String> = draw.messages.iter().map(|sent| sent.message_id.clone()).collect();
    Dice::new(seed, "clock").shuffle(&mut ids);
    for (sent, id) in draw.messages.iter_mut().zip(ids) {
        sent.message_id = id;
    }
    check_built(&draw)
}

#[test]
fn a_clock_that_jumps_changes_no_meaning() {
    check_all("meaning::a_clock_that_jumps_changes_no_meaning", 8, check_jumping_clock);
}
