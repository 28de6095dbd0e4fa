//! The tables that a query reads, taken from its syntax tree.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::{
    ast::{ObjectName, Query, Spanned, Statement, Visit, Visitor},
    dialect::BigQueryDialect,
    parser::{Parser, ParserError},
    tokenizer::Span,
};

use super::tokens::TokenError;

/// The `schema.table` names in a query's text, in order of name.
pub fn tables_read(sql: &str) -> Result<BTreeSet<String>, TokenError> {
    let query = parse_query(sql)?;
    let names = tables_named(&query);
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

/// The `schema.table` names in a query, each with its place, in order of the text. Names without a
/// schema are common table expressions and are left out.
pub fn tables_named(query: &Query) -> Vec<(String, Span)> {
    let mut collector = Collector::default();
    let _ = query.visit(&mut collector);
    collector.names
}

/// The syntax tree of a text that is one query. Parameters may stand in it unbound.
pub fn parse_query(sql: &str) -> Result<Box<Query>, TokenError> {
    let statements = Parser::parse_sql(&BigQueryDialect {}, sql).map_err(|e| located(sql, &e))?;
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::Query(query)]) => Ok(query),
        _ => Err(TokenError {
            message: "a table's file holds one query, `select` or `with … select`".to_owned(),
            offset: 0,
        }),
    }
}

#[derive(Default)]
struct Collector {
    names: Vec<(String, Span)>,
}

impl Visitor for Collector {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string().replace('`', "").to_lowercase();
        if name.contains('.') {
            self.names.push((name, relation.span()));
        }
        ControlFlow::Continue(())
    }
}

/// The parser tells its place only inside of its message: `… at Line: 3, Column: 7`.
fn located(text: &str, error: &ParserError) -> TokenError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
        ParserError::RecursionLimitExceeded => "the query is nested too deeply".to_owned(),
    };
    let Some((said, place)) = message.split_once(" at Line: ") else {
        return TokenError { message, offset: text.len() };
    };
    let mut numbers = place.split(", Column: ").map(|n| n.trim().parse::<usize>().unwrap_or(1));
    let line = numbers.next().unwrap_or(1);
    let column = numbers.next().unwrap_or(1);
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = &text[start.min(text.len())..];
    let within = rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at);
    TokenError { message: said.to_owned(), offset: start + within }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_names_are_found_and_common_table_expressions_are_not() {
        let names = tables_read(
            "with a as (select 1 as x from vault.hub_user) \
             select * from a join standardized.mobile_events using (x) \
             where exists (select 1 from mart.b) qualify row_number() over (order by x) = 1",
        )
        .expect("a query");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["mart.b", "standardized.mobile_events", "vault.hub_user"]);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let text = "select a\n  from b where )";
        let error = tables_read(text).expect_err("no condition");
        assert_eq!(&text[error.offset..], ")", "{error}");
    }

    #[test]
    fn only_a_query_is_a_table() {
        assert!(tables_read("delete from a.b where true").is_err());
    }
}
