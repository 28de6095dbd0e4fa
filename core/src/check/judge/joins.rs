//! Judges joins that DuckDB makes by comparing each row of one side with each of the other.
//!
//! It finds rows by a hash, or in order, where a condition compares a value of one side with one of
//! the other. Of an outer join every condition has to, but for those of the side that may be missing,
//! which it filters by before. `tests/all/joins.rs` asks it.

use crate::{
    check::Checker,
    query::{
        from::Side,
        join::{About, JoinUse},
    },
    rules::shape,
};

impl Checker<'_> {
    /// Reports the conditions for which each row is compared with each.
    pub fn joins(&mut self, joins: &[JoinUse]) {
        for JoinUse { side, conditions } in joins {
            let is_compared = conditions.iter().any(|(_, about)| *about == About::Compared);
            for (place, about) in conditions {
                if is_slow(*about, *side, is_compared) {
                    let (message, help) = words(*about, *side);
                    let help = Some(help.to_owned());
                    self.report_with(&shape::SLOW_JOIN, place.clone(), message.to_owned(), help);
                }
            }
        }
    }
}

/// Whether a condition makes the join slow, where another one compares both sides or none does.
fn is_slow(about: About, side: Side, is_compared: bool) -> bool {
    match about {
        About::Constants | About::Compared => false,
        About::Unequal => !is_compared,
        About::Both => side != Side::Neither || !is_compared,
        About::Left => matches!(side, Side::Right | Side::Both),
        About::Right => matches!(side, Side::Left | Side::Both),
    }
}

/// What is there, and what to write instead.
fn words(about: About, side: Side) -> (&'static str, &'static str) {
    match about {
        About::Left | About::Right => (
            "in an outer join, a condition of the side that is kept",
            "ask it in the SELECT: `if(condition, column, null)`",
        ),
        _ if side == Side::Neither => (
            "no condition of this join compares a value of one side with one of the other",
            "join by `=`, or by `<` and its kin; if a side stays small, say so: `-- lakebed:allow LB038: why`",
        ),
        _ => (
            "in an outer join, a condition that is no plain comparison of one side with the other",
            "compare plainly, `t < s.valid_to`; where it may be NULL, give it a value in a CTE: \
             `ifnull(lead(…) over (…), timestamp '9999-12-31 00:00:00+00')`",
        ),
    }
}
