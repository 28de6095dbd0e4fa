//! States that follow each other: of the rows of a key, each holds from its start to the start of the
//! next, so that at most one holds at an instant.
//!
//! `lead(start) over (partition by key order by start)` makes the ends. A join by
//! `start <= t and ifnull(next > t, true)` finds the state that holds at `t`.

use sqlparser::ast::{BinaryOperator, Expr, FunctionArguments};

use super::{Checker, bound::plain_arguments, relation::Columns, scope::Scope, value::Value};

/// The column holds the start of the next state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStart {
    /// The column of starts.
    pub start: usize,
    /// The columns of the key.
    pub key: Columns,
}

impl NextStart {
    /// The same, with columns at other places; `None` if one is nowhere.
    pub fn moved(self, place: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let key = self.key.into_iter().map(&place).collect::<Option<Columns>>()?;
        Some(Self { start: place(self.start)?, key })
    }
}

impl Checker<'_> {
    /// If the conditions hold together only for the state that holds at an instant: key and instant
    /// determine the start of the state.
    pub fn assume_states(&mut self, conditions: &[&Expr], scope: &mut Scope<'_>) {
        for condition in conditions {
            let Some((end, instant)) = ends_after(condition) else { continue };
            let [end, instant] = [end, instant].map(|expr| self.silently(expr, scope));
            let (Some(next), Some(at)) = (end.next_start, column(&instant)) else { continue };
            let starts = conditions.iter().any(|condition| {
                let Some((start, instant)) = compared(condition, &BinaryOperator::LtEq) else {
                    return false;
                };
                let sides = [start, instant].map(|expr| column(&self.silently(expr, scope)));
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

    /// The value of an expression that was reported on already.
    pub fn silently(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        let was_silent = std::mem::replace(&mut self.is_silent, true);
        let value = self.expression(expr, scope);
        self.is_silent = was_silent;
        value
    }
}

/// The column that a value is.
pub fn column(value: &Value) -> Option<usize> {
    let only = value.columns.first().filter(|_| value.columns.len() == 1);
    only.filter(|_| value.tells_apart).copied()
}

/// `ifnull(end > instant, true)`
fn ends_after(condition: &Expr) -> Option<(&Expr, &Expr)> {
    let Expr::Function(call) = condition else { return None };
    let is_ifnull = call.name.to_string().eq_ignore_ascii_case("ifnull");
    let FunctionArguments::List(_) = &call.args else { return None };
    let arguments = plain_arguments(call)?;
    let [comparison, otherwise] = arguments.as_slice() else { return None };
    let is_true = otherwise.to_string().eq_ignore_ascii_case("true");
    compared(comparison, &BinaryOperator::Gt).filter(|_| is_ifnull && is_true)
}

fn compared<'e>(condition: &'e Expr, wanted: &BinaryOperator) -> Option<(&'e Expr, &'e Expr)> {
    match condition {
        Expr::BinaryOp { left, op, right } if op == wanted => Some((left, right)),
        _ => None,
    }
}
