//! Contracts of sources, `layers/raw/<source>.toml`: the fields of a payload, and the constants of
//! lateness that the layers above are built with.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ColumnType, file::toml_error};
use crate::{
    diagnostic::FileError,
    payload::{name::column_name, path},
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
    /// The type that its text must have.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a message without it is rejected.
    #[serde(default)]
    pub required: bool,
    /// Where it stands in the JSON, as [`path::parse`] reads it; its own name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it means, for people.
    #[serde(default)]
    pub about: String,
}

impl SourceContract {
    /// Reads the TOML of a source's file.
    pub fn parse(path: &Path, text: &Arc<str>) -> Result<Self, FileError> {
        let contract: Self =
            toml::from_str(text).map_err(|error| toml_error(path, text, 0, &error))?;
        contract.check_paths(path, text)?;
        Ok(contract)
    }

    /// A parser is made of the paths: each must be one, and none may lead through another.
    fn check_paths(&self, file: &Path, text: &Arc<str>) -> Result<(), FileError> {
        let mut paths: Vec<(&str, path::FieldPath)> = Vec::new();
        for (name, field) in &self.fields {
            let wrong = |message: String, help: &str| {
                let line = text.match_indices(name).map(|(at, _)| at).find(|at| {
                    text[..*at].ends_with('\n')
                        && text[at + name.len()..].trim_start().starts_with('=')
                });
                let span = line.map_or(0..0, |at| at..at + name.len());
                FileError::new(file, text, span, message).with_help(help)
            };
            if column_name([name.as_str()]) != *name {
                let message = format!("`{name}` cannot be the name of a field");
                return Err(wrong(
                    message,
                    "use lower case, digits and `_`, and no word of SQL; `path` says where it stands",
                ));
            }
            let path = path::parse(field.path.as_deref().unwrap_or(name)).map_err(|error| {
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
        let wrong = |ignored: &str, error: path::PathError| {
            let at = text.find(ignored).unwrap_or_default();
            let message = format!("the path `{ignored}` in `ignored` cannot be read: {error}");
            FileError::new(file, text, at..at, message)
        };
        self.ignored.iter().try_for_each(|ignored| {
            path::parse(ignored).map(|_| ()).map_err(|error| wrong(ignored, error))
        })
    }

    /// Each field's name, and the keys under which it stands in the JSON.
    pub fn paths(&self) -> impl Iterator<Item = (&str, path::FieldPath)> {
        self.fields.iter().map(|(name, field)| {
            let path = path::parse(field.path.as_deref().unwrap_or(name));
            (name.as_str(), path.expect("reading the contract refuses others"))
        })
    }

    /// The paths that are left out on purpose.
    pub fn ignored_paths(&self) -> impl Iterator<Item = path::FieldPath> {
        let paths = self.ignored.iter();
        paths.map(|text| path::parse(text).expect("reading the contract refuses others"))
    }
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
        for (second, part) in [
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
