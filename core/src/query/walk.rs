//! One walk over a query, in the order in which its clauses happen: names, types, rows.

use std::{collections::BTreeMap, ops::Range};

use sqlparser::ast::Expr;

use super::{
    Facts, Problem, catalog::Catalog, relation::Relation, scope::Scope, source::Source,
    value::Value,
};
use crate::{
    contract::{expression::evaluate, file::TableFile},
    portable::types::Type,
    project::Project,
    rules::{Rule, shape},
};

/// What a query is read against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The tables and sources that there are.
    pub project: &'a Project,
    /// What their contracts say.
    pub catalog: &'a Catalog,
    /// The table whose query it is; `None` for a query without a contract.
    pub table: Option<&'a TableFile>,
}

impl Context<'_> {
    /// The values of those parameters that are integers: the sources', and the contract's own.
    pub fn integers(&self) -> BTreeMap<String, i64> {
        let mut values = self.project.source_parameters();
        for (name, text) in self.table.iter().flat_map(|file| &file.contract.parameters) {
            let value = evaluate(text, &values);
            values.extend(value.ok().map(|value| (name.clone(), value)));
        }
        values
    }

    fn parameters(&self) -> BTreeMap<String, Type> {
        let dates =
            ["from_date", "to_date", "calendar_from_date", "calendar_to_date", "loaded_to_date"];
        let own = self.table.iter().flat_map(|file| file.contract.parameters.keys());
        let own = own.map(|name| (name.clone(), Type::Int64));
        let dates = dates.into_iter().map(|name| (name.to_owned(), Type::Date));
        dates.chain([("cut".to_owned(), Type::Timestamp)]).chain(own).collect()
    }
}

/// A walk over one query, and what it has found out so far.
pub struct Walk<'a> {
    pub(super) context: Context<'a>,
    pub(super) source: &'a Source,
    /// The types of parameters.
    pub(super) parameters: BTreeMap<String, Type>,
    /// The values of those parameters that are integers.
    pub(super) integers: BTreeMap<String, i64>,
    /// Common table expressions that are known here, the innermost last.
    pub(super) ctes: Vec<(String, Relation)>,
    pub(super) facts: Facts,
}

impl<'a> Walk<'a> {
    /// Begins at a text.
    pub fn new(source: &'a Source, context: Context<'a>) -> Self {
        Self {
            context,
            source,
            parameters: context.parameters(),
            integers: context.integers(),
            ctes: Vec::new(),
            facts: Facts::default(),
        }
    }

    /// Notes that a place breaks a rule.
    pub(super) fn report(&mut self, rule: &'static Rule, place: Range<usize>, message: String) {
        self.report_with(rule, place, message, None);
    }

    /// As `report`, with advice for this place.
    pub(super) fn report_with(
        &mut self,
        rule: &'static Rule,
        place: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        self.facts.problems.push(Problem { rule, place, message, help, is_of_spark: false });
    }

    /// Notes a construct that Spark does not share.
    pub(super) fn not_in_spark(&mut self, place: Range<usize>, what: &str) {
        let message = format!("{what} is not in the size that Spark shares");
        self.report_of_spark(&shape::NOT_IN_SPARK, place, message);
    }

    /// As `report`, of what Spark alone takes otherwise.
    pub(super) fn report_of_spark(
        &mut self,
        rule: &'static Rule,
        place: Range<usize>,
        message: String,
    ) {
        self.facts.problems.push(Problem { rule, place, message, help: None, is_of_spark: true });
    }

    /// The value of an expression that the walk has been over: nothing is noted again.
    pub(super) fn again(&mut self, expr: &Expr, scope: &Scope<'_>) -> Value {
        let windows = scope.windows_opened.borrow().len();
        let value = self.without_notes(|walk| walk.expression(expr, scope));
        scope.windows_opened.borrow_mut().truncate(windows);
        value
    }

    /// Does something of which nothing is noted, since it is, or is going to be, noted elsewhere.
    pub(super) fn without_notes<T>(&mut self, find_out: impl FnOnce(&mut Self) -> T) -> T {
        let noted = &self.facts;
        let (reads, windows) = (noted.reads.len(), noted.windows.len());
        let (limits, joins) = (noted.limits.len(), noted.joins.len());
        let problems = noted.problems.len();
        let found = find_out(self);
        self.facts.reads.truncate(reads);
        self.facts.windows.truncate(windows);
        self.facts.limits.truncate(limits);
        self.facts.joins.truncate(joins);
        self.facts.problems.truncate(problems);
        found
    }
}
