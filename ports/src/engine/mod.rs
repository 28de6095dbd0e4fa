//! The port to engines that run a table's SELECT outside of the warehouse.
//!
//! An engine gets the bound text and what it reads as Parquet files, and leaves the rows as Parquet
//! files. The warehouse takes them in the transaction in which it writes the journal: an engine
//! keeps nothing that anyone relies on. Not for: choosing which tables run where, which their
//! contracts say, nor for statements around a SELECT (`builder`).

mod exchange;

use std::path::Path;

use crate::{
    contract::{ColumnType, EngineName, TableName},
    port_error::PortError,
};

pub use exchange::{ExchangedRows, Outside, RawFiles};

/// Columns with their types, in order.
pub type Columns = Vec<(String, ColumnType)>;

/// A Parquet file of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Its name within the table's folder, in which the names of folders give columns too, such as
    /// `load_date=2026-01-05/7f….parquet`.
    pub name: String,
    /// Where it is.
    pub locator: String,
}

/// A table that a query reads.
#[derive(Clone, Debug)]
pub struct InputTable {
    /// Its name in the query.
    pub name: TableName,
    /// Its columns.
    pub columns: Columns,
    /// Its rows, and no others; none: it has no rows.
    pub files: Vec<InputFile>,
}

/// A query to run.
#[derive(Clone, Copy, Debug)]
pub struct EngineQuery<'a> {
    /// The bound text, which the engine gets byte for byte.
    pub text: &'a str,
    /// Everything that it reads.
    pub inputs: &'a [InputTable],
    /// The columns that it must return.
    pub columns: &'a Columns,
    /// An empty folder for what the engine writes; whoever asks removes it.
    pub folder: &'a Path,
}

/// The rows of a query.
#[derive(Clone, Debug)]
pub struct EngineRows {
    /// Parquet files, with instants naive and in UTC.
    pub files: Vec<String>,
    /// SHA-256 of the text that the engine really got, in hexadecimal.
    pub sha256: String,
}

/// An engine.
pub trait Engine: Send + Sync {
    /// As contracts name it.
    fn name(&self) -> EngineName;

    /// Runs a query. An error says what the engine said of it.
    fn run(&self, query: &EngineQuery<'_>) -> Result<EngineRows, PortError>;
}
