//! A warehouse whose statements pass through a function before they are executed: it may fail one, or
//! give another in its place. So tests kill a build in its midst, and let engines make mistakes.

use std::{borrow::Cow, sync::Arc};

use super::{
    DescribedColumn, Done, Jobs, QueryResult, Receipt, RunError, Session, SharedWarehouse, Tables,
    Warehouse,
};
use crate::{
    dialect::Dialect,
    port_error::PortError,
    recipe::{Fence, Recipe},
};

/// Gives what is executed in place of a statement, or why it fails.
type Intercept = dyn for<'a> Fn(&'a str) -> Result<Cow<'a, str>, PortError> + Send + Sync;

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
        intercept: impl for<'a> Fn(&'a str) -> Result<Cow<'a, str>, PortError> + Send + Sync + 'static,
    ) -> Self {
        Self { inner, intercept: Arc::new(intercept), jobs: Jobs::default() }
    }
}

struct InterceptedSession {
    inner: Box<dyn Session>,
    intercept: Arc<Intercept>,
}

impl Session for InterceptedSession {
    fn execute(&mut self, sql: &str) -> Result<Done, PortError> {
        self.inner.execute(&(self.intercept)(sql)?)
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, PortError> {
        self.inner.query(&(self.intercept)(sql)?)
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, PortError> {
        self.inner.describe(query)
    }
}

impl Warehouse for Intercepted {
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }

    fn session(&self) -> Result<Box<dyn Session>, PortError> {
        let (inner, intercept) = (self.inner.session()?, Arc::clone(&self.intercept));
        Ok(Box::new(InterceptedSession { inner, intercept }))
    }

    fn tables(&self) -> Result<Tables, PortError> {
        self.inner.tables()
    }

    fn claim(&self, run_id: &str) -> Result<Fence, PortError> {
        self.jobs.claim(self, run_id)
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        self.jobs.run(self, recipe)
    }
}
