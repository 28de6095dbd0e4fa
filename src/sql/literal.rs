//! Texts as literals that every engine reads alike.

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
