//! What lies ahead: rows of days that have not begun to load, and that no mart has yet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Planner;
use crate::{
    contract::{BuildKind, TableName},
    graph::Domain,
};

/// Rows that the marts among some tables will take when messages of their days have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Where marts end.
    pub last_load_date: Date,
    /// The last day of which there are rows.
    pub last_date: Date,
    /// How many rows of days after the last load date, by the table that marts read them from.
    pub row_counts: BTreeMap<TableName, i64>,
}

/// What the marts among `tables` do not have yet; `None` if that is nothing.
pub fn ahead(planner: &Planner, tables: &BTreeSet<TableName>) -> Option<Ahead> {
    let (_, last_load_date) = planner.load_dates()?;
    let marts = tables.iter().filter(|name| name.layer() == "mart");
    let inputs = marts.flat_map(|name| &planner.graph().node(name).inputs);
    // A table of each day of a calendar, and a history, have rows that are of no event.
    let is_of_events = |name: &&TableName| {
        planner.graph().get(name).is_some_and(|node| {
            node.content == Domain::BusinessDate
                && matches!(node.build(), BuildKind::Delta | BuildKind::Partition)
                && name.layer() != "mart"
        })
    };
    let read: BTreeSet<&TableName> = inputs
        .filter(|input| !input.is_lookup)
        .map(|input| &input.table)
        .filter(is_of_events)
        .collect();
    let mut row_counts = BTreeMap::new();
    let mut last_date = None;
    for table in read {
        let dates = planner.snapshot().occupied_dates(table).filter(|date| *date > last_load_date);
        for date in dates {
            let row_count = planner.snapshot().content(table, Some(date)).row_count;
            *row_counts.entry(table.clone()).or_default() += row_count;
            last_date = last_date.max(Some(date));
        }
    }
    Some(Ahead { last_load_date, last_date: last_date?, row_counts })
}
