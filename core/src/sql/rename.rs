//! Lets a query read another table in place of one, by the tokenizer.

use sqlparser::{keywords::Keyword, tokenizer::Token};

use super::tokens::{TokenError, tokenize};
use crate::contract::TableName;

/// The text with `other` wherever it names `table`, by which name columns may still be called.
pub fn table(text: &str, table: &TableName, other: &str) -> Result<String, TokenError> {
    let tokens = tokenize(text)?;
    let is_word = |at: usize, wanted: &str| match tokens.get(at).map(|found| &found.token) {
        Some(Token::Word(word)) => word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    let is_dot = |at: usize| tokens.get(at).is_some_and(|found| found.token == Token::Period);
    let has_alias = |at: usize| match tokens.get(at).map(|found| &found.token) {
        Some(Token::Word(word)) => matches!(word.keyword, Keyword::AS | Keyword::NoKeyword),
        _ => false,
    };
    let (mut renamed, mut copied, mut at) = (String::with_capacity(text.len()), 0, 0);
    while at < tokens.len() {
        let is_quoted_whole = is_word(at, table.as_str());
        let is_in_parts =
            is_word(at, table.layer()) && is_dot(at + 1) && is_word(at + 2, table.table());
        let length = if is_quoted_whole { 1 } else { 3 };
        if (is_quoted_whole || is_in_parts) && (at == 0 || !is_dot(at - 1)) {
            let end = at + length;
            renamed.push_str(&text[copied..tokens[at].span.start]);
            if is_dot(end) {
                renamed.push_str(table.table());
            } else {
                renamed.push_str(other);
                if !has_alias(end) {
                    renamed.push_str(" as ");
                    renamed.push_str(table.table());
                }
            }
            copied = tokens[end - 1].span.end;
            at = end;
        } else {
            at += 1;
        }
    }
    renamed.push_str(&text[copied..]);
    Ok(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        let renamed = table(text, &TableName::new("dim", "user"), "no_rows").expect("SQL");
        assert_eq!(renamed, expected);
    }

    #[test]
    fn the_table_is_another_and_its_columns_are_called_as_before() {
        becomes("select d.k from dim.user as d", "select d.k from no_rows as d");
        becomes("select d.k from Dim . USER d", "select d.k from no_rows d");
        becomes(
            "select user.k from dim.user where true",
            "select user.k from no_rows as user where true",
        );
        becomes("select * from `dim.user`", "select * from no_rows as user");
        becomes("select dim.user.k from dim.user", "select user.k from no_rows as user");
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            "select 'dim.user' from dim.users",
            "select a.dim.user from a -- dim.user",
            "select user.dim from x.user as user",
        ] {
            becomes(text, text);
        }
    }
}
