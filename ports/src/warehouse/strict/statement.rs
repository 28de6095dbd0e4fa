//! What a statement is, by its first words: the texts of DuckDB's dialect have no syntax tree here.

use sqlparser::tokenizer::Token;

use super::Rule;
use crate::sql::tokens::{SpannedToken, tokenize};

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `begin transaction`
    Begin,
    /// `commit transaction`
    Commit,
    /// `rollback transaction`
    Rollback,
    /// `select`, `with`
    Ask,
    /// INSERT, UPDATE, DELETE, MERGE, TRUNCATE.
    Change {
        /// The table.
        table: String,
        /// Whether rows that are there are changed or go. What only adds is in nobody's way.
        is_mutating: bool,
    },
    /// CREATE, DROP, ALTER.
    Define {
        /// The table, view, schema or function.
        name: String,
        /// What is done.
        verb: Verb,
        /// `table`, `view`, …
        object: String,
        /// `create temp …`
        is_temporary: bool,
    },
    /// Anything else.
    Other,
}

/// What a definition does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// CREATE.
    Create,
    /// DROP.
    Drop,
    /// ALTER.
    Alter,
}

/// The statements of a text, each with what it is.
pub fn statements(text: &str) -> Vec<(&str, Statement)> {
    let Ok(tokens) = tokenize(text) else { return vec![(text, Statement::Other)] };
    tokens
        .split(|found| found.token == Token::SemiColon)
        .filter_map(|tokens| {
            let (first, last) = (tokens.first()?, tokens.last()?);
            Some((&text[first.span.start..last.span.end], Statement::of(tokens)))
        })
        .collect()
}

impl Statement {
    fn of(tokens: &[SpannedToken]) -> Self {
        let words: Vec<String> = tokens.iter().map(|found| word(&found.token)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let of_table = |rest: &[&str], is_mutating| {
            let rest = rest.strip_prefix(&["table"]).unwrap_or(rest);
            Self::Change { table: name(rest), is_mutating }
        };
        match words.as_slice() {
            ["begin", ..] => Self::Begin,
            ["commit", ..] => Self::Commit,
            ["rollback", ..] => Self::Rollback,
            ["select" | "with" | "(", ..] => Self::Ask,
            ["insert", "into", rest @ ..] | ["insert", rest @ ..] => of_table(rest, false),
            ["delete", "from", rest @ ..] | ["delete" | "update" | "truncate", rest @ ..] => {
                of_table(rest, true)
            }
            ["merge", "into", rest @ ..] | ["merge", rest @ ..] => {
                let when = |then: &str| words.windows(2).any(|pair| pair == ["then", then]);
                of_table(rest, when("update") || when("delete"))
            }
            ["create", rest @ ..] => define(Verb::Create, rest),
            ["drop", rest @ ..] => define(Verb::Drop, rest),
            ["alter", rest @ ..] => define(Verb::Alter, rest),
            _ => Self::Other,
        }
    }

    /// The rule that it breaks wherever it stands.
    pub fn breaks(&self) -> Option<Rule> {
        match self {
            Self::Define { name, object, is_temporary: false, verb: Verb::Create }
                if ["table", "view"].contains(&object.as_str()) && !name.contains('.') =>
            {
                Some(Rule::NoDataset)
            }
            _ => None,
        }
    }
}

fn define(verb: Verb, words: &[&str]) -> Statement {
    let words = words.strip_prefix(&["or", "replace"]).unwrap_or(words);
    let is_temporary = matches!(words, ["temp" | "temporary", ..]);
    let words = if is_temporary { &words[1..] } else { words };
    let (object, rest) = words.split_first().map_or(("", words), |(first, rest)| (*first, rest));
    let rest = rest.strip_prefix(&["if", "not", "exists"]).unwrap_or(rest);
    let rest = rest.strip_prefix(&["if", "exists"]).unwrap_or(rest);
    Statement::Define { name: name(rest), verb, object: object.to_owned(), is_temporary }
}

/// `a.b.c` from the words that begin with it.
fn name(words: &[&str]) -> String {
    let is_part =
        |(at, word): &(usize, &&str)| if at % 2 == 0 { **word != "." } else { **word == "." };
    words.iter().enumerate().take_while(is_part).map(|(_, word)| *word).collect()
}

fn word(token: &Token) -> String {
    match token {
        Token::Word(word) => word.value.to_lowercase(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Statement {
        statements(text).remove(0).1
    }

    #[test]
    fn a_statement_is_what_its_first_words_say() {
        let change = |is_mutating| Statement::Change { table: "a.b".to_owned(), is_mutating };
        assert_eq!(one("insert into a.b (x)\nselect x from new_rows"), change(false));
        assert_eq!(one("delete from A.b where true"), change(true));
        assert_eq!(one("truncate table a.b"), change(true));
        let merge = "merge into a.b as target using n as source on target.k = source.k when ";
        assert_eq!(
            one(&format!("{merge}not matched then insert (k) values (source.k)")),
            change(false)
        );
        assert_eq!(one(&format!("{merge}matched then update set v = source.v")), change(true));
        assert_eq!(one("-- why\nwith a as (select 1) select * from a"), Statement::Ask);
        assert_eq!(one("copy (select 1) to 'x'"), Statement::Other);
    }

    #[test]
    fn a_definition_says_of_what() {
        let define = |verb, object: &str, name: &str, is_temporary| Statement::Define {
            name: name.to_owned(),
            verb,
            object: object.to_owned(),
            is_temporary,
        };
        let kept = "create or replace temp table new_rows as\nselect 1 as x";
        assert_eq!(one(kept), define(Verb::Create, "table", "new_rows", true));
        let view = "create or replace view a.b as select 1 as x";
        assert_eq!(one(view), define(Verb::Create, "view", "a.b", false));
        assert_eq!(one("drop table if exists a.b"), define(Verb::Drop, "table", "a.b", false));
        let schema = "create schema if not exists lakebed";
        assert_eq!(one(schema), define(Verb::Create, "schema", "lakebed", false));
    }

    #[test]
    fn a_text_may_be_several_statements() {
        let found = statements("begin transaction; delete from a.b where c = ';'; commit;");
        let texts: Vec<&str> = found.iter().map(|(text, _)| *text).collect();
        assert_eq!(texts, ["begin transaction", "delete from a.b where c = ';'", "commit"]);
    }
}
