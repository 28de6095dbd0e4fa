//! Whether a query and its contract agree.

use std::ops::Range;

use sqlparser::{dialect::BigQueryDialect, parser::Parser};

use super::{
    Checker,
    catalog::contract_rows,
    relation::Relation,
    rules::{contract, names},
    scope::{Scope, ScopeTable},
    source::Source,
    walk::{Context, Walk},
};
use crate::{
    contract::{TableName, file::TableFile},
    portable::{reserved, types::Type},
};

const ORDER: &str = "let the last `select` list every column in the contract's order";

impl Checker<'_> {
    /// Compares the rows of the query with the columns of the contract. `place` is the last SELECT.
    pub fn agreement(&mut self, file: &TableFile, rows: &Relation, place: &Range<usize>) {
        if rows.is_open {
            return;
        }
        let wanted: Vec<&str> = file.contract.columns.keys().map(String::as_str).collect();
        let found: Vec<&str> = rows.columns.iter().map(|column| column.name.as_str()).collect();
        let missing: Vec<&str> =
            wanted.iter().filter(|name| !found.contains(name)).copied().collect();
        let extra: Vec<&str> =
            found.iter().filter(|name| !wanted.contains(name)).copied().collect();
        for name in &missing {
            let message =
                format!("the contract has a column `{name}`, and the query does not return it");
            let help = Some(format!("{ORDER}; it returns {}", found.join(", ")));
            self.report_with(&contract::COLUMNS, file.column_span(name), message, help);
        }
        for name in &extra {
            let named =
                if name.is_empty() { "a column without a name" } else { &format!("`{name}`") };
            let message = format!("the query returns {named}, which the contract does not have");
            let help = Some(format!(
                "name it as the contract does, add it there, or leave it out; {ORDER}"
            ));
            self.report_with(&contract::COLUMNS, place.clone(), message, help);
        }
        if missing.is_empty() && extra.is_empty() && found != wanted {
            let at = found.iter().zip(&wanted).position(|(own, other)| own != other).unwrap_or(0);
            let message = format!(
                "column {} is `{}` in the contract and `{}` in the query",
                at + 1,
                wanted.get(at).unwrap_or(&""),
                found.get(at).unwrap_or(&"")
            );
            self.report_with(&contract::COLUMNS, place.clone(), message, Some(ORDER.to_owned()));
        }
        for column in &rows.columns {
            let Some(wanted) = file.contract.columns.get(&column.name) else { continue };
            let kind = Type::from(wanted.kind);
            let is_integer_in_numeric = kind == Type::Numeric && column.kind == Type::Int64;
            if !column.kind.is_open() && column.kind != kind && !is_integer_in_numeric {
                let message = format!(
                    "column `{}` is {kind} in the contract, and the query returns {}",
                    column.name, column.kind
                );
                let help = Some(format!(
                    "write the type that the query returns, or `cast(… as {kind})` in the query"
                ));
                let place = file.column_span(&column.name);
                self.report_with(&contract::COLUMN_TYPE, place, message, help);
            }
            if wanted.required && column.may_be_null {
                let message = format!("`{}` is required, and the query makes it NULL", column.name);
                self.report(&contract::REQUIRED, file.column_span(&column.name), message);
            }
        }
    }

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
            self.report(&super::rules::files::SYNTAX, place, message);
            return;
        };
        let rows = contract_rows(&file.contract);
        let table = ScopeTable {
            alias: file.name.table().to_owned(),
            columns: 0..rows.columns.len(),
            table: None,
            place,
        };
        let scope = Scope { rows, tables: vec![table], ..Scope::default() };
        let context = Context { table: None, ..self.context };
        let is_for_spark = self.is_for_spark;
        let mut checker = Checker { context, source: &source, is_for_spark, findings: Vec::new() };
        checker.tokens();
        let mut walk = Walk::new(&source, context);
        let _ = walk.condition(&expr, &scope);
        checker.problems(&walk.facts.problems);
        self.findings.append(&mut checker.findings);
    }
}
