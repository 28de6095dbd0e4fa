//! Two lakes side by side: which tables must hold the same, and the cells in which they do not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    lake::Lake,
    message::{Sent, Side},
    property::Property,
    trial::Trial,
};
use crate::{
    contract::{BuildKind, TableName},
    graph::{Graph, Node},
    port_error::PortError,
    warehouse::Session,
};

/// Columns that say how a message came, and not what it said: they differ between ways to come in.
pub const ARRIVAL_COLUMNS: [&str; 5] =
    ["message_id", "published_at", "received_at", "earlier_message_id", "rejection_hk"];

/// A row as texts, NULL as `None`.
pub type Row = Vec<Option<String>>;

/// What of a table must be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The table.
    pub table: TableName,
    /// The columns.
    pub columns: Vec<String>,
    /// Those that tell one row from another.
    pub key: Vec<String>,
}

/// Rows of a table that are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The first such table in the order of the graph.
    pub table: TableName,
    /// The tables after it that differ too.
    pub also: Vec<TableName>,
    /// The columns that were compared.
    pub columns: Vec<String>,
    /// Those that tell one row from another.
    pub key: Vec<String>,
    /// The rows that differ, in pairs of one key.
    pub pairs: Vec<Pair>,
    /// The rows that are the same.
    #[serde(skip)]
    pub same: Vec<Row>,
}

/// A row of both sides, or of one that the other does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// As it must be.
    pub reference: Option<Row>,
    /// As it is.
    pub variation: Option<Row>,
}

impl Reading {
    /// All of a table.
    pub fn all(node: &Node) -> Self {
        let contract = &node.file.contract;
        let columns = contract.columns.keys().cloned().collect();
        Self { table: node.name().clone(), columns, key: contract.grain.clone() }
    }

    fn without_arrival(mut self, node: &Node) -> Self {
        let contract = &node.file.contract;
        self.columns.retain(|column| !contract.is_of_arrival(column));
        self.key.retain(|column| !contract.is_of_arrival(column));
        self
    }
}

/// What must be the same in both runs of a trial.
pub fn readings(trial: &Trial, graph: &Graph) -> Vec<Reading> {
    let has_new_message = trial.messages.iter().any(|sent| sent.side == Side::Variation);
    let tables = graph.in_order().filter(|node| node.build() != BuildKind::Seed);
    match trial.property {
        Property::Late => tables
            .filter(|node| ["dimensional", "mart"].contains(&node.name().layer()))
            .map(|node| Reading::all(node).without_arrival(node))
            .collect(),
        Property::Copies if has_new_message => {
            let counting = that_count_duplicates(trial, graph);
            tables.filter(|node| !counting.contains(node.name())).map(Reading::all).collect()
        }
        _ => tables.map(Reading::all).collect(),
    }
}

/// The tables in which a new copy counts: those of all messages and those of duplicates, what reads the
/// latter, and what says by load date what all valid messages of that date said. A merge of the same
/// rows again is the same.
fn that_count_duplicates(trial: &Trial, graph: &Graph) -> BTreeSet<TableName> {
    let sources: BTreeSet<&str> = trial.messages.iter().map(|sent| sent.source.name()).collect();
    let named = |ending: &str| {
        let table = |source: &&str| TableName::new("standardized", &format!("{source}_{ending}"));
        sources.iter().map(table).collect::<BTreeSet<_>>()
    };
    let mut found = named("duplicates");
    for node in graph.in_order() {
        if node.inputs.iter().any(|input| found.contains(&input.table)) {
            found.insert(node.name().clone());
        }
    }
    let checked = named("checked");
    let is_by_day = |node: &&Node| {
        node.build() == BuildKind::Partition
            && node.name().layer() != "standardized"
            && node.inputs.iter().any(|input| checked.contains(&input.table))
    };
    found.extend(graph.in_order().filter(is_by_day).map(|node| node.name().clone()));
    found.extend(checked);
    found
}

