//! Where a run keeps its data: `--data DIR`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

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

/// By whose clock the messages of a folder arrive. A folder has one of both, since the days of a
/// simulation and those of the machine have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderClock {
    /// The machine's.
    System,
    /// A simulation's.
    Simulated,
}

/// The folder cannot be used for messages of that clock.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// It holds messages of the other clock.
    #[error("the data folder {path} holds {found}, and this would bring in {wanted}")]
    Other {
        /// The folder.
        path: String,
        /// What it holds.
        found: &'static str,
        /// What was to come in.
        wanted: &'static str,
    },
    /// The file that says so cannot be used.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
}

impl FolderClock {
    fn describe(self) -> &'static str {
        match self {
            Self::System => "messages on the machine's time",
            Self::Simulated => "messages on a simulation's time",
        }
    }
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

    /// By whose clock the folder's messages arrive; `None` if nothing came in yet.
    pub fn clock(&self) -> Result<Option<FolderClock>, DataFolderError> {
        let path = self.clock_file();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| failed(&path, error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(&path, source)),
        }
    }

    /// Settles by whose clock the folder's messages arrive. Comes before the first message, so that
    /// a kill leaves no doubt.
    pub fn claim_clock(&self, wanted: FolderClock) -> Result<(), ClockError> {
        match self.clock()? {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(ClockError::Other {
                path: self.0.display().to_string(),
                found: found.describe(),
                wanted: wanted.describe(),
            }),
            None => {
                let path = self.clock_file();
                let write = || {
                    let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
                    serde_json::to_writer(&mut file, &wanted)?;
                    file.as_file().sync_all()?;
                    file.persist(&path).map(|_| ()).map_err(|error| error.error)
                };
                Ok(write().map_err(|source| failed(&path, source))?)
            }
        }
    }

    fn clock_file(&self) -> PathBuf {
        self.0.join("clock.json")
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

    /// Where files are exchanged with an engine beside the warehouse. Nothing stays there, but beside
    /// the raw objects a second name of a file costs nothing.
    pub fn exchange(&self) -> PathBuf {
        self.0.join("exchange")
    }

    /// How far the simulated phones are.
    pub fn cursors(&self) -> PathBuf {
        self.0.join("cursors")
    }

    /// What was ingested from files.
    pub fn ingested(&self) -> PathBuf {
        self.0.join("ingested")
    }

    /// What was simulated into the folder, and its truth.
    pub fn simulation(&self) -> PathBuf {
        self.0.join("simulation.json")
    }
}

fn failed(path: &Path, source: io::Error) -> DataFolderError {
    DataFolderError { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::{DataFolder, FolderClock};

    #[test]
    fn the_first_clock_stays() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        assert_eq!(data.clock().unwrap(), None);
        data.claim_clock(FolderClock::Simulated).unwrap();
        data.claim_clock(FolderClock::Simulated).unwrap();
        data.claim_clock(FolderClock::System).unwrap_err();
        assert_eq!(data.clock().unwrap(), Some(FolderClock::Simulated));
    }
}
