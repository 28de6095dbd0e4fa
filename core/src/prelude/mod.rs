//! The functions that every query may use: `layers/functions/<engine>.sql`, and the payload parsers
//! that are generated from the sources' contracts.
//!
//! The prelude is the one place where engines differ. Not for: running it. No I/O.

mod inlined;
mod json_path;
mod parser;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use inlined::Bodies;
use sqlparser::tokenizer::Token;

use crate::{
    contract::source::SourceContract,
    diagnostic::FileError,
    digest::Digest,
    project::Project,
    sql::tokens::{SpannedToken, TokenError, normalized, tokenize, words},
};

/// An engine's functions, types and settings.
#[derive(Clone, Debug, Default)]
pub struct Prelude {
    statements: Vec<PreludeStatement>,
    /// The functions, by their names without schema.
    functions: BTreeMap<String, Function>,
    /// The code of what is no function: settings and types, which bear on every query.
    session: String,
}

/// A function's code, and the words in it: each query asks for them, and tokens are dear.
#[derive(Clone, Debug, Default)]
struct Function {
    code: String,
    words: BTreeSet<String>,
}

/// A statement of a prelude.
#[derive(Clone, Debug)]
pub struct PreludeStatement {
    /// The statement, without its semicolon.
    pub text: String,
    /// Where it begins in the functions' file, in bytes; `None` if it was generated.
    pub offset: Option<usize>,
}

impl Prelude {
    /// The prelude of DuckDB.
    pub fn duckdb(project: &Project) -> Result<Self, TokenError> {
        Self::new(project, &project.duckdb_functions, parser::duckdb)
    }

    /// The prelude of BigQuery.
    pub fn bigquery(project: &Project) -> Result<Self, TokenError> {
        Self::new(project, &project.bigquery_functions, parser::bigquery)
    }

    /// The prelude of Spark.
    pub fn spark(project: &Project) -> Result<Self, TokenError> {
        let readers = Bodies::of(&project.spark_functions)?;
        Self::new(project, &project.spark_functions, |source, contract| {
            parser::spark(source, contract, &readers)
        })
    }

    fn new(
        project: &Project,
        functions: &str,
        parser: impl Fn(&str, &SourceContract) -> Vec<String>,
    ) -> Result<Self, TokenError> {
        let mut prelude = Self::default();
        let tokens = tokenize(functions)?;
        for tokens in statements_among(&tokens) {
            let code = normalized(functions, tokens);
            prelude.add(statement(functions, tokens), &code, words(tokens));
        }
        for (name, source) in &project.sources {
            for text in parser(name, &source.contract) {
                let tokens = tokenize(&text)?;
                let (code, words) = (normalized(&text, &tokens), words(&tokens));
                prelude.add(PreludeStatement { text, offset: None }, &code, words);
            }
        }
        Ok(prelude)
    }

    /// The statements to run before any query, in order.
    pub fn statements(&self) -> &[PreludeStatement] {
        &self.statements
    }

    /// A digest of the settings and of all functions that a query of these words uses, also by way of
    /// another.
    pub fn digest_for(&self, words: &BTreeSet<String>) -> Digest {
        let mut used = BTreeSet::new();
        let mut pending: Vec<&str> = words.iter().map(String::as_str).collect();
        while let Some(word) = pending.pop() {
            if let Some(function) = self.functions.get(word)
                && used.insert(word)
            {
                pending.extend(function.words.iter().map(String::as_str));
            }
        }
        let code = used.into_iter().map(|name| self.functions[name].code.as_str());
        Digest::of_texts(std::iter::once(self.session.as_str()).chain(code))
    }

    fn add(&mut self, statement: PreludeStatement, code: &str, words: BTreeSet<String>) {
        match function_name(code) {
            // Overloads of one name are one function.
            Some(name) => {
                let known = self.functions.entry(name).or_default();
                known.words.extend(words);
                known.code.push_str(code);
                known.code.push('\n');
            }
            None => self.session.push_str(code),
        }
        self.statements.push(statement);
    }
}

/// What is wrong in the file of an engine's functions.
pub fn functions_error(engine: &str, functions: &Arc<str>, error: &TokenError) -> FileError {
    let path = Path::new("layers/functions").join(format!("{engine}.sql"));
    let span = error.offset..error.offset + 1;
    FileError::new(&path, functions, span, error.message.clone())
}

/// `create or replace macro udf . safe_int64 ( x ) as …` gives `safe_int64`.
fn function_name(code: &str) -> Option<String> {
    let rest = code.split_once(" macro ").or_else(|| code.split_once(" function "))?.1;
    let name = rest.split_once(" (")?.0;
    Some(name.rsplit(['.', ' ']).next().unwrap_or(name).to_owned())
}

/// The tokens of each statement of a text, without semicolons.
fn statements_among(tokens: &[SpannedToken]) -> impl Iterator<Item = &[SpannedToken]> {
    tokens.split(|found| found.token == Token::SemiColon).filter(|tokens| !tokens.is_empty())
}

/// The statement that tokens of a text are.
fn statement(text: &str, tokens: &[SpannedToken]) -> PreludeStatement {
    let (first, last) = (&tokens[0].span, &tokens[tokens.len() - 1].span);
    PreludeStatement { text: text[first.start..last.end].to_owned(), offset: Some(first.start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prelude(functions: &str) -> Prelude {
        let project = Project { duckdb_functions: functions.into(), ..Project::default() };
        Prelude::duckdb(&project).expect("a prelude")
    }

    #[test]
    fn only_the_functions_in_use_count_also_through_others() {
        let base = "set x = 1; create macro udf.f(a) as udf.g(a); create macro udf.g(a) as a + 1;\
                    create macro udf.h(a) as a;";
        let digest = |functions: &str, query: &str| {
            prelude(functions).digest_for(&words(&tokenize(query).expect("tokens")))
        };
        let query = "select udf.f(1)";
        let before = digest(base, query);
        assert_eq!(before, digest(&base.replace("udf.h(a) as a", "udf.h(a) as a * 2"), query));
        assert_eq!(
            before,
            digest(&base.replace("; create macro udf.g", ";\n-- why\ncreate macro udf.g"), query)
        );
        assert_ne!(before, digest(&base.replace("a + 1", "a + 2"), query));
        assert_ne!(before, digest(&base.replace("x = 1", "x = 2"), query));
    }
}
