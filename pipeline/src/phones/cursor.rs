//! How far a plan has been sent, in a small file that survives a kill.
//!
//! Each position is eight bytes at a place of its own, written in one go after each
//! acknowledgement; the operating system keeps them if the process dies. After a power cut the
//! file may be behind, and some batches are sent twice.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::error_kind::ErrorKind;

const MAGIC: &[u8; 8] = b"LKBDCUR1";
/// Magic, number of positions, whether all is done, length of the plan's id.
const HEAD_BYTES: usize = 32;
const PLAN_ID_BYTES_MAX: usize = 4096 - HEAD_BYTES;
const POSITIONS_OFFSET: u64 = 4096;
const IS_COMPLETE_OFFSET: u64 = 16;

/// The cursor's file cannot be used.
#[derive(Debug, Error)]
pub enum CursorError {
    /// The file system refused.
    #[error("cannot use the cursor file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not a cursor.
    #[error(
        "{} is not a cursor file: delete it to send the plan from its beginning",
        path.display()
    )]
    NotACursor {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another plan.
    #[error(
        "the cursor file {} is of {found}, and this run is of {expected}: run as before, or \
         delete the file to send the plan from its beginning",
        path.display()
    )]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// The file's plan.
        found: String,
        /// This run's plan.
        expected: String,
    },
}

impl CursorError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::FixInput
    }
}

/// Positions in a plan, one per connection: how many of its batches are done, without a gap.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    positions: Vec<u64>,
    is_complete: bool,
}

impl Cursor {
    /// Reads the file, or makes it with all positions 0.
    pub fn open(path: &Path, plan_id: &str, position_count: usize) -> Result<Self, CursorError> {
        let io_error = |source| CursorError::Io { path: path.to_owned(), source };
        if plan_id.len() > PLAN_ID_BYTES_MAX {
            let source = io::Error::other("the plan's id is too long for it");
            return Err(io_error(source));
        }
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => drop(file.read_to_end(&mut bytes).map_err(io_error)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bytes = initial(plan_id, position_count);
                create(path, &bytes).map_err(io_error)?;
            }
            Err(error) => return Err(io_error(error)),
        }
        let not_a_cursor = || CursorError::NotACursor { path: path.to_owned() };
        let head = Head::read(&bytes).ok_or_else(not_a_cursor)?;
        if (head.plan_id.as_str(), head.positions.len()) != (plan_id, position_count) {
            let describe = |id: &str, count| format!("plan `{id}` over {count} connections");
            return Err(CursorError::OtherPlan {
                path: path.to_owned(),
                found: describe(&head.plan_id, head.positions.len()),
                expected: describe(plan_id, position_count),
            });
        }
        let Head { positions, is_complete, .. } = head;
        Ok(Self { path: path.to_owned(), positions, is_complete })
    }

    /// Whether a file says that the whole plan is done; false if there is none.
    pub fn is_plan_complete(path: &Path, plan_id: &str) -> bool {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| Head::read(&bytes))
            .is_some_and(|head| head.plan_id == plan_id && head.is_complete)
    }

    /// Whether the whole plan is done.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many batches of this connection were done when the file was opened.
    pub fn position(&self, connection: usize) -> u64 {
        self.positions[connection]
    }

    /// Marks the whole plan as done.
    pub fn complete(&self) -> Result<(), CursorError> {
        self.writer_at(IS_COMPLETE_OFFSET)?.set(1)
    }

    /// What writes one connection's position.
    pub(super) fn writer(&self, connection: usize) -> Result<PositionWriter, CursorError> {
        self.writer_at(POSITIONS_OFFSET + connection as u64 * 8)
    }

    fn writer_at(&self, offset: u64) -> Result<PositionWriter, CursorError> {
        let path = self.path.clone();
        match OpenOptions::new().write(true).open(&path) {
            Ok(file) => Ok(PositionWriter { file, path, offset }),
            Err(source) => Err(CursorError::Io { path, source }),
        }
    }
}

/// Writes one position, through a handle of its own.
#[derive(Debug)]
pub(super) struct PositionWriter {
    file: File,
    path: PathBuf,
    offset: u64,
}

impl PositionWriter {
    /// Writes the position.
    pub fn set(&mut self, position: u64) -> Result<(), CursorError> {
        self.file
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| self.file.write_all(&position.to_le_bytes()))
            .map_err(|source| CursorError::Io { path: self.path.clone(), source })
    }
}

struct Head {
    plan_id: String,
    positions: Vec<u64>,
    is_complete: bool,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
        };
        if bytes.get(..8)? != MAGIC {
            return None;
        }
        let position_count = usize::try_from(number(8)?).ok()?;
        let is_complete = number(16)? != 0;
        let id_bytes = usize::try_from(number(24)?).ok().filter(|&n| n <= PLAN_ID_BYTES_MAX)?;
        let plan_id = std::str::from_utf8(bytes.get(HEAD_BYTES..HEAD_BYTES + id_bytes)?).ok()?;
        let positions = bytes.get(4096..)?.as_chunks::<8>().0.iter().copied();
        let positions: Vec<u64> = positions.map(u64::from_le_bytes).collect();
        (positions.len() == position_count).then(|| Self {
            plan_id: plan_id.to_owned(),
            positions,
            is_complete,
        })
    }
}

fn initial(plan_id: &str, position_count: usize) -> Vec<u8> {
    let mut bytes = vec![0; 4096 + position_count * 8];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&(position_count as u64).to_le_bytes());
    bytes[24..32].copy_from_slice(&(plan_id.len() as u64).to_le_bytes());
    bytes[HEAD_BYTES..HEAD_BYTES + plan_id.len()].copy_from_slice(plan_id.as_bytes());
    bytes
}

/// The file appears whole or not at all.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursors/2026-01-05");
        assert!(!Cursor::is_plan_complete(&path, "p"));
        let cursor = Cursor::open(&path, "p", 3).unwrap();
        cursor.writer(2).unwrap().set(u64::MAX).unwrap();
        cursor.writer(0).unwrap().set(7).unwrap();
        let cursor = Cursor::open(&path, "p", 3).unwrap();
        assert_eq!([0, 1, 2].map(|n| cursor.position(n)), [7, 0, u64::MAX]);
        assert!(!cursor.is_complete());
        cursor.complete().unwrap();
        assert!(Cursor::open(&path, "p", 3).unwrap().is_complete());
        assert!(Cursor::is_plan_complete(&path, "p"));
        assert!(!Cursor::is_plan_complete(&path, "q"));
    }

    #[test]
    fn other_plans_and_other_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        Cursor::open(&path, "p", 3).unwrap();
        for (plan_id, count) in [("q", 3), ("p", 4)] {
            let error = Cursor::open(&path, plan_id, count).unwrap_err();
            assert!(matches!(error, CursorError::OtherPlan { .. }), "{error}");
        }
        for bytes in [&b""[..], b"LKBDCUR1", &[0xff; 5000]] {
            std::fs::write(&path, bytes).unwrap();
            let error = Cursor::open(&path, "p", 3).unwrap_err();
            assert!(matches!(error, CursorError::NotACursor { .. }), "{error}");
        }
    }
}
