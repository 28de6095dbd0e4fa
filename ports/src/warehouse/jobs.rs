//! What was done, by the names of jobs, as an embedded engine keeps it: as long as its process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Receipt, RunError};
use crate::recipe::{Built, Recipe};

/// What one job did; none: it is under way, or nothing remains of it.
type Done = Arc<Mutex<Option<Vec<Built>>>>;

/// The jobs of a warehouse.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<BTreeMap<String, Done>>);

impl Jobs {
    /// Runs a recipe, unless it was: then it says again what that did, and not what it sent. Of two calls at a
    /// time, one waits for the other.
    pub fn run_once(
        &self,
        recipe: &Recipe,
        run: impl FnOnce() -> Result<Receipt, RunError>,
    ) -> Result<Receipt, RunError> {
        let done = {
            let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(jobs.entry(recipe.job_name()).or_default())
        };
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = &*done {
            return Ok(Receipt { built: built.clone(), statements: Vec::new() });
        }
        let receipt = run()?;
        *done = Some(receipt.built.clone());
        Ok(receipt)
    }
}
