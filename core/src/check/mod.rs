//! The checker: reads every query and contract, runs nothing, and says what engines would not read
//! alike, what is not there, what reads too far, and what is not the same each time.
//!
//! It follows a query as an engine would: tokens, names, types, rows. Of rows it knows which columns
//! determine which, and so whether an order has ties. Not for: what is portable (`portable`), nor
//! for printing. No I/O.

mod agreement;
mod bound;
mod call;
mod catalog;
pub mod document;
mod expression;
mod extent;
pub mod finding;
mod form;
mod from;
mod group;
mod interval;
mod join;
mod predicate;
mod query;
mod reads;
mod relation;
pub mod rules;
pub mod sarif;
mod scope;
mod select;
mod source;
mod target;
mod token;
mod value;
mod window;

use std::{collections::BTreeMap, ops::Range};

use catalog::Catalog;
use finding::{Finding, Rule};
use reads::TableRead;
use relation::Relation;
use source::Source;

use crate::{
    contract::{EngineName, file::TableFile},
    portable::types::Type,
    project::Project,
};

pub use target::{Checked, ExtraFile, check};

/// What to check by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to hold everything to the narrower size, which Spark shares: also tables that do not
    /// run there.
    pub is_for_spark: bool,
}

/// Checks one piece of SQL.
struct Checker<'a> {
    project: &'a Project,
    catalog: &'a Catalog,
    source: &'a Source,
    /// The table whose query it is; `None` for a query without a contract.
    table: Option<&'a TableFile>,
    /// Whether it is held to the narrower size of the subset.
    is_for_spark: bool,
    /// The types of parameters.
    parameters: BTreeMap<String, Type>,
    /// The values of those parameters that are integers.
    parameter_values: BTreeMap<String, i64>,
    /// Common table expressions that are known here, the innermost last.
    ctes: Vec<(String, Relation)>,
    /// How the inputs are read.
    reads: Vec<TableRead>,
    /// Whether an expression is looked at a second time, so that it was reported already.
    is_silent: bool,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    fn new(
        project: &'a Project,
        catalog: &'a Catalog,
        source: &'a Source,
        table: Option<&'a TableFile>,
        options: Options,
    ) -> Self {
        let mut parameters: BTreeMap<String, Type> =
            ["from_date", "to_date", "calendar_from_date", "calendar_to_date", "loaded_to_date"]
                .into_iter()
                .map(|name| (name.to_owned(), Type::Date))
                .collect();
        parameters.insert("cut".to_owned(), Type::Timestamp);
        let mut parameter_values = project.source_parameters();
        for (name, text) in table.iter().flat_map(|file| &file.contract.parameters) {
            parameters.insert(name.clone(), Type::Int64);
            let value = crate::contract::expression::evaluate(text, &parameter_values);
            parameter_values.extend(value.ok().map(|value| (name.clone(), value)));
        }
        Self {
            project,
            catalog,
            source,
            table,
            is_for_spark: options.is_for_spark
                || table.is_some_and(|file| file.runs_on(EngineName::Spark)),
            parameters,
            parameter_values,
            ctes: Vec::new(),
            reads: Vec::new(),
            is_silent: false,
            findings: Vec::new(),
        }
    }

    /// Notes that a place breaks a rule.
    fn report(&mut self, rule: &'static Rule, span: Range<usize>, message: String) {
        self.report_with(rule, span, message, None);
    }

    /// As `report`, with advice for this place.
    fn report_with(
        &mut self,
        rule: &'static Rule,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let is_known = self.findings.iter().any(|f| f.span == span && f.rule.code == rule.code);
        if self.is_silent || is_known {
            return;
        }
        let (path, text) = (self.source.path.clone(), self.source.text.clone());
        self.findings.push(Finding { rule, path, text, span, message, help });
    }

    /// Reports a construct that Spark does not share, if Spark may run the query.
    fn not_in_spark(&mut self, span: Range<usize>, what: &str) {
        if self.is_for_spark {
            let message = format!("{what} is not in the size that Spark shares");
            self.report(&rules::shape::NOT_IN_SPARK, span, message);
        }
    }

    /// Where a word stands in the contract of the table under check.
    fn in_contract(&self, word: &str) -> Range<usize> {
        self.table.map_or(0..0, |file| file.contract_span(word))
    }
}
