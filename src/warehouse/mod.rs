//! The port to a SQL engine: it takes final SQL text and returns Arrow.
//!
//! A warehouse gives sessions; a session holds one transaction at a time. Not for: choosing or
//! writing SQL (`builder`), nor for knowing which adapter is in use (`commands`).

pub mod duckdb;
mod error;
mod intercepted;
mod rows;

use std::{collections::BTreeMap, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};

use crate::contract::{Column, ColumnType};

pub use crate::error_kind::ErrorKind;
pub use error::WarehouseError;
pub use intercepted::Intercepted;

/// What a query returned.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// Names and types of the columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

/// A column of a query, as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// The engine's own name of its type.
    pub type_name: String,
}

/// A SQL engine.
pub trait Warehouse: Send + Sync {
    /// A session of its own; sessions may work at the same time.
    fn session(&self) -> Result<Box<dyn Session>, WarehouseError>;

    /// The engine's name of a type.
    fn type_name(&self, kind: ColumnType) -> &'static str;

    /// Whether a value of the engine's type `type_name` fits into a column of type `kind`.
    fn fits(&self, kind: ColumnType, type_name: &str) -> bool;

    /// An aggregate that gives the sum of the rows' hashes over `columns`, as text.
    fn hash_sum_expression(&self, columns: &[&str]) -> String;

    /// A name for the way in which `hash_sum_expression` hashes; sums of two ways do not add up.
    fn hash_version(&self) -> String;

    /// The statement that makes `raw.<source>` read exactly the objects at `locators`.
    fn raw_view(&self, source: &str, locators: &[String]) -> String;

    /// The statement that writes the rows of a query into a new Parquet file.
    fn export(&self, query: &str, file: &str) -> String;

    /// What stands in a FROM for the rows of Parquet files with these columns.
    fn file_rows(&self, files: &[String], columns: &[(String, ColumnType)]) -> String;

    /// The statement that creates a table.
    fn create_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        let lines: Vec<String> = columns
            .iter()
            .map(|(name, column)| format!("  {name} {}", self.type_name(column.kind)))
            .collect();
        format!("create table {table} (\n{}\n)", lines.join(",\n"))
    }

    /// The columns of all tables, by `schema.table`, in order.
    fn columns(&self) -> Result<BTreeMap<String, Vec<DescribedColumn>>, WarehouseError>;
}

/// A conversation with an engine.
pub trait Session: Send {
    /// Runs statements.
    fn execute(&mut self, sql: &str) -> Result<(), WarehouseError>;

    /// Runs a query. Of a statement that changes rows, the result is their count.
    fn query(&mut self, sql: &str) -> Result<QueryResult, WarehouseError>;

    /// The columns that a query would return. Nothing is read.
    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, WarehouseError>;
}

/// A warehouse that the parts of the pipeline share.
pub type SharedWarehouse = Arc<dyn Warehouse>;
