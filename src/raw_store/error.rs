//! What can go wrong in a raw store, and what to do about it.

use std::io;

use thiserror::Error;

use crate::error_kind::ErrorKind;

/// An error of a raw store.
#[derive(Debug, Error)]
pub enum RawStoreError {
    /// The key could not be a path or a URL everywhere.
    #[error(
        "`{key}` is not an object key: names of letters, digits, `.`, `_`, `-` and `=`, joined by \
         `/`, none beginning with a dot"
    )]
    InvalidKey {
        /// What was given.
        key: String,
    },
    /// There is no such object.
    #[error("there is no raw object `{key}`")]
    NotFound {
        /// The key asked for.
        key: String,
    },
    /// The store's folder has a name that SQL cannot hold.
    #[error("the raw store's folder {folder} has a name that is not UTF-8")]
    FolderNotUtf8 {
        /// The name, as far as it can be shown.
        folder: String,
    },
    /// The disk is full.
    #[error("no room to {action} {path}: make room on the disk, then start again")]
    DiskFull {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
    },
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The process is shutting down.
    #[error("the raw store was interrupted by the end of the process")]
    Interrupted,
}

impl RawStoreError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidKey { .. } => ErrorKind::Bug,
            Self::NotFound { .. } | Self::FolderNotUtf8 { .. } | Self::DiskFull { .. } => {
                ErrorKind::FixInput
            }
            Self::Io { source, .. } => match source.kind() {
                // Another process cleaned a partial file away before it was locked.
                io::ErrorKind::NotFound | io::ErrorKind::Interrupted => ErrorKind::Retry,
                _ => ErrorKind::FixInput,
            },
            Self::Interrupted => ErrorKind::Retry,
        }
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        let path = path.display().to_string();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { action, path }
            }
            _ => Self::Io { action, path, source },
        }
    }
}
