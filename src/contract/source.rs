//! Contracts of sources, `layers/raw/<source>.toml`: the fields of a payload, and the constants of
//! lateness that the layers above are built with.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ColumnType, file::toml_error};
use crate::diagnostic::FileError;

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
        toml::from_str(text).map_err(|error| toml_error(path, text, 0, &error))
    }

    /// Each field's name, and the names under which it stands in the JSON.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.fields.iter().map(|(name, field)| {
            (name.as_str(), field.path.as_deref().unwrap_or(name).split('.').collect())
        })
    }
}
