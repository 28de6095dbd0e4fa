//! The standardized layer: what becomes of each message.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sim::Source;

use super::{
    Tables,
    cells::cells,
    meanings::{Change, Meanings},
};

/// Adds the tables.
pub fn add(tables: &mut Tables, meanings: &Meanings<'_>) {
    let name = |source: Source, rest: &str| format!("standardized.{}{rest}", source.name());
    // Messages in raw, accepted, rejected, duplicates.
    let mut counts: BTreeMap<(Date, Source), [u64; 4]> = BTreeMap::new();
    let mut note = |source: Source, load_date: Date, place: usize| {
        let counts = counts.entry((load_date, source)).or_default();
        counts[0] += 1;
        counts[place] += 1;
    };
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for (sent, reason) in &meanings.rejected {
        let cells = cells![sent.load_date(), sent.message_id, reason];
        tables.add(&name(sent.source, "_rejected"), cells);
        reasons.insert(&sent.message_id, reason);
        note(sent.source, sent.load_date(), 2);
    }
    for sent in &meanings.messages {
        let reason = reasons.get(sent.message_id.as_str());
        let cells = cells![sent.load_date(), sent.message_id, reason];
        tables.add(&name(sent.source, "_checked"), cells);
    }
    for (sent, earlier) in &meanings.duplicates {
        let cells = cells![sent.load_date(), sent.message_id, earlier.message_id];
        tables.add(&name(sent.source, "_duplicates"), cells);
        note(sent.source, sent.load_date(), 3);
    }
    for event in &meanings.accepted_events {
        let (sent, said) = (event.sent, event.said);
        let head = cells![sent.load_date(), sent.message_id, said.event_id, said.event.name()];
        let rest = cells![said.user_id, said.functionality, event.at];
        tables.add(&name(Source::MobileEvents, ""), [head, rest].concat());
        note(Source::MobileEvents, sent.load_date(), 1);
    }
    for Change { sent, said } in &meanings.accepted_changes {
        let head = cells![sent.load_date(), sent.message_id, said.key];
        let rest = cells![said.operation.name(), said.lsn, said.committed_at];
        tables.add(&name(said.source, ""), [head, rest].concat());
        note(said.source, sent.load_date(), 1);
    }
    for ((load_date, source), [archived, accepted, rejected, duplicates]) in counts {
        let places = cells![archived, accepted, rejected, duplicates];
        // None is lost, in two places, or invented.
        let row = [cells![load_date, source.name()], places, cells![0_u64, 0_u64, 0_u64]].concat();
        tables.add("standardized.reconciliation", row);
    }
}
