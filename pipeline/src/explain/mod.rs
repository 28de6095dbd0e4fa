//! `lakebed explain`: from rows of a table down to the messages that made them.
//!
//! First the rows are followed through the queries of all tables above, down to the messages
//! ([`chain`]). Then those messages alone go through the same queries in an empty warehouse
//! ([`recompute`]): if the asked cells come out as they are in the table, they were enough. If not, rows
//! are added that say what is not so (`refine`), and it is tried again. Nothing is written to the data
//! folder.
//!
//! Not for: printing (`commands`), nor for who reads which table (`graph`).

pub mod annotate;
pub mod chain;
mod locate;
pub mod recompute;
mod refine;
mod rows;
pub mod turned_away;

use std::{collections::BTreeSet, io};

use jiff::civil::Date;
use serde::Serialize;
use tempfile::TempDir;

use crate::{
    contract::TableName,
    graph::{Graph, Node},
    port_error::PortError,
    warehouse::{Session, SharedWarehouse, Warehouse},
};
use annotate::Breadth;
use chain::{Chain, Lineage, Needed};
use recompute::{Messages, Row};
use refine::Compared;
use turned_away::TurnedAway;

pub use locate::{Located, locate};

/// So often more is followed. A round sets at least one layer right, and there are five.
const ROUNDS_MAX: usize = 8;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// A table of the graph.
    pub table: TableName,
    /// Which of its rows: a condition in SQL.
    pub condition: String,
    /// Which of its columns; `None`: all.
    pub column: Option<String>,
    /// How many rows at most, the first by the grain.
    pub row_limit: usize,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The condition is wrong.
    #[error("the condition is wrong")]
    Condition(#[source] PortError),
    /// The condition picks nothing.
    #[error("{table} has no such row")]
    NoRow {
        /// The table.
        table: TableName,
        /// How many rows it has.
        row_count: i64,
    },
    /// No message was ever brought in.
    #[error("the raw layer is empty")]
    NoMessages,
    /// A statement failed.
    #[error("the warehouse failed")]
    Warehouse(#[from] PortError),
    /// The messages could not be put aside.
    #[error("cannot write the messages that are tried")]
    Folder(#[from] io::Error),
}

/// Where rows come from.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The table.
    pub table: TableName,
    /// How many rows the condition picks.
    pub picked_count: i64,
    /// The columns of `rows`: the grain, then what was asked for.
    pub columns: Vec<String>,
    /// The rows that are explained.
    pub rows: Vec<Row>,
    /// The tables that they were made of.
    pub chain: Chain,
    /// Whether the messages at the end of the chain give the same rows.
    pub proof: Proof,
    /// What came of fewer messages, which were not enough.
    pub failed: Vec<Proof>,
    /// Messages that did not count.
    pub turned_away: Vec<TurnedAway>,
}

/// What came of computing the rows anew.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// Whether the rows came out the same.
    pub is_same: bool,
    /// From which messages.
    pub from: Extent,
    /// How many they are.
    pub message_count: i64,
    /// What came out.
    pub rows: Vec<Row>,
}

/// Which messages rows were computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Those at the end of the chain.
    Chain,
    /// All: those of the chain were not enough.
    All,
}

/// Explains rows of a table. `warehouse` is only read; each of the warehouses that `empty` gives is
/// used once.
pub fn explain(
    warehouse: &dyn Warehouse,
    graph: &Graph,
    request: &Request,
    empty: &dyn Fn() -> Result<SharedWarehouse, PortError>,
) -> Result<(Explanation, Box<dyn Session>), ExplainError> {
    let mut session = warehouse.session()?;
    let node = graph.node(&request.table);
    let picked_count = pick(session.as_mut(), graph, node, request)?;
    let load_dates = load_dates(session.as_mut(), graph)?.ok_or(ExplainError::NoMessages)?;
    let columns = asked_columns(node, request);
    let is_picked = rows::is_kept(graph, &request.table);
    let rows = recompute::rows_where(session.as_mut(), node, &columns, &is_picked)?;
    let by_grain = rows::among(node, &columns, &rows);
    let asked: BTreeSet<String> = columns.iter().cloned().collect();
    let mut attempt = Attempt { session: session.as_mut(), node, empty, columns, by_grain };
    let lineage = Lineage { graph, load_dates, breadth: Breadth::Columns };
    let (chain, proof, failed) = attempt.prove_chain(&lineage, &asked, &rows)?;
    let turned_away = turned_away::find(&mut attempt, &lineage, &chain)?;
    let Attempt { columns, .. } = attempt;
    let table = request.table.clone();
    let explanation =
        Explanation { table, picked_count, columns, rows, chain, proof, failed, turned_away };
    Ok((explanation, session))
}

/// What every computing anew needs.
pub struct Attempt<'a> {
    session: &'a mut dyn Session,
    node: &'a Node,
    empty: &'a dyn Fn() -> Result<SharedWarehouse, PortError>,
    columns: Vec<String>,
    /// The condition that picks the rows, by their grain.
    by_grain: String,
}

