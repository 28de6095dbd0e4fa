//! A warehouse that fails at a chosen statement.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use super::trial::{Fault, FaultKind};
use crate::{
    contract::{Column, ColumnType},
    warehouse::{
        DescribedColumn, ErrorKind, QueryResult, Session, SharedWarehouse, Warehouse,
        WarehouseError,
    },
};

/// A warehouse with a fault in it.
pub struct Faulty {
    inner: SharedWarehouse,
    kind: FaultKind,
    /// Statements that still succeed.
    left: Arc<AtomicI64>,
}

impl Faulty {
    /// Fails as the fault says.
    pub fn new(inner: SharedWarehouse, fault: Fault) -> Self {
        let left = i64::try_from(fault.after_statements).unwrap_or(i64::MAX);
        Self { inner, kind: fault.kind, left: Arc::new(AtomicI64::new(left)) }
    }

    /// Whether the statement was reached.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

struct FaultySession {
    inner: Box<dyn Session>,
    kind: FaultKind,
    left: Arc<AtomicI64>,
}

impl FaultySession {
    fn count(&self, sql: &str) -> Result<(), WarehouseError> {
        let is_rollback = sql == "rollback transaction";
        if is_rollback && self.kind != FaultKind::Kill {
            return Ok(());
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let (is_failing, kind) = match self.kind {
            FaultKind::Kill => (left <= 0, ErrorKind::FixInput),
            FaultKind::FailOnce => (left == 0, ErrorKind::FixInput),
            FaultKind::ConflictOnce => (left == 0, ErrorKind::Retry),
        };
        if is_failing { Err(WarehouseError::new(kind, "the trial's fault")) } else { Ok(()) }
    }
}

impl Session for FaultySession {
    fn execute(&mut self, sql: &str) -> Result<(), WarehouseError> {
        self.count(sql)?;
        self.inner.execute(sql)
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, WarehouseError> {
        self.count(sql)?;
        self.inner.query(sql)
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, WarehouseError> {
        self.inner.describe(query)
    }
}

impl Warehouse for Faulty {
    fn session(&self) -> Result<Box<dyn Session>, WarehouseError> {
        let inner = self.inner.session()?;
        Ok(Box::new(FaultySession { inner, kind: self.kind, left: Arc::clone(&self.left) }))
    }

    fn type_name(&self, kind: ColumnType) -> &'static str {
        self.inner.type_name(kind)
    }

    fn fits(&self, kind: ColumnType, type_name: &str) -> bool {
        self.inner.fits(kind, type_name)
    }

    fn hash_sum_expression(&self, columns: &[&str]) -> String {
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

    fn columns(&self) -> Result<BTreeMap<String, Vec<DescribedColumn>>, WarehouseError> {
        self.inner.columns()
    }
}
