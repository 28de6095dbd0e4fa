//! Contracts of sources, `layers/raw/<source>.toml`: the fields of a payload, and the constants of
//! lateness that the layers above are built with.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ColumnType, file::toml_error};
use crate::{
    diagnostic::FileError,
    payload::name::{column_name, is_nameable},
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
    /// Where it stands in the JSON, names separated by points; its own name if absent.
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
        let paths: Vec<(&str, Vec<&str>)> = self.paths().collect();
        for (position, (name, path)) in paths.iter().enumerate() {
            let wrong = |message: String, help: &str| {
                let line = text.match_indices(name).map(|(at, _)| at).find(|at| {
                    text[..*at].ends_with('\n')
                        && text[at + name.len()..].trim_start().starts_with('=')
                });
                let span = line.map_or(0..0, |at| at..at + name.len());
                FileError::new(file, text, span, message).with_help(help)
            };
            if column_name([*name]) != *name {
                let message = format!("`{name}` cannot be the name of a field");
                return Err(wrong(
                    message,
                    "use lower case, digits and `_`, and no word of SQL; `path` says where it stands",
                ));
            }
            if !path.iter().all(|key| is_nameable(key)) {
                let message = format!("the path of `{name}` has an empty key, or a quote in a key");
                return Err(wrong(message, "a path is names, separated by points"));
            }
            for (other, other_path) in &paths[..position] {
                let mut keys = path.iter().zip(other_path);
                if keys.all(|(own, other)| own.eq_ignore_ascii_case(other)) {
                    let message = format!(
                        "`{name}` and `{other}` stand in the same place, or one in the other"
                    );
                    return Err(wrong(
                        message,
                        "leave one of them out; an object that is one field is kept as JSON text",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Each field's name, and the names under which it stands in the JSON.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.fields.iter().map(|(name, field)| {
            (name.as_str(), field.path.as_deref().unwrap_or(name).split('.').collect())
        })
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
        assert_eq!(error(&format!("{one}b = {{ type = \"INT64\", path = \"c.a\" }}")), None);
        for (second, part) in [
            ("b = { type = \"INT64\", path = \"a\" }", "the same place"),
            ("b = { type = \"INT64\", path = \"a.b\" }", "one in the other"),
            ("b = { type = \"INT64\", path = \"A\" }", "the same place"),
            ("b = { type = \"INT64\", path = \"it's\" }", "a quote"),
            ("b = { type = \"INT64\", path = \"x..y\" }", "an empty key"),
            ("Bad = { type = \"INT64\" }", "cannot be the name"),
            ("order = { type = \"INT64\" }", "cannot be the name"),
        ] {
            let said = error(&format!("{one}{second}")).unwrap_or_default();
            assert!(said.contains(part), "{second}: {said}");
        }
    }
}
