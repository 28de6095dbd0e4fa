//! Binds parameters as literals, once, before a text reaches any engine.
//!
//! `@from_date` becomes `date '2026-01-05'` by the tokenizer, never by string replacement, so that
//! a name inside a string or a comment stays what it is.

use std::{collections::BTreeMap, fmt, ops::Range};

use jiff::civil::Date;
use sqlparser::tokenizer::Token;

use super::tokens::{SpannedToken, TokenError, tokenize};
use crate::instant::MicrosUtc;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `date '2026-01-05'`
    Date(Date),
    /// `timestamp '2026-01-05 10:00:00+00'`: microseconds since 1970, UTC.
    Timestamp(MicrosUtc),
    /// `30`
    Int64(i64),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(f, "date '{date}'"),
            Self::Timestamp(at) => {
                let text = at.to_string().replace('T', " ");
                write!(f, "timestamp '{}+00'", text.trim_end_matches('Z'))
            }
            Self::Int64(value) => write!(f, "{value}"),
        }
    }
}

/// Values by parameter name, without the `@`.
pub type Parameters = BTreeMap<String, Literal>;

/// A text without parameters: what every engine gets, byte for byte.
#[derive(Clone, Debug)]
pub struct BoundSql {
    /// The text.
    pub text: String,
    /// For each replacement: where it is in `text`, and where the parameter stood in the source.
    replacements: Vec<(Range<usize>, Range<usize>)>,
}

impl BoundSql {
    /// Where an offset of the bound text stands in the source's text.
    pub fn source_offset(&self, bound_offset: usize) -> usize {
        let mut shifted = bound_offset;
        for (bound, source) in &self.replacements {
            if bound_offset >= bound.end {
                shifted = source.end + (bound_offset - bound.end);
            } else if bound_offset >= bound.start {
                return source.start;
            }
        }
        shifted
    }
}

/// Why a text could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// It has no tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It names a parameter that nobody gives.
    #[error("unknown parameter `@{name}`")]
    UnknownParameter {
        /// The name without the `@`.
        name: String,
        /// Where it stands, in bytes of the text.
        span: Range<usize>,
    },
}

/// Each parameter among tokens with its place; names without the `@`.
pub fn parameters(tokens: &[SpannedToken]) -> Vec<(String, Range<usize>)> {
    let parameter = |found: &SpannedToken| {
        let name = match &found.token {
            Token::Word(word) => &word.value,
            Token::Placeholder(name) => name,
            _ => return None,
        };
        Some((name.strip_prefix('@')?.to_owned(), found.span.clone()))
    };
    tokens.iter().filter_map(parameter).collect()
}

/// Replaces each `@name` by its literal.
pub fn bind(text: &str, values: &Parameters) -> Result<BoundSql, BindError> {
    let mut bound = String::with_capacity(text.len());
    let mut replacements = Vec::new();
    let mut copied = 0;
    for (name, span) in parameters(&tokenize(text)?) {
        let Some(value) = values.get(&name) else {
            return Err(BindError::UnknownParameter { name, span });
        };
        bound.push_str(&text[copied..span.start]);
        let start = bound.len();
        bound.push_str(&value.to_string());
        replacements.push((start..bound.len(), span.clone()));
        copied = span.end;
    }
    bound.push_str(&text[copied..]);
    Ok(BoundSql { text: bound, replacements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Parameters {
        let day = jiff::civil::date(2026, 1, 5);
        [
            ("from_date".to_owned(), Literal::Date(day)),
            ("lookback_days".to_owned(), Literal::Int64(31)),
            ("cut".to_owned(), Literal::Timestamp(MicrosUtc(1_767_607_200_000_000))),
        ]
        .into()
    }

    #[test]
    fn parameters_become_literals_outside_of_strings_and_comments() {
        let text = "select '@cut' -- @from_date\n, @from_date, @lookback_days, @cut";
        let bound = bind(text, &values()).expect("known parameters");
        assert_eq!(
            bound.text,
            "select '@cut' -- @from_date\n, date '2026-01-05', 31, timestamp '2026-01-05 10:00:00.000000+00'"
        );
    }

    #[test]
    fn offsets_lead_back_to_the_source() {
        let text = "select @from_date, b, @lookback_days, c";
        let bound = bind(text, &values()).expect("known parameters");
        for word in [" b,", " c"] {
            let offset = bound.text.find(word).expect("it is there");
            assert_eq!(bound.source_offset(offset), text.find(word).expect("it is there"));
        }
        assert_eq!(bound.source_offset(9), 7, "inside of a literal is at its parameter");
    }

    #[test]
    fn an_unknown_parameter_is_named_with_its_place() {
        let Err(BindError::UnknownParameter { name, span }) = bind("select @form_date", &values())
        else {
            panic!("`@form_date` is not a parameter");
        };
        assert_eq!((name.as_str(), span), ("form_date", 7..17));
    }
}
