//! The port to engines that run a table's SELECT outside of the warehouse.
//!
//! An engine gets the bound text and what it reads as Parquet files, and leaves the rows as Parquet
//! files. Where they lie is told by locators, which the raw store, the exchange, the warehouse and the
//! engine of one installation understand alike: paths on one machine, objects of a bucket in a cloud. The warehouse takes them in the transaction in which it writes the journal: an engine
//! keeps nothing that anyone relies on. Not for: choosing which tables run where, which their
//! contracts say, nor for statements around a SELECT (`builder`).

mod exchange;

use crate::{
    contract::{ColumnType, EngineName, TableName},
    port_error::PortError,
    recipe::RawObject,
};

pub use exchange::{ExchangedRows, Outside};

/// Gives places for what goes to and fro.
pub trait Exchange: Send + Sync {
    /// An area of its own for one query.
    fn area(&self) -> Result<Box<dyn Area>, PortError>;
}

/// Places for one query. What lies there may be taken away once this is dropped.
pub trait Area: Send {
    /// The locator of a new, empty place, such as a folder or the prefix of objects.
    fn place(&self, name: &str) -> Result<String, PortError>;
}

/// Columns with their types, in order.
pub type Columns = Vec<(String, ColumnType)>;

/// A table that a query reads.
#[derive(Clone, Debug)]
pub struct InputTable {
    /// Its name in the query.
    pub name: TableName,
    /// Its columns.
    pub columns: Columns,
    /// Its rows, and no others.
    pub rows: InputRows,
}

/// Where the rows of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputRows {
    /// In these raw objects; none: it has no rows.
    Files(Vec<RawObject>),
    /// In all Parquet files of a place.
    Place(String),
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
    /// The locator of an empty place for what the engine writes; whoever asks sees to its end.
    pub place: &'a str,
}

/// The rows of a query.
#[derive(Clone, Debug)]
pub struct EngineRows {
    /// Locators of Parquet files, with instants naive and in UTC.
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
