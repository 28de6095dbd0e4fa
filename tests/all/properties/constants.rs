//! Constants that change while only some dates are built.

use lakebed::verify::{dice::Dice, error::shown, run, trial::ALL_DAYS};
use sim::Limits;

use super::{
    Outcome, check_all,
    checks::{build_all, check_quiescent},
    project::{draw, empty_lake, land, scope},
    rows::{check_rows, rows},
};

/// Built for some dates only, nothing begins anew by halves.
fn check_some_dates(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "some dates");
    let draw = draw(seed, 30);
    let mut lake = empty_lake(draw.limits);
    land(&lake, &draw.messages, &mut dice);
    build_all(&lake)?;
    let hub = "select * from vault.hub_user";
    let before = rows(&lake, hub);
    let lateness = (draw.limits.max_lateness_days + 1) % 4;
    let changed = Limits { max_lateness_days: lateness, ..draw.limits };
    lake.variant = scope().variant(changed).map_err(|error| shown(&error))?;
    let mut pipeline = lake.open().map_err(|error| shown(&error))?;
    let (_, last) = pipeline.load_dates().ok_or("there are messages")?;
    run::build(&mut pipeline, Some((last, last)), 1).map_err(|error| format!("{error:?}"))?;
    drop(pipeline);
    let was_only_date = draw.messages.iter().all(|sent| sent.load_date() == last);
    if !was_only_date {
        check_rows("hub_user after a build of some dates", &rows(&lake, hub), &before)?;
    }
    let mut pipeline = lake.open().map_err(|error| shown(&error))?;
    run::build(&mut pipeline, None, ALL_DAYS).map_err(|error| format!("{error:?}"))?;
    check_quiescent(&lake, &draw.messages.iter().collect::<Vec<_>>())
}

#[test]
fn a_build_of_some_dates_begins_nothing_anew_by_halves() {
    let property = "constants::a_build_of_some_dates_begins_nothing_anew_by_halves";
    check_all(property, 5, check_some_dates);
}
