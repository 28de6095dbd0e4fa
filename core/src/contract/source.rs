//! Contracts of sources, `layers/raw/<source>.toml`: the fields of a payload, and the constants of
//! lateness that the layers above are built with.

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ColumnType, file::toml_error};
use crate::{
    diagnostic::FileError,
    payload::{name::column_name, path, time::TimeForm},
};

/// The columns of `raw.<source>`, which the archiver writes.
pub const RAW_COLUMNS: [(&str, ColumnType); 7] = [
    ("message_id", ColumnType::String),
    ("published_at", ColumnType::Timestamp),
    ("received_at", ColumnType::Timestamp),
    ("source", ColumnType::String),
    ("attributes", ColumnType::String),
    ("payload", ColumnType::Bytes),
    ("load_date", ColumnType::Date),
];

/// What a payload parser returns beside the fields: why a message is not what the contract says.
pub const REJECT_REASON: &str = "reject_reason";
/// The first field of the contract that is to blame, if the payload can be read at all.
pub const REJECT_FIELD: &str = "reject_field";

/// What a source sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceContract {
    /// What it is, in a sentence.
    pub about: String,
    /// Who answers for it.
    pub owner: String,
    /// Integers such as `max_lateness_days`.
    #[serde(default)]
    pub parameters: BTreeMap<String, i64>,
    /// Paths in the JSON that are left out on purpose, with all that is under them: no drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The fields of the payload, in order.
    pub fields: IndexMap<String, Field>,
}

/// One field of a payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The type that its text must have: a message of which it has another is rejected.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a message without it, or with an empty text in its place, is rejected.
    #[serde(default)]
    pub required: bool,
    /// Where it stands in the JSON, as [`path::parse`] reads it; under its own name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Places>,
    /// How it says an instant, if its type is one; as `2026-01-05T10:00:00Z` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<TimeForm>,
    /// What it means, for people.
    #[serde(default)]
    pub about: String,
}

/// Where a field stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Places {
    /// In one place.
    One(String),
    /// In the first of these in which there is anything but an empty text.
    FirstOf(Vec<String>),
}

impl Field {
    /// The paths under which it may stand, as they are written; `name` is its own.
    pub fn places<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match &self.path {
            None => vec![name],
            Some(Places::One(path)) => vec![path],
            Some(Places::FirstOf(paths)) => paths.iter().map(String::as_str).collect(),
        }
    }

    /// The keys under which it may stand.
    pub fn paths(&self, name: &str) -> Vec<path::FieldPath> {
        let parsed = |text| path::parse(text).expect("reading the contract refuses others");
        self.places(name).into_iter().map(parsed).collect()
    }

    /// The function of the schema `udf` that makes a value of its text; `None` if the text is it.
    pub fn reader(&self) -> Option<&'static str> {
        match self.kind {
            ColumnType::Int64 => Some("safe_int64"),
            ColumnType::Float64 => Some("safe_float64"),
            ColumnType::Bool => Some("safe_bool"),
            ColumnType::Date => Some("safe_date"),
            ColumnType::Timestamp => Some(self.form.unwrap_or(TimeForm::Utc).function()),
            ColumnType::String | ColumnType::Bytes | ColumnType::Numeric | ColumnType::Json => None,
        }
    }

    /// What its text must be, in words.
    pub fn meaning(&self) -> &'static str {
        match self.kind {
            ColumnType::Int64 => "an integer",
            ColumnType::Float64 => "a number",
            ColumnType::Bool => "true or false",
            ColumnType::Date => "a date",
            ColumnType::Timestamp => self.form.unwrap_or(TimeForm::Utc).meaning(),
            ColumnType::String | ColumnType::Bytes | ColumnType::Numeric | ColumnType::Json => {
                "a text"
            }
        }
    }

    /// What cannot be asked of a field, and what can.
    fn problem(&self) -> Option<(&'static str, &'static str)> {
        if matches!(self.kind, ColumnType::Bytes | ColumnType::Numeric | ColumnType::Json) {
            return Some((
                "is of a type that no text is read as",
                "a field is STRING, INT64, FLOAT64, BOOL, DATE or TIMESTAMP; JSON is kept as STRING",
            ));
        }
        if self.form.is_some() && self.kind != ColumnType::Timestamp {
            return Some(("has a form", "only a TIMESTAMP has one"));
        }
        let is_nowhere = matches!(&self.path, Some(Places::FirstOf(paths)) if paths.is_empty());
        is_nowhere.then_some(("stands nowhere", "name a path, or leave `path` out"))
    }
}

impl SourceContract {
    /// Reads the TOML of a source's file.
    pub fn parse(path: &Path, text: &Arc<str>) -> Result<Self, FileError> {
        let contract: Self =
            toml::from_str(text).map_err(|error| toml_error(path, text, 0, &error))?;
        contract.check_fields(path, text)?;
        Ok(contract)
    }

