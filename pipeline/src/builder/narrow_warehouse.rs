//! For tests: a warehouse that has not the memory for windows of more than so many days.

use crate::{
    dialect::Dialect,
    error_kind::ErrorKind,
    port_error::PortError,
    recipe::{Fence, Recipe},
    warehouse::{Receipt, RunError, Session, SharedWarehouse, Tables, Warehouse},
};

/// The warehouse.
pub struct NarrowWarehouse {
    /// What does the work.
    pub inner: SharedWarehouse,
    /// Days of the longest window.
    pub days_max: usize,
}

impl Warehouse for NarrowWarehouse {
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }

    fn session(&self) -> Result<Box<dyn Session>, PortError> {
        self.inner.session()
    }

    fn tables(&self) -> Result<Tables, PortError> {
        self.inner.tables()
    }

    fn claim(&self, run_id: &str) -> Result<Fence, PortError> {
        self.inner.claim(run_id)
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        let longest = recipe.windows().map(|window| window.partitions().len()).max();
        if longest.is_some_and(|days| days > self.days_max) {
            let said = "Out of Memory Error: it was set to have little";
            return Err(PortError::new(ErrorKind::ResourcesExceeded, said).into());
        }
        self.inner.run(recipe)
    }
}
