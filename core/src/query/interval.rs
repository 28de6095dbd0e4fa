//! States that follow each other: of the rows of a key, each holds from its start to the start of the
//! next, so that at most one holds at an instant.
//!
//! `lead(start) over (partition by key order by start)` makes the ends; of the last state it is NULL,
//! or, with `ifnull(…, timestamp '9999-12-31 00:00:00+00')` around it, the end of time. A join by
//! `start <= t and end > t` finds the state that holds at `t`; where the end may be NULL,
//! `ifnull(end > t, true)` does.

use sqlparser::ast::{BinaryOperator, Expr, Function};

use super::{
    bound::plain_arguments, extent::constant, reads::mirrored, relation::Columns, scope::Scope,
    value::Value, walk::Walk,
};

/// How a query writes the end of a state that no other follows.
const ENDS_OF_TIME: [&str; 2] = ["TIMESTAMP '9999-12-31 00:00:00+00'", "DATE '9999-12-31'"];

/// The column holds the start of the next state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStart {
    /// The column of starts.
    pub start: usize,
    /// The columns of the key.
    pub key: Columns,
    /// Whether the last state ends with NULL; else it ends at the end of time.
    pub is_null_at_last: bool,
}

impl NextStart {
    /// The same, with columns at other places; `None` if one is nowhere.
    pub fn moved(self, place: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let key = self.key.into_iter().map(&place).collect::<Option<Columns>>()?;
        Some(Self { start: place(self.start)?, key, ..self })
    }

    /// Of `ifnull(next, otherwise)`.
    pub fn or(self, otherwise: &Expr) -> Option<Self> {
        let is_end = constant(otherwise).is_some_and(|text| ENDS_OF_TIME.contains(&text.as_str()));
        is_end.then_some(Self { is_null_at_last: false, ..self })
    }
}

impl Walk<'_> {
    /// If the conditions hold together only for the state that holds at an instant: key and instant
    /// determine the start of the state.
    pub fn assume_states(&mut self, conditions: &[&Expr], scope: &mut Scope<'_>) {
        for condition in conditions {
            let Some((end, instant, takes_null)) = ends_after(condition) else { continue };
            let [end, instant] = [end, instant].map(|expr| self.again(expr, scope));
            let (Some(next), Some(at)) = (end.next_start, column(&instant)) else { continue };
            if next.is_null_at_last && !takes_null {
                continue;
            }
            let starts = conditions.iter().any(|condition| {
                let Some((start, instant)) = compared(condition, &BinaryOperator::LtEq) else {
                    return false;
                };
                let sides = [start, instant].map(|expr| column(&self.again(expr, scope)));
                sides == [Some(next.start), Some(at)]
            });
            if starts {
                // Which other columns the state determines, its own rows say.
                let mut determining = next.key;
                determining.insert(at);
                scope.rows.depends(determining, [next.start].into());
            }
        }
    }
}

/// The column that a value is.
pub fn column(value: &Value) -> Option<usize> {
    let only = value.columns.first().filter(|_| value.columns.len() == 1);
    only.filter(|_| value.tells_apart).copied()
}

/// `end > instant`, or `ifnull(end > instant, true)`, which also holds for an end that is NULL.
fn ends_after(condition: &Expr) -> Option<(&Expr, &Expr, bool)> {
    let (comparison, takes_null) = match condition {
        Expr::Function(call) => (or_true(call)?, true),
        other => (other, false),
    };
    let (end, instant) = compared(comparison, &BinaryOperator::Gt)?;
    Some((end, instant, takes_null))
}

/// The condition of `ifnull(condition, true)`.
fn or_true(call: &Function) -> Option<&Expr> {
    let is_ifnull = call.name.to_string().eq_ignore_ascii_case("ifnull");
    let arguments = plain_arguments(call)?;
    let [condition, otherwise] = arguments.as_slice() else { return None };
    let is_true = otherwise.to_string().eq_ignore_ascii_case("true");
    (is_ifnull && is_true).then_some(condition)
}

/// The sides of a comparison, which may be written from either.
fn compared<'e>(condition: &'e Expr, wanted: &BinaryOperator) -> Option<(&'e Expr, &'e Expr)> {
    match condition {
        Expr::BinaryOp { left, op, right } if op == wanted => Some((left, right)),
        Expr::BinaryOp { left, op, right } if mirrored(op) == *wanted => Some((right, left)),
        _ => None,
    }
}
