//! A small lake: raw objects, a warehouse in memory over them, and the real pipeline.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::executor::block_on;

use super::{
    error::VerifyError,
    fault::Fuse,
    message::Sent,
    store::TrialStore,
    subject::{Scope, Variant},
    trial::{Fault, RawFile},
};
use crate::{
    archiver::{encode_object, object_key},
    pipeline::{PinOptions, Pipeline, PipelineError},
    port_error::PortError,
    project::LAYERS,
    warehouse::SharedWarehouse,
};

/// Lakes use warehouses again, which remember what was done under which name.
static RUN_COUNT: AtomicU64 = AtomicU64::new(1);

/// Raw objects and a warehouse.
pub struct Lake<'a> {
    /// The project.
    pub scope: &'a Scope<'a>,
    /// The code, which may change.
    pub variant: Arc<Variant>,
    /// The raw objects.
    pub store: Arc<TrialStore>,
    /// The engine.
    pub warehouse: SharedWarehouse,
}

impl<'a> Lake<'a> {
    /// An empty warehouse over these raw objects.
    pub fn new(
        scope: &'a Scope<'a>,
        variant: &Arc<Variant>,
        store: &Arc<TrialStore>,
    ) -> Result<Self, VerifyError> {
        let warehouse = scope.subject.take_warehouse()?;
        let (variant, store) = (Arc::clone(variant), Arc::clone(store));
        Ok(Self { scope, variant, store, warehouse })
    }

    /// Stores files of these messages, by their ids. Returns the keys of the objects.
    pub fn land(
        &self,
        files: &[RawFile],
        messages: &BTreeMap<&str, &Sent>,
    ) -> Result<Vec<String>, VerifyError> {
        let mut keys = Vec::new();
        for file in files {
            let rows: Vec<_> = file
                .messages
                .iter()
                .filter_map(|id| messages.get(id.as_str()))
                .map(|sent| sent.on_the_bus())
                .collect();
            if rows.is_empty() {
                continue;
            }
            let source = file.source.name();
            let (bytes, _) = encode_object(source, rows)?;
            let key = object_key(source, file.load_date, &bytes);
            self.store.put(&key, &bytes)?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// Opens the pipeline: the raw objects that are there now are pinned.
    pub fn open(&self) -> Result<Pipeline, PipelineError> {
        self.open_with(PinOptions::default())
    }

    /// Opens the pipeline with these options.
    pub fn open_with(&self, options: PinOptions) -> Result<Pipeline, PipelineError> {
        self.open_over(Arc::clone(&self.warehouse), options)
    }

    /// Opens the pipeline over the warehouse with a fault in it.
    pub fn open_faulty(&self, fault: Fault) -> (Arc<Fuse>, Result<Pipeline, PipelineError>) {
        let (fuse, warehouse) = Fuse::of(fault, Arc::clone(&self.warehouse));
        (fuse, self.open_over(warehouse, PinOptions::default()))
    }

    fn open_over(
        &self,
        warehouse: SharedWarehouse,
        options: PinOptions,
    ) -> Result<Pipeline, PipelineError> {
        let run_id = format!("run {}", RUN_COUNT.fetch_add(1, Ordering::Relaxed));
        let graph = self.variant.graph.clone();
        let mut pipeline = Pipeline::open(graph, warehouse, &run_id)?;
        block_on(pipeline.pin(self.store.as_ref(), options))?;
        Ok(pipeline)
    }

    fn empty(&self) -> Result<(), PortError> {
        let mut session = self.warehouse.session()?;
        for schema in LAYERS.into_iter().chain(["lakebed"]) {
            session.execute(&format!("drop schema if exists {schema} cascade"))?;
        }
        Ok(())
    }
}

impl Drop for Lake<'_> {
    fn drop(&mut self) {
        // One that cannot be emptied is not used again.
        if !std::thread::panicking() && self.empty().is_ok() {
            self.scope.subject.put_warehouse(Arc::clone(&self.warehouse));
        }
    }
}