    /// A parser is made of the fields: each must have a name, a type and places that it can have, and
    /// no place may lead through another.
    fn check_fields(&self, file: &Path, text: &Arc<str>) -> Result<(), FileError> {
        let mut paths: Vec<(&str, path::FieldPath)> = Vec::new();
        for (name, field) in &self.fields {
            let wrong = |message: String, help: &str| {
                FileError::new(file, text, line_of(text, name), message).with_help(help)
            };
            if column_name([name.as_str()]) != *name {
                let message = format!("`{name}` cannot be the name of a field");
                return Err(wrong(
                    message,
                    "use lower case, digits and `_`, and no word of SQL; `path` says where it stands",
                ));
            }
            if [REJECT_REASON, REJECT_FIELD].contains(&name.as_str()) {
                let message = format!("`{name}` is what the parser says of the message");
                return Err(wrong(message, "give it another name; `path` says where it stands"));
            }
            if let Some((problem, help)) = field.problem() {
                return Err(wrong(format!("`{name}` {problem}"), help));
            }
            for place in field.places(name) {
                let path = path::parse(place).map_err(|error| {
                    let message = format!("the path of `{name}` cannot be read: {error}");
                    wrong(message, "a path is keys separated by points, odd ones in double quotes")
                })?;
                for (other, other_path) in &paths {
                    if path.iter().zip(other_path).all(|(own, other)| own == other) {
                        let message = format!(
                            "`{name}` and `{other}` stand in the same place, or one in the other"
                        );
                        return Err(wrong(
                            message,
                            "leave one of them out; an object that is one field is kept as JSON text",
                        ));
                    }
                }
                paths.push((name, path));
            }
        }
        let wrong = |ignored: &str, error: path::PathError| {
            let at = text.find(ignored).unwrap_or_default();
            let message = format!("the path `{ignored}` in `ignored` cannot be read: {error}");
            FileError::new(file, text, at..at, message)
        };
        self.ignored.iter().try_for_each(|ignored| {
            path::parse(ignored).map(|_| ()).map_err(|error| wrong(ignored, error))
        })
    }

    /// Each place of a field: the field's name, and the keys that lead there.
    pub fn paths(&self) -> impl Iterator<Item = (&str, path::FieldPath)> {
        self.fields.iter().flat_map(|(name, field)| {
            field.paths(name).into_iter().map(move |path| (name.as_str(), path))
        })
    }

    /// The paths that are left out on purpose.
    pub fn ignored_paths(&self) -> impl Iterator<Item = path::FieldPath> {
        let paths = self.ignored.iter();
        paths.map(|text| path::parse(text).expect("reading the contract refuses others"))
    }
}

/// Where a field's name stands in the text of its contract.
pub fn line_of(text: &str, name: &str) -> Range<usize> {
    let is_definition = |at: &usize| {
        let is_begin = *at == 0 || text[..*at].ends_with('\n');
        is_begin && text[at + name.len()..].trim_start().starts_with('=')
    };
    let found = text.match_indices(name).map(|(at, _)| at).find(is_definition);
    found.map_or(0..0, |at| at..at + name.len())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::SourceContract;

    fn error(fields: &str) -> Option<String> {
        let text = format!("about = \"x\"\nowner = \"x\"\n[fields]\n{fields}").into();
        SourceContract::parse(Path::new("x.toml"), &text).err().map(|error| error.to_string())
    }

    #[test]
    fn a_field_has_a_place_of_its_own() {
        let one = "a = { type = \"STRING\" }\n";
        for second in ["c.a", "A", "A.b", "it's", "utm[source]", "\\\"a.b\\\"", "\\\"\\\""] {
            let field = format!("b = {{ type = \"INT64\", path = \"{second}\" }}");
            assert_eq!(error(&format!("{one}{field}")), None, "{second}");
        }
        let several = "b = { type = \"STRING\", path = [\"c.a\", \"d.a\"] }";
        assert_eq!(error(&format!("{one}{several}")), None);
        for (second, part) in [
            ("b = { type = \"INT64\", path = [\"c\", \"a\"] }", "the same place"),
            ("b = { type = \"INT64\", path = [\"c\", \"c.d\"] }", "one in the other"),
            ("b = { type = \"INT64\", path = [] }", "stands nowhere"),
            ("b = { type = \"JSON\" }", "no text is read as"),
            ("b = { type = \"DATE\", form = \"iso\" }", "has a form"),
            ("reject_reason = { type = \"STRING\" }", "says of the message"),
            ("b = { type = \"INT64\", path = \"a\" }", "the same place"),
            ("b = { type = \"INT64\", path = \"a.b\" }", "one in the other"),
            ("b = { type = \"INT64\", path = \"x..y\" }", "a key is empty"),
            ("b = { type = \"INT64\", path = '\"x' }", "a key in quotes"),
            ("Bad = { type = \"INT64\" }", "cannot be the name"),
            ("order = { type = \"INT64\" }", "cannot be the name"),
        ] {
            let said = error(&format!("{one}{second}")).unwrap_or_default();
            assert!(said.contains(part), "{second}: {said}");
        }
    }
}
