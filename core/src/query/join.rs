//! Joins by ON: what each of their conditions is about.

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr};

use super::{
    from::Side, predicate::conjuncts, reads::is_comparison, relation::Columns, scope::Scope,
    walk::Walk,
};

/// A join by ON.
#[derive(Clone, Debug)]
pub struct JoinUse {
    /// Which side may be missing.
    pub side: Side,
    /// The conditions that hold together, each with its place.
    pub conditions: Vec<(Range<usize>, About)>,
}

/// What one of the conditions of an ON is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// No column.
    Constants,
    /// The left side alone.
    Left,
    /// The right side alone.
    Right,
    /// Both, by comparing a value of one with a value of the other.
    Compared,
    /// Both, by a comparison for inequality, which leaves most rows.
    Unequal,
    /// Both, in another way.
    Both,
}

impl Walk<'_> {
    /// Notes the conditions of an ON. The columns of its right side begin at `right`.
    pub(super) fn join_conditions(
        &mut self,
        on: &Expr,
        side: Side,
        right: usize,
        scope: &Scope<'_>,
    ) {
        if scope.rows.is_open {
            return;
        }
        let conditions = conjuncts(on)
            .into_iter()
            .map(|condition| (self.source.place(condition), self.about(condition, right, scope)));
        let conditions = conditions.collect();
        self.facts.joins.push(JoinUse { side, conditions });
    }

    fn about(&mut self, condition: &Expr, right: usize, scope: &Scope<'_>) -> About {
        let columns = self.again(condition, scope).columns;
        let about = sides(&columns, right);
        if about != About::Both {
            return about;
        }
        let Some((pairs, is_unequal)) = compared(condition) else { return About::Both };
        let is_plain = pairs.iter().all(|pair| {
            let [one, other] = pair.map(|expr| sides(&self.again(expr, scope).columns, right));
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
