//! What is known of a query: its rows, what it reads and how, its windows, limits and joins.
//!
//! To find this out never fails. Where a query cannot be followed, that is one of the facts, and so
//! are the places where it says what no engine knows or engines do not mean alike. What follows from
//! facts is for others to say: `check` judges them, `graph` takes the names, `plan` the columns, `show`
//! where values come from.

mod body;
mod bound;
mod call;
pub mod catalog;
mod expression;
mod extent;
mod form;
pub mod from;
mod group;
mod interval;
pub mod join;
pub mod lineage;
mod predicate;
mod reads;
pub mod relation;
mod scope;
mod select;
pub mod source;
pub mod tables;
mod value;
mod walk;
pub mod window;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::Serialize;
use sqlparser::ast::{Expr, Query, SetExpr};

use self::{
    catalog::Catalog,
    join::JoinUse,
    lineage::{How, Lineage},
    relation::Relation,
    scope::{Scope, ScopeTable},
    source::Source,
    walk::Walk,
    window::WindowUse,
};
use crate::{contract::TableName, rules::Rule};

pub use bound::{Anchor, Bound};
pub use walk::Context;

/// What is known of a query. Places are bytes of its file.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The rows that it returns.
    pub rows: Relation,
    /// Where their columns are listed.
    pub listed: Range<usize>,
    /// Of each of their columns, what it comes from, by table and column.
    pub lineage: Vec<Vec<ColumnSource>>,
    /// What decides which rows there are, by table and column.
    pub deciding: Vec<ColumnSource>,
    /// Its tables, in order of the text: one for each place that names one.
    pub reads: Vec<TableRead>,
    /// Calls whose value may depend on the order of rows, and all others over a window.
    pub windows: Vec<WindowUse>,
    /// Its LIMITs.
    pub limits: Vec<LimitUse>,
    /// Its joins by ON.
    pub joins: Vec<JoinUse>,
    /// What engines do not know, or do not mean alike.
    pub problems: Vec<Problem>,
    /// Whether it has something that is not followed, though no problem says so: a function of the
    /// project's own, a PIVOT. Then columns may be missing in what is said of it.
    pub is_unfollowed: bool,
}

/// A place of a query that names a table.
#[derive(Clone, Debug)]
pub struct TableRead {
    /// The table.
    pub table: TableName,
    /// Where it is named.
    pub place: Range<usize>,
    /// The columns that are needed, for a column of the result or for which rows there are.
    pub columns: BTreeSet<String>,
    /// How the column of its partitions is bounded; `None` if it has no partitions.
    pub partition: Option<PartitionFilter>,
}

/// What the conditions of a SELECT say of the partition column of a table that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionFilter {
    /// The column.
    pub column: String,
    /// No row before it is read.
    pub lower: Option<Bound>,
    /// No row after it is read.
    pub upper: Option<Bound>,
    /// Conditions on the column by which no partition is left out, in order of the text.
    pub idle: Vec<IdleCondition>,
    /// All conditions that name the column, as they are written, in order of the text.
    pub conditions: Vec<PartitionCondition>,
}

/// A condition that rows of a table meet and that names the column of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionCondition {
    /// Where it stands.
    pub place: Range<usize>,
    /// The condition.
    pub expr: Expr,
    /// Whether it names no other column and has no query in it.
    pub is_alone: bool,
}

/// A condition on a partition column by which no partition is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleCondition {
    /// Where it stands.
    pub place: Range<usize>,
    /// Why nothing is left out.
    pub why: IdleReason,
}

/// Why a condition on a partition column leaves out no partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleReason {
    /// The column stands within an expression.
    Wrapped,
    /// What it is compared with is no constant.
    NoConstant,
}

impl PartitionFilter {
    /// Where the column stands within an expression, the last such place.
    pub fn wrapped(&self) -> Option<&Range<usize>> {
        let mut idle = self.idle.iter().rev();
        idle.find(|idle| idle.why == IdleReason::Wrapped).map(|idle| &idle.place)
    }

    /// Whether it is compared with what is no constant.
    pub fn is_joined(&self) -> bool {
        self.idle.iter().any(|idle| idle.why == IdleReason::NoConstant)
    }
}

/// A LIMIT, or an OFFSET alone.
#[derive(Clone, Debug)]
pub struct LimitUse {
    /// Where it stands.
    pub place: Range<usize>,
    /// Whether there is an ORDER BY.
    pub has_order: bool,
    /// Whether rows that tie in the order may differ, so that any of them are taken.
    pub has_ties: bool,
}

