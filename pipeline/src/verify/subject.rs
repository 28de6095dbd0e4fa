//! What is verified: tables of a project, with constants so small that their edges lie within days.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sim::{Limits, Source};

use super::{error::VerifyError, truth};
use crate::{
    builder::shape, contract::TableName, graph::Graph, port_error::PortError, prelude::Prelude,
    project::Project, warehouse::SharedWarehouse,
};

/// Makes an empty warehouse in memory that has the project's functions and works on one thread.
pub type MakeWarehouse = dyn Fn() -> Result<SharedWarehouse, PortError> + Send + Sync;

/// A project, and a way to make warehouses for it.
pub struct Subject {
    project: Project,
    prelude: Prelude,
    make_warehouse: Arc<MakeWarehouse>,
    /// Empty warehouses with their functions: making one costs more than a small build.
    spare: Mutex<Vec<SharedWarehouse>>,
}

/// Some tables of a subject with everything that they read.
pub struct Scope<'a> {
    /// The project.
    pub subject: &'a Subject,
    /// The sources that are read.
    pub sources: Vec<Source>,
    tables: BTreeSet<TableName>,
    /// By constants.
    known: Mutex<BTreeMap<(i32, i32), Arc<Variant>>>,
}

/// The tables of a scope under some constants.
pub struct Variant {
    /// The tables.
    pub graph: Graph,
    /// The constants.
    pub limits: Limits,
}

/// A table that the simulator can say nothing of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverifiable {
    /// The table.
    pub table: TableName,
    /// The sources that it reads and the simulator does not know.
    pub sources: Vec<String>,
}

impl Subject {
    /// A project over such warehouses.
    pub fn new(project: Project, prelude: Prelude, make_warehouse: Arc<MakeWarehouse>) -> Self {
        Self { project, prelude, make_warehouse, spare: Mutex::default() }
    }

    /// The graph of the whole project, with its own constants.
    pub fn graph(&self) -> Result<Graph, VerifyError> {
        Ok(Graph::new(&self.project, &self.prelude)?)
    }

    /// An empty warehouse.
    pub fn take_warehouse(&self) -> Result<SharedWarehouse, PortError> {
        let spare = self.spare().pop();
        spare.map_or_else(|| (self.make_warehouse)(), Ok)
    }

    /// Gives an empty warehouse back.
    pub fn put_warehouse(&self, warehouse: SharedWarehouse) {
        self.spare().push(warehouse);
    }

    /// These tables and their upstream, without those that read a source that the simulator does
    /// not know. All if none is named. Of a table of what became of messages, the others too.
    pub fn scope(
        &self,
        named: &BTreeSet<TableName>,
    ) -> Result<(Scope<'_>, Vec<Unverifiable>), VerifyError> {
        let graph = self.graph()?;
        let all: BTreeSet<TableName> = graph.in_order().map(|node| node.name().clone()).collect();
        let named = if named.is_empty() { &all } else { named };
        let mut tables = BTreeSet::new();
        let mut unverifiable = Vec::new();
        for table in named {
            let together = truth::fates(table).into_iter().filter(|fate| all.contains(fate));
            let upstream = graph.with_upstream(&together.chain([table.clone()]).collect());
            let sources: BTreeSet<&str> = sources_of(&graph, &upstream).collect();
            let unknown: Vec<String> =
                sources.into_iter().filter(|s| source(s).is_none()).map(str::to_owned).collect();
            if unknown.is_empty() {
                tables.extend(upstream);
            } else {
                unverifiable.push(Unverifiable { table: table.clone(), sources: unknown });
            }
        }
        let mut sources: Vec<Source> = sources_of(&graph, &tables).filter_map(source).collect();
        if sources.is_empty() {
            // A calendar reads no source, and is there because of all.
            let known = |source: &Source| self.project.sources.contains_key(source.name());
            sources = Source::ALL.into_iter().filter(known).collect();
        }
        sources.sort_unstable();
        sources.dedup();
        let scope = Scope { subject: self, sources, tables, known: Mutex::default() };
        Ok((scope, unverifiable))
    }

    fn spare(&self) -> MutexGuard<'_, Vec<SharedWarehouse>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sources_of<'a>(graph: &'a Graph, tables: &BTreeSet<TableName>) -> impl Iterator<Item = &'a str> {
    let is_in = |node: &&crate::graph::Node| tables.contains(node.name());
    let inputs = graph.in_order().filter(is_in).flat_map(|node| &node.inputs);
    inputs.filter(|input| input.table.layer() == "raw").map(|input| input.table.table())
}

fn source(name: &str) -> Option<Source> {
    Source::ALL.into_iter().find(|source| source.name() == name)
}

impl Scope<'_> {
    /// The tables.
    pub fn tables(&self) -> &BTreeSet<TableName> {
        &self.tables
    }

    /// The tables under these constants.
    pub fn variant(&self, limits: Limits) -> Result<Arc<Variant>, VerifyError> {
        let key = (limits.max_lateness_days, limits.max_skew_days);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = known.get(&key) {
            return Ok(Arc::clone(variant));
        }
        let is_first = known.is_empty();
        let variant = Arc::new(Variant { graph: self.graph(limits)?, limits });
        if is_first {
            // Constants do not change the queries.
            let doubtful = shape::doubtful(&variant.graph)?;
            if !doubtful.is_empty() {
                let scratch = (self.subject.make_warehouse)()?;
                shape::ask(scratch.as_ref(), &variant.graph, &doubtful)
                    .map_err(crate::pipeline::PipelineError::from)?;
            }
        }
        known.insert(key, Arc::clone(&variant));
        Ok(variant)
    }

    fn graph(&self, limits: Limits) -> Result<Graph, VerifyError> {
        let mut project = self.subject.project.clone();
        project.tables.retain(|name, _| self.tables.contains(name));
        let is_read = |name: &str| source(name).is_some_and(|s| self.sources.contains(&s));
        // A table may take a constant of a source that nothing here reads, as the calendar does.
        let is_named = |name: &str| {
            let constant = format!("raw.{name}.");
            let mut parameters =
                project.tables.values().flat_map(|t| t.contract.parameters.values());
            parameters.any(|value| value.contains(&constant))
        };
        let kept: BTreeSet<String> = project
            .sources
            .keys()
            .filter(|name| is_read(name) || is_named(name))
            .cloned()
            .collect();
        project.sources.retain(|name, _| kept.contains(name));
        for source in project.sources.values_mut() {
            let bound = [
                ("max_lateness_days", limits.max_lateness_days),
                ("max_skew_days", limits.max_skew_days),
            ];
            for (name, days) in bound {
                if let Some(value) = source.contract.parameters.get_mut(name) {
                    *value = i64::from(days);
                }
            }
        }
        Ok(Graph::new(&project, &self.subject.prelude)?)
    }
}