impl Attempt<'_> {
    /// Follows the rows until the messages at the end give them again, or nothing is left to add.
    fn prove_chain(
        &mut self,
        lineage: &Lineage<'_>,
        asked: &BTreeSet<String>,
        rows: &[Row],
    ) -> Result<(Chain, Proof, Vec<Proof>), ExplainError> {
        let mut besides = Needed::new();
        let mut failed = Vec::new();
        loop {
            let table = self.node.name();
            let chain = lineage.follow(self.session, table, asked, &besides)?;
            let (proof, trial) = self.prove(lineage, &chain, Extent::Chain, rows)?;
            if proof.is_same {
                return Ok((chain, proof, failed));
            }
            failed.push(proof);
            let is_last = failed.len() == ROUNDS_MAX;
            if is_last || !self.set_right(lineage, (asked, &chain), &trial, &mut besides)? {
                let (proof, _) = self.prove(lineage, &chain, Extent::All, rows)?;
                return Ok((chain, proof, failed));
            }
        }
    }

    fn prove(
        &mut self,
        lineage: &Lineage<'_>,
        chain: &Chain,
        from: Extent,
        rows: &[Row],
    ) -> Result<(Proof, Trial), ExplainError> {
        let messages = if from == Extent::All { Messages::All } else { Messages::Kept };
        let trial = self.rebuilt(lineage, chain, &messages, &|_, _| Ok(()))?;
        let mut inside = trial.warehouse.session()?;
        let found =
            recompute::rows_where(inside.as_mut(), self.node, &self.columns, &self.by_grain)?;
        let is_same = rows::are_same(self.node, &self.columns, rows, &found);
        let proof = Proof { is_same, from, message_count: trial.message_count, rows: found };
        Ok((proof, trial))
    }

    /// Adds what a wrong result shows to be needed besides; false if it shows nothing.
    fn set_right(
        &mut self,
        lineage: &Lineage<'_>,
        (asked, chain): (&BTreeSet<String>, &Chain),
        trial: &Trial,
        besides: &mut Needed,
    ) -> Result<bool, ExplainError> {
        let mut inside = trial.warehouse.session()?;
        let inside = inside.as_mut();
        let table = self.node.name();
        rows::keep_where(inside, lineage.graph, table, &self.by_grain)?;
        let wrong = &lineage.follow(inside, table, asked, &Needed::new())?;
        let folder = trial.folder.path();
        let session = &mut *self.session;
        let mut compared = Compared { lineage, session, chain, inside, wrong, folder };
        Ok(compared.set_right(besides)?)
    }

    /// A warehouse with the tables made of these messages.
    fn rebuilt(
        &mut self,
        lineage: &Lineage<'_>,
        chain: &Chain,
        messages: &Messages<'_>,
        after: &dyn Fn(&mut dyn Session, &Node) -> Result<(), PortError>,
    ) -> Result<Trial, ExplainError> {
        let folder = tempfile::tempdir()?;
        let warehouse = (self.empty)()?;
        let message_count =
            recompute::bring(lineage, self.session, warehouse.as_ref(), folder.path(), messages)?;
        recompute::rebuild(lineage, warehouse.as_ref(), self.node.name(), chain, after)?;
        Ok(Trial { warehouse, message_count, folder })
    }
}

/// A warehouse over some of the messages.
struct Trial {
    warehouse: SharedWarehouse,
    message_count: i64,
    /// The messages.
    folder: TempDir,
}

/// Keeps the rows that are asked for; returns how many the condition picks.
fn pick(
    session: &mut dyn Session,
    graph: &Graph,
    node: &Node,
    request: &Request,
) -> Result<i64, ExplainError> {
    let Request { table, condition, row_limit, .. } = request;
    let picked = session
        .query(&format!("{}{condition}\n)", condition_prefix(table)))
        .map_err(|error| {
            let offset = error.offset().map(|at| at.saturating_sub(condition_prefix(table).len()));
            ExplainError::Condition(error.at(offset))
        })?
        .count()?;
    if picked == 0 {
        let row_count = session.query(&format!("select count(*) from {table}"))?.count()?;
        return Err(ExplainError::NoRow { table: table.clone(), row_count });
    }
    let first = format!("({condition}\n) order by {} limit {row_limit}", rows::grain(node));
    rows::keep_where(session, graph, table, &first)?;
    Ok(picked)
}

fn condition_prefix(table: &TableName) -> String {
    format!("select count(*) from {table} where (")
}

/// The grain, then what was asked for.
fn asked_columns(node: &Node, request: &Request) -> Vec<String> {
    let contract = &node.file.contract;
    let is_asked = |column: &&String| match &request.column {
        Some(asked) => *column == asked,
        None => true,
    };
    let others = contract.columns.keys().filter(is_asked);
    let others = others.filter(|column| !contract.grain.contains(column));
    contract.grain.iter().chain(others).cloned().collect()
}

fn load_dates(session: &mut dyn Session, graph: &Graph) -> Result<Option<(Date, Date)>, PortError> {
    let mut dates: Vec<Date> = Vec::new();
    for source in graph.sources() {
        let rows = session
            .query(&format!("select min(load_date), max(load_date) from {source}"))?
            .text_rows()?;
        dates.extend(rows.iter().flatten().flatten().filter_map(|text| text.parse::<Date>().ok()));
    }
    Ok(dates.iter().min().copied().zip(dates.iter().max().copied()))
}
