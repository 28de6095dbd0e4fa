//! What BigQuery would read and bill for statements, by rules that are written down.
//!
//! Bytes are logical: rows of the partitions that a statement's conditions reach, times the sizes of the
//! types of the columns that it needs. The rules are values (`rules`), each with where it was read; what
//! they lead to is an upper bound wherever the engine may do better and does not promise to. Not for:
//! prices (`cost`), what the tables will be (`growth`), nor for how long a statement takes. No I/O.

pub mod document;
pub mod plan;
pub mod profile;
mod prune;
mod reach;
#[cfg(test)]
mod recorded_test;
pub mod rules;
#[cfg(test)]
mod rules_test;
pub mod sizes;
mod statement;
#[cfg(test)]
mod testing;
mod texts;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    contract::TableName,
    graph::{Graph, Node},
    project::Project,
    query::catalog::{Catalog, TEMPORARY},
    recipe::{Recipe, Step},
    sql::tokens::TokenError,
};

pub use profile::Profile;
pub use reach::{Blame, Scan, Why, blame};
pub use sizes::{Sizes, TableSize};
pub use statement::Charge;
pub use texts::PricedTexts;

/// Prices statements over tables of known sizes.
#[derive(Debug)]
pub struct Ledger<'a> {
    project: &'a Project,
    graph: &'a Graph,
    catalog: Catalog,
    /// Whether tables are taken as if they had no partitions.
    ignores_partitions: bool,
}

/// What a build of a table costs: its statements, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BuildCharge {
    /// Of each statement that reads or writes rows.
    pub statements: Vec<Charge>,
    /// Of that, what the table's own query is billed: another engine may run it.
    pub select_billed_bytes: u64,
    /// What the table's own query processes.
    pub select_bytes: u64,
    /// Rows that the table's own query makes.
    pub made_rows: f64,
    /// Statements that change rows of the table itself: BigQuery takes so many in a time.
    pub dml_count: u64,
    /// The length of the longest statement, in bytes of its text.
    pub text_bytes_max: u64,
}

impl BuildCharge {
    /// Adds what another build of the table costs.
    pub fn add(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.select_billed_bytes += other.select_billed_bytes;
        self.select_bytes += other.select_bytes;
        self.made_rows += other.made_rows;
        self.dml_count += other.dml_count;
        self.text_bytes_max = self.text_bytes_max.max(other.text_bytes_max);
    }

    /// Bytes that are processed, as the rules have it.
    pub fn processed_bytes(&self) -> u64 {
        self.statements.iter().map(|charge| charge.processed_bytes).sum()
    }

    /// The same as a number that divides.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a day are below 2^53")]
    pub fn processed_bytes_exact(&self) -> f64 {
        self.processed_bytes() as f64
    }

    /// Bytes that are billed: no statement below the minimum.
    pub fn billed_bytes(&self) -> u64 {
        self.statements.iter().map(|charge| charge.billed_bytes).sum()
    }

    /// Bytes that are billed where clustering spoils deletes that would be free.
    pub fn billed_bytes_max(&self) -> u64 {
        self.statements.iter().map(|charge| charge.billed_bytes_max).sum()
    }

    /// Partitions of other tables that the table's own query reads.
    pub fn partitions_read(&self) -> u64 {
        let selects =
            self.statements.iter().filter(|charge| charge.statement == rules::SELECT.statement);
        let scans = selects.flat_map(|charge| &charge.scans);
        scans.filter(|scan| scan.table.layer() != TEMPORARY).map(|scan| scan.partitions_read).sum()
    }

    /// What reads the most of all reads that begin with a table's first rows: what to blame if the cost
    /// grows with history.
    pub fn blame(&self) -> Option<&Blame> {
        let scans =
            self.statements.iter().flat_map(|charge| charge.scans.iter().chain(&charge.changed));
        scans.filter_map(|scan| scan.blame.as_ref()).max_by_key(|blame| blame.bytes)
    }
}

