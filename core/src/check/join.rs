//! Joins that DuckDB makes by comparing each row of one side with each of the other.
//!
//! It finds rows by a hash, or in order, where a condition compares a value of one side with one of
//! the other. Of an outer join every condition has to, but for those of the side that may be missing,
//! which it filters by before. `tests/all/joins.rs` asks it.

use sqlparser::ast::{BinaryOperator, Expr};

use super::{
    Checker, from::Side, predicate::conjuncts, reads::is_comparison, relation::Columns,
    rules::shape, scope::Scope,
};

/// What one of the conditions of an ON is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Constants,
    Left,
    Right,
    /// Both, by comparing a value of one with a value of the other.
    Compared,
    /// Both, by a comparison for inequality, which leaves most rows.
    Unequal,
    /// Both, in another way.
    Both,
}

impl Checker<'_> {
    /// Reports the conditions of an ON for which a join compares each row with each. The columns of
    /// its right side begin at `right`.
    pub fn join_conditions(&mut self, on: &Expr, side: Side, right: usize, scope: &Scope<'_>) {
        if scope.rows.is_open {
            return;
        }
        let conditions: Vec<(&Expr, About)> = conjuncts(on)
            .into_iter()
            .map(|condition| (condition, self.about(condition, right, scope)))
            .collect();
        let has = |wanted| conditions.iter().any(|(_, about)| *about == wanted);
        for (condition, about) in &conditions {
            let is_slow = match about {
                About::Constants | About::Compared => false,
                About::Unequal => !has(About::Compared),
                About::Both => side != Side::Neither || !has(About::Compared),
                About::Left => matches!(side, Side::Right | Side::Both),
                About::Right => matches!(side, Side::Left | Side::Both),
            };
            if !is_slow {
                continue;
            }
            let (message, help) = match about {
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
            };
            let place = self.source.place(*condition);
            self.report_with(&shape::SLOW_JOIN, place, message.to_owned(), Some(help.to_owned()));
        }
    }

    fn about(&mut self, condition: &Expr, right: usize, scope: &Scope<'_>) -> About {
        let columns = self.silently(condition, scope).columns;
        let about = sides(&columns, right);
        if about != About::Both {
            return about;
        }
        let Some((pairs, is_unequal)) = compared(condition) else { return About::Both };
        let is_plain = pairs.iter().all(|pair| {
            let [one, other] = pair.map(|expr| sides(&self.silently(expr, scope).columns, right));
            matches!((one, other), (About::Left, About::Right) | (About::Right, About::Left))
        });
        match (is_plain, is_unequal) {
            (false, _) => About::Both,
            (true, true) => About::Unequal,
            (true, false) => About::Compared,
        }
    }
}

fn sides(columns: &Columns, right: usize) -> About {
    match (columns.first(), columns.last()) {
        (Some(first), Some(last)) if *first < right && *last >= right => About::Both,
        (Some(first), _) if *first < right => About::Left,
        (Some(_), _) => About::Right,
        (None, _) => About::Constants,
    }
}

/// What a condition compares with what, and whether for inequality; `None` if it does more.
fn compared(condition: &Expr) -> Option<(Vec<[&Expr; 2]>, bool)> {
    match condition {
        Expr::Nested(inner) => compared(inner),
        Expr::BinaryOp { left, op, right } => {
            let is_unequal = *op == BinaryOperator::NotEq;
            (is_unequal || is_comparison(op)).then(|| (vec![[&**left, &**right]], is_unequal))
        }
        Expr::IsNotDistinctFrom(left, right) => Some((vec![[left, right]], false)),
        Expr::IsDistinctFrom(left, right) => Some((vec![[left, right]], true)),
        Expr::Between { expr, low, high, negated: false } => {
            Some((vec![[expr, low], [expr, high]], false))
        }
        _ => None,
    }
}
