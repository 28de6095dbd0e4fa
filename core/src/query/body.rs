//! Queries: common table expressions, set operations, ORDER BY and LIMIT.

use sqlparser::ast::{
    Expr, LimitClause, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, With,
};

use super::{
    LimitUse,
    lineage::Lineage,
    relation::{Column, Columns, Relation},
    scope::Scope,
    value::Value,
    walk::Walk,
};
use crate::rules::{expressions, shape};

impl Walk<'_> {
    /// The rows of a subquery, which may name columns of the SELECTs around it.
    pub fn subquery(&mut self, query: &Query, scope: &Scope<'_>) -> Relation {
        self.query(query, Some(scope))
    }

    /// The rows of a query.
    pub fn query(&mut self, query: &Query, parent: Option<&Scope<'_>>) -> Relation {
        let known = self.ctes.len();
        if let Some(with) = &query.with {
            self.with(with, parent);
        }
        self.outside_clauses(query);
        let rows = self.body(&query.body, query, parent);
        self.ctes.truncate(known);
        rows
    }

    fn with(&mut self, with: &With, parent: Option<&Scope<'_>>) {
        for cte in &with.cte_tables {
            let name = cte.alias.name.value.to_lowercase();
            self.new_name(&cte.alias.name);
            let mut anchor = None;
            if with.recursive
                && let SetExpr::SetOperation { left, .. } = &*cte.query.body
            {
                let first = self.without_notes(|walk| walk.body(left, &cte.query, parent));
                anchor = Some(first);
            }
            let is_recursive = anchor.is_some();
            // What is true of the first rows need not be true of the next.
            self.ctes.extend(anchor.map(|rows| (name.clone(), rows.names_and_types())));
            let mut rows = self.query(&cte.query, parent);
            if is_recursive {
                self.ctes.pop();
                rows.mix_lineage();
            }
            if let Some(column) = cte.alias.columns.first() {
                let message = "columns are named in the SELECT, not behind the name".to_owned();
                self.report(&shape::CLAUSE, self.source.ident(&column.name), message);
                for (column, renamed) in rows.columns.iter_mut().zip(&cte.alias.columns) {
                    column.name = renamed.name.value.to_lowercase();
                }
            }
            if cte.materialized.is_some() {
                let message = "MATERIALIZED is outside of the portable subset".to_owned();
                self.report(&shape::CLAUSE, self.source.ident(&cte.alias.name), message);
            }
            self.ctes.push((name, rows));
        }
    }

    fn outside_clauses(&mut self, query: &Query) {
        let found = [
            (query.fetch.is_some(), "FETCH"),
            (!query.locks.is_empty(), "FOR UPDATE"),
            (query.for_clause.is_some(), "FOR"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (!query.pipe_operators.is_empty(), "the pipe `|>`"),
        ];
        for (is_there, clause) in found {
            if is_there {
                let message = format!("{clause} is outside of the portable subset");
                self.report(&shape::CLAUSE, self.source.place(query), message);
            }
        }
    }

    fn body(&mut self, body: &SetExpr, query: &Query, parent: Option<&Scope<'_>>) -> Relation {
        match body {
            SetExpr::Select(select) => self.select(select, query, parent),
            SetExpr::Query(inner) => {
                let rows = self.query(inner, parent);
                self.order_of_rows(query, rows)
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let unordered = Query { order_by: None, limit_clause: None, ..query.clone() };
                let left_rows = self.body(left, &unordered, parent);
                let right_rows = self.body(right, &unordered, parent);
                self.quantifier(*op, *set_quantifier, right);
                let rows = self.combined((*op, *set_quantifier), left_rows, &right_rows, right);
                self.order_of_rows(query, rows)
            }
            other => {
                let message = "a query is `select` or `with … select`".to_owned();
                self.report(&shape::CLAUSE, self.source.place(other), message);
                Relation::open()
            }
        }
    }

    fn quantifier(&mut self, op: SetOperator, quantifier: SetQuantifier, right: &SetExpr) {
        let (is_good, instead) = match op {
            SetOperator::Union => (
                matches!(quantifier, SetQuantifier::All | SetQuantifier::Distinct),
                "write `union all` or `union distinct`",
            ),
            SetOperator::Except => {
                (quantifier == SetQuantifier::Distinct, "write `except distinct`")
            }
            SetOperator::Intersect => {
                (quantifier == SetQuantifier::Distinct, "write `intersect distinct`")
            }
            SetOperator::Minus => (false, "write `except distinct`"),
        };
        if !is_good {
            let message =
                format!("engines do not mean `{}` alike", format!("{op} {quantifier}").trim());
            let message = message.to_lowercase();
            let place = self.source.place(right);
            self.report_with(&shape::SET_OPERATION, place, message, Some(instead.to_owned()));
        }
    }

    fn combined(
        &mut self,
        (op, quantifier): (SetOperator, SetQuantifier),
        left: Relation,
        right: &Relation,
        at: &SetExpr,
    ) -> Relation {
        if left.is_open || right.is_open {
            return Relation { is_open: true, columns: left.columns, ..Relation::default() };
        }
        if left.columns.len() != right.columns.len() {
            let message =
                format!("{} columns above and {} below", left.columns.len(), right.columns.len());
            self.report(&shape::SET_OPERATION, self.source.place(at), message);
            return Relation { columns: left.columns, ..Relation::default() };
        }
        let keeps_left = matches!(op, SetOperator::Except | SetOperator::Intersect);
        // Two rows with equal keys would have to be of both sides.
        let is_apart = |key: &Columns| left.is_apart_from(right, key);
        let mut rows = Relation {
            columns: left.columns.clone(),
            deciding: left.deciding.clone(),
            rows_of: left.rows_of.clone(),
            ..Relation::default()
        };
        rows.deciding.add(&right.deciding);
        if keeps_left {
            rows.dependencies.clone_from(&left.dependencies);
            rows.keys.clone_from(&left.keys);
        }
        if op == SetOperator::Union {
            let both = left.keys.iter().flat_map(|own| right.keys.iter().map(move |key| own | key));
            rows.keys = both.filter(|key| is_apart(key)).collect();
        }
        if op == SetOperator::Union {
            rows.rows_of.extend(&right.rows_of);
        }
        if quantifier == SetQuantifier::Distinct {
            rows.keys.push(rows.all());
            rows.all_decide();
            right.columns.iter().for_each(|column| rows.deciding.add(&column.lineage));
        }
        for (own, other) in rows.columns.iter_mut().zip(&right.columns) {
            if let Some(kind) = own.kind.common(&other.kind) {
                own.kind = kind;
            } else {
                let message =
                    format!("`{}` is {} above and {} below", own.name, own.kind, other.kind);
                let help = Some("cast one of them, in that SELECT".to_owned());
                self.report_with(&expressions::TYPES, self.source.place(at), message, help);
                own.kind = crate::portable::types::Type::Unknown;
            }
            if !keeps_left {
                own.lineage.add(&other.lineage);
                own.may_be_null |= other.may_be_null;
                own.is_hashed &= other.is_hashed;
                own.numbers = None;
                own.next_start = None;
                own.extent = own.extent.around(&other.extent);
            }
        }
        rows
    }

    /// ORDER BY and LIMIT of rows whose columns are known by name only.
    fn order_of_rows(&mut self, query: &Query, mut rows: Relation) -> Relation {
        let scope = Scope { rows: rows.clone(), ..Scope::default() };
        let output = |(at, column): (usize, &Column)| Value {
            columns: [at].into(),
            tells_apart: true,
            lineage: column.lineage.clone(),
            ..Value::constant(column.kind.clone())
        };
        let outputs: Vec<Value> = rows.columns.iter().enumerate().map(output).collect();
        let order = self.order_and_limit(query, &scope, &outputs, &rows.all());
        rows.deciding.add(&order);
        rows
    }

    /// Notes a LIMIT: its order is total if ties agree in the `needed` columns. Gives what decides
    /// which rows it takes.
    pub fn order_and_limit(
        &mut self,
        query: &Query,
        scope: &Scope<'_>,
        outputs: &[Value],
        needed: &Columns,
    ) -> Lineage {
        let mut known = Columns::new();
        let mut deciding = Lineage::default();
        if let Some(order) = &query.order_by {
            match &order.kind {
                OrderByKind::Expressions(items) => {
                    for item in items {
                        let value = match position(&item.expr, outputs.len()) {
                            Some(at) => outputs[at].clone(),
                            None => self.expression(&item.expr, scope),
                        };
                        deciding.add(&value.lineage);
                        if value.tells_apart {
                            known.extend(value.columns);
                        }
                    }
                }
                OrderByKind::All(_) => {
                    let message = "ORDER BY ALL is outside of the portable subset".to_owned();
                    self.report(&shape::CLAUSE, self.source.place(query), message);
                }
            }
        }
        let Some(LimitClause::LimitOffset { limit, offset, limit_by }) = &query.limit_clause else {
            if query.limit_clause.is_some() {
                let message = "write `limit n offset m`".to_owned();
                self.report(&shape::CLAUSE, self.source.place(query), message);
            }
            return Lineage::default();
        };
        if !limit_by.is_empty() {
            let message = "LIMIT BY is outside of the portable subset".to_owned();
            self.report(&shape::CLAUSE, self.source.place(query), message);
        }
        let Some(count) = limit.as_ref().or(offset.as_ref().map(|offset| &offset.value)) else {
            return Lineage::default();
        };
        self.facts.limits.push(LimitUse {
            place: self.source.with_keyword("limit", count),
            has_order: query.order_by.is_some(),
            has_ties: !scope.rows.is_open && !needed.is_subset(&scope.rows.closure(&known)),
        });
        deciding
    }
}

/// `order by 2` means the second column.
fn position(expr: &Expr, count: usize) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let sqlparser::ast::Value::Number(digits, _) = &value.value else { return None };
    digits.parse::<usize>().ok().filter(|n| (1..=count).contains(n)).map(|n| n - 1)
}
