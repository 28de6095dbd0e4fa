//! What the project's contracts say of tables, sources and functions, for looking up names.

use std::collections::{BTreeMap, BTreeSet};

use super::relation::{Column, Relation};
use crate::{
    contract::{
        BuildKind, ColumnType, Contract, Growth, TableName,
        source::{RAW_COLUMNS, REJECT_FIELD, REJECT_REASON, SourceContract},
    },
    portable::types::Type,
    project::Project,
};

/// The layer of temporary tables, which no statement writes.
pub const TEMPORARY: &str = "temporary";

/// The column by which every source is partitioned.
const LOAD_DATE: &str = "load_date";

/// What a query may know of a table that it reads.
#[derive(Clone, Debug)]
pub struct TableFacts {
    /// Its columns and keys.
    pub rows: Relation,
    /// The column of its partitions.
    pub partition_by: Option<String>,
    /// With what it grows.
    pub growth: Growth,
    /// How it is built; `None` for a source.
    pub build: Option<BuildKind>,
}

/// Tables, sources and functions by name.
#[derive(Debug, Default)]
pub struct Catalog {
    tables: BTreeMap<TableName, TableFacts>,
    parsers: BTreeMap<String, Type>,
    functions: BTreeSet<String>,
}

impl Catalog {
    /// Of a project.
    pub fn new(project: &Project) -> Self {
        let mut catalog = Self::default();
        for (name, file) in &project.tables {
            catalog.tables.insert(name.clone(), table_facts(&file.contract));
        }
        for (name, source) in &project.sources {
            catalog.tables.insert(TableName::new("raw", name), source_facts());
            catalog.parsers.insert(format!("udf.parse_{name}"), parsed(&source.contract));
        }
        let words = project.duckdb_functions.split_whitespace();
        let names = words.filter_map(|word| word.split('(').next());
        catalog.functions.extend(names.filter(|name| name.starts_with("udf.")).map(str::to_owned));
        catalog
    }

    /// A table or source.
    pub fn table(&self, name: &TableName) -> Option<&TableFacts> {
        self.tables.get(name)
    }

    /// From now on there is a temporary table with the columns of a contract.
    pub fn set_temporary(&mut self, name: &str, contract: &Contract) {
        let facts = TableFacts { partition_by: None, ..table_facts(contract) };
        self.tables.insert(TableName::new(TEMPORARY, name), facts);
    }

    /// A temporary table, by the name that a statement writes.
    pub fn temporary(&self, name: &str) -> Option<TableName> {
        let name = TableName::new(TEMPORARY, name);
        self.tables.contains_key(&name).then_some(name)
    }

    /// What a source's payload parser returns.
    pub fn parser(&self, function: &str) -> Option<&Type> {
        self.parsers.get(function)
    }

    /// Whether the project defines such a function itself, in `layers/functions/`.
    pub fn defines(&self, function: &str) -> bool {
        self.functions.contains(function)
    }
}

/// The rows of a table as its contract has them.
pub fn contract_rows(contract: &Contract) -> Relation {
    let has_hashdiff = contract.columns.contains_key("hashdiff");
    let is_key = |name: &str| name == LOAD_DATE || contract.grain.iter().any(|key| key == name);
    let column = |(name, column): (&String, &crate::contract::Column)| Column {
        is_hashed: has_hashdiff && !is_key(name),
        ..Column::new(name.clone(), column.kind.into())
    };
    let mut rows =
        Relation { columns: contract.columns.iter().map(column).collect(), ..Relation::default() };
    let key = contract.grain.iter().filter_map(|name| rows.position(name)).collect();
    rows.is_unique_by(key);
    rows
}

fn table_facts(contract: &Contract) -> TableFacts {
    TableFacts {
        rows: contract_rows(contract),
        partition_by: contract.partition_by.clone(),
        growth: contract.growth,
        build: Some(contract.build),
    }
}

/// Raw holds copies of messages, so it has no key.
fn source_facts() -> TableFacts {
    let column = |(name, kind): (&str, ColumnType)| Column::new(name, kind.into());
    let mut rows =
        Relation { columns: RAW_COLUMNS.into_iter().map(column).collect(), ..Relation::default() };
    // Copies of a message are copies of all of it.
    let all = rows.all();
    rows.depends([0].into(), all);
    TableFacts {
        rows,
        partition_by: Some(LOAD_DATE.to_owned()),
        growth: Growth::Events,
        build: None,
    }
}

/// The fields, each in its type, and what there is to say against the message.
fn parsed(contract: &SourceContract) -> Type {
    let fields = contract.fields.iter().map(|(name, field)| (name.clone(), field.kind.into()));
    let verdict = [REJECT_REASON, REJECT_FIELD].map(|name| (name.to_owned(), Type::String));
    Type::Struct(fields.chain(verdict).collect())
}
