//! What an engine's texts look like where engines differ, apart from the functions of the prelude.
//!
//! Not for: sending anything (`warehouse`). No I/O.

use crate::contract::{Column, ColumnType};

/// The texts of an engine.
pub trait Dialect {
    /// The engine's name of a type.
    fn type_name(&self, kind: ColumnType) -> &'static str;

    /// Whether a value of the engine's type `type_name` fits into a column of type `kind`.
    fn fits(&self, kind: ColumnType, type_name: &str) -> bool;

    /// An aggregate that gives the sum of the rows' hashes over `columns`, as text. The values of a column
    /// are hashed as if they were stored in one of its type; without a type, as they are.
    fn hash_sum_expression(&self, columns: &[(&str, Option<ColumnType>)]) -> String;

    /// A name for the way in which `hash_sum_expression` hashes; sums of two ways do not add up.
    fn hash_version(&self) -> String;

    /// An expression that gives the length in bytes of a value of a type that has one.
    fn byte_length(&self, column: &str, _kind: ColumnType) -> String {
        format!("byte_length({column})")
    }

    /// The statement that makes `raw.<source>` read the objects at `locators`, which may be patterns, wherever
    /// no other ones are meant.
    fn raw_view(&self, source: &str, locators: &[String]) -> String;

    /// The statement by which `raw.<source>` means exactly the objects at `locators`, until the session ends.
    /// There is one at least.
    fn raw_objects(&self, source: &str, locators: &[String]) -> String;

    /// The statement that writes the rows of a query as Parquet files into an empty place, such as a folder or
    /// the prefix of objects.
    fn export(&self, query: &str, place: &str) -> String;

    /// What stands in a FROM for the rows of Parquet files with these columns.
    fn file_rows(&self, files: &[String], columns: &[(String, ColumnType)]) -> String;

    /// The statement that creates a table, if it is not there.
    fn create_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        format!("create table if not exists {table} {}", self.columns(columns))
    }

    /// The statement that makes an empty temporary table, in place of the last one of this name.
    fn create_temp_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        format!("create or replace temp table {table} {}", self.columns(columns))
    }

    /// The statement that gives a table the columns and the rows of another one, at once.
    fn replace_table(&self, table: &str, other: &str) -> String {
        format!("create or replace table {table} as\nselect * from {other}")
    }

    /// The columns of a table, as its definition lists them.
    fn columns(&self, columns: &[(&str, &Column)]) -> String {
        let lines: Vec<String> = columns
            .iter()
            .map(|(name, column)| format!("  {name} {}", self.type_name(column.kind)))
            .collect();
        format!("(\n{}\n)", lines.join(",\n"))
    }
}
