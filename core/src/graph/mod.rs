//! The graph of tables: who reads what, how far, in which order they are built, and what the code
//! of each is.
//!
//! It is read from the SQL and the contracts. No I/O.

mod code;
mod resolve;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{ToSpan, civil::Date};

use crate::{
    contract::{BuildKind, EngineName, Growth, TableName, file::TableFile},
    diagnostic::FileError,
    digest::Digest,
    prelude::Prelude,
    project::Project,
    query::Facts,
    sql::bind::Parameters,
};

pub use code::Code;
pub use resolve::{Problem, problems, sample_parameters};

/// Of what dates a table's partitions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// UTC dates of publication.
    LoadDate,
    /// UTC dates of what happened.
    BusinessDate,
    /// The table is one partition.
    Whole,
}

/// How a build of one partition reads an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The same partition and some beside it.
    Window(DaySpan),
    /// All partitions up to the own date, of a `history` table.
    AsOf,
    /// All partitions.
    Whole,
}

/// The days around a partition's own that a build of it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySpan {
    /// So many before it.
    pub days_before: i64,
    /// So many after it.
    pub days_after: i64,
}

impl DaySpan {
    /// The days that a build of `date` reads, each with its distance.
    pub fn read_by(self, date: Date) -> impl Iterator<Item = (i64, Date)> {
        let distances = -self.days_before..=self.days_after;
        distances.filter_map(move |days| Some((days, date.checked_add(days.days()).ok()?)))
    }

    /// The partitions that read `date`.
    pub fn reached_by(self, date: Date) -> impl Iterator<Item = Date> {
        let distances = -self.days_after..=self.days_before;
        distances.filter_map(move |days| date.checked_add(days.days()).ok())
    }
}

/// One input of a table.
#[derive(Clone, Debug)]
pub struct Input {
    /// A table, or `raw.<source>`.
    pub table: TableName,
    /// How far it is read.
    pub reach: Reach,
    /// Whether it only adds columns to rows: without rows of the other inputs there are none.
    pub is_lookup: bool,
}

/// A table in the graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its file.
    pub file: TableFile,
    /// What is known of its query; nothing of a seed's.
    pub facts: Arc<Facts>,
    /// What it reads, itself left out, in order of name.
    pub inputs: Vec<Input>,
    /// The contract's parameters with their values.
    pub parameters: Parameters,
    /// The dates of the windows by which it is built.
    pub window: Domain,
    /// The dates of the partitions that readers see.
    pub content: Domain,
    /// What it is a function of, apart from its inputs' contents, where the warehouse runs its SELECT.
    pub code: Code,
    /// By engine besides the warehouse, the digest of its functions that the query uses.
    pub functions_beside: BTreeMap<EngineName, Digest>,
    /// Of a table that merges, by engine: its functions for the table and for everything above it.
    pub functions_above: BTreeMap<EngineName, Digest>,
    /// The code of a table that merges, and of everything above it: a change is a new epoch.
    pub epoch: Option<Digest>,
    /// The parameters of the calendar that a `full` table's query uses.
    pub calendar_parameters: BTreeSet<String>,
}

impl Node {
    /// The table's name.
    pub fn name(&self) -> &TableName {
        &self.file.name
    }

    /// How it is built.
    pub fn build(&self) -> BuildKind {
        self.file.contract.build
    }

    /// What it is a function of where an engine runs its SELECT; `None`: the warehouse.
    pub fn code_on(&self, engine: Option<EngineName>) -> Code {
        let functions = engine.and_then(|engine| self.functions_beside.get(&engine));
        match functions {
            Some(functions) => self.code.clone().with(Code::FUNCTIONS, *functions),
            None => self.code.clone(),
        }
    }

    /// The column by which its contents are cut into partitions.
    pub fn partition_column(&self) -> Option<&str> {
        self.file.contract.partition_by.as_deref()
    }

    /// Whether it may only be read through a predicate on its partition column.
    pub fn grows_with_events(&self) -> bool {
        self.file.contract.growth == Growth::Events
    }
}

/// The tables in an order in which each comes after what it reads.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: BTreeMap<TableName, Node>,
    order: Vec<TableName>,
    sources: BTreeSet<TableName>,
    /// Greatest lateness and skew of all sources, in days.
    pub lateness_days_max: i64,
    /// Greatest skew of all sources, in days.
    pub skew_days_max: i64,
}

impl Graph {
    /// Reads the tables of a project.
    pub fn new(project: &Project, prelude: &Prelude) -> Result<Self, FileError> {
        resolve::graph(project, prelude)
    }

    /// A table.
    pub fn get(&self, name: &TableName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// A table that is known to be in the graph.
    pub fn node(&self, name: &TableName) -> &Node {
        self.nodes.get(name).expect("names come from this graph")
    }

    /// The tables, each after what it reads.
    pub fn in_order(&self) -> impl Iterator<Item = &Node> {
        self.order.iter().map(|name| &self.nodes[name])
    }

    /// The sources, as `raw.<source>`.
    pub fn sources(&self) -> &BTreeSet<TableName> {
        &self.sources
    }

    /// The tables that read a table.
    pub fn readers(&self, name: &TableName) -> impl Iterator<Item = &Node> {
        let reads = |node: &&Node| node.inputs.iter().any(|input| input.table == *name);
        self.in_order().filter(reads)
    }

    /// The tables with everything that they read, directly or not.
    pub fn with_upstream(&self, names: &BTreeSet<TableName>) -> BTreeSet<TableName> {
        let mut found = names.clone();
        for name in self.order.iter().rev() {
            if found.contains(name) {
                let inputs = self.nodes[name].inputs.iter().map(|input| input.table.clone());
                found.extend(inputs.filter(|input| self.nodes.contains_key(input)));
            }
        }
        found
    }
}
