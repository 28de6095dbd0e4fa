//! Names of columns for fields of a payload.

use crate::portable::reserved::is_reserved;

/// `["actor", "displayLogin"]` gives `actor_display_login`: lower case, digits and `_`, and never a
/// word that a query cannot use.
pub fn column_name<'a>(path: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> =
        path.into_iter().map(snake_case).filter(|part| !part.is_empty()).collect();
    let name = parts.join("_");
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("field_{name}").trim_end_matches('_').to_owned();
    }
    if is_reserved(&name) { format!("{name}_value") } else { name }
}

/// Whether a key can stand in a contract's path, and in the parser that is made of it.
pub fn is_nameable(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '"', '\'', '\\']) && !key.contains(char::is_control)
}

/// `displayLogin`, `display-login` and `Display Login` give `display_login`.
fn snake_case(key: &str) -> String {
    let mut name = String::new();
    let mut before = '_';
    let mut characters = key.chars().peekable();
    while let Some(c) = characters.next() {
        let begins_word = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase()
                    && characters.peek().is_some_and(char::is_ascii_lowercase)));
        let is_break = begins_word || !c.is_ascii_alphanumeric();
        if is_break && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{column_name, is_nameable};

    #[test]
    fn names_are_those_of_columns() {
        for (path, name) in [
            (vec!["userId"], "user_id"),
            (vec!["actor", "display_login"], "actor_display_login"),
            (vec!["HTTPStatus"], "http_status"),
            (vec!["utm-source"], "utm_source"),
            (vec!["$browser version"], "browser_version"),
            (vec!["order"], "order_value"),
            (vec!["when"], "when_value"),
            (vec!["window"], "window_value"),
            (vec!["page", "order"], "page_order"),
            (vec!["2fa"], "field_2fa"),
            (vec!["名"], "field"),
            (vec!["temp2C"], "temp2_c"),
        ] {
            assert_eq!(column_name(path.iter().copied()), name, "{path:?}");
        }
        assert!(is_nameable("utm-source") && is_nameable("$browser"));
        assert!(!is_nameable("a.b") && !is_nameable("it's") && !is_nameable(""));
    }
}
