//! What stops a trial.

use std::{error::Error, io};

use crate::{
    archiver::EncodeError, contract::TableName, diagnostic::FileError, pipeline::PipelineError,
    port_error::PortError,
};

/// Why a trial could not be made. It says nothing of the property.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file of the project is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The warehouse failed where no table is to blame.
    #[error("the warehouse failed")]
    Warehouse(#[from] PortError),
    /// The pipeline could not be opened.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The messages could not be written as raw objects.
    #[error("cannot write the raw objects of a trial")]
    RawObjects(#[from] io::Error),
    /// The messages could not be written as raw objects.
    #[error("cannot encode the raw objects of a trial")]
    Encode(#[from] EncodeError),
    /// The folder of a failure is not one, or cannot be written.
    #[error("cannot use {path}: {problem}")]
    Folder {
        /// Which file or folder.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

/// Why a run of a trial came to no end.
#[derive(Debug)]
pub enum RunError {
    /// A build of a table failed.
    Table {
        /// Which.
        table: TableName,
        /// What was said.
        message: String,
    },
    /// What is looked at whenever nothing is stale was not right.
    Observed(String),
    /// It says nothing of the tables.
    Verify(VerifyError),
}

impl<E: Into<VerifyError>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self::Verify(error.into())
    }
}

/// An error with what caused it.
pub fn shown(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