/// A place where a query says what no engine knows, or engines do not mean alike.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// Where.
    pub place: Range<usize>,
    /// What is there.
    pub message: String,
    /// What to write here, where the rule's own advice is not as good.
    pub help: Option<String>,
    /// Whether only Spark takes it otherwise.
    pub is_of_spark: bool,
}

impl Problem {
    /// What to write instead.
    pub fn instead(&self) -> &str {
        self.help.as_deref().unwrap_or(self.rule.instead)
    }
}

/// A column of a table, and how a column of the result hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ColumnSource {
    /// The table.
    pub table: TableName,
    /// The column; `None`: how many rows there are.
    pub column: Option<String>,
    /// The field of the payload in it, where one alone counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How.
    pub how: How,
}

impl Facts {
    /// Of a query.
    pub fn of(query: &Query, source: &Source, context: Context<'_>) -> Self {
        let mut walk = Walk::new(source, context);
        let rows = walk.query(query, None);
        let mut facts = Self { rows, listed: listed(query, source), ..walk.facts };
        facts.reads.sort_by_key(|read| read.place.start);
        facts.name_columns(context.catalog);
        facts
    }

    /// Whether all that it means is known, so that an engine takes it and returns these rows.
    pub fn is_understood(&self) -> bool {
        !self.is_unfollowed && self.problems.iter().all(|problem| problem.is_of_spark)
    }

    /// The columns of a table that the query needs, wherever it reads it.
    pub fn columns_of(&self, table: &TableName) -> BTreeSet<String> {
        let reads = self.reads.iter().filter(|read| read.table == *table);
        reads.flat_map(|read| read.columns.iter().cloned()).collect()
    }

    /// Names what came to the rows with the marks of columns.
    fn name_columns(&mut self, catalog: &Catalog) {
        let mut deciding = Lineage::default();
        deciding.decide(&self.rows.deciding);
        self.deciding = self.sources(&deciding, catalog);
        let columns = self.rows.columns.iter();
        self.lineage = columns.map(|column| self.sources(&column.lineage, catalog)).collect();
        let is_understood = self.is_understood();
        let mut needed = deciding;
        for column in &self.rows.columns {
            needed.add(&column.lineage);
        }
        for read in &mut self.reads {
            let Some(table) = catalog.table(&read.table) else { continue };
            let is_needed = |at| {
                needed
                    .marks()
                    .any(|(mark, _)| mark.read == read.place.start && mark.column == Some(at))
            };
            let columns = table.rows.columns.iter().enumerate();
            // Of what is not followed, any column may be needed.
            let columns = columns.filter(|(at, _)| !is_understood || is_needed(*at));
            read.columns = columns.map(|(_, column)| column.name.clone()).collect();
        }
    }

    fn sources(&self, lineage: &Lineage, catalog: &Catalog) -> Vec<ColumnSource> {
        // A table that is read at several places is one table.
        let mut once: BTreeMap<_, How> = BTreeMap::new();
        for (mark, how) in lineage.marks() {
            let Some(read) = self.reads.iter().find(|read| read.place.start == mark.read) else {
                continue;
            };
            let column = mark.column.and_then(|at| column_name(catalog, &read.table, at));
            let field = mark.field.as_deref().map(str::to_owned);
            let known = once.entry((read.table.clone(), column, field)).or_insert(how);
            *known = how.max(*known);
        }
        let source = |((table, column, field), how)| ColumnSource { table, column, field, how };
        once.into_iter().map(source).collect()
    }
}

/// The problems of a condition over the rows of a table, which is called `name` in it.
pub fn condition(
    condition: &Expr,
    rows: Relation,
    name: &str,
    source: &Source,
    context: Context<'_>,
) -> Vec<Problem> {
    let mut walk = Walk::new(source, context);
    let (alias, columns) = (name.to_owned(), 0..rows.columns.len());
    let table = ScopeTable { alias, columns, table: None, place: source.sql.clone() };
    let _ = walk.condition(condition, &Scope { rows, tables: vec![table], ..Scope::default() });
    walk.facts.problems
}

fn column_name(catalog: &Catalog, table: &TableName, at: usize) -> Option<String> {
    Some(catalog.table(table)?.rows.columns.get(at)?.name.clone())
}

/// Where the columns of the result are listed.
fn listed(query: &Query, source: &Source) -> Range<usize> {
    let mut body = &query.body;
    loop {
        match &**body {
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Select(select) => {
                let places = select.projection.iter().map(|item| source.place(item));
                return places
                    .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
                    .unwrap_or(0..0);
            }
            other => return source.place(other),
        }
    }
}
