//! A warehouse that fails at a chosen statement.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use super::trial::{Fault, FaultKind};
use crate::{
    port_error::PortError,
    warehouse::{ErrorKind, Intercepted, SharedWarehouse},
};

/// A fault, and how far it is away.
pub struct Fuse {
    kind: FaultKind,
    /// Statements that still succeed.
    left: AtomicI64,
}

impl Fuse {
    /// Of a fault, and a warehouse with the fault in it.
    pub fn of(fault: Fault, inner: SharedWarehouse) -> (Arc<Self>, SharedWarehouse) {
        let left = AtomicI64::new(i64::try_from(fault.after_statements).unwrap_or(i64::MAX));
        let fuse = Arc::new(Self { kind: fault.kind, left });
        let burning = Arc::clone(&fuse);
        let warehouse = Intercepted::new(inner, move |sql| burning.burn(sql));
        (fuse, Arc::new(warehouse))
    }

    /// Whether the statement was reached.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn burn<'a>(&self, sql: &'a str) -> Result<Cow<'a, str>, PortError> {
        let is_rollback = sql == "rollback transaction";
        if is_rollback && self.kind != FaultKind::Kill {
            return Ok(sql.into());
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let (is_failing, kind) = match self.kind {
            FaultKind::Kill => (left <= 0, ErrorKind::FixInput),
            FaultKind::FailOnce => (left == 0, ErrorKind::FixInput),
            FaultKind::ConflictOnce => (left == 0, ErrorKind::Retry),
        };
        if is_failing { Err(PortError::new(kind, "the trial's fault")) } else { Ok(sql.into()) }
    }
}
