//! Texts as literals that every engine reads alike.

use crate::{contract::ColumnType, instant::MicrosUtc};

/// A text as a literal. Engines write a quote within quotes in ways of their own, and GoogleSQL takes
/// a backslash for an escape: such characters are given by their numbers.
pub fn text(value: &str) -> String {
    let is_plain = |c: char| c != '\'' && c != '\\' && !c.is_control();
    if value.chars().all(is_plain) {
        return format!("'{value}'");
    }
    let mut parts: Vec<String> = Vec::new();
    let mut plain = String::new();
    for c in value.chars() {
        if is_plain(c) {
            plain.push(c);
            continue;
        }
        if !plain.is_empty() {
            parts.push(format!("'{}'", std::mem::take(&mut plain)));
        }
        parts.push(format!("chr({})", u32::from(c)));
    }
    if !plain.is_empty() {
        parts.push(format!("'{plain}'"));
    }
    format!("({})", parts.join(" || "))
}

/// An instant as a literal.
pub fn instant(at: MicrosUtc) -> String {
    let at = at.to_string();
    format!("timestamp '{}'", at.trim_end_matches('Z').replace('T', " "))
}

/// A value, in the text that the engine gives of it, as a literal of its type.
pub fn of(kind: ColumnType, value: &str) -> String {
    match kind {
        ColumnType::Int64 | ColumnType::Float64 | ColumnType::Bool | ColumnType::Numeric => {
            value.to_owned()
        }
        ColumnType::Date => format!("date '{value}'"),
        ColumnType::Timestamp => format!("timestamp '{}+00'", value.replace('T', " ")),
        ColumnType::String | ColumnType::Bytes | ColumnType::Json => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_quote_in_their_own_ways_is_given_by_number() {
        assert_eq!(text("plain é"), "'plain é'");
        assert_eq!(text(""), "''");
        assert_eq!(text("it's"), "('it' || chr(39) || 's')");
        assert_eq!(text("\\"), "(chr(92))");
        assert_eq!(text("'\n"), "(chr(39) || chr(10))");
    }
}
