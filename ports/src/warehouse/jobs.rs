//! What was done, by the names of jobs, as an embedded engine keeps it: as long as its process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::{Receipt, RunError, Warehouse, fence, interpret};
use crate::{
    port_error::PortError,
    recipe::{Fence, Recipe},
};

/// What one job did; none: it is under way, or nothing remains of it.
type Job = Arc<Mutex<Option<Receipt>>>;

/// The jobs of a warehouse.
#[derive(Debug, Default)]
pub struct Jobs {
    by_name: Mutex<BTreeMap<String, Job>>,
    /// Held to read by recipes under way, and to write by who claims.
    under_way: RwLock<()>,
}

impl Jobs {
    /// Claims the journal, when all that is under way has ended.
    pub fn claim(&self, warehouse: &dyn Warehouse, run_id: &str) -> Result<Fence, PortError> {
        let _all_ended = self.under_way.write().unwrap_or_else(PoisonError::into_inner);
        fence::claim(warehouse.session()?.as_mut(), run_id)
    }

    /// Runs a recipe statement by statement, unless it was: then it says again what that did and took, and not
    /// what it sent. Of two calls at a time, one waits for the other.
    pub fn run(&self, warehouse: &dyn Warehouse, recipe: &Recipe) -> Result<Receipt, RunError> {
        let done = {
            let mut jobs = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(jobs.entry(recipe.job_name()).or_default())
        };
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receipt) = &*done {
            return Ok(receipt.clone());
        }
        let under_way = self.under_way.read().unwrap_or_else(PoisonError::into_inner);
        let mut receipt = interpret(warehouse.session()?.as_mut(), recipe)?;
        drop(under_way);
        let sent = std::mem::take(&mut receipt.sent);
        *done = Some(receipt.clone());
        Ok(Receipt { sent, ..receipt })
    }
}
