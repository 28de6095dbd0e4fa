//! How the tables of a FROM are read: what constant predicates say of their partition columns.

use sqlparser::ast::{BinaryOperator, Expr};

use super::{
    IdleCondition, IdleReason, PartitionCondition, PartitionFilter, TableRead,
    bound::{Anchor, Bound, Bounds},
    predicate::conjuncts,
    scope::{Resolved, Scope},
    walk::Walk,
};

/// A condition that rows of a FROM meet, from WHERE or ON.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'e> {
    /// The condition.
    pub condition: &'e Expr,
    /// The first table of the FROM whose rows it filters.
    pub first_table: usize,
}

impl Walk<'_> {
    /// Notes how the tables of a FROM are read, by the conditions that filter them.
    pub(super) fn table_reads(&mut self, scope: &Scope<'_>, filters: &[Filter<'_>]) {
        for (position, entered) in scope.tables.iter().enumerate() {
            let Some(table) = entered.table.clone() else { continue };
            let known = self.facts.reads.iter().any(|read| read.place == entered.place);
            let Some(facts) = self.context.catalog.table(&table).filter(|_| !known) else {
                continue;
            };
            let partition = facts.partition_by.as_ref().and_then(|column| {
                let at = entered.columns.start + facts.rows.position(column)?;
                let own = filters.iter().filter(|filter| filter.first_table <= position);
                let conjuncts: Vec<&Expr> = own.flat_map(|f| conjuncts(f.condition)).collect();
                Some(self.partition_filter(column, &conjuncts, at, scope))
            });
            let columns = std::collections::BTreeSet::new();
            let place = entered.place.clone();
            self.facts.reads.push(TableRead { table, place, columns, partition });
        }
    }

    fn partition_filter(
        &self,
        column: &str,
        conjuncts: &[&Expr],
        at: usize,
        scope: &Scope<'_>,
    ) -> PartitionFilter {
        let mut found = PartitionFilter { column: column.to_owned(), ..Default::default() };
        for conjunct in conjuncts {
            found.conditions.extend(self.condition_on(conjunct, at, scope));
            let (compared, bounds) = match conjunct {
                Expr::Between { expr, negated: false, low, high } => {
                    (&**expr, Bounds::between(low, high))
                }
                Expr::InList { expr, list, negated: false } => (&**expr, Bounds::one_of(list)),
                Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                    if is_column(left, at, scope) || !is_column(right, at, scope) {
                        (&**left, Bounds::compared(op, right))
                    } else {
                        (&**right, Bounds::compared(&mirrored(op), left))
                    }
                }
                _ => continue,
            };
            let place = self.source.place(*conjunct);
            if is_column(compared, at, scope) {
                let lower = bounds.lower.map(|expr| self.bound(expr));
                let upper = bounds.upper.map(|expr| self.bound(expr));
                if matches!(lower, Some(None)) || matches!(upper, Some(None)) {
                    found.idle.push(IdleCondition { place, why: IdleReason::NoConstant });
                }
                lower.flatten().into_iter().for_each(|bound| found.add_lower(bound));
                upper.flatten().into_iter().for_each(|bound| found.add_upper(bound));
            } else if mentions(compared, at, scope) {
                found.idle.push(IdleCondition { place, why: IdleReason::Wrapped });
            }
        }
        found
    }

    /// The condition, if it names the column.
    fn condition_on(
        &self,
        condition: &Expr,
        at: usize,
        scope: &Scope<'_>,
    ) -> Option<PartitionCondition> {
        let (mut is_named, mut is_alone) = (false, true);
        let _ = sqlparser::ast::visit_expressions(condition, |inner: &Expr| {
            let is_parameter = |name: &str| name.starts_with('@');
            match inner {
                Expr::Identifier(name) if is_parameter(&name.value) => {}
                Expr::Identifier(name) => {
                    // What stands for nothing is a unit, as in `date_trunc(d, month)`.
                    let is_it = is_column(inner, at, scope);
                    is_named |= is_it;
                    is_alone &= is_it || scope.resolve(std::slice::from_ref(name)).is_err();
                }
                Expr::CompoundIdentifier(_) => {
                    let is_it = is_column(inner, at, scope);
                    is_named |= is_it;
                    is_alone &= is_it;
                }
                Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                    is_alone = false;
                }
                _ => {}
            }
            std::ops::ControlFlow::<()>::Continue(())
        });
        let place = self.source.place(condition);
        is_named.then(|| PartitionCondition { place, expr: condition.clone(), is_alone })
    }
}

impl PartitionFilter {
    /// The days read before and after the window, if both ends hang on it.
    pub fn days(&self) -> Option<(i64, i64)> {
        let (lower, upper) = (self.lower.as_ref()?, self.upper.as_ref()?);
        let is_of_window = is_from(&lower.anchor) && is_to(&upper.anchor);
        is_of_window.then_some((-lower.days_min, upper.days_max))
    }

    /// The narrower of two bounds that hang on the window counts.
    fn add_lower(&mut self, bound: Bound) {
        let is_better = self.lower.as_ref().is_none_or(|known| {
            is_from(&bound.anchor) && (!is_from(&known.anchor) || bound.days_min > known.days_min)
        });
        if is_better {
            self.lower = Some(bound);
        }
    }

    fn add_upper(&mut self, bound: Bound) {
        let is_better = self.upper.as_ref().is_none_or(|known| {
            is_to(&bound.anchor) && (!is_to(&known.anchor) || bound.days_max < known.days_max)
        });
        if is_better {
            self.upper = Some(bound);
        }
    }
}

fn is_from(anchor: &Anchor) -> bool {
    anchor.is_parameter("from_date")
}

fn is_to(anchor: &Anchor) -> bool {
    anchor.is_parameter("to_date")
}

/// Whether it compares by order or equality.
pub fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    )
}

/// The operator that says the same with its sides exchanged.
pub fn mirrored(op: &BinaryOperator) -> BinaryOperator {
    match op {
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        other => other.clone(),
    }
}

fn is_column(expr: &Expr, at: usize, scope: &Scope<'_>) -> bool {
    let parts = match expr {
        Expr::Identifier(ident) => std::slice::from_ref(ident),
        Expr::CompoundIdentifier(parts) => parts.as_slice(),
        Expr::Nested(inner) => return is_column(inner, at, scope),
        _ => return false,
    };
    matches!(scope.resolve(parts), Ok(Resolved::Column(found, _)) if found == at)
}

/// Whether the expression is more than the column, and made of it.
fn mentions(expr: &Expr, at: usize, scope: &Scope<'_>) -> bool {
    let mut is_found = false;
    let _ = sqlparser::ast::visit_expressions(expr, |inner: &Expr| {
        is_found |= is_column(inner, at, scope);
        std::ops::ControlFlow::<()>::Continue(())
    });
    is_found
}
