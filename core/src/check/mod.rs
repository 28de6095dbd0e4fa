//! The checker: reads every query and contract, runs nothing, and says what engines would not read
//! alike, what is not there, what reads too far, and what is not the same each time.
//!
//! It looks at the tokens, and judges what `query` has found out. Not for: what is portable
//! (`portable`), what a rule says (`rules`), nor for printing. No I/O.

mod agreement;
pub mod document;
pub mod finding;
mod judge;
pub mod sarif;
mod target;
mod token;

use std::ops::Range;

use finding::Finding;

use crate::{
    contract::EngineName,
    query::{Context, Facts, Problem, source::Source},
    rules::Rule,
};

pub use agreement::agreement;
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
    context: Context<'a>,
    source: &'a Source,
    /// Whether it is held to the narrower size of the subset.
    is_for_spark: bool,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    fn new(source: &'a Source, context: Context<'a>, options: Options) -> Self {
        let is_marked = context.table.is_some_and(|file| file.runs_on(EngineName::Spark));
        let is_for_spark = options.is_for_spark || is_marked;
        Self { context, source, is_for_spark, findings: Vec::new() }
    }

    /// Says what is wrong in a query, by what is known of it.
    fn judge(&mut self, facts: &Facts) {
        self.problems(&facts.problems);
        self.windows(&facts.windows);
        self.limits(&facts.limits);
        self.joins(&facts.joins);
        self.reads(&facts.reads);
    }

    /// Reports what engines do not know or do not mean alike.
    fn problems(&mut self, problems: &[Problem]) {
        for Problem { rule, place, message, help, is_of_spark } in problems {
            if self.is_for_spark || !is_of_spark {
                self.report_with(rule, place.clone(), message.clone(), help.clone());
            }
        }
    }

    /// Reports that a place breaks a rule.
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
        if self.findings.iter().any(|f| f.span == span && f.rule.code == rule.code) {
            return;
        }
        let (path, text) = (self.source.path.clone(), self.source.text.clone());
        self.findings.push(Finding { rule, path, text, span, message, help });
    }
}
