//! The token stream of a SQL text, with byte offsets.
//!
//! It decides what counts as code: comments, white space and the case of unquoted words do not.

use std::{collections::BTreeSet, ops::Range};

use sqlparser::{
    dialect::BigQueryDialect,
    tokenizer::{Location, Token, Tokenizer},
};

/// A token and where it stands in the text, in bytes.
#[derive(Clone, Debug)]
pub struct SpannedToken {
    /// The token.
    pub token: Token,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// A text that is not SQL even by its tokens, such as a string that never ends.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TokenError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the text.
    pub offset: usize,
}

/// Cuts `text` into tokens, white space and comments left out.
pub fn tokenize(text: &str) -> Result<Vec<SpannedToken>, TokenError> {
    let mut tokens = tokenize_all(text)?;
    tokens.retain(|found| !matches!(found.token, Token::Whitespace(_)));
    Ok(tokens)
}

/// Cuts `text` into tokens, white space and comments among them.
pub fn tokenize_all(text: &str) -> Result<Vec<SpannedToken>, TokenError> {
    let lines = LineOffsets::new(text);
    let tokens =
        Tokenizer::new(&BigQueryDialect {}, text).tokenize_with_location().map_err(|error| {
            TokenError {
                message: error.message.clone(),
                offset: lines.offset(text, error.location),
            }
        })?;
    Ok(tokens
        .into_iter()
        .map(|found| SpannedToken {
            span: lines.offset(text, found.span.start)..lines.offset(text, found.span.end),
            token: found.token,
        })
        .collect())
}

/// The code of a text in one line, of its tokens: what a fingerprint is taken of.
pub fn normalized(text: &str, tokens: &[SpannedToken]) -> String {
    let mut code = String::new();
    for found in tokens.iter().filter(|found| !matches!(found.token, Token::Whitespace(_))) {
        if !code.is_empty() {
            code.push(' ');
        }
        match &found.token {
            Token::Word(word) if word.quote_style.is_none() => {
                code.push_str(&word.value.to_lowercase());
            }
            _ => code.push_str(&text[found.span.clone()]),
        }
    }
    code
}

/// The words among tokens, in lower case, such as names of functions.
pub fn words(tokens: &[SpannedToken]) -> BTreeSet<String> {
    let word = |found: &SpannedToken| match &found.token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    tokens.iter().filter_map(word).collect()
}

/// Where each line begins: the tokenizer speaks of lines and columns, people's tools of bytes.
#[derive(Clone, Debug)]
pub struct LineOffsets(Vec<Line>);

#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    /// In a line of ASCII a column is a byte: generated functions are long lines.
    is_ascii: bool,
}

impl LineOffsets {
    /// Of a text.
    pub fn new(text: &str) -> Self {
        let mut start = 0;
        let mut lines: Vec<Line> = Vec::new();
        for line in text.split('\n') {
            lines.push(Line { start, is_ascii: line.is_ascii() });
            start += line.len() + 1;
        }
        Self(lines)
    }

    /// The tokenizer counts lines and columns from 1, columns in characters.
    pub fn offset(&self, text: &str, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(Line { start, is_ascii }) = self.0.get(line) else { return text.len() };
        let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
        if *is_ascii {
            return start.saturating_add(column).min(text.len());
        }
        let rest = &text[*start..];
        rest.char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_spaces_and_case_are_not_code() {
        let code = |text: &str| normalized(text, &tokenize_all(text).expect("SQL"));
        let plain = code("select a from b where c = 'X'");
        assert_eq!(plain, code("-- why\nSELECT /* é */ a\n  FROM b WHERE c = 'X'"));
        assert_ne!(plain, code("select a from b where c = 'x'"));
    }

    #[test]
    fn spans_are_bytes_of_the_text() {
        let text = "select 'é',\n  @from_date";
        let found: Vec<&str> =
            tokenize(text).expect("SQL").into_iter().map(|t| &text[t.span]).collect();
        assert_eq!(found, ["select", "'é'", ",", "@from_date"]);
    }

    #[test]
    fn an_endless_string_is_an_error_with_its_place() {
        let error = tokenize("select 'abc").expect_err("it never ends");
        assert_eq!(error.offset, 8, "just after the quote that is never closed");
    }
}
