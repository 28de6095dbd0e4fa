//! Names of columns for fields of a payload.

use std::collections::BTreeSet;

use crate::portable::reserved::is_reserved;

/// A longer name is cut: it stands in lines of 100 characters, and in names of files.
const LENGTH_MAX: usize = 50;
/// Columns that the tables of a source have besides the fields of its payload.
const TABLE_COLUMNS: &[&str] = &[
    "load_date",
    "message_id",
    "published_at",
    "received_at",
    "event_id",
    "event_at",
    "event_date",
    "event_hk",
    "event_count",
    "occurred_at",
    "effective_at",
    "reject_reason",
    "reject_field",
    "record_source",
    "source",
    "place",
    "body",
    "event",
    "payload",
    "payload_hash",
    "earlier_payload_hash",
    "has_other_content",
    "attributes",
    "seen_at",
    "first_seen_at",
    "first_seen_date",
    "first_load_date",
    "earlier_load_date",
    "earlier_message_id",
];

/// Names of columns that are taken, from which unused ones are chosen.
#[derive(Clone, Debug)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Those that the tables of any source have anyway.
    pub fn of_tables() -> Self {
        Self(TABLE_COLUMNS.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Takes a name, whoever has it.
    pub fn take(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    /// Whether a name is taken.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Takes a name for the field at `path` that none has yet.
    pub fn unused<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) -> String {
        let whole = column_name(path);
        let cut = whole[..whole.len().min(LENGTH_MAX)].trim_end_matches('_').to_owned();
        let cut = if is_reserved(&cut) { format!("{cut}_value") } else { cut };
        let valued = format!("{}_value", cut.trim_end_matches("_value"));
        let numbered = (2..).map(|number| format!("{valued}_{number}"));
        let mut candidates = [cut, valued.clone()].into_iter().chain(numbered);
        let found = candidates.find(|name| !self.has(name)).expect("numbers do not end");
        self.take(&found);
        found
    }
}

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
    use super::{Names, column_name};

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
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::of_tables();
        let mut name = |key: &str| names.unused([key]);
        assert_eq!(name("amount"), "amount");
        assert_eq!(name("Amount"), "amount_value");
        assert_eq!(name("AMOUNT"), "amount_value_2");
        assert_eq!(name("load_date"), "load_date_value");
        assert_eq!(name("order"), "order_value");
        assert_eq!(name("ORDER"), "order_value_2");
        assert_eq!(name(&"x".repeat(300)).len(), super::LENGTH_MAX);
        assert_eq!(name("名"), "field");
    }
}
