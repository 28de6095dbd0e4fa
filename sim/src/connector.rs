//! The connector that reads the database's log: it sends the changes of each minute in a batch per
//! table, and, when the stream begins, a snapshot of all rows. It may send a batch again.

use crate::arrival::{Arrival, Message, Outcome, Source};
use crate::change_message::{ChangeMessages, lsn};
use crate::changes::Change;
use crate::database::Database;
use crate::faults::{Fault, Faults, Subject};
use crate::random::Random;
use crate::time::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLISECOND, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    MicrosUtc,
};
use std::collections::BTreeMap;

/// The connector's lane.
const LANE: u64 = 0;

/// A batch holds no more changes than that.
const BATCH_MAX: usize = 500;

/// A batch comes again no later than that after its first time, in days.
const REDELIVERED_DAYS_MAX: i64 = 3;

/// How far the connector's clock is from the network's end.
const NETWORK_MICROS: i64 = 40 * MICROS_PER_MILLISECOND;

/// The connector, which sees the whole database.
pub(crate) struct Connector<'a> {
    pub(crate) database: Database<'a>,
    pub(crate) faults: &'a Faults,
    pub(crate) random: Random,
}

/// Changes with their sequence numbers and keys, by the time and the source of their batch.
type Batches = BTreeMap<(MicrosUtc, Source), Vec<(i64, String, Change)>>;

impl Connector<'_> {
    /// Adds what the server receives from the connector on that day.
    pub(crate) fn send(&self, day: i64, arrivals: &mut Vec<Arrival>) {
        let first_day = self.database.start_at().day();
        if day == first_day {
            self.send_snapshot(arrivals);
        }
        let mut batches = Batches::new();
        let earliest = (day - REDELIVERED_DAYS_MAX - 1).max(first_day);
        self.database.for_each_change(earliest..=day, &mut |change| {
            let source = change.row().source();
            for arrived_at in self.deliveries(source, change.committed_at) {
                if arrived_at.day() == day {
                    let entry = (self.lsn(&change), change.row().key(), change.clone());
                    batches.entry((arrived_at, source)).or_default().push(entry);
                }
            }
        });
        let messages = self.messages();
        for ((arrived_at, source), mut changes) in batches {
            changes.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
            for (ordinal, part) in (0..).zip(changes.chunks(BATCH_MAX)) {
                let messages = part.iter().map(|(_, _, change)| messages.message(change)).collect();
                arrivals.push(arrival(source, arrived_at.plus(ordinal), messages));
            }
        }
    }

    fn send_snapshot(&self, arrivals: &mut Vec<Arrival>) {
        let messages = self.messages();
        for (source, changes) in self.database.snapshot() {
            let random = self.random.stream("snapshot").stream(source.name());
            let mut arrived_at = self.database.start_at().plus(MICROS_PER_MINUTE);
            for (number, part) in (0..).zip(changes.chunks(BATCH_MAX)) {
                let pause = random.at(number).between(80, 300) * MICROS_PER_MILLISECOND;
                arrived_at = arrived_at.plus(pause);
                let messages = part.iter().map(|change| messages.message(change)).collect();
                arrivals.push(arrival(source, arrived_at, messages));
            }
        }
    }

    /// When the batch with the changes of that instant arrives: at least once.
    fn deliveries(
        &self,
        source: Source,
        committed_at: MicrosUtc,
    ) -> impl Iterator<Item = MicrosUtc> + use<> {
        let minute = committed_at.0.div_euclid(MICROS_PER_MINUTE);
        let random = self.random.stream("minute").stream(source.name()).on(minute);
        let latency =
            random.stream("latency").between(200 * MICROS_PER_MILLISECOND, 2 * MICROS_PER_SECOND);
        let first = MicrosUtc((minute + 1) * MICROS_PER_MINUTE + latency);
        let pause = random.stream("pause");
        let again = match self.faults.verdict(Subject::ChangeBatch, random) {
            Some(Fault::ChangesRedelivered) => {
                Some(first.plus(pause.between(5 * MICROS_PER_MINUTE, 2 * MICROS_PER_HOUR)))
            }
            Some(_) => Some(
                first.plus(pause.between(MICROS_PER_DAY, REDELIVERED_DAYS_MAX * MICROS_PER_DAY)),
            ),
            None => None,
        };
        std::iter::once(first).chain(again)
    }

    fn lsn(&self, change: &Change) -> i64 {
        lsn(self.database.began_at(), change)
    }

    fn messages(&self) -> ChangeMessages<'_> {
        ChangeMessages {
            faults: self.faults,
            random: self.random.stream("change"),
            began_at: self.database.began_at(),
        }
    }
}

fn arrival(source: Source, arrived_at: MicrosUtc, messages: Vec<Message>) -> Arrival {
    Arrival {
        source,
        lane: LANE,
        arrived_at,
        sent_at: arrived_at.plus(-NETWORK_MICROS),
        messages,
        outcome: Outcome::Acknowledged,
    }
}
