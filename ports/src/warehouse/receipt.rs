//! What a warehouse says of a recipe that it ran.

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    error_kind::ErrorKind,
    port_error::PortError,
    recipe::{Built, Refusal, Step},
};

/// Of a recipe that was run.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// What it changed: first that the table begins anew, if it does, then each window.
    pub built: Vec<Built>,
    /// What came of each statement, in the order in which they were sent.
    pub statements: Vec<Ran>,
    /// Their texts, as the engine got them; none, if all of it had been done before.
    pub sent: Vec<String>,
}

/// A statement that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// What it was there for.
    pub kind: StatementKind,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// What the engine says of it.
    #[serde(flatten)]
    pub done: Done,
}

impl Ran {
    /// Of a text that was sent.
    pub fn new(kind: StatementKind, sql: &str, done: Done) -> Self {
        Self { kind, sha256: format!("{:x}", Sha256::digest(sql.as_bytes())), done }
    }
}

/// What an engine says of a statement that it has run, as far as it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Rows that it added, removed or changed; `None` for a statement that changes none.
    pub row_count: Option<i64>,
    /// What it took.
    pub cost: Cost,
    /// What the engine calls it, where it gives names.
    pub job_id: Option<String>,
}

/// What a statement took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Bytes that were read.
    pub bytes_processed: Option<u64>,
    /// Bytes that are paid for.
    pub bytes_billed: Option<u64>,
    /// Time of all workers together, in milliseconds.
    pub slot_ms: Option<u64>,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    pub duration: Duration,
}

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1000.0)
}

/// What a statement was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    /// Begins, commits or rolls back.
    Transaction,
    /// See [`Step::Pin`].
    Pin,
    /// See [`Step::Keep`], and those that take such a table away.
    Keep,
    /// See [`Step::Measure`].
    Measure,
    /// See [`Step::View`].
    View,
    /// See [`Step::Define`].
    Define,
    /// See [`Step::Delete`].
    Delete,
    /// See [`Step::Insert`].
    Insert,
    /// See [`Step::Merge`].
    Merge,
    /// See [`Step::Fence`].
    Fence,
    /// See [`Step::Note`].
    Note,
}

impl From<&Step> for StatementKind {
    fn from(step: &Step) -> Self {
        match step {
            Step::Pin { .. } => Self::Pin,
            Step::Keep { .. } => Self::Keep,
            Step::Measure { .. } => Self::Measure,
            Step::View { .. } => Self::View,
            Step::Define { .. } => Self::Define,
            Step::Delete { .. } => Self::Delete,
            Step::Insert { .. } => Self::Insert,
            Step::Merge { .. } => Self::Merge,
            Step::Fence { .. } => Self::Fence,
            Step::Note { .. } => Self::Note,
        }
    }
}

/// Why a recipe was not run. The old rows stand.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] PortError),
    /// The new rows are not what they must be.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<RunError> for PortError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Statement(error) => error,
            RunError::Refused(refusal) => Self::new(ErrorKind::FixInput, refusal.to_string()),
        }
    }
}