impl<'a> Ledger<'a> {
    /// Over the tables of a project.
    pub fn new(project: &'a Project, graph: &'a Graph) -> Self {
        Self { project, graph, catalog: Catalog::new(project), ignores_partitions: false }
    }

    /// As if no table had partitions: every read is of all of it, and no delete is free.
    #[must_use]
    pub fn without_partitions(self) -> Self {
        Self { ignores_partitions: true, ..self }
    }

    /// What a recipe costs. `new_rows` is how many rows each of its windows makes, in order.
    pub fn recipe(
        &mut self,
        node: &Node,
        recipe: &Recipe,
        new_rows: &[f64],
        sizes: &mut Sizes,
    ) -> Result<BuildCharge, TokenError> {
        let own = sizes.get(node.name()).cloned().unwrap_or_default();
        let mut made = new_rows.iter().copied();
        for kept in &recipe.kept {
            let row_count = if kept.starts_with(crate::recipe::statements::NEW_ROWS) {
                made.next().unwrap_or_default()
            } else {
                0.0
            };
            self.catalog.set_temporary(kept, &node.file.contract);
            let rows = BTreeMap::from([(None, row_count)]);
            let size = TableSize { rows, columns: own.columns.clone() };
            sizes.set(TableName::new(TEMPORARY, kept), size);
        }
        let mut charge = BuildCharge::default();
        for step in recipe.prepare.iter().chain(&recipe.commit).chain(&recipe.finish) {
            let is_dml =
                matches!(step, Step::Delete { .. } | Step::Insert { .. } | Step::Merge { .. });
            charge.dml_count += u64::from(is_dml);
            charge.text_bytes_max = charge.text_bytes_max.max(step.sql().len() as u64);
            let mut statement = self.statement(step.sql(), sizes)?;
            if matches!(step, Step::Keep { .. }) {
                self.find_places(node, &mut statement);
                charge.select_billed_bytes += statement.billed_bytes;
                charge.select_bytes += statement.processed_bytes;
            } else {
                statement.forget_places();
            }
            charge.statements.push(statement);
        }
        Ok(charge)
    }

    /// What statements cost that were sent for a table, which made so many rows in all. What the ledger does
    /// not take, such as the beginning of a transaction, costs nothing.
    pub fn sent(
        &mut self,
        node: &Node,
        statements: &[String],
        row_count: i64,
        sizes: &mut Sizes,
    ) -> BuildCharge {
        let columns = sizes.get(node.name()).map(|size| size.columns.clone()).unwrap_or_default();
        let name = |sql: &String| {
            let rest = sql.strip_prefix("create or replace temp table ")?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        let made: Vec<String> = statements.iter().filter_map(name).collect();
        let each = f64::from(i32::try_from(row_count).unwrap_or(i32::MAX))
            / f64::from(u32::try_from(made.len().max(1)).unwrap_or(1));
        for kept in &made {
            self.catalog.set_temporary(kept, &node.file.contract);
            let size = TableSize { rows: BTreeMap::from([(None, each)]), columns: columns.clone() };
            sizes.set(TableName::new(TEMPORARY, kept), size);
        }
        let charges = statements.iter().filter_map(|sql| self.statement(sql, sizes).ok());
        let statements: Vec<Charge> = charges.filter(Charge::is_of_rows).collect();
        BuildCharge { statements, ..BuildCharge::default() }
    }

    /// Gives what is to blame in a table's own query its place in the table's file, and the condition as it
    /// stands there: the bound text has the same reads for the same reasons.
    fn find_places(&self, node: &Node, charge: &mut Charge) {
        for blame in charge.scans.iter_mut().filter_map(|scan| scan.blame.as_mut()) {
            let reads = node.facts.reads.iter().filter(|read| read.table == blame.table);
            let mut own = reads.filter_map(|read| self.blame_of(read));
            let own = own.find(|own| own.why == blame.why);
            blame.place = own.as_ref().and_then(|own| own.place.clone());
            if let Some(own) = own {
                blame.condition = own.condition;
            }
        }
    }
}
