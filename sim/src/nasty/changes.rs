//! Nasty changes of the backend's rows.

use super::rows::{Key, empty_fields, empty_references, without_id};
use super::{Calendar, Sent, breakage, instant_on, unsaid};
use crate::arrival::{Meaning, Operation, RowChange, Source};
use crate::database_payload::ChangeFields;
use crate::json::Defect;
use crate::random::Random;
use crate::rows::Row;
use crate::time::MicrosUtc;
use std::collections::BTreeMap;

/// Days before its load date on which a change was committed that comes weeks late.
const WEEKS_LATE: [i64; 3] = [-13, -27, -41];

/// What was done to a row at (`committed_at`, `lsn`): always the same.
#[derive(Clone, Debug)]
struct State {
    operation: Operation,
    row: Row,
    /// References to no row that are left out; the others are written as empty texts.
    left_out: Vec<&'static str>,
    /// Whether the row after the change has lost its key, so that it is that of the row before.
    is_keyless_after: bool,
}

/// The changes of a set while it is made.
pub(super) struct Changes {
    calendar: Calendar,
    states: BTreeMap<(Key, MicrosUtc, i64), State>,
}

impl Changes {
    pub(super) const fn new(calendar: Calendar) -> Changes {
        Changes { calendar, states: BTreeMap::new() }
    }

    /// One change, perhaps delivered once more, perhaps one of two in the same instant.
    pub(super) fn add(&mut self, source: Source, random: Random, sent: &mut Sent) {
        let calendar = self.calendar;
        let arrived_at = calendar.arrived_at(random.stream("arrival"));
        let offset = match calendar.day_offset(random.stream("day")) {
            early if early < -1 && random.stream("recent").chance(500_000) => 0,
            _ if random.stream("weeks late").chance(60_000) => {
                *random.stream("weeks").pick(&WEEKS_LATE)
            }
            offset => offset,
        };
        let committed_at = instant_on(arrived_at.day() + offset, random.stream("time"));
        let key = Key::new(source, random);
        let lsn = random.stream("lsn").between(0, 11);
        let state = self.state(random.stream("state"), &key, committed_at, lsn);
        let message = change_message(random.stream("message"), &key, committed_at, lsn, state);
        sent.push(source, arrived_at, arrived_at, vec![message.clone()]);
        if random.stream("redelivered").chance(250_000) {
            let day = arrived_at.day() + random.stream("redelivered on").between(0, 2);
            let again_at =
                instant_on(day.min(calendar.last_day()), random.stream("redelivered at"));
            sent.push(source, again_at, again_at, vec![message]);
        }
        if random.stream("once more").chance(150_000) {
            // At times under the same number: in another transaction, or with another address. At
            // times under another number, and the same in all else.
            let next_lsn = (lsn + random.stream("next lsn").pick(&[0, 1, 5, 11])) % 12;
            if random.stream("same again").chance(300_000) {
                let known = self.states[&(key.clone(), committed_at, lsn)].clone();
                self.states.entry((key.clone(), committed_at, next_lsn)).or_insert(known);
            }
            let random = random.stream("next change");
            let state = self.state(random.stream("state"), &key, committed_at, next_lsn);
            let message =
                change_message(random.stream("message"), &key, committed_at, next_lsn, state);
            sent.push(source, arrived_at, arrived_at, vec![message]);
        }
    }

    /// The state of the row after the change: under a known (commit, lsn) the known state, perhaps
    /// with another address, which leaves the truth as it is.
    fn state(&mut self, random: Random, key: &Key, committed_at: MicrosUtc, lsn: i64) -> State {
        let first_day = self.calendar.first_day;
        let known = self.states.entry((key.clone(), committed_at, lsn)).or_insert_with(|| {
            let operation = *random.stream("operation").pick(&[
                Operation::Snapshot,
                Operation::Insert,
                Operation::Update,
                Operation::Update,
                Operation::Update,
                Operation::Delete,
            ]);
            let row = key.row(random, first_day, committed_at);
            let is_left_out = |field: &&'static str| random.stream(field).chance(500_000);
            let left_out = empty_references(&row).into_iter().filter(is_left_out).collect();
            let is_keyless_after =
                operation == Operation::Update && random.stream("keyless").chance(50_000);
            State { operation, row, left_out, is_keyless_after }
        });
        let mut state = known.clone();
        if let Row::User(row) = &mut state.row {
            let email = random.stream("email").pick(&["", "a@example.com", "ü@example.com"]);
            (*email).clone_into(&mut row.email);
        }
        state
    }
}

fn change_message(
    random: Random,
    key: &Key,
    committed_at: MicrosUtc,
    lsn: i64,
    state: State,
) -> (Vec<u8>, Meaning) {
    let State { operation, row, left_out, is_keyless_after } = state;
    let empty = [empty_fields(&row), left_out].concat();
    let after = Some(row.clone()).filter(|_| operation != Operation::Delete);
    let has_before = matches!(operation, Operation::Update | Operation::Delete);
    let written_after =
        if is_keyless_after { after.clone().map(without_id) } else { after.clone() };
    let fields = ChangeFields {
        operation: operation.name(),
        lsn,
        transaction_id: (*random.stream("transaction").pick(&["t1", "t1", "t2"])).to_owned(),
        committed_at,
        before: Some(&row).filter(|_| has_before),
        after: written_after.as_ref(),
    };
    let unsaid: Vec<Defect> =
        empty.iter().map(|field| unsaid(field, random.stream("unsaid"))).collect();
    let written = breakage::written(
        random,
        key.source,
        key.id.is_empty(),
        |reason, random| {
            let typed = key.typed_fields(fields.after.is_some());
            breakage::change_defects(reason, random, key.fields(), typed)
        },
        |bytes, defects| fields.write(bytes, &[defects, &unsaid].concat()),
    );
    let meaning = written.reason.map_or_else(
        || {
            // Not there and null are the same.
            let nulls: Vec<Defect> = empty.iter().copied().map(Defect::Null).collect();
            Meaning::RowChange(RowChange {
                source: key.source,
                key: key.to_string(),
                operation,
                lsn,
                committed_at,
                row: after,
                identity: fields.identity_with(&nulls),
            })
        },
        Meaning::Invalid,
    );
    (written.payload, meaning)
}
