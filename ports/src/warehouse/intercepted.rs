//! A warehouse whose statements pass through a function before they are executed: it may fail one, or
//! give another in its place. So tests kill a build in its midst, and let engines make mistakes.

use std::{borrow::Cow, sync::Arc};

use super::{
    DescribedColumn, Jobs, QueryResult, Receipt, RunError, Session, SharedWarehouse, Tables,
    Warehouse, WarehouseError, interpret,
};
use crate::{dialect::Dialect, recipe::Recipe};

/// Gives what is executed in place of a statement, or why it fails.
type Intercept = dyn for<'a> Fn(&'a str) -> Result<Cow<'a, str>, WarehouseError> + Send + Sync;

/// The warehouse.
pub struct Intercepted {
    inner: SharedWarehouse,
    intercept: Arc<Intercept>,
    jobs: Jobs,
}

impl Intercepted {
    /// All statements of `inner` pass through `intercept`.
    pub fn new(
        inner: SharedWarehouse,
        intercept: impl for<'a> Fn(&'a str) -> Result<Cow<'a, str>, WarehouseError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { inner, intercept: Arc::new(intercept), jobs: Jobs::default() }
    }
}

struct InterceptedSession {
    inner: Box<dyn Session>,
    intercept: Arc<Intercept>,
}

impl Session for InterceptedSession {
    fn execute(&mut self, sql: &str) -> Result<(), WarehouseError> {
        self.inner.execute(&(self.intercept)(sql)?)
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, WarehouseError> {
        self.inner.query(&(self.intercept)(sql)?)
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, WarehouseError> {
        self.inner.describe(query)
    }
}

impl Warehouse for Intercepted {
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }

    fn session(&self) -> Result<Box<dyn Session>, WarehouseError> {
        let (inner, intercept) = (self.inner.session()?, Arc::clone(&self.intercept));
        Ok(Box::new(InterceptedSession { inner, intercept }))
    }

    fn tables(&self) -> Result<Tables, WarehouseError> {
        self.inner.tables()
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        self.jobs.run_once(recipe, || interpret(self.session()?.as_mut(), recipe))
    }
}