/// A hash and a count of the rows of each reading.
pub fn fingerprints(lake: &Lake<'_>, readings: &[Reading]) -> Result<Vec<Row>, PortError> {
    if readings.is_empty() {
        return Ok(Vec::new());
    }
    let selects: Vec<String> = readings
        .iter()
        .enumerate()
        .map(|(place, reading)| {
            let columns: Vec<_> =
                reading.columns.iter().map(|name| (name.as_str(), None)).collect();
            let hash = lake.warehouse.dialect().hash_sum_expression(&columns);
            format!("select {place} as place, {hash}, count(*) from {}", reading.table)
        })
        .collect();
    let sql = format!("{} order by place", selects.join(" union all "));
    lake.warehouse.session()?.query(&sql)?.text_rows()
}

/// The rows of a reading.
pub fn rows(session: &mut dyn Session, reading: &Reading) -> Result<Vec<Row>, PortError> {
    let columns = reading.columns.join(", ");
    session.query(&format!("select {columns} from {}", reading.table))?.text_rows()
}

/// The first reading in which the lakes differ, with the rows.
pub fn difference(
    reference: &Lake<'_>,
    variation: &Lake<'_>,
    readings: &[Reading],
) -> Result<Option<Difference>, PortError> {
    let wanted = fingerprints(reference, readings)?;
    let found = fingerprints(variation, readings)?;
    let mut differing =
        readings.iter().zip(wanted.iter().zip(&found)).filter(|(_, (w, f))| w != f).map(|(r, _)| r);
    let Some(first) = differing.next() else { return Ok(None) };
    let also = differing.map(|reading| reading.table.clone()).collect();
    let wanted = rows(reference.warehouse.session()?.as_mut(), first)?;
    let found = rows(variation.warehouse.session()?.as_mut(), first)?;
    Ok(Some(Difference { also, ..first.compare(&wanted, &found) }))
}

impl Reading {
    /// The rows in which two readings differ.
    pub fn compare(&self, reference: &[Row], variation: &[Row]) -> Difference {
        let mut counts: BTreeMap<&Row, i64> = BTreeMap::new();
        for row in reference {
            *counts.entry(row).or_default() += 1;
        }
        for row in variation {
            *counts.entry(row).or_default() -= 1;
        }
        // Of a row that one side has more often, one stands for those that both have.
        let same = reference.iter().filter(|row| counts[row] <= 0).cloned().collect();
        let place = |column: &String| self.columns.iter().position(|own| own == column);
        let key: Vec<usize> = self.key.iter().filter_map(place).collect();
        let key_of = |row: &Row| key.iter().map(|at| row[*at].clone()).collect::<Row>();
        let mut by_key: BTreeMap<Row, (Vec<Row>, Vec<Row>)> = BTreeMap::new();
        for (row, count) in counts {
            let (left, right) = by_key.entry(key_of(row)).or_default();
            let side = if count > 0 { left } else { right };
            side.extend((0..count.unsigned_abs()).map(|_| row.clone()));
        }
        let pairs = by_key.into_values().flat_map(|(left, right)| {
            let length = left.len().max(right.len());
            let (mut left, mut right) = (left.into_iter(), right.into_iter());
            (0..length)
                .map(move |_| Pair { reference: left.next(), variation: right.next() })
                .collect::<Vec<_>>()
        });
        Difference {
            table: self.table.clone(),
            also: Vec::new(),
            columns: self.columns.clone(),
            key: self.key.clone(),
            pairs: pairs.collect(),
            same,
        }
    }
}

impl Pair {
    /// The row of one side.
    pub fn row(&self, side: Side) -> Option<&Row> {
        if side == Side::Variation { self.variation.as_ref() } else { self.reference.as_ref() }
    }
}

impl Difference {
    /// The columns in which a pair differs; none if one side has no such row.
    pub fn differing_columns(&self, pair: &Pair) -> Vec<&str> {
        let (Some(reference), Some(variation)) = (&pair.reference, &pair.variation) else {
            return Vec::new();
        };
        let cells = self.columns.iter().zip(reference.iter().zip(variation));
        cells.filter(|(_, (left, right))| left != right).map(|(name, _)| name.as_str()).collect()
    }
}

/// The messages as a side of a trial has them, by id.
pub fn by_id<'a>(messages: impl IntoIterator<Item = &'a Sent>) -> BTreeMap<&'a str, &'a Sent> {
    messages.into_iter().map(|sent| (sent.message_id.as_str(), sent)).collect()
}
