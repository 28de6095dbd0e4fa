//! Where a run keeps its data: `--data DIR`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A folder with the bus, the raw layer and the warehouse.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the data folder {path}")]
pub struct DataFolderError {
    path: String,
    source: io::Error,
}

impl DataFolder {
    /// The folder at `path`; nothing is created yet.
    pub fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    /// Creates the folder and what is always in it.
    pub fn create(&self) -> Result<(), DataFolderError> {
        for folder in [self.0.clone(), self.raw(), self.cursors()] {
            let path = folder.display().to_string();
            fs::create_dir_all(&folder).map_err(|source| DataFolderError { path, source })?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The embedded bus.
    pub fn bus(&self) -> PathBuf {
        self.0.join("bus.redb")
    }

    /// The raw layer: `raw/<source>/load_date=…/….parquet`.
    pub fn raw(&self) -> PathBuf {
        self.0.join("raw")
    }

    /// The warehouse of all other layers.
    pub fn warehouse(&self) -> PathBuf {
        self.0.join("warehouse.duckdb")
    }

    /// How far the simulated phones are.
    pub fn cursors(&self) -> PathBuf {
        self.0.join("cursors")
    }

    /// What was simulated into the folder, and its truth.
    pub fn simulation(&self) -> PathBuf {
        self.0.join("simulation.json")
    }
}
