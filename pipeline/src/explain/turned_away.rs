//! Messages that would have counted and did not: duplicates, and those that were rejected.
//!
//! A duplicate is beside the message that brought its event first: it is turned away for a message of
//! the chain if the messages before it lead back to one. A rejected message would have counted if it
//! comes to be among what the rows are made of once it is not: the tables are made anew from the chain's
//! messages and the rejected ones, and the rows are followed there. Those stay rejected of which
//! something could not be read that the chain needs and that an accepted message always has.
//!
//! Both go by what every source's tables share: `<source>_duplicates` names the message before
//! (`earlier_message_id`), and the table that judges messages gives each a `reject_reason`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Attempt, ExplainError,
    annotate::Breadth,
    chain::{Chain, Lineage, Link, Needed},
    recompute::Messages,
    rows,
};
use crate::{contract::TableName, graph::Node, port_error::PortError, warehouse::Session};

/// Why a message did not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Another message of the chain had brought the same before.
    Duplicate,
    /// It was rejected.
    Rejected,
}

/// Messages of one table that did not count.
#[derive(Clone, Debug, Serialize)]
pub struct TurnedAway {
    /// Why.
    pub kind: Kind,
    /// The table that has them.
    pub table: TableName,
    /// The messages, in order of their ids.
    pub messages: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Message {
    /// Its id, under which raw has it.
    pub message_id: String,
    /// The reason of its rejection, or the message before it.
    pub because: String,
}

/// The messages that the kept messages of a chain leave out.
pub fn find(
    attempt: &mut Attempt<'_>,
    lineage: &Lineage<'_>,
    chain: &Chain,
) -> Result<Vec<TurnedAway>, ExplainError> {
    let mut found = duplicates(attempt.session, lineage, chain)?;
    found.extend(rejected(attempt, lineage, chain)?);
    Ok(found)
}

fn has_columns(node: &Node, columns: &[&str]) -> bool {
    columns.iter().all(|column| node.file.contract.columns.contains_key(*column))
}

fn duplicates(
    session: &mut dyn Session,
    lineage: &Lineage<'_>,
    chain: &Chain,
) -> Result<Vec<TurnedAway>, PortError> {
    let mut found = Vec::new();
    for leaf in chain.leaves(lineage.graph) {
        let table = TableName::new("standardized", &format!("{}_duplicates", leaf.table.table()));
        let node = lineage.graph.get(&table);
        if !node.is_some_and(|node| has_columns(node, &["message_id", "earlier_message_id"])) {
            continue;
        }
        let kept = rows::kept(&leaf.table);
        let number = rows::message_number;
        let rows = session.query(&format!(
            "with recursive dropped as (\
               select message_id, earlier_message_id from {table} \
               where {} in (select id from {kept}) \
               union \
               select d.message_id, d.earlier_message_id from {table} as d \
               join dropped on d.earlier_message_id = dropped.message_id) \
             select message_id, earlier_message_id from dropped \
             where {} not in (select id from {kept}) order by 1",
            number("earlier_message_id"),
            number("message_id"),
        ))?;
        push(&mut found, Kind::Duplicate, &table, messages(&rows.text_rows()?));
    }
    Ok(found)
}

fn push(found: &mut Vec<TurnedAway>, kind: Kind, table: &TableName, messages: Vec<Message>) {
    if !messages.is_empty() {
        found.push(TurnedAway { kind, table: table.clone(), messages });
    }
}

fn messages(rows: &[Vec<Option<String>>]) -> Vec<Message> {
    let message = |row: &Vec<Option<String>>| {
        Some(Message { message_id: row[0].clone()?, because: row[1].clone()? })
    };
    rows.iter().filter_map(message).collect()
}

fn rejected(
    attempt: &mut Attempt<'_>,
    lineage: &Lineage<'_>,
    chain: &Chain,
) -> Result<Vec<TurnedAway>, ExplainError> {
    let judges: Vec<TableName> = judges(attempt.session, lineage, chain)?;
    if judges.is_empty() {
        return Ok(Vec::new());
    }
    let forgive = |session: &mut dyn Session, node: &Node| {
        if !judges.contains(node.name()) {
            return Ok(());
        }
        let readable = readable(lineage, node, chain.link(node.name()));
        let update = format!("update {} set reject_reason = null where {readable}", node.name());
        session.execute(&update).map(drop)
    };
    let messages = Messages::KeptAndRejected(&judges);
    let trial = attempt.rebuilt(lineage, chain, &messages, &forgive)?;
    let mut inside = trial.warehouse.session()?;
    let target = attempt.node.name();
    rows::keep_where(inside.as_mut(), lineage.graph, target, &attempt.by_grain)?;
    let all = Lineage { breadth: Breadth::Equals, ..*lineage };
    let columns: BTreeSet<String> = attempt.columns.iter().cloned().collect();
    all.follow(inside.as_mut(), target, &columns, &Needed::new())?;
    let mut found = Vec::new();
    for judge in &judges {
        let reasons = reasons(attempt.session, lineage, judge)?;
        let mut would_count = Vec::new();
        for input in &lineage.graph.node(judge).inputs {
            let ids = inside.query(&format!(
                "select distinct message_id from {} where {}",
                input.table,
                rows::is_kept(lineage.graph, &input.table)
            ))?;
            let ids = ids.text_rows()?.into_iter().flatten().flatten();
            would_count.extend(ids.filter_map(|message_id| {
                let because = reasons.get(&message_id)?.clone();
                Some(Message { message_id, because })
            }));
        }
        would_count.sort();
        push(&mut found, Kind::Rejected, judge, would_count);
    }
    Ok(found)
}

/// The condition that a message has what the chain needs of it: of the columns that an accepted one
/// always has, those that are needed.
fn readable(lineage: &Lineage<'_>, judge: &Node, link: Option<&Link>) -> String {
    let mut required = BTreeSet::new();
    for input in &judge.inputs {
        let accepted = TableName::new("standardized", input.table.table());
        let columns = lineage.graph.get(&accepted).map(|node| &node.file.contract.columns);
        let all = columns.into_iter().flatten().filter(|(_, column)| column.required);
        required.extend(all.map(|(name, _)| name.clone()));
    }
    let needed = link.into_iter().flat_map(|link| &link.columns);
    let each =
        needed.filter(|name| required.contains(*name) && has_columns(judge, &[name.as_str()]));
    let each: Vec<String> = each.map(|name| format!("{name} is not null")).collect();
    if each.is_empty() { "true".to_owned() } else { each.join(" and ") }
}

/// The tables of the chain that reject messages.
fn judges(
    session: &mut dyn Session,
    lineage: &Lineage<'_>,
    chain: &Chain,
) -> Result<Vec<TableName>, PortError> {
    let mut found = Vec::new();
    for link in &chain.links {
        let Some(node) = lineage.graph.get(&link.table) else { continue };
        let reads_raw = node.inputs.iter().all(|input| input.table.layer() == "raw");
        if reads_raw
            && has_columns(node, &["message_id", "reject_reason"])
            && !reasons(session, lineage, node.name())?.is_empty()
        {
            found.push(link.table.clone());
        }
    }
    Ok(found)
}

/// The rejected messages that are not of the chain, each with its reason.
fn reasons(
    session: &mut dyn Session,
    lineage: &Lineage<'_>,
    judge: &TableName,
) -> Result<BTreeMap<String, String>, PortError> {
    let not_kept: Vec<String> = lineage
        .graph
        .node(judge)
        .inputs
        .iter()
        .map(|input| {
            let number = rows::message_number("message_id");
            format!("{number} not in (select id from {})", rows::kept(&input.table))
        })
        .collect();
    let rows = session.query(&format!(
        "select message_id, reject_reason from {judge} where reject_reason is not null and {}",
        not_kept.join(" and ")
    ))?;
    let pairs = rows.text_rows()?.into_iter();
    Ok(pairs.filter_map(|row| Some((row[0].clone()?, row[1].clone()?))).collect())
}
