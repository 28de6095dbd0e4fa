//! How far a query reads its inputs: constant predicates on partition columns, compared with what
//! the contract says.

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr};

use super::{
    Checker,
    bound::{Anchor, Bound, Bounds},
    catalog::TableFacts,
    predicate::conjuncts,
    rules::reads,
    scope::{Resolved, Scope, ScopeTable},
};
use crate::contract::{BuildKind, Contract, Growth, Read, TableName};

/// The column by which a table is built in windows of days, if it is.
fn window_column(contract: &Contract) -> Option<&str> {
    match contract.build {
        BuildKind::Partition => contract.partition_by.as_deref(),
        BuildKind::Delta => contract.window_by.as_deref(),
        BuildKind::Merge => Some("load_date"),
        _ => None,
    }
}

/// A condition that rows of a FROM meet, from WHERE or ON.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'e> {
    /// The condition.
    pub condition: &'e Expr,
    /// The first table of the FROM whose rows it filters.
    pub first_table: usize,
}

/// How far one place of the query reads a table.
#[derive(Clone, Debug)]
pub struct TableRead {
    /// The table.
    pub table: TableName,
    /// The days before and after the window; `None` where that cannot be seen.
    pub days: Option<(i64, i64)>,
}

/// What the conditions of a SELECT say of a partition column.
#[derive(Default)]
struct PartitionFilter {
    lower: Option<(Bound, Range<usize>)>,
    upper: Option<(Bound, Range<usize>)>,
    wrapped: Option<Range<usize>>,
    is_joined: bool,
}

