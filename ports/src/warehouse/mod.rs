//! The port to a SQL engine: it takes final SQL text and returns Arrow.
//!
//! A warehouse gives sessions; a session holds one transaction at a time. Not for: choosing or
//! writing SQL (`builder`), nor for knowing which adapter is in use (`commands`).

pub mod fence;
mod intercepted;
mod interpret;
mod jobs;
mod receipt;
mod rows;
pub mod strict;

use std::{collections::BTreeMap, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};

use crate::{
    dialect::Dialect,
    port_error::PortError,
    recipe::{Fence, Recipe},
};

pub use crate::error_kind::ErrorKind;
pub use intercepted::Intercepted;
pub use interpret::run as interpret;
pub use jobs::Jobs;
pub use receipt::{Cost, Done, Ran, Receipt, RunError, StatementKind};

/// What a query returned.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// Names and types of the columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// What it took.
    pub done: Done,
}

/// A column of a query, as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// The engine's own name of its type.
    pub type_name: String,
}

/// A table or a view that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedTable {
    /// Whether it is a view.
    pub is_view: bool,
    /// Its columns in order.
    pub columns: Vec<DescribedColumn>,
}

/// All tables and views, by `schema.table`.
pub type Tables = BTreeMap<String, DescribedTable>;

/// A SQL engine.
pub trait Warehouse: Send + Sync {
    /// The texts that it takes.
    fn dialect(&self) -> &dyn Dialect;

    /// A session of its own; sessions may work at the same time.
    fn session(&self) -> Result<Box<dyn Session>, PortError>;

    /// What tables and views there are.
    fn tables(&self) -> Result<Tables, PortError>;

    /// Claims the journal, which is there, for a run: what is written from then on is the run's. When this
    /// returns, nothing that has an earlier claim is committed any more: what was under way has ended, and
    /// what comes is refused.
    fn claim(&self, run_id: &str) -> Result<Fence, PortError>;

    /// Runs a recipe: all of it, or nothing of it is seen by anyone. An error of kind `Retry` may mean that
    /// it was done and the answer lost: run again, a recipe of the same [`Recipe::job_name`] that was done is
    /// not done again. Of one that failed nothing remains, and its name may be used again.
    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError>;
}

/// A conversation with an engine.
pub trait Session: Send {
    /// Runs a statement.
    fn execute(&mut self, sql: &str) -> Result<Done, PortError>;

    /// Runs statements, one after the other, up to the first that fails.
    fn execute_all(&mut self, statements: &[String]) -> Result<(), PortError> {
        statements.iter().try_for_each(|statement| self.execute(statement).map(drop))
    }

    /// Runs a query.
    fn query(&mut self, sql: &str) -> Result<QueryResult, PortError>;

    /// The columns that a query would return. Nothing is read.
    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, PortError>;
}

/// A warehouse that the parts of the pipeline share.
pub type SharedWarehouse = Arc<dyn Warehouse>;
