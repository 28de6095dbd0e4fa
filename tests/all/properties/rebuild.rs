//! However messages land and builds go, the tables are what a build from nothing makes of them.

use super::{
    Outcome, check_all,
    checks::{check_quiescent, check_settled},
    dice::Dice,
    lake::Lake,
    messages::{Sent, publish, random_messages},
    runs::{End, Mode, run, run_as},
    store::TestStore,
    variant::{Variant, random_limits},
};
use std::{rc::Rc, sync::Arc};

/// What the dice of a case are for.
pub const CASE: &str = "rebuild";

/// Messages land in up to four runs, each of them in a random mode, some cut short.
pub fn case(seed: u64, variant: &Arc<Variant>, size_max: usize) -> Outcome {
    let mut dice = Dice::new(seed, CASE);
    let messages = random_messages(&mut dice, seed, variant.limits, size_max);
    let lake = Lake::new(variant, &Rc::new(TestStore::new()));
    let run_count = 1 + dice.below(4);
    let mut batches: Vec<Vec<Sent>> = vec![Vec::new(); run_count];
    for message in messages {
        batches[dice.below(run_count)].push(message);
    }
    let mut landed: Vec<Sent> = Vec::new();
    for (index, mut batch) in batches.into_iter().enumerate() {
        let redelivered: Vec<Sent> = landed.iter().filter(|_| dice.percent(10)).cloned().collect();
        landed.extend(batch.iter().cloned());
        batch.extend(redelivered);
        publish(&lake.store, &batch, &mut dice);
        let end = if index + 1 < run_count {
            run(&lake, &mut dice)?
        } else {
            let mode = *dice.pick(&[Mode::Whole, Mode::Days, Mode::Random]);
            run_as(&lake, mode, false, &mut dice).map_err(|e| format!("{mode:?}: {e}"))?
        };
        if end == End::Quiescent {
            check_settled(&lake, &landed)?;
        }
    }
    check_quiescent(&lake, &landed)
}

fn check(seed: u64) -> Outcome {
    let limits = random_limits(&mut Dice::new(seed, "limits"));
    case(seed, &Variant::of(limits), 40)
}

#[test]
fn any_build_is_a_build_from_nothing() {
    check_all("rebuild::any_build_is_a_build_from_nothing", 20, check);
}
