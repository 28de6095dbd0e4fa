//! Whether a query and its contract agree.

use std::ops::Range;

use sqlparser::{dialect::BigQueryDialect, parser::Parser};

use super::Checker;
use crate::{
    contract::{TableName, file::TableFile},
    portable::{reserved, types::Type},
    query::{self, Context, Facts, Problem, catalog::contract_rows, source::Source},
    rules::{self, Rule, contract, names},
};

const ORDER: &str = "let the last `select` list every column in the contract's order";

/// Compares the rows of a query with the columns of the contract.
pub fn agreement(file: &TableFile, facts: &Facts) -> Vec<Problem> {
    let rows = &facts.rows;
    if rows.is_open {
        return Vec::new();
    }
    let mut problems = columns(file, facts);
    for column in &rows.columns {
        let Some(wanted) = file.contract.columns.get(&column.name) else { continue };
        let place = || file.column_span(&column.name);
        let kind = Type::from(wanted.kind);
        let is_integer_in_numeric = kind == Type::Numeric && column.kind == Type::Int64;
        if !column.kind.is_open() && column.kind != kind && !is_integer_in_numeric {
            let message = format!(
                "column `{}` is {kind} in the contract, and the query returns {}",
                column.name, column.kind
            );
            let help = format!(
                "write the type that the query returns, or `cast(… as {kind})` in the query"
            );
            problems.push(problem(&contract::COLUMN_TYPE, place(), message, Some(help)));
        }
        if wanted.required && column.may_be_null {
            let message = format!("`{}` is required, and the query makes it NULL", column.name);
            problems.push(problem(&contract::REQUIRED, place(), message, None));
        }
    }
    problems
}

/// Columns that only one of both has, or that stand in another order.
fn columns(file: &TableFile, facts: &Facts) -> Vec<Problem> {
    let wanted: Vec<&str> = file.contract.columns.keys().map(String::as_str).collect();
    let found: Vec<&str> = facts.rows.columns.iter().map(|column| column.name.as_str()).collect();
    let missing = wanted.iter().filter(|name| !found.contains(name)).map(|name| {
        let message =
            format!("the contract has a column `{name}`, and the query does not return it");
        let help = format!("{ORDER}; it returns {}", found.join(", "));
        problem(&contract::COLUMNS, file.column_span(name), message, Some(help))
    });
    let extra = found.iter().filter(|name| !wanted.contains(name)).map(|name| {
        let named = if name.is_empty() { "a column without a name" } else { &format!("`{name}`") };
        let message = format!("the query returns {named}, which the contract does not have");
        let help = format!("name it as the contract does, add it there, or leave it out; {ORDER}");
        problem(&contract::COLUMNS, facts.listed.clone(), message, Some(help))
    });
    let mut problems: Vec<Problem> = missing.chain(extra).collect();
    if problems.is_empty() && found != wanted {
        let at = found.iter().zip(&wanted).position(|(own, other)| own != other).unwrap_or(0);
        let message = format!(
            "column {} is `{}` in the contract and `{}` in the query",
            at + 1,
            wanted.get(at).unwrap_or(&""),
            found.get(at).unwrap_or(&"")
        );
        let place = facts.listed.clone();
        problems.push(problem(&contract::COLUMNS, place, message, Some(ORDER.to_owned())));
    }
    problems
}

fn problem(
    rule: &'static Rule,
    place: Range<usize>,
    message: String,
    help: Option<String>,
) -> Problem {
    Problem { rule, place, message, help, is_of_spark: false }
}

impl Checker<'_> {
    /// What the contract says besides columns: references and checks.
    pub fn contract(&mut self, file: &TableFile) {
        for name in file.contract.columns.keys().filter(|name| reserved::is_reserved(name)) {
            let message = format!("`{name}` is a reserved word of an engine");
            self.report(&names::RESERVED_WORD, file.column_span(name), message);
        }
        for column in file.contract.columns.values() {
            let Some(reference) = &column.references else { continue };
            let known = reference.rsplit_once('.').and_then(|(table, column)| {
                let facts = self.context.catalog.table(&TableName::parse(table)?)?;
                facts.rows.position(column)
            });
            if known.is_none() {
                let message = format!("there is no column `{reference}`");
                let place = file.contract_span(reference);
                self.report(&contract::REFERENCE, place, message);
            }
        }
        for check in &file.contract.checks {
            self.expectation(file, &check.expect);
        }
    }

    /// The condition of a check, over the table's own columns.
    fn expectation(&mut self, file: &TableFile, text: &str) {
        let place = file.contract_span(text);
        // A text with escapes is not found as it is; the engine will read it.
        if place.is_empty() {
            return;
        }
        let Ok(source) = Source::new(file.path.clone(), file.text.clone(), place.clone()) else {
            return;
        };
        let parser = Parser::new(&BigQueryDialect {}).try_with_sql(text);
        let parsed = parser.and_then(|mut parser| parser.parse_expr());
        let Ok(expr) = parsed else {
            let message = "the condition of a check does not parse".to_owned();
            self.report(&rules::files::SYNTAX, place, message);
            return;
        };
        let context = Context { table: None, ..self.context };
        let is_for_spark = self.is_for_spark;
        let mut checker = Checker { context, source: &source, is_for_spark, findings: Vec::new() };
        checker.tokens();
        let rows = contract_rows(&file.contract);
        checker.problems(&query::condition(&expr, rows, file.name.table(), &source, context));
        self.findings.append(&mut checker.findings);
    }
}
