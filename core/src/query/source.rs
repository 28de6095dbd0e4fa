//! A text under check: what is SQL in it, and where the parser's places lie in the file.

use std::{ops::Range, path::PathBuf, sync::Arc};

use sqlparser::{
    ast::{Ident, Spanned},
    tokenizer::{Span, Token},
};

use crate::sql::tokens::{LineOffsets, SpannedToken, TokenError, tokenize_all};

/// A piece of SQL in a file.
pub struct Source {
    /// The file, as the user knows it.
    pub path: PathBuf,
    /// The whole file.
    pub text: Arc<str>,
    /// Where the SQL stands in the file.
    pub sql: Range<usize>,
    lines: LineOffsets,
    tokens: Vec<SpannedToken>,
}

impl Source {
    /// Cuts the SQL into tokens.
    pub fn new(path: PathBuf, text: Arc<str>, sql: Range<usize>) -> Result<Self, TokenError> {
        let tokens = tokenize_all(&text[sql.clone()])?;
        let lines = LineOffsets::new(&text[sql.clone()]);
        Ok(Self { path, text, sql, lines, tokens })
    }

    /// The SQL.
    pub fn query(&self) -> &str {
        &self.text[self.sql.clone()]
    }

    /// The tokens, white space and comments among them; their spans are within the SQL.
    pub fn tokens(&self) -> &[SpannedToken] {
        &self.tokens
    }

    /// The text of a token.
    pub fn token_text(&self, token: &SpannedToken) -> &str {
        &self.query()[token.span.clone()]
    }

    /// A place within the SQL as one of the file.
    pub fn in_file(&self, within: &Range<usize>) -> Range<usize> {
        self.sql.start + within.start..self.sql.start + within.end
    }

    /// The bytes of the file where a piece of the syntax tree stands.
    pub fn place(&self, node: &impl Spanned) -> Range<usize> {
        self.range(node.span())
    }

    /// The bytes of the file where a name stands.
    pub fn ident(&self, ident: &Ident) -> Range<usize> {
        self.range(ident.span)
    }

    /// As `place`, from the keyword before it on: the tree has no place of `cast (`.
    pub fn with_keyword(&self, keyword: &str, node: &impl Spanned) -> Range<usize> {
        let found = self.place(node);
        let start = found.start.saturating_sub(self.sql.start);
        let before = self.tokens.iter().rev().filter(|token| token.span.end <= start);
        let near = before.filter(|token| !matches!(token.token, Token::Whitespace(_))).take(4);
        let is_keyword = |token: &&SpannedToken| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case(keyword));
        match near.into_iter().find(is_keyword) {
            Some(token) => self.sql.start + token.span.start..found.end,
            None => found,
        }
    }

    /// The bytes of the file of the parser's span; the whole of the first token if it has none.
    pub fn range(&self, span: Span) -> Range<usize> {
        if span == Span::empty() {
            let is_code = |token: &&SpannedToken| !matches!(token.token, Token::Whitespace(_));
            let first = self.tokens.iter().find(is_code).map_or(0..0, |token| token.span.clone());
            return self.in_file(&first);
        }
        let query = self.query();
        let start = self.lines.offset(query, span.start);
        let end = self.lines.offset(query, span.end).max(start);
        self.in_file(&(start..end))
    }
}
