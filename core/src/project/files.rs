//! A project's files, as texts. Not for: where they come from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Texts by their path relative to the project, such as `layers/vault/hub_user.sql`.
#[derive(Clone, Debug, Default)]
pub struct ProjectFiles(BTreeMap<PathBuf, Arc<str>>);

impl ProjectFiles {
    /// Adds or replaces a text.
    pub fn insert(&mut self, path: impl Into<PathBuf>, text: &str) {
        self.0.insert(path.into(), text.into());
    }

    /// The text at a path.
    pub fn get(&self, path: &Path) -> Option<&Arc<str>> {
        self.0.get(path)
    }

    /// All texts in order of path.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Arc<str>)> {
        self.0.iter().map(|(path, text)| (path.as_path(), text))
    }
}
