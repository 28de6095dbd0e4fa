//! The FROM of a SELECT: tables, subqueries and joins, and the rows that they make together.

use sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor,
    TableWithJoins,
};

use super::{
    extent::Extent,
    lineage::Lineage,
    reads::Filter,
    relation::{Columns, Relation},
    scope::{Scope, ScopeTable},
    tables,
    walk::Walk,
};
use crate::{
    contract::TableName,
    rules::{expressions, names, shape},
    suggest::similar,
};

/// Which side of a join may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Of an inner join.
    Neither,
    /// Of a LEFT JOIN.
    Right,
    /// Of a RIGHT JOIN.
    Left,
    /// Of a FULL JOIN.
    Both,
}

impl Walk<'_> {
    /// Brings the tables of a FROM into the scope, and checks the conditions of its joins. Gives
    /// the conditions that filter, each with the number of the first table that it filters.
    pub fn from<'e>(
        &mut self,
        from: &'e [TableWithJoins],
        scope: &mut Scope<'_>,
    ) -> Vec<Filter<'e>> {
        let mut filters = Vec::new();
        for item in from {
            self.factor(&item.relation, scope);
            for join in &item.joins {
                self.join(join, scope, &mut filters);
            }
        }
        filters
    }

    fn join<'e>(&mut self, join: &'e Join, scope: &mut Scope<'_>, filters: &mut Vec<Filter<'e>>) {
        let (constraint, side) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
                (Some(constraint), Side::Neither)
            }
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                (Some(constraint), Side::Right)
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                (Some(constraint), Side::Left)
            }
            JoinOperator::FullOuter(constraint) => (Some(constraint), Side::Both),
            JoinOperator::CrossJoin(_) => (None, Side::Neither),
            _ => {
                let message = "this kind of join is outside of the portable subset".to_owned();
                self.report(&shape::CLAUSE, self.source.place(&join.relation), message);
                (None, Side::Neither)
            }
        };
        let before = scope.rows.columns.len();
        let table_count = scope.tables.len();
        self.factor(&join.relation, scope);
        let added = before..scope.rows.columns.len();
        match constraint {
            Some(JoinConstraint::On(condition)) => {
                let value = self.condition(condition, scope);
                scope.rows.deciding.add(&value.lineage);
                self.join_conditions(condition, side, before, scope);
                let first_table = if side == Side::Neither { 0 } else { table_count };
                if matches!(side, Side::Neither | Side::Right) {
                    filters.push(Filter { condition, first_table });
                }
                if side == Side::Neither {
                    self.assume(condition, scope);
                } else {
                    self.assume_outer(condition, scope, &added);
                }
            }
            Some(JoinConstraint::Using(columns)) => {
                for column in columns {
                    self.using(column, scope, before, side);
                }
            }
            Some(JoinConstraint::Natural) => {
                let message = "NATURAL JOIN is outside of the portable subset".to_owned();
                self.report(&shape::CLAUSE, self.source.place(&join.relation), message);
            }
            Some(JoinConstraint::None)
                if !matches!(join.join_operator, JoinOperator::CrossJoin(_)) =>
            {
                let message = "a join without ON or USING".to_owned();
                self.report(&shape::CLAUSE, self.source.place(&join.relation), message);
            }
            _ => {}
        }
        let missing = match side {
            Side::Neither => 0..0,
            Side::Right => added,
            Side::Left => 0..before,
            Side::Both => 0..scope.rows.columns.len(),
        };
        for at in missing {
            scope.rows.columns[at].may_be_null = true;
            scope.rows.columns[at].extent = Extent::default();
        }
    }

    /// Of an outer join: equalities hold where the right side is there, so that a key of the right
    /// side that is equal to columns of the left lets these determine all of it.
    fn assume_outer(
        &mut self,
        condition: &Expr,
        scope: &mut Scope<'_>,
        added: &std::ops::Range<usize>,
    ) {
        let mut inner = Scope { rows: scope.rows.clone(), ..Scope::default() };
        inner.tables.clone_from(&scope.tables);
        inner.merged.clone_from(&scope.merged);
        self.assume(condition, &mut inner);
        // What the condition names of the left decides which row of the right is there, if any.
        let named = self.again(condition, &inner).columns;
        let left: Columns = named.into_iter().filter(|at| *at < added.start).collect();
        let closure = inner.rows.closure(&left);
        if added.clone().all(|at| closure.contains(&at)) {
            scope.rows.depends(left, added.clone().collect());
        }
    }

    fn using(&mut self, column: &ObjectName, scope: &mut Scope<'_>, before: usize, side: Side) {
        let name = column.to_string().to_lowercase();
        let left = scope.rows.columns[..before].iter().position(|known| known.name == name);
        let right = scope.rows.columns[before..].iter().position(|known| known.name == name);
        let (Some(left), Some(right)) = (left, right.map(|at| at + before)) else {
            if !scope.rows.is_open {
                self.unknown_using(self.source.place(column), &name);
            }
            return;
        };
        scope.used.borrow_mut().extend([left, right]);
        for at in [left, right] {
            scope.rows.deciding.add(&scope.rows.columns[at].lineage);
        }
        if side == Side::Neither {
            scope.rows.depends([left].into(), [right].into());
            scope.rows.depends([right].into(), [left].into());
        }
        scope.merged.insert(name, if side == Side::Left { right } else { left });
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope<'_>) {
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, version: None, .. } => {
                let rows = self.table_rows(name);
                let own = name.0.last().map(ToString::to_string).unwrap_or_default();
                let real = self.real_table(name);
                self.enter(rows, alias.as_ref(), &own, real, self.source.place(name), scope);
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let rows = self.subquery(subquery, scope);
                self.enter(rows, alias.as_ref(), "", None, self.source.place(&**subquery), scope);
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let _ = self.from(std::slice::from_ref(table_with_joins), scope);
            }
            TableFactor::Pivot { table, alias, .. } | TableFactor::Unpivot { table, alias, .. } => {
                // What they return is not followed; DuckDB and GoogleSQL agree on it.
                self.not_in_spark(self.source.place(&**table), "PIVOT");
                let mut below = Scope::inside(scope.parent);
                self.factor(table, &mut below);
                self.table_reads(&below, &[]);
                self.facts.is_unfollowed = true;
                self.enter(Relation::open(), alias.as_ref(), "", None, 0..0, scope);
            }
            TableFactor::UNNEST { alias, array_exprs, .. } => {
                for array in array_exprs {
                    let _ = self.expression(array, scope);
                }
                let place = array_exprs.first().map_or_else(
                    || self.source.place(factor),
                    |array| self.source.with_keyword("unnest", array),
                );
                let message = "engines name the element of UNNEST in other ways".to_owned();
                self.report(&expressions::UNNEST, place, message);
                self.enter(Relation::open(), alias.as_ref(), "", None, 0..0, scope);
            }
            other => {
                let message = "this in FROM is outside of the portable subset".to_owned();
                self.report(&shape::CLAUSE, self.source.place(other), message);
                self.enter(Relation::open(), None, "", None, 0..0, scope);
            }
        }
    }

    /// Puts rows under a name into the scope.
    fn enter(
        &mut self,
        mut rows: Relation,
        alias: Option<&TableAlias>,
        own: &str,
        table: Option<TableName>,
        place: std::ops::Range<usize>,
        scope: &mut Scope<'_>,
    ) {
        let name = alias.map_or(own.to_owned(), |alias| alias.name.value.clone()).to_lowercase();
        if let Some(alias) = alias {
            self.new_name(&alias.name);
            if let Some(column) = alias.columns.first() {
                let message = "columns are not renamed by a table's alias in GoogleSQL".to_owned();
                self.report(&shape::CLAUSE, self.source.ident(&column.name), message);
                for (column, renamed) in rows.columns.iter_mut().zip(&alias.columns) {
                    column.name = renamed.name.value.to_lowercase();
                }
            }
        }
        if !name.is_empty() && scope.tables.iter().any(|known| known.alias == name) {
            let place = alias.map_or(place.clone(), |alias| self.source.ident(&alias.name));
            let message = format!("`{name}` stands twice in this FROM");
            self.report(&names::AMBIGUOUS_COLUMN, place, message);
        }
        let table = table.filter(|name| self.context.catalog.table(name).is_some());
        if table.is_some() {
            rows.rows_of = [place.start].into();
            for (at, column) in rows.columns.iter_mut().enumerate() {
                column.lineage = Lineage::of_column(place.start, at);
            }
        }
        let start = scope.rows.append(rows);
        let columns = start..scope.rows.columns.len();
        scope.tables.push(ScopeTable { alias: name, columns, table, place });
    }

    /// The table of a name, if it is none of the query's own: `layer.table`, or a temporary one.
    fn real_table(&self, name: &ObjectName) -> Option<TableName> {
        let written = name.to_string().replace('`', "").to_lowercase();
        let is_own = self.ctes.iter().any(|(known, _)| *known == written);
        TableName::parse(&written)
            .or_else(|| (!is_own).then(|| self.context.catalog.temporary(&written))?)
    }

    fn table_rows(&mut self, name: &ObjectName) -> Relation {
        let written = name.to_string().replace('`', "").to_lowercase();
        let place = self.source.place(name);
        if !written.contains('.') {
            if let Some((_, rows)) = self.ctes.iter().rev().find(|(known, _)| *known == written) {
                return rows.clone();
            }
            let temporary = self.context.catalog.temporary(&written);
            if let Some(facts) = temporary.and_then(|name| self.context.catalog.table(&name)) {
                return facts.rows.clone();
            }
            let known: Vec<String> = self.ctes.iter().map(|(name, _)| name.clone()).collect();
            let help = similar(&written, &known).map_or_else(
                || "a real table is written with its layer: `vault.hub_user`".to_owned(),
                |name| format!("did you mean `{name}`?"),
            );
            let message = format!("there is no table `{written}`");
            self.report_with(&names::UNKNOWN_TABLE, place, message, Some(help));
            return Relation::open();
        }
        let own = self.context.table.map(|file| &file.name);
        let catalog = self.context.catalog;
        match tables::table_read(own, &written, self.context.project) {
            Ok(table) => {
                catalog.table(&table).map_or_else(Relation::open, |facts| facts.rows.clone())
            }
            Err(error) => {
                let rule = if error.is_layer { &names::LAYER } else { &names::UNKNOWN_TABLE };
                self.report_with(rule, place, error.message, Some(error.help));
                TableName::parse(&written)
                    .and_then(|name| catalog.table(&name))
                    .map_or_else(Relation::open, |facts| facts.rows.clone())
            }
        }
    }

    /// A name that the query gives; words that an engine reserves are reported.
    pub fn new_name(&mut self, name: &Ident) {
        if name.quote_style.is_none()
            && crate::portable::reserved::is_reserved(&name.value.to_lowercase())
        {
            let message = format!("`{name}` is a reserved word of an engine");
            self.report(&names::RESERVED_WORD, self.source.ident(name), message);
        }
    }
}
