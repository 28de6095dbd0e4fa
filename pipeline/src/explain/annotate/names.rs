//! What an expression names: columns, calls of functions, subqueries.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, Query, Visit, Visitor};

/// What an expression names.
#[derive(Default)]
pub struct Named {
    /// Names of columns, each in its parts and lower case, those within subqueries too: they may
    /// be columns of the query around.
    pub columns: Vec<Vec<String>>,
    /// Calls outside of subqueries.
    pub calls: Vec<Function>,
    /// Subqueries that add rows, outside of other subqueries: what is there because something else is
    /// not is there for no row.
    pub subqueries: Vec<Expr>,
    depth: usize,
}

impl Named {
    /// What these expressions name.
    pub fn by<'e>(expressions: impl IntoIterator<Item = &'e Expr>) -> Self {
        let mut named = Self::default();
        for expression in expressions {
            let _ = expression.visit(&mut named);
        }
        named
    }
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        let is_outside = self.depth == 0;
        match expression {
            Expr::Identifier(name) => self.columns.push(vec![name.value.to_lowercase()]),
            Expr::CompoundIdentifier(parts) => {
                self.columns.push(parts.iter().map(|part| part.value.to_lowercase()).collect());
            }
            Expr::Function(call) if is_outside => self.calls.push(call.clone()),
            Expr::Exists { negated: false, .. }
            | Expr::InSubquery { negated: false, .. }
            | Expr::Subquery(_)
                if is_outside =>
            {
                self.subqueries.push(expression.clone());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
