//! A small lake: raw objects, a warehouse in memory over them, and runs of the real pipeline.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use futures::executor::block_on;
use lakebed::{
    build::journal,
    pipeline::{PinOptions, Pipeline, PipelineError},
    warehouse::SharedWarehouse,
};

use super::{
    Outcome,
    dice::Dice,
    faults::{Fault, Faulty},
    messages::{Sent, publish},
    store::TestStore,
    tables::rows,
    variant::Variant,
};

/// Empty warehouses with their functions: making one costs more than a small build.
static SPARE: Mutex<Vec<SharedWarehouse>> = Mutex::new(Vec::new());

fn spare() -> MutexGuard<'static, Vec<SharedWarehouse>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Raw objects and a warehouse.
pub struct Lake {
    /// The code.
    pub variant: Arc<Variant>,
    /// The raw objects.
    pub store: Rc<TestStore>,
    /// The engine.
    pub warehouse: SharedWarehouse,
    run_count: Cell<u32>,
}

impl Lake {
    /// An empty warehouse over these raw objects.
    pub fn new(variant: &Arc<Variant>, store: &Rc<TestStore>) -> Self {
        let known = spare().pop();
        let warehouse = known.unwrap_or_else(|| variant.warehouse());
        let (variant, store) = (Arc::clone(variant), Rc::clone(store));
        Self { variant, store, warehouse, run_count: Cell::new(0) }
    }

    /// A lake with these messages in raw, nothing built.
    pub fn with(variant: &Arc<Variant>, messages: &[Sent], dice: &mut Dice) -> Self {
        let lake = Self::new(variant, &Rc::new(TestStore::new()));
        publish(&lake.store, messages, dice);
        lake
    }

    /// Opens the pipeline: the raw objects that are there now are pinned.
    pub fn open(&self) -> Result<Pipeline, String> {
        self.open_with(PinOptions::default()).map_err(|error| shown(&error))
    }

    /// Opens the pipeline with these options.
    pub fn open_with(&self, options: PinOptions) -> Result<Pipeline, PipelineError> {
        self.open_over(Arc::clone(&self.warehouse), options)
    }

    /// Opens the pipeline over the warehouse with a fault in it.
    pub fn open_faulty(
        &self,
        fault: Fault,
        statement_count: usize,
    ) -> (Arc<Faulty>, Result<Pipeline, PipelineError>) {
        let faulty = Faulty::after(Arc::clone(&self.warehouse), fault, statement_count);
        let faulty = Arc::new(faulty);
        let warehouse: SharedWarehouse = Arc::clone(&faulty) as _;
        (faulty, self.open_over(warehouse, PinOptions::default()))
    }

    fn open_over(
        &self,
        warehouse: SharedWarehouse,
        options: PinOptions,
    ) -> Result<Pipeline, PipelineError> {
        self.run_count.set(self.run_count.get() + 1);
        let run_id = format!("run {}", self.run_count.get());
        let graph = self.variant.graph.clone();
        let mut pipeline = Pipeline::open_checked(graph, warehouse, run_id)?;
        block_on(pipeline.pin(self.store.as_ref(), options))?;
        Ok(pipeline)
    }

    /// The next number of the journal.
    pub fn next_sequence(&self) -> i64 {
        let mut session = self.warehouse.session().expect("a session");
        journal::load(session.as_mut()).expect("the journal can be read").1
    }

    /// The rows of a query, in order of their texts.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let mut session = self.warehouse.session().expect("a session");
        rows(session.as_mut(), sql)
    }

    /// Builds everything from nothing in another warehouse over the same raw objects.
    pub fn rebuilt(&self) -> Result<Self, String> {
        let other = Self::new(&self.variant, &self.store);
        other.build_all()?;
        Ok(other)
    }

    /// Builds what is stale, as the command does.
    pub fn build_all(&self) -> Outcome {
        let mut pipeline = self.open()?;
        super::runs::build(&mut pipeline, None, 1000)
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let mut session = self.warehouse.session().expect("a session");
        for schema in ["lakebed", "mart", "dimensional", "vault", "standardized", "seed", "raw"] {
            session
                .execute(&format!("drop schema if exists {schema} cascade"))
                .expect("it can be dropped");
        }
        spare().push(Arc::clone(&self.warehouse));
    }
}

/// An error with what caused it.
pub fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
