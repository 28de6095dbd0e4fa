//! A project over a warehouse: checked, with the raw objects pinned, ready to plan and build.
//!
//! Not for: picking adapters (`commands`), nor for what the parts do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::TryStreamExt;
use jiff::civil::Date;

use crate::{
    archiver::load_date,
    builder::{
        ATTEMPTS_MAX, BuildEvent, BuildOptions, BuildReport, Executor, journal,
        shape::{self, ShapeError},
    },
    clock,
    contract::TableName,
    diagnostic::FileError,
    digest::Digest,
    engine::{Engine, Exchange, Outside},
    graph::{Code, Graph, Node},
    plan::{Content, Plan, Planner, Selection, Snapshot},
    port_error::PortError,
    prelude::Prelude,
    raw_store::RawStore,
    recipe::{Built, Entry, Fence, RawObject, RawObjects, Recipe, Step},
    warehouse::{ErrorKind, Receipt, RunError, Session, SharedWarehouse, Warehouse},
};

/// Why a pipeline could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A file of the project is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The warehouse failed.
    #[error("the warehouse failed")]
    Warehouse(#[from] PortError),
    /// The raw layer failed.
    #[error("the raw layer failed")]
    RawStore(#[source] PortError),
    /// Raw objects that were built from are gone.
    #[error("raw objects that earlier builds read are gone or changed: {count}, the first {first}")]
    ObjectsRemoved {
        /// How many.
        count: usize,
        /// The key of one.
        first: String,
    },
    /// Earlier builds read sources that the project does not have.
    #[error("earlier builds read {}, and this project has no such source", sources.join(", "))]
    UnknownSources {
        /// Their names.
        sources: Vec<String>,
    },
    /// An object is not where objects are.
    #[error("the raw object {key} is not under `<source>/load_date=<date>/`")]
    MisplacedObject {
        /// Its key.
        key: String,
    },
}

impl From<ShapeError> for PipelineError {
    fn from(error: ShapeError) -> Self {
        match error {
            ShapeError::File(error) => Self::File(error),
            ShapeError::Statement(error) => Self::Warehouse(error),
        }
    }
}

/// Everything that a plan or a build works with.
pub struct Pipeline {
    /// The tables.
    pub graph: Arc<Graph>,
    /// The engine.
    pub warehouse: SharedWarehouse,
    planner: Planner,
    next_sequence: i64,
    fence: Fence,
    is_read_only: bool,
    object_changes: ObjectChanges,
    raw: Arc<RawObjects>,
    /// Of each source, by what the warehouse reads all of it.
    raw_patterns: BTreeMap<TableName, Vec<String>>,
    orphans: BTreeSet<TableName>,
    outside: Option<EngineBeside>,
}

/// What the journal says.
pub struct Known {
    snapshot: Snapshot,
    next_sequence: i64,
    /// Of which it has ever told.
    tables: BTreeSet<TableName>,
}

impl Default for Known {
    /// What it says before the first build.
    fn default() -> Self {
        Self { snapshot: Snapshot::default(), next_sequence: 1, tables: BTreeSet::new() }
    }
}

impl Known {
    /// Of a warehouse, in which the journal may be missing.
    pub fn of(warehouse: &dyn Warehouse) -> Result<Self, PortError> {
        if journal::exists(warehouse)? {
            Self::read(warehouse.session()?.as_mut())
        } else {
            Ok(Self::default())
        }
    }

    fn read(session: &mut dyn Session) -> Result<Self, PortError> {
        let (snapshot, next_sequence) = journal::load(session)?;
        Ok(Self { snapshot, next_sequence, tables: journal::tables(session)? })
    }
}

/// An engine beside the warehouse.
struct EngineBeside {
    engine: Arc<dyn Engine>,
    exchange: Arc<dyn Exchange>,
}

/// Raw objects that came or went since the last build; a build writes them down.
#[derive(Debug, Default)]
struct ObjectChanges {
    new: BTreeMap<String, u64>,
    removed: BTreeSet<String>,
}

/// How to pin raw objects.
#[derive(Clone, Copy, Debug, Default)]
pub struct PinOptions {
    /// Whether raw objects may have been taken away: what merged from them then begins anew.
    pub accepts_removed_objects: bool,
}

impl Pipeline {
    /// Opens the journal for a graph whose queries have been checked. Raw objects are read only once
    /// they are pinned.
    pub fn open(graph: Graph, warehouse: SharedWarehouse, run_id: &str) -> Result<Self, PortError> {
        let mut session = warehouse.session()?;
        let dialect = warehouse.dialect();
        let found = warehouse.tables()?;
        let is_there = |node: &Node| found.contains_key(node.name().as_str());
        if !journal::is_writable_among(&found) || !graph.in_order().all(is_there) {
            let mut definitions = journal::definitions(dialect);
            definitions.extend(shape::definitions(dialect, &graph));
            session.execute_all(&definitions)?;
        }
        // From here on nobody else writes: what is read now holds, and the next numbers are free.
        let fence = warehouse.claim(run_id)?;
        journal::finish_asides(session.as_mut(), dialect, &found)?;
        session.execute(&journal::first_hash_version(dialect))?;
        let known = Known::read(session.as_mut())?;
        drop(session);
        Self::over(graph, warehouse, known, fence)
    }

    /// Opens a graph whose queries have been checked over a warehouse that is only read: to plan, and
    /// not to build. What was never built may be missing in it, the journal too.
    pub fn open_to_read(
        graph: Graph,
        warehouse: SharedWarehouse,
        known: Known,
    ) -> Result<Self, PortError> {
        let mut pipeline = Self::over(graph, warehouse, known, Fence::default())?;
        pipeline.is_read_only = true;
        Ok(pipeline)
    }

    fn over(
        graph: Graph,
        warehouse: SharedWarehouse,
        known: Known,
        fence: Fence,
    ) -> Result<Self, PortError> {
        let Known { mut snapshot, next_sequence, tables } = known;
        let found = warehouse.tables()?;
        // Pruned, and cut short before it was dropped: the journal has forgotten what it held.
        let is_left = |name: &TableName| found.contains_key(name.as_str());
        let mut orphans: BTreeSet<TableName> = tables.into_iter().filter(is_left).collect();
        orphans.extend(snapshot.stamps.keys().cloned());
        orphans.retain(|name| graph.get(name).is_none());
        snapshot.misshapen = shape::misshapen(warehouse.as_ref(), &graph)?;
        snapshot.hashes.running = warehouse.dialect().hash_version();
        let graph = Arc::new(graph);
        Ok(Self {
            planner: Planner::new(Arc::clone(&graph), snapshot),
            graph,
            warehouse,
            next_sequence,
            fence,
            is_read_only: false,
            object_changes: ObjectChanges::default(),
            raw: Arc::default(),
            raw_patterns: BTreeMap::new(),
            orphans,
            outside: None,
        })
    }

    /// Lets an engine run the SELECTs of the tables that are marked for it.
    pub fn use_engine(&mut self, engine: Arc<dyn Engine>, exchange: Arc<dyn Exchange>) {
        self.planner.use_engine(engine.name());
        self.outside = Some(EngineBeside { engine, exchange });
    }

    /// By what this run writes.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Whether builds have run with the functions that the queries use now, so that the engine takes
    /// them.
    pub fn has_run_functions(&self) -> bool {
        let has_run = |node: &Node| {
            let now = node.code.parts().remove(Code::FUNCTIONS);
            let stamps = self.snapshot().stamps.get(node.name());
            let mut stamps = stamps.into_iter().flat_map(BTreeMap::values);
            stamps.any(|stamp| stamp.code.parts.get(Code::FUNCTIONS) == now.as_ref())
        };
        self.graph.in_order().all(has_run)
    }

    /// The raw objects that this run reads.
    pub fn raw(&self) -> &Arc<RawObjects> {
        &self.raw
    }

    /// The planner over what the warehouse holds.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// What the warehouse holds.
    pub fn snapshot(&self) -> &Snapshot {
        self.planner.snapshot()
    }

    /// Takes in what builds of a table have changed.
    pub fn apply(&mut self, table: &TableName, all: &[Built]) {
        self.planner.apply(table, all);
    }

    /// The first and the last load date of any source; `None` before the first message.
    pub fn load_dates(&self) -> Option<(Date, Date)> {
        self.planner.load_dates()
    }

    /// What a build of a selection does.
    pub fn plan(&self, selection: &Selection) -> Plan {
        Plan::new(&self.planner, selection)
    }

    /// Builds what is stale.
    pub fn build(
        &mut self,
        options: &BuildOptions,
        on_event: &(dyn Fn(BuildEvent<'_>) + Sync),
    ) -> Result<BuildReport, PortError> {
        self.record_objects(on_event)?;
        let executor = Executor {
            warehouse: self.warehouse.as_ref(),
            graph: &self.graph,
            fence: &self.fence,
            raw: &self.raw,
            outside: self.outside.as_ref().map(|beside| Outside {
                engine: beside.engine.as_ref(),
                graph: &self.graph,
                raw: &self.raw,
                exchange: beside.exchange.as_ref(),
            }),
            on_event,
        };
        let (report, next_sequence) = executor.run(&mut self.planner, self.next_sequence, options);
        self.next_sequence = next_sequence;
        Ok(report)
    }

    /// The statements that make everything that a build needs, in a new database or in a copy of this
    /// one: functions, schemas, tables, and the raw layer as it is pinned.
    pub fn definitions(&self, prelude: &Prelude) -> Vec<String> {
        let dialect = self.warehouse.dialect();
        let functions = prelude.statements().iter().map(|statement| statement.text.clone());
        let raw_view = |(source, patterns): (&TableName, &Vec<String>)| {
            dialect.raw_view(source.table(), patterns)
        };
        functions
            .chain(journal::definitions(dialect))
            .chain([self.fence.claim(clock::now()), journal::first_hash_version(dialect)])
            .chain(shape::definitions(dialect, &self.graph))
            .chain(self.raw_patterns.iter().map(raw_view))
            .collect()
    }

    /// A query of the pinned raw rows of a source, in parentheses; `None` if there are none.
    pub fn raw_rows(&self, source: &TableName) -> Option<String> {
        let objects = self.raw.get(source).filter(|objects| !objects.is_empty())?;
        let locators: Vec<String> =
            objects.values().flatten().map(|object| object.locator.clone()).collect();
        let view = self.warehouse.dialect().raw_view(source.table(), &locators);
        view.split_once(" as ").map(|(_, query)| format!("({query}) as raw_rows"))
    }

    /// Tables that earlier builds made and that no file of the project defines any more.
    pub fn orphans(&self) -> &BTreeSet<TableName> {
        &self.orphans
    }

    /// Drops the orphans, and forgets what is known of them. A build makes them again from raw, should
    /// their files come back.
    pub fn prune(&mut self) -> Result<(), PortError> {
        let tables = self.warehouse.tables()?;
        for table in std::mem::take(&mut self.orphans) {
            let is_view = tables.get(table.as_str()).is_some_and(|table| table.is_view);
            let kind = if is_view { "view" } else { "table" };
            let sequence = self.take_sequences(1);
            // First forgotten: what the journal has forgotten is there no more, and not the other way round.
            let entry = Entry { is_reset: true, ..Entry::default() };
            let notes = entry.statements(&table, sequence, &self.fence.run_id, clock::now());
            let drop = Step::Define { sql: format!("drop {kind} if exists {table}") };
            let recipe =
                Recipe::of_notes(table.clone(), (notes, vec![drop]), sequence, &self.fence);
            self.tell(&recipe)?;
            self.planner.update(|snapshot| snapshot.forget(&table));
        }
        Ok(())
    }

    /// Has a recipe run that only tells the journal something.
    fn tell(&self, recipe: &Recipe) -> Result<Receipt, PortError> {
        let mut attempt = 1;
        loop {
            match self.warehouse.run(recipe) {
                Err(RunError::Statement(error))
                    if error.kind() == ErrorKind::Retry && attempt < ATTEMPTS_MAX =>
                {
                    attempt += 1;
                }
                ended => return Ok(ended?),
            }
        }
    }

    /// The keys of pinned raw objects that no build has read yet.
    pub fn new_objects(&self) -> BTreeSet<String> {
        self.object_changes.new.keys().cloned().collect()
    }

    /// The journal's next sequence numbers, so many of them: the first is returned.
    pub fn take_sequences(&mut self, count: usize) -> i64 {
        let first = self.next_sequence;
        self.next_sequence += i64::try_from(count).expect("few builds");
        first
    }

    /// Pins the raw objects that there are now: the run reads these and no others.
    pub async fn pin(
        &mut self,
        raw_store: &dyn RawStore,
        options: PinOptions,
    ) -> Result<(), PipelineError> {
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        let mut raw = RawObjects::new();
        let sources: Vec<TableName> = self.graph.sources().iter().cloned().collect();
        let mut session = self.warehouse.session()?;
        for source in &sources {
            let prefix = format!("{}/", source.table());
            let mut objects = raw_store.list(&prefix);
            let mut of_source: BTreeMap<Date, Vec<RawObject>> = BTreeMap::new();
            let mut contents: BTreeMap<Date, Content> = BTreeMap::new();
            while let Some(object) = objects.try_next().await.map_err(PipelineError::RawStore)? {
                let Some(date) = load_date(&object.key) else {
                    return Err(PipelineError::MisplacedObject { key: object.key });
                };
                let content = contents.entry(date).or_default();
                // Objects never change: key and size stand for what is in them.
                let digest =
                    Digest::of_texts([object.key.as_str(), &object.size_bytes.to_string()]);
                *content = content.plus(Content::standing_for(digest));
                let name = object.key.split_once('/').map_or("", |(_, name)| name).to_owned();
                let locator = raw_store.locator(&object.key).map_err(PipelineError::RawStore)?;
                of_source.entry(date).or_default().push(RawObject { name, locator });
                found.insert(object.key, object.size_bytes);
            }
            let mut patterns = Vec::new();
            if !of_source.is_empty() {
                let pattern = raw_store.pattern(source.table());
                patterns.push(pattern.map_err(PipelineError::RawStore)?);
            }
            if !self.is_read_only {
                session.execute(&self.warehouse.dialect().raw_view(source.table(), &patterns))?;
            }
            self.raw_patterns.insert(source.clone(), patterns);
            raw.insert(source.clone(), of_source);
            self.planner.update(|snapshot| {
                for (date, content) in contents {
                    snapshot.set_content(source, Some(date), content);
                }
            });
        }
        self.raw = Arc::new(raw);
        self.compare_objects(session.as_mut(), found, options)
    }

    fn compare_objects(
        &mut self,
        session: &mut dyn Session,
        found: BTreeMap<String, u64>,
        options: PinOptions,
    ) -> Result<(), PipelineError> {
        let is_known = !self.is_read_only || journal::exists(self.warehouse.as_ref())?;
        let known = if is_known { journal::raw_objects(session)? } else { BTreeMap::new() };
        // An object of another size is another object: what was read of the old one is gone.
        let removed: BTreeSet<String> = known
            .iter()
            .filter(|(k, v)| found.get(*k) != Some(*v))
            .map(|(k, _)| k.clone())
            .collect();
        if let Some(first) = removed.first()
            && !options.accepts_removed_objects
        {
            let of_project = |source: &&str| {
                let sources = self.graph.sources();
                sources.iter().any(|known| known.table() == *source)
            };
            let sources = removed.iter().filter_map(|key| key.split('/').next());
            let unknown: BTreeSet<&str> = sources.filter(|source| !of_project(source)).collect();
            if !unknown.is_empty() {
                let sources = unknown.into_iter().map(|source| format!("raw.{source}")).collect();
                return Err(PipelineError::UnknownSources { sources });
            }
            let (count, first) = (removed.len(), first.clone());
            return Err(PipelineError::ObjectsRemoved { count, first });
        }
        self.planner.update(|snapshot| snapshot.generation += i64::from(!removed.is_empty()));
        let new = found.into_iter().filter(|(key, size)| known.get(key) != Some(size)).collect();
        self.object_changes = ObjectChanges { new, removed };
        Ok(())
    }

    /// Writes down what the build will read. A plan does not: to plan is not to agree.
    fn record_objects(
        &mut self,
        on_event: &(dyn Fn(BuildEvent<'_>) + Sync),
    ) -> Result<(), PortError> {
        let ObjectChanges { new, removed } = std::mem::take(&mut self.object_changes);
        if removed.is_empty() && new.is_empty() {
            return Ok(());
        }
        let none = (BTreeMap::new(), BTreeSet::new());
        let mut notes = Vec::new();
        if !removed.is_empty() {
            let (sequence, generation) = (self.take_sequences(1), self.snapshot().generation);
            notes.push(journal::setting(sequence, "generation", &generation.to_string()));
            let sequence = self.take_sequences(1);
            let run_id = &self.fence.run_id;
            notes.extend(journal::raw_object_rows(sequence, run_id, &none.0, &removed));
        }
        let sequence = self.take_sequences(1);
        notes.extend(journal::raw_object_rows(sequence, &self.fence.run_id, &new, &none.1));
        let objects = TableName::new("lakebed", "raw_objects");
        let recipe = Recipe::of_notes(objects, (notes, Vec::new()), sequence, &self.fence);
        let receipt = self.tell(&recipe)?;
        let sent: Vec<&str> = receipt.sent.iter().map(String::as_str).collect();
        on_event(BuildEvent::Committed {
            of: "the raw objects that this build reads",
            sent: &sent,
        });
        Ok(())
    }
}

/// Names a run in the journal.
pub fn new_run_id() -> String {
    Digest::of_texts([crate::clock::now().to_string().as_str(), &std::process::id().to_string()])
        .to_string()[..12]
        .to_owned()
}

/// A raw store that the parts of the pipeline share.
pub type SharedRawStore = Arc<dyn RawStore>;
