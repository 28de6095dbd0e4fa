//! A project's files: from a folder, or the ones inside the binary.
//!
//! A crate of its own, so that who changes one file of `layers/` compiles this and what picks it, and
//! no more.

use std::{fs, io, path::Path};

use include_dir::{Dir, include_dir};
use lakebed_core::project::ProjectFiles;

static LAYERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../layers");
static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../scenarios");

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

/// The project inside the binary.
pub fn embedded() -> ProjectFiles {
    let mut files = ProjectFiles::default();
    embed(&mut files, "layers", &LAYERS);
    embed(&mut files, "scenarios", &SCENARIOS);
    files
}

/// The project in a folder; its `scenarios/` may be missing.
pub fn read(folder: &Path) -> Result<ProjectFiles, ReadError> {
    if !folder.join("layers").is_dir() {
        return Err(ReadError::NoLayers { folder: folder.display().to_string() });
    }
    let mut files = ProjectFiles::default();
    read_folder(&mut files, folder, Path::new("layers"))?;
    if folder.join("scenarios").is_dir() {
        read_folder(&mut files, folder, Path::new("scenarios"))?;
    }
    Ok(files)
}

fn embed(files: &mut ProjectFiles, root: &str, folder: &Dir<'_>) {
    for file in folder.files() {
        if let Some(text) = file.contents_utf8() {
            files.insert(Path::new(root).join(file.path()), text);
        }
    }
    for inner in folder.dirs() {
        embed(files, root, inner);
    }
}

fn read_folder(files: &mut ProjectFiles, root: &Path, folder: &Path) -> Result<(), ReadError> {
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
            read_folder(files, root, &path)?;
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("sql" | "toml" | "csv"))
        {
            let text = fs::read_to_string(root.join(&path)).map_err(failed(&path))?;
            files.insert(path, &text);
        }
    }
    Ok(())
}
