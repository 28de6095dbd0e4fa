//! GROUP BY: what the groups are made by, and what may stand beside aggregates.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::{
    relation::{Column, Columns, Relation},
    scope::{Resolved, Scope},
    value::Value,
    walk::Walk,
};
use crate::{
    portable::functions::{FUNCTIONS, FunctionKind},
    rules::shape,
};

/// What the rows of a SELECT are grouped by; empty for one group of all rows.
#[derive(Debug, Default)]
pub struct Grouping {
    /// The columns, of the rows before grouping, that tell groups apart. An expression has a column
    /// of its own, without a name.
    pub columns: Columns,
    /// Whether some rows have some of the columns left out, as with ROLLUP.
    pub is_partial: bool,
    expressions: Vec<(Expr, usize)>,
}

impl Grouping {
    /// Adds an expression of the GROUP BY.
    pub fn add(&mut self, expr: &Expr, value: &Value, rows: &mut Relation) {
        let plain =
            value.columns.iter().next().filter(|_| value.tells_apart && value.columns.len() == 1);
        let at = plain.copied().unwrap_or_else(|| {
            rows.columns.push(Column::new("", value.kind.clone()));
            let at = rows.columns.len() - 1;
            if value.is_determined {
                rows.depends(value.columns.clone(), [at].into());
            }
            at
        });
        self.columns.insert(at);
        rows.deciding.add(&value.lineage);
        self.expressions.push((expr.clone(), at));
    }

    /// Makes a column of the result that is grouped by a copy of what it is grouped by.
    pub fn place(&self, value: &mut Value, expr: Option<&Expr>) {
        let own = expr.and_then(|expr| self.expressions.iter().find(|(known, _)| known == expr));
        if let Some((_, at)) = own {
            value.columns = [*at].into();
            value.tells_apart = true;
            value.is_determined = true;
            value.may_be_null |= self.is_partial;
        } else if value.has_aggregate {
            value.columns.clone_from(&self.columns);
            value.is_determined = true;
            value.tells_apart = false;
        }
    }

    /// From here on the rows are groups.
    pub fn determine(&self, rows: &mut Relation) {
        // The keys of the rows before grouping are none of the groups, which the columns are.
        rows.keys.clear();
        if !self.is_partial {
            rows.is_unique_by(self.columns.clone());
        }
    }

    fn has(&self, expr: &Expr) -> bool {
        self.expressions.iter().any(|(known, _)| known == expr)
    }
}

impl Walk<'_> {
    /// Reports columns that are neither grouped by nor in an aggregate.
    pub fn grouped(&mut self, expr: &Expr, grouping: &Grouping, scope: &Scope<'_>) {
        if grouping.has(expr) {
            return;
        }
        let parts = match expr {
            Expr::Identifier(name) => std::slice::from_ref(name),
            Expr::CompoundIdentifier(parts) => parts.as_slice(),
            Expr::Function(call) => {
                let name = call.name.to_string().to_lowercase();
                let kind = FUNCTIONS.get(&name).map(|function| function.kind);
                let is_aggregate = matches!(kind, None | Some(FunctionKind::Aggregate));
                if is_aggregate && call.over.is_none() {
                    return;
                }
                if let FunctionArguments::List(list) = &call.args {
                    for argument in &list.args {
                        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) = argument {
                            self.grouped(inner, grouping, scope);
                        }
                    }
                }
                return;
            }
            Expr::Exists { .. } | Expr::Subquery(_) => return,
            other => return self.parts_grouped(other, grouping, scope),
        };
        if let Ok(Resolved::Column(at, _)) = scope.resolve(parts)
            && !grouping.columns.contains(&at)
        {
            let name = parts.last().map(|part| part.value.clone()).unwrap_or_default();
            let message = format!("`{name}` is neither grouped by nor in an aggregate");
            self.report(&shape::NOT_GROUPED, self.source.place(expr), message);
        }
    }

    fn parts_grouped(&mut self, expr: &Expr, grouping: &Grouping, scope: &Scope<'_>) {
        for part in parts(expr) {
            self.grouped(part, grouping, scope);
        }
    }
}

/// The expressions directly within one.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Ceil { expr: inner, .. }
        | Expr::Floor { expr: inner, .. }
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::InSubquery { expr: inner, .. }
        | Expr::Like { expr: inner, .. } => vec![inner],
        Expr::BinaryOp { left, right, .. }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => vec![left, right],
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::InList { expr, list, .. } => std::iter::once(&**expr).chain(list).collect(),
        Expr::Case { operand, conditions, else_result, .. } => operand
            .iter()
            .chain(else_result)
            .map(AsRef::as_ref)
            .chain(conditions.iter().flat_map(|when| [&when.condition, &when.result]))
            .collect(),
        _ => Vec::new(),
    }
}
