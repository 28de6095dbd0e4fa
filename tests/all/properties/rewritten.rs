//! A warehouse that gets other statements than the engine sends: mistakes of the engine itself.

use std::{collections::BTreeMap, sync::Arc};

use lakebed::{
    contract::{Column, ColumnType},
    warehouse::{
        DescribedColumn, QueryResult, Session, SharedWarehouse, Warehouse, WarehouseError,
    },
};
use serde::Deserialize;

/// A replacement in every statement that holds `old`.
#[derive(Clone, Debug, Deserialize)]
pub struct Statement {
    old: String,
    new: String,
}

/// What is changed.
#[derive(Clone, Debug, Default)]
pub struct Rewriting {
    /// In statements.
    pub statements: Vec<Statement>,
    /// What stands for the contents of rows, if not the sum of their hashes.
    pub contents: Option<String>,
}

impl Rewriting {
    /// Whether anything is changed.
    pub fn is_none(&self) -> bool {
        self.statements.is_empty() && self.contents.is_none()
    }

    fn apply(&self, sql: &str) -> String {
        let replace = |sql: String, Statement { old, new }: &Statement| sql.replace(old, new);
        self.statements.iter().fold(sql.to_owned(), replace)
    }
}

/// A warehouse behind a rewriting.
pub struct Rewritten {
    /// What executes.
    pub inner: SharedWarehouse,
    /// What it gets instead.
    pub rewriting: Arc<Rewriting>,
}

struct RewrittenSession {
    inner: Box<dyn Session>,
    rewriting: Arc<Rewriting>,
}

impl Session for RewrittenSession {
    fn execute(&mut self, sql: &str) -> Result<(), WarehouseError> {
        self.inner.execute(&self.rewriting.apply(sql))
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, WarehouseError> {
        self.inner.query(&self.rewriting.apply(sql))
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, WarehouseError> {
        self.inner.describe(query)
    }
}

impl Warehouse for Rewritten {
    fn session(&self) -> Result<Box<dyn Session>, WarehouseError> {
        let (inner, rewriting) = (self.inner.session()?, Arc::clone(&self.rewriting));
        Ok(Box::new(RewrittenSession { inner, rewriting }))
    }

    fn type_name(&self, kind: ColumnType) -> &'static str {
        self.inner.type_name(kind)
    }

    fn fits(&self, kind: ColumnType, type_name: &str) -> bool {
        self.inner.fits(kind, type_name)
    }

    fn hash_sum_expression(&self, columns: &[&str]) -> String {
        let own = &self.rewriting.contents;
        own.clone().unwrap_or_else(|| self.inner.hash_sum_expression(columns))
    }

    fn hash_version(&self) -> String {
        self.inner.hash_version()
    }

    fn raw_view(&self, source: &str, locators: &[String]) -> String {
        self.inner.raw_view(source, locators)
    }

    fn create_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        self.inner.create_table(table, columns)
    }

    fn file_rows(&self, locators: &[String], columns: &[(String, ColumnType)]) -> String {
        self.inner.file_rows(locators, columns)
    }

    fn export(&self, query: &str, path: &str) -> String {
        self.inner.export(query, path)
    }

    fn columns(&self) -> Result<BTreeMap<String, Vec<DescribedColumn>>, WarehouseError> {
        self.inner.columns()
    }
}
