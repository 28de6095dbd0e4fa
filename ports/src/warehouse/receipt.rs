//! What a warehouse says of a recipe that it ran.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::WarehouseError;
use crate::recipe::{Built, Refusal};

/// Of a recipe that was run.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// What it changed: first that the table begins anew, if it does, then each window.
    pub built: Vec<Built>,
    /// The statements that were sent, in order.
    pub statements: Vec<Ran>,
}

/// A statement that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The text, as the engine got it.
    pub sql: String,
    /// How long it took.
    pub duration: Duration,
}

impl Ran {
    /// SHA-256 of the text in hexadecimal.
    pub fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(self.sql.as_bytes()))
    }
}

/// Why a recipe was not run. The old rows stand.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] WarehouseError),
    /// The new rows are not what they must be.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
