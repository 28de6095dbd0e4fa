//! What must hold of one lake by itself: no message is lost, and the tables say what the simulator
//! knows.

use std::collections::{BTreeMap, BTreeSet};

use sim::{Limits, Source, Truth, TruthRecorder};

use super::{
    compare::{Difference, Reading, Row},
    lake::Lake,
    message::Sent,
    verdict::{Verdict, verdicts},
};
use crate::{contract::TableName, grade::grade, port_error::PortError, warehouse::Session};

/// The layer in which what becomes of messages is decided.
const STANDARDIZED: &str = "standardized";
/// Where a message goes: the ending of the table's name after the source, and the column that says
/// more of it.
const PLACES: [(&str, Option<&str>); 3] =
    [("", None), ("_rejected", Some("reject_reason")), ("_duplicates", Some("earlier_message_id"))];

/// The tables that hold each message of a source once, if this is one of them.
pub fn fates(table: &TableName) -> Vec<TableName> {
    let fates = |source: Source| {
        PLACES
            .map(|(ending, _)| TableName::new(STANDARDIZED, &format!("{}{ending}", source.name())))
    };
    let found = Source::ALL.map(fates).into_iter().find(|fates| fates.contains(table));
    found.map(Vec::from).unwrap_or_default()
}

/// The first thing that is wrong about where messages are: each must be in exactly one of accepted,
/// rejected and duplicates.
pub fn misplaced(lake: &Lake<'_>, messages: &[&Sent]) -> Result<Option<Difference>, PortError> {
    let mut session = lake.warehouse.session()?;
    for source in &lake.scope.sources {
        let Some(tables) = places(lake, source.name()) else { continue };
        let ids = messages.iter().filter(|sent| sent.source == *source);
        let archived: BTreeSet<&str> = ids.map(|sent| sent.message_id.as_str()).collect();
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for table in &tables {
            let sql = format!("select message_id from {}", table.name);
            for row in session.query(&sql)?.text_rows()? {
                found.entry(row[0].clone().unwrap_or_default()).or_default().push(table.place());
            }
        }
        let mut reference = Vec::new();
        let mut variation = Vec::new();
        let all = archived.iter().copied().chain(found.keys().map(String::as_str));
        for id in all.collect::<BTreeSet<_>>() {
            let places = found.get(id).cloned().unwrap_or_default();
            let wanted = if archived.contains(id) { "exactly one" } else { "none: it never came" };
            if places.len() != usize::from(archived.contains(id)) {
                let said = if places.is_empty() { "none".to_owned() } else { places.join(" and ") };
                reference.push(vec![Some(id.to_owned()), Some(wanted.to_owned())]);
                variation.push(vec![Some(id.to_owned()), Some(said)]);
            }
        }
        if !reference.is_empty() {
            let reading = Reading {
                table: tables[0].name.clone(),
                columns: vec!["message_id".to_owned(), "place".to_owned()],
                key: vec!["message_id".to_owned()],
            };
            return Ok(Some(reading.compare(&reference, &variation)));
        }
    }
    Ok(None)
}

/// The first table that does not say what must become of the messages.
pub fn misjudged(lake: &Lake<'_>, messages: &[&Sent]) -> Result<Option<Difference>, PortError> {
    let verdicts = verdicts(messages.iter().copied(), lake.variant.limits);
    let mut session = lake.warehouse.session()?;
    for source in &lake.scope.sources {
        let ids: BTreeSet<&str> = messages
            .iter()
            .filter(|sent| sent.source == *source)
            .map(|sent| sent.message_id.as_str())
            .collect();
        for (place, (ending, detail)) in PLACES.into_iter().enumerate() {
            let Some(table) = place_table(lake, source.name(), ending, detail) else { continue };
            let wanted: Vec<Row> = ids
                .iter()
                .filter_map(|id| {
                    let (own_place, said) = match verdicts.get(id)? {
                        Verdict::Accepted => (0, None),
                        Verdict::Rejected(reason) => (1, Some((*reason).to_owned())),
                        Verdict::Duplicate { of } => (2, Some(of.clone())),
                    };
                    let cells = [Some((*id).to_owned()), said];
                    let count = table.columns.len();
                    (own_place == place).then(|| cells.into_iter().take(count).collect())
                })
                .collect();
            let found = table.rows(session.as_mut())?;
            let reading = Reading {
                table: table.name,
                columns: table.columns,
                key: vec!["message_id".to_owned()],
            };
            let difference = reading.compare(&wanted, &found);
            if !difference.pairs.is_empty() {
                return Ok(Some(difference));
            }
        }
    }
    Ok(None)
}

/// What the simulator knows of the business; `None` if nothing came.
pub fn business_truth(limits: Limits, messages: &[&Sent]) -> Option<Truth> {
    let mut recorder = TruthRecorder::new(limits);
    for sent in messages {
        recorder.observe(&sent.arrival());
    }
    Some(recorder.finish(messages.iter().map(|sent| sent.load_date()).max()?))
}

/// The first table with a number that is not the simulator's.
pub fn untrue(lake: &Lake<'_>, truth: &Truth) -> Result<Option<Difference>, PortError> {
    let graph = &lake.variant.graph;
    let mut session = lake.warehouse.session()?;
    let graded = grade(session.as_mut(), graph, truth, false)?;
    let place = |table: &str| graph.in_order().position(|node| node.name().as_str() == table);
    let Some(first) = graded.wrong().min_by_key(|wrong| place(&wrong.table)) else {
        return Ok(None);
    };
    let Some(table) = TableName::parse(&first.table) else { return Ok(None) };
    let row = |name: &str, number: i128| vec![Some(name.to_owned()), Some(number.to_string())];
    let wrong = || graded.wrong().filter(|wrong| wrong.table == first.table);
    let reading = Reading {
        table,
        columns: vec!["number".to_owned(), "value".to_owned()],
        key: vec!["number".to_owned()],
    };
    let expected: Vec<Row> = wrong().map(|wrong| row(&wrong.name, wrong.expected)).collect();
    let found: Vec<Row> = wrong().map(|wrong| row(&wrong.name, wrong.found)).collect();
    Ok(Some(reading.compare(&expected, &found)))
}

/// A table of messages that had one fate.
struct PlaceTable {
    name: TableName,
    ending: &'static str,
    columns: Vec<String>,
}

impl PlaceTable {
    fn place(&self) -> &'static str {
        match self.ending {
            "" => "accepted",
            ending => ending.trim_start_matches('_'),
        }
    }

    fn rows(&self, session: &mut dyn Session) -> Result<Vec<Row>, PortError> {
        let columns = self.columns.join(", ");
        session.query(&format!("select {columns} from {}", self.name))?.text_rows()
    }
}

/// The three tables of a source, if the project has them all.
fn places(lake: &Lake<'_>, source: &str) -> Option<Vec<PlaceTable>> {
    PLACES.into_iter().map(|(ending, detail)| place_table(lake, source, ending, detail)).collect()
}

/// A table by its name, if it says which messages are in it.
fn place_table(
    lake: &Lake<'_>,
    source: &str,
    ending: &'static str,
    detail: Option<&str>,
) -> Option<PlaceTable> {
    let name = TableName::new(STANDARDIZED, &format!("{source}{ending}"));
    let has = &lake.variant.graph.get(&name)?.file.contract.columns;
    let wanted = std::iter::once("message_id").chain(detail);
    let columns: Vec<String> =
        wanted.filter(|column| has.contains_key(*column)).map(str::to_owned).collect();
    has.contains_key("message_id").then_some(PlaceTable { name, ending, columns })
}
