//! For tests: a warehouse that has not the memory for windows of more than so many days.

use crate::{
    dialect::Dialect,
    recipe::Recipe,
    warehouse::{
        ErrorKind, Receipt, RunError, Session, SharedWarehouse, Tables, Warehouse, WarehouseError,
    },
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

    fn session(&self) -> Result<Box<dyn Session>, WarehouseError> {
        self.inner.session()
    }

    fn tables(&self) -> Result<Tables, WarehouseError> {
        self.inner.tables()
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        let longest = recipe.windows().map(|window| window.partitions().len()).max();
        if longest.is_some_and(|days| days > self.days_max) {
            let said = "Out of Memory Error: it was set to have little";
            return Err(WarehouseError::new(ErrorKind::ResourcesExceeded, said).into());
        }
        self.inner.run(recipe)
    }
}
