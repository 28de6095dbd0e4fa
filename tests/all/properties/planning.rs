//! A planner that has seen builds finds what one that has just begun finds, after each of them.

use std::sync::Arc;

use lakebed::{
    plan::Planner,
    verify::{
        any_order,
        dice::Dice,
        error::shown,
        run::{self, End},
    },
};

use super::{
    Outcome, check_all,
    project::{draw, empty_lake, land},
};

/// What is left is in wide windows, and much alike.
const BUILDS_MAX: u64 = 80;

fn check(seed: u64) -> Outcome {
    let draw = draw(seed, 30);
    let lake = empty_lake(draw.limits);
    let mut dice = Dice::new(seed, "planning");
    let (first, second) = draw.messages.split_at(dice.below(1 + draw.messages.len()));
    for messages in [first, second] {
        land(&lake, messages, &mut dice);
        let mut pipeline = lake.open().map_err(|error| shown(&error))?;
        run::agree(&mut pipeline).map_err(|error| format!("{error:?}"))?;
        for build in 0..BUILDS_MAX {
            let (end, windows) = any_order::build(&mut pipeline, seed * 1000 + build, Some(1))
                .map_err(|error| format!("{error:?}"))?;
            let planner = pipeline.planner();
            let anew = Planner::new(Arc::clone(&pipeline.graph), planner.snapshot().clone());
            for node in pipeline.graph.in_order() {
                let (remembered, found) = (planner.due(node), anew.due(node));
                if remembered != found {
                    let name = node.name();
                    return Err(format!("{name} after {windows:?}: {remembered:?}, not {found:?}"));
                }
            }
            if end == End::Quiescent {
                break;
            }
        }
    }
    Ok(())
}

#[test]
fn what_a_planner_remembers_is_what_there_is() {
    check_all("planning::what_a_planner_remembers_is_what_there_is", 4, check);
}
