//! Tokens that engines read in other ways: texts, numbers, comments, quoted names.

use sqlparser::tokenizer::{Token, Whitespace};

use super::Checker;
use crate::rules::{expressions, literals, shape};

impl Checker<'_> {
    /// Checks the tokens of the SQL.
    pub fn tokens(&mut self) {
        let source = self.source;
        let mut before: Option<&str> = None;
        let mut follows_call = false;
        for token in source.tokens() {
            let text = source.token_text(token);
            let place = source.in_file(&token.span);
            match &token.token {
                Token::Whitespace(space) => self.comment(space, text, place),
                Token::SingleQuotedString(_) => self.text(text, place),
                Token::DoubleQuotedString(_) => {
                    let message = format!("{text} in double quotes");
                    let help = Some(format!("write '{}'", text.trim_matches('"')));
                    self.report_with(&literals::DOUBLE_QUOTES, place, message, help);
                }
                Token::Number(..) => self.number(text, place),
                Token::HexStringLiteral(_) => {
                    let message = format!("`{text}` is no decimal number");
                    self.report(&literals::NUMBER_FORM, place, message);
                }
                Token::Word(word) if word.quote_style == Some('`') => {
                    let message = format!("{text} in backticks");
                    self.report(&literals::BACKTICK, place, message);
                }
                Token::Word(word) if word.quote_style.is_some() => {
                    let message = format!("{text} in quotes");
                    self.report(&literals::DOUBLE_QUOTES, place, message);
                }
                // `0xFF` and `1_000` are a number and a word to this tokenizer.
                Token::Word(_) if before.is_some_and(ends_in_digit) => {
                    let message = "a number with letters or `_` in it".to_owned();
                    self.report(&literals::NUMBER_FORM, place, message);
                }
                Token::ShiftLeft | Token::ShiftRight => {
                    let message = format!("engines do not mean `{text}` alike");
                    let help = Some("write a product, or `div(a, b)`".to_owned());
                    self.report_with(&expressions::OPERATOR, place, message, help);
                }
                Token::Word(word) if word.value.eq_ignore_ascii_case("filter") && follows_call => {
                    let message = "FILTER is outside of the portable subset".to_owned();
                    let help =
                        "write `countif(condition)`, or `sum(if(condition, x, 0))`".to_owned();
                    self.report_with(&shape::CALL_CLAUSE, place, message, Some(help));
                }
                Token::DoubleColon => {
                    let message = "`::` is no GoogleSQL".to_owned();
                    let help = Some("write `cast(x as …)`".to_owned());
                    self.report_with(&expressions::CAST, place, message, help);
                }
                _ => {}
            }
            if !matches!(token.token, Token::Whitespace(_)) {
                follows_call = token.token == Token::RParen;
            }
            before = matches!(token.token, Token::Number(..)).then_some(text);
        }
    }

    fn comment(&mut self, space: &Whitespace, text: &str, place: std::ops::Range<usize>) {
        match space {
            Whitespace::SingleLineComment { prefix, .. } if prefix != "--" => {
                let message = format!("a comment that begins with `{prefix}`");
                let line = place.start..place.start + text.trim_end().len();
                self.report(&literals::COMMENT, line, message);
            }
            Whitespace::MultiLineComment(inner) if inner.contains("/*") => {
                let message = "a comment within a comment".to_owned();
                self.report(&literals::COMMENT, place, message);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, place: std::ops::Range<usize>) {
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        if inner.contains('\\') {
            self.report(&literals::BACKSLASH, place, "a text with a backslash".to_owned());
        } else if inner.contains('\'') {
            self.report(&literals::QUOTE_IN_TEXT, place, "a text with a quote".to_owned());
        }
    }

    fn number(&mut self, text: &str, place: std::ops::Range<usize>) {
        let lower = text.to_lowercase();
        if lower.contains(['_', 'x']) {
            let message = format!("`{text}` is no decimal number");
            self.report(&literals::NUMBER_FORM, place, message);
        } else if lower.contains('.') && !lower.contains('e') {
            let message = format!("`{text}` is FLOAT64 here and a decimal in DuckDB");
            let help = Some(format!("write `{}e0`", text.trim_end_matches('.')));
            self.report_with(&literals::DECIMAL_LITERAL, place, message, help);
        }
    }
}

fn ends_in_digit(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_digit())
}
