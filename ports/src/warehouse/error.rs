//! Errors of a warehouse.

use crate::error_kind::ErrorKind;

/// A statement that failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct WarehouseError {
    /// What to do.
    kind: ErrorKind,
    /// What the engine said, without its place.
    message: String,
    /// Where in the statement, in bytes.
    offset: Option<usize>,
}

impl WarehouseError {
    /// An error without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), offset: None }
    }

    /// An error at a place of the statement, in bytes.
    #[must_use]
    pub fn at(mut self, offset: Option<usize>) -> Self {
        self.offset = offset;
        self
    }

    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where in the statement, in bytes, if the engine said so.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }
}
