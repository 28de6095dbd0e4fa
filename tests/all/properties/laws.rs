//! The properties that `lakebed verify` tries, over all shipped tables, with the oracle looking on
//! whenever nothing is stale.

use lakebed::verify::{Checker, Property, error::shown};

use super::{
    Outcome, check_all,
    checks::check_settled,
    project::{SIZE_MAX, draw, scope},
};

/// The property of a seed, and that the tables are what the messages mean.
fn case(property: Property, seed: u64) -> Outcome {
    let Some(trial) = property.trial(&draw(seed, SIZE_MAX)) else { return Ok(()) };
    let checker = Checker { scope: scope(), observer: Some(&check_settled) };
    let checked = checker.check(&trial).map_err(|error| shown(&error))?;
    checked.problem.map_or(Ok(()), |problem| Err(format!("{property}: {problem:?}")))
}

macro_rules! laws {
    ($($test:ident: $property:ident, $count:expr;)*) => {
        $(#[test]
        fn $test() {
            let path = concat!("laws::", stringify!($test));
            check_all(path, $count, |seed| case(Property::$property, seed));
        })*
    };
}

laws! {
    any_build_is_a_build_from_nothing: Rebuild, 24;
    partitions_are_built_in_any_order: Order, 16;
    days_are_cut_into_any_windows: Windows, 12;
    files_and_runs_change_nothing: Split, 16;
    what_says_nothing_new_changes_nothing: Copies, 16;
    what_is_built_again_stays_as_it_is: Replay, 12;
    a_late_event_counts_on_the_day_it_happened: Late, 16;
    a_failed_statement_leaves_nothing_half_done: Crash, 16;
    new_fields_change_nothing: Drift, 10;
    changed_constants_hold_for_all_of_history: Constants, 16;
    every_message_is_in_one_place: Conservation, 10;
    tables_say_what_the_simulator_knows: Truth, 12;
}
