//! A build of everything at once gives what the messages mean. It is cheap, so that many cases run.

use lakebed::verify::{Checker, Property, error::shown};

use super::{
    Outcome, check_all,
    checks::check_settled,
    project::{SIZE_MAX, draw, scope},
};

fn check(seed: u64) -> Outcome {
    let Some(trial) = Property::Conservation.trial(&draw(seed, SIZE_MAX)) else { return Ok(()) };
    let checker = Checker { scope: scope(), observer: Some(&check_settled) };
    let checked = checker.check(&trial).map_err(|error| shown(&error))?;
    checked.problem.map_or(Ok(()), |problem| Err(format!("{problem:?}")))
}

#[test]
fn a_build_gives_what_was_meant() {
    check_all("meaning::a_build_gives_what_was_meant", 30, check);
}
