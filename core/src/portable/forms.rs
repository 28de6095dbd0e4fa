//! The restricted forms in which some arguments are portable; `functions.toml` names them.

/// Elements of formats of dates that engines write alike.
pub const DATE_ELEMENTS: &str = "YyGmBbdjAauwUVW%";
/// Elements of formats of timestamps that engines write alike, besides those of dates.
pub const TIMESTAMP_ELEMENTS: &str = "HIMSpT";

/// A form that can be seen in the query. The other forms of `functions.toml` are of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any literal of the type.
    Literal,
    /// A pattern.
    Regex,
    /// A pattern that never matches an empty text.
    NonEmptyRegex,
    /// A format of a DATE.
    DateFormat,
    /// A format of a TIMESTAMP.
    TimestampFormat,
    /// A path into JSON.
    JsonPath,
    /// A text that is not empty.
    Delimiter,
    /// An interval that a DATE takes.
    DateInterval,
    /// An interval of days.
    DayInterval,
    /// An interval that a TIMESTAMP takes.
    TimestampInterval,
    /// A literal that is not negative.
    Count,
    /// A literal above zero.
    Positive,
}

impl Form {
    /// The form of that name; `None` for a form of values.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "literal" => Self::Literal,
            "regex" => Self::Regex,
            "regex that matches something" => Self::NonEmptyRegex,
            "date format" => Self::DateFormat,
            "timestamp format" => Self::TimestampFormat,
            "json path" => Self::JsonPath,
            "delimiter" => Self::Delimiter,
            "date interval" => Self::DateInterval,
            "day interval" => Self::DayInterval,
            "timestamp interval" => Self::TimestampInterval,
            "count" => Self::Count,
            "positive" => Self::Positive,
            _ => return None,
        })
    }
}

/// Whether a text literal is in a form; the error says what is wrong with it.
pub fn check_text(form: Form, text: &str) -> Result<(), String> {
    match form {
        Form::Regex | Form::NonEmptyRegex => check_regex(text, form == Form::NonEmptyRegex),
        Form::DateFormat => check_format(text, DATE_ELEMENTS),
        Form::TimestampFormat => {
            check_format(text, &format!("{DATE_ELEMENTS}{TIMESTAMP_ELEMENTS}"))
        }
        Form::JsonPath => check_path(text),
        Form::Delimiter if text.is_empty() => {
            Err("it is to be a text that is not empty".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_format(text: &str, elements: &str) -> Result<(), String> {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            continue;
        }
        match characters.next() {
            Some(element) if elements.contains(element) => {}
            Some(element) => return Err(format!("engines do not write `%{element}` alike")),
            None => return Err("`%` at the end says nothing".to_owned()),
        }
    }
    Ok(())
}

/// `$`, then `.name` and `[n]`.
fn check_path(text: &str) -> Result<(), String> {
    let wrong = || {
        Err("a path is `$`, then `.name` or `[n]`; another key is a field of the source's contract, \
             by its `path`".to_owned())
    };
    let Some(mut rest) = text.strip_prefix('$') else { return wrong() };
    while !rest.is_empty() {
        let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
            if end == 0 {
                return wrong();
            }
            rest = &name[end..];
        } else if let Some((digits, after)) =
            rest.strip_prefix('[').and_then(|inner| inner.split_once(']'))
        {
            if digits.parse::<u32>().is_err() {
                return wrong();
            }
            rest = after;
        } else {
            return wrong();
        }
    }
    Ok(())
}

/// At most one capturing group, and none that a match may leave out: DuckDB gives an empty text for
/// a group that takes no part, and GoogleSQL NULL.
fn check_regex(pattern: &str, must_match_something: bool) -> Result<(), String> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut open: Vec<bool> = Vec::new();
    let mut is_in_class = false;
    let mut group_count = 0;
    let mut has_alternative = false;
    for (at, character) in characters.iter().enumerate() {
        let next = characters.get(at + 1).copied();
        match character {
            '[' if !is_in_class => is_in_class = true,
            ']' if is_in_class && at > 0 && characters[at - 1] != '[' => is_in_class = false,
            _ if is_in_class => {}
            '(' => {
                let captures = next != Some('?');
                group_count += usize::from(captures);
                open.push(captures);
            }
            '|' if open.iter().all(|captures| !captures) => has_alternative = true,
            ')' => {
                let captures = open.pop().unwrap_or(false);
                if captures && matches!(next, Some('?' | '*' | '{')) {
                    return Err("a group that may be left out: engines give NULL or ''".to_owned());
                }
            }
            _ => {}
        }
    }
    if group_count > 1 {
        return Err("at most one group; write `(?:…)` for the others".to_owned());
    }
    if group_count == 1 && has_alternative {
        return Err("a group in one alternative only: engines give NULL or ''".to_owned());
    }
    let is_optional = pattern.is_empty() || pattern.ends_with(['*', '?', '$', '^']);
    if must_match_something && is_optional {
        return Err("a pattern that may match an empty text".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for good in ["a(b)", "(a|c)", "(?:a|b)c", "[(]", "x?", "^[a-z]+$", "[]a]"] {
            assert_eq!(check_text(Form::Regex, good), Ok(()), "{good}");
        }
        for bad in ["(a)(b)", "(a)?", "(a)*b", "(a)|b"] {
            assert!(check_text(Form::Regex, bad).is_err(), "{bad}");
        }
        assert!(check_text(Form::NonEmptyRegex, "a*").is_err());
    }

    #[test]
    fn formats_and_paths() {
        assert_eq!(check_text(Form::DateFormat, "%Y-%m-%d 100%%"), Ok(()));
        assert!(check_text(Form::DateFormat, "%H").is_err());
        assert_eq!(check_text(Form::TimestampFormat, "%Y%H"), Ok(()));
        for good in ["$", "$.a.b_c", "$.a[0].b"] {
            assert_eq!(check_text(Form::JsonPath, good), Ok(()), "{good}");
        }
        for bad in ["a", "$.", "$.a-b", "$[x]", "$..a", "$.a[*]"] {
            assert!(check_text(Form::JsonPath, bad).is_err(), "{bad}");
        }
    }
}
