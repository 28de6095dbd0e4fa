//! A project's files: from a folder, or the ones inside the binary.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use include_dir::{Dir, include_dir};

static LAYERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/layers");
static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// Texts by their path relative to the project, such as `layers/vault/hub_user.sql`.
#[derive(Clone, Debug, Default)]
pub struct ProjectFiles(BTreeMap<PathBuf, Arc<str>>);

/// Why a project could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The folder has no tables.
    #[error("{folder} is no project: it has no folder `layers`")]
    NoLayers {
        /// The folder that was given.
        folder: String,
    },
    /// A file or folder could not be read.
    #[error("cannot read {path}")]
    Io {
        /// What could not be read.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl ProjectFiles {
    /// The project inside the binary.
    pub fn embedded() -> Self {
        let mut files = Self::default();
        files.embed("layers", &LAYERS);
        files.embed("scenarios", &SCENARIOS);
        files
    }

    /// The project in a folder; its `scenarios/` may be missing.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        if !folder.join("layers").is_dir() {
            return Err(ReadError::NoLayers { folder: folder.display().to_string() });
        }
        let mut files = Self::default();
        files.read_folder(folder, Path::new("layers"))?;
        if folder.join("scenarios").is_dir() {
            files.read_folder(folder, Path::new("scenarios"))?;
        }
        Ok(files)
    }

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

    fn embed(&mut self, root: &str, folder: &Dir<'_>) {
        for file in folder.files() {
            if let Some(text) = file.contents_utf8() {
                self.insert(Path::new(root).join(file.path()), text);
            }
        }
        for inner in folder.dirs() {
            self.embed(root, inner);
        }
    }

    fn read_folder(&mut self, root: &Path, folder: &Path) -> Result<(), ReadError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| ReadError::Io { path, source }
        };
        let whole = root.join(folder);
        for entry in fs::read_dir(&whole).map_err(failed(&whole))? {
            let entry = entry.map_err(failed(&whole))?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(failed(&path))?;
            if kind.is_dir() {
                self.read_folder(root, &path)?;
            } else if matches!(
                path.extension().and_then(|e| e.to_str()),
                Some("sql" | "toml" | "csv")
            ) {
                let text = fs::read_to_string(root.join(&path)).map_err(failed(&path))?;
                self.insert(path, &text);
            }
        }
        Ok(())
    }
}
