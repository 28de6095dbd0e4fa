//! What BigQuery would read and bill for statements, by rules that are written down.
//!
//! Bytes are logical: rows of the partitions that a statement's conditions reach, times the sizes of the
//! types of the columns that it needs. The rules are values (`rules`), each with where it was read; what
//! they lead to is an upper bound wherever the engine may do better and does not promise to. Not for:
//! prices (`cost`), what the tables will be (`growth`), nor for how long a statement takes. No I/O.

pub mod document;
mod prune;
mod reach;
pub mod rules;
pub mod sizes;
mod statement;

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

pub use reach::{Blame, Scan};
pub use sizes::{Sizes, TableSize};
pub use statement::Charge;

/// Prices statements over tables of known sizes.
#[derive(Debug)]
pub struct Ledger<'a> {
    project: &'a Project,
    graph: &'a Graph,
    catalog: Catalog,
}

/// What a build of a table costs: its statements, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BuildCharge {
    /// Of each statement that reads or writes rows.
    pub statements: Vec<Charge>,
    /// Statements that change rows of the table itself: BigQuery takes so many in a time.
    pub dml_count: u64,
    /// The length of the longest statement, in bytes of its text.
    pub text_bytes_max: u64,
}

impl BuildCharge {
    /// Adds what another build of the table costs.
    pub fn add(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.dml_count += other.dml_count;
        self.text_bytes_max = self.text_bytes_max.max(other.text_bytes_max);
    }

    /// Bytes that are processed, as the rules have it.
    pub fn processed_bytes(&self) -> u64 {
        self.statements.iter().map(|charge| charge.processed_bytes).sum()
    }

    /// Bytes that are billed: no statement below the minimum.
    pub fn billed_bytes(&self) -> u64 {
        self.statements.iter().map(|charge| charge.billed_bytes).sum()
    }

    /// Bytes that are billed where clustering spoils deletes that would be free.
    pub fn billed_bytes_max(&self) -> u64 {
        self.statements.iter().map(|charge| charge.billed_bytes_max).sum()
    }

    /// What reads the most of all reads that begin with a table's first rows: what to blame if the cost
    /// grows with history.
    pub fn blame(&self) -> Option<&Blame> {
        let scans = self.statements.iter().flat_map(|charge| &charge.scans);
        scans.filter_map(|scan| scan.blame.as_ref()).max_by_key(|blame| blame.bytes)
    }
}

impl<'a> Ledger<'a> {
    /// Over the tables of a project.
    pub fn new(project: &'a Project, graph: &'a Graph) -> Self {
        Self { project, graph, catalog: Catalog::new(project) }
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
            charge.statements.push(self.statement(step.sql(), sizes)?);
        }
        Ok(charge)
    }
}