impl Checker<'_> {
    /// Checks how the tables of a FROM are read, by the conditions that filter them.
    pub fn table_reads(&mut self, scope: &Scope<'_>, filters: &[Filter<'_>]) {
        for (position, table) in scope.tables.iter().enumerate() {
            let Some(facts) = table.table.as_ref().and_then(|name| self.catalog.table(name)) else {
                continue;
            };
            let Some(column) = &facts.partition_by else { continue };
            let Some(at) = facts.rows.position(column) else { continue };
            let at = table.columns.start + at;
            let own = filters.iter().filter(|filter| filter.first_table <= position);
            let conjuncts: Vec<&Expr> = own.flat_map(|f| conjuncts(f.condition)).collect();
            let filter = self.partition_filter(&conjuncts, at, scope);
            let facts = facts.clone();
            self.table_read(table, &facts, column.clone().as_str(), &filter);
        }
    }

    fn table_read(
        &mut self,
        table: &ScopeTable,
        facts: &TableFacts,
        column: &str,
        filter: &PartitionFilter,
    ) {
        let name = table.table.clone().expect("only real tables are read");
        if facts.growth == Growth::Events && filter.lower.is_none() {
            let (place, rule, message) = if let Some(place) = &filter.wrapped {
                let message = format!("`{column}` of `{name}` is wrapped in an expression");
                (place.clone(), &reads::WRAPPED_PARTITION, message)
            } else {
                let bound = if filter.upper.is_some() { "a first date" } else { "constant dates" };
                let message = format!(
                    "`{name}` grows with events, and is read without {bound} of `{column}`"
                );
                (table.place.clone(), &reads::PARTITION_PREDICATE, message)
            };
            let help = Some(format!("add `{column} between @from_date and @to_date`"));
            self.report_with(rule, place, message, help);
            return;
        }
        self.declared_reads(table, facts, column, filter);
    }

    /// Whether the rows of one build may be of one day or of many.
    pub fn is_built_by_days(&self) -> bool {
        self.table.is_some_and(|file| window_column(&file.contract).is_some())
    }

    /// Compares with the contract, where a build has a window of the table's own dates.
    fn declared_reads(
        &mut self,
        table: &ScopeTable,
        facts: &TableFacts,
        column: &str,
        filter: &PartitionFilter,
    ) {
        let name = table.table.clone().expect("only real tables are read");
        let Some(file) = self.table else { return };
        let contract = &file.contract;
        let window = window_column(contract);
        let is_one_domain =
            window.is_some_and(|own| (own == "load_date") == (column == "load_date"));
        let declared = contract.reads.get(name.as_str()).cloned().unwrap_or_default();
        let is_history = facts.build == Some(BuildKind::History);
        if !is_one_domain || declared.as_of || declared.whole || is_history || name == file.name {
            return;
        }
        let days = filter.days();
        if filter.lower.is_none() && filter.upper.is_none() {
            if !filter.is_joined && !declared.lookup {
                let message = format!("all of `{name}` is read, and the contract does not say so");
                let help = Some(format!("add `{column} between @from_date and @to_date`"));
                self.report_with(&reads::UNDECLARED_READS, table.place.clone(), message, help);
            }
            self.reads.push(TableRead { table: name, days: None });
            return;
        }
        let allowed = self.declared_days(&declared);
        if let (Some((before, after)), Some(allowed)) = (days, allowed) {
            self.too_far(&name, filter, (before, after), allowed);
        }
        self.reads.push(TableRead { table: name, days });
    }

    fn too_far(
        &mut self,
        name: &TableName,
        filter: &PartitionFilter,
        (before, after): (i64, i64),
        (before_max, after_max): (i64, i64),
    ) {
        for (read, allowed, bound, field) in [
            (before, before_max, &filter.lower, "days_before"),
            (after, after_max, &filter.upper, "days_after"),
        ] {
            let Some((_, place)) = bound.as_ref().filter(|_| read > allowed) else { continue };
            let side = field.trim_start_matches("days_");
            let message = format!(
                "{read} days {side} the window of `{name}` are read, and the contract says {allowed}"
            );
            let help = Some(format!("add `[reads.\"{name}\"]` with `{field} = \"{read}\"`"));
            self.report_with(&reads::UNDECLARED_READS, place.clone(), message, help);
        }
    }

    /// Reports what the contract declares and the query does not read that far.
    pub fn unused_reads(&mut self) {
        let Some(file) = self.table else { return };
        for (name, declared) in &file.contract.reads {
            let own: Vec<_> = self.reads.iter().filter(|r| r.table.as_str() == name).collect();
            let Some(days) = own.iter().map(|read| read.days).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let (Some(before), Some(after)) =
                (days.iter().map(|d| d.0).max(), days.iter().map(|d| d.1).max())
            else {
                continue;
            };
            let Some((before_declared, after_declared)) = self.declared_days(declared) else {
                continue;
            };
            if before_declared > before.max(0) || after_declared > after.max(0) {
                let message = format!(
                    "the contract says {before_declared} days before and {after_declared} after, \
                     and {} and {} are read",
                    before.max(0),
                    after.max(0)
                );
                let place = self.in_contract(&format!("[reads.\"{name}\"]"));
                self.report(&reads::UNUSED_READS, place, message);
            }
        }
    }

    fn declared_days(&self, declared: &Read) -> Option<(i64, i64)> {
        let days = |text: &Option<String>| match text {
            None => Some(0),
            Some(text) => crate::contract::expression::evaluate(text, &self.parameter_values).ok(),
        };
        Some((days(&declared.days_before)?, days(&declared.days_after)?))
    }

    fn partition_filter(
        &mut self,
        conjuncts: &[&Expr],
        at: usize,
        scope: &Scope<'_>,
    ) -> PartitionFilter {
        let mut found = PartitionFilter::default();
        for conjunct in conjuncts {
            let (column, bounds) = match conjunct {
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
            if is_column(column, at, scope) {
                let values = (
                    bounds.lower.map(|expr| (self.bound(expr), expr)),
                    bounds.upper.map(|expr| (self.bound(expr), expr)),
                );
                if let Some((bound, expr)) = values.0 {
                    match bound {
                        Some(bound) => found.add_lower(bound, self.source.place(expr)),
                        None => found.is_joined = true,
                    }
                }
                if let Some((bound, expr)) = values.1 {
                    match bound {
                        Some(bound) => found.add_upper(bound, self.source.place(expr)),
                        None => found.is_joined = true,
                    }
                }
            } else if mentions(column, at, scope) {
                found.wrapped = Some(place);
            }
        }
        found
    }
}

impl PartitionFilter {
    /// The days read before and after the window, if both ends hang on it.
    fn days(&self) -> Option<(i64, i64)> {
        let (lower, _) = self.lower.as_ref()?;
        let (upper, _) = self.upper.as_ref()?;
        match (lower.anchor, upper.anchor) {
            (Anchor::FromDate, Anchor::ToDate) => Some((-lower.days_min, upper.days_max)),
            _ => None,
        }
    }

    /// The narrower of two bounds that hang on the window counts.
    fn add_lower(&mut self, bound: Bound, place: Range<usize>) {
        let is_better = self.lower.as_ref().is_none_or(|(known, _)| {
            bound.anchor == Anchor::FromDate
                && (known.anchor != Anchor::FromDate || bound.days_min > known.days_min)
        });
        if is_better {
            self.lower = Some((bound, place));
        }
    }

    fn add_upper(&mut self, bound: Bound, place: Range<usize>) {
        let is_better = self.upper.as_ref().is_none_or(|(known, _)| {
            bound.anchor == Anchor::ToDate
                && (known.anchor != Anchor::ToDate || bound.days_max < known.days_max)
        });
        if is_better {
            self.upper = Some((bound, place));
        }
    }
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
