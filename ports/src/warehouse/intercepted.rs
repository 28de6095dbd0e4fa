//! A warehouse whose statements pass through a function before they are executed: it may fail one, or
//! give another in its place. So tests kill a build in its midst, and let engines make mistakes.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{DescribedColumn, QueryResult, Session, SharedWarehouse, Warehouse, WarehouseError};
use crate::{
    contract::{Column, ColumnType},
    dialect::Dialect,
};

/// Gives what is executed in place of a statement, or why it fails.
type Intercept = dyn for<'a> Fn(&'a str) -> Result<Cow<'a, str>, WarehouseError> + Send + Sync;

/// The warehouse.
pub struct Intercepted {
    inner: SharedWarehouse,
    intercept: Arc<Intercept>,
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
        Self { inner, intercept: Arc::new(intercept) }
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

impl Dialect for Intercepted {
    fn type_name(&self, kind: ColumnType) -> &'static str {
        self.inner.type_name(kind)
    }

    fn fits(&self, kind: ColumnType, type_name: &str) -> bool {
        self.inner.fits(kind, type_name)
    }

    fn hash_sum_expression(&self, columns: &[(&str, Option<ColumnType>)]) -> String {
        self.inner.hash_sum_expression(columns)
    }

    fn hash_version(&self) -> String {
        self.inner.hash_version()
    }

    fn raw_view(&self, source: &str, locators: &[String]) -> String {
        self.inner.raw_view(source, locators)
    }

    fn export(&self, query: &str, file: &str) -> String {
        self.inner.export(query, file)
    }

    fn file_rows(&self, files: &[String], columns: &[(String, ColumnType)]) -> String {
        self.inner.file_rows(files, columns)
    }

    fn create_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        self.inner.create_table(table, columns)
    }
}

impl Warehouse for Intercepted {
    fn session(&self) -> Result<Box<dyn Session>, WarehouseError> {
        let (inner, intercept) = (self.inner.session()?, Arc::clone(&self.intercept));
        Ok(Box::new(InterceptedSession { inner, intercept }))
    }

    fn columns(&self) -> Result<BTreeMap<String, Vec<DescribedColumn>>, WarehouseError> {
        self.inner.columns()
    }
}
