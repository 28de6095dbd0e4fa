//! What was ingested from files: one small file for each, beside the data. It says that an ingestion
//! was begun, and that it is complete; how far an incomplete one came, the raw layer says.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::EventFileError;
use crate::{data_folder::DataFolder, digest::Digest};

/// Hexadecimal digits of an ingestion's id: 64 bits, of which a folder has a few thousand.
const ID_DIGIT_COUNT: usize = 16;

/// An ingestion of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Follows from the other fields; every message has it in its attributes.
    pub ingestion: String,
    /// The source that it is of.
    pub source: String,
    /// The file's name, for people.
    pub file: String,
    /// The hash of its bytes.
    pub content_hash: String,
    /// When its messages arrive, as [`super::ArrivalRule::identity`] says it.
    pub arrival: String,
    /// 1 for the first time; more when the same file was sent again on purpose.
    pub number: u32,
    /// Whether everything is in the raw layer.
    pub is_complete: bool,
    /// Messages by load date, once it is complete.
    pub message_counts: BTreeMap<Date, u64>,
}

impl FileRecord {
    /// A record of what has not begun.
    pub fn new(source: &str, file: &str, content_hash: &str, arrival: &str, number: u32) -> Self {
        let parts = [source, content_hash, arrival, &number.to_string()];
        let ingestion = Digest::of_texts(parts).to_string()[..ID_DIGIT_COUNT].to_owned();
        Self {
            ingestion,
            source: source.to_owned(),
            file: file.to_owned(),
            content_hash: content_hash.to_owned(),
            arrival: arrival.to_owned(),
            number,
            is_complete: false,
            message_counts: BTreeMap::new(),
        }
    }

    /// All messages, once it is complete.
    pub fn message_count(&self) -> u64 {
        self.message_counts.values().sum()
    }

    /// Reads what was written of this ingestion; `None` if it was never begun.
    pub fn written(&self, data: &DataFolder) -> Result<Option<Self>, EventFileError> {
        let path = self.path(data);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(path, source)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(path, error.into()))
    }

    /// Writes it down, whole or not at all.
    pub fn write(&self, data: &DataFolder) -> Result<(), EventFileError> {
        let path = self.path(data);
        let write = || {
            fs::create_dir_all(data.ingested())?;
            let mut file = tempfile::NamedTempFile::new_in(data.ingested())?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok::<_, io::Error>(())
        };
        write().map_err(|source| failed(path.clone(), source))
    }

    fn path(&self, data: &DataFolder) -> PathBuf {
        data.ingested().join(format!("{}.json", self.ingestion))
    }
}

/// Whether any file was ever ingested into the folder.
pub fn has_ingested_files(data: &DataFolder) -> bool {
    fs::read_dir(data.ingested()).is_ok_and(|mut entries| entries.next().is_some())
}

fn failed(path: PathBuf, source: io::Error) -> EventFileError {
    EventFileError::Record { path, source }
}
