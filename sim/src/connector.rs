//! The connectors that read the database's log, one for each shard: each sends the changes of each
//! minute in a batch per table, and, when the stream begins, a snapshot of all rows. What befalls
//! a minute befalls it in all shards: it may be sent again.

use crate::arrival::{Arrival, Outcome, Source};
use crate::change_message::{ChangeMessages, lsn};
use crate::changes::Change;
use crate::database::Database;
use crate::faults::{Fault, Faults, Subject};
use crate::outbox::Outbox;
use crate::people::{ActiveDay, Person};
use crate::random::Random;
use crate::shards::Shard;
use crate::time::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLISECOND, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    MicrosUtc,
};
use std::collections::BTreeMap;

/// A batch holds no more changes than that.
const BATCH_MAX: usize = 500;

/// A batch comes again no later than that after its first time, in days.
const REDELIVERED_DAYS_MAX: i64 = 3;

/// How far the connector's clock is from the network's end.
const NETWORK_MICROS: i64 = 40 * MICROS_PER_MILLISECOND;

/// The connector of a shard of the database, on a day.
pub(crate) struct Connector<'a> {
    pub(crate) database: Database<'a>,
    pub(crate) shard: Shard,
    pub(crate) day: i64,
    pub(crate) faults: &'a Faults,
    pub(crate) random: Random,
}

/// Changes with their sequence numbers and keys, by the source and the time of their batch.
pub(crate) type Batches = BTreeMap<(Source, MicrosUtc), Vec<(i64, String, Change)>>;

impl Connector<'_> {
    /// Notes what the server receives on the day of a user's changes.
    pub(crate) fn note_user(
        &self,
        person: &Person,
        active_days: &[ActiveDay],
        batches: &mut Batches,
    ) {
        let is_wanted = |at| self.may_arrive(at);
        self.database.for_each_change_of_user(
            person,
            self.earliest_day()..=self.day,
            active_days,
            is_wanted,
            &mut |change| self.note(&change, batches),
        );
    }

    /// Adds what the server receives on the day: of the products, of what was noted, and of the
    /// snapshot.
    pub(crate) fn send(&self, mut batches: Batches, outbox: &mut Outbox) {
        let is_wanted = |at| self.may_arrive(at);
        self.database.for_each_change_of_products(self.shard, is_wanted, &mut |change| {
            self.note(&change, &mut batches);
        });
        let is_first_day = self.day == self.database.start_at().day();
        let snapshot =
            if is_first_day { self.database.snapshot(self.shard) } else { BTreeMap::new() };
        for source in Source::ALL {
            self.send_snapshot(source, snapshot.get(&source).map_or(&[], Vec::as_slice), outbox);
            let batches =
                batches.range_mut((source, MicrosUtc(i64::MIN))..=(source, MicrosUtc(i64::MAX)));
            for ((_, arrived_at), changes) in batches {
                changes.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
                for (ordinal, part) in (0..).zip(changes.chunks(BATCH_MAX)) {
                    let changes = part.iter().map(|(_, _, change)| change);
                    self.push(source, arrived_at.plus(ordinal), changes, outbox);
                }
            }
            outbox.end_lane(self.day);
        }
    }

    /// The first day whose changes may arrive on the day.
    fn earliest_day(&self) -> i64 {
        (self.day - REDELIVERED_DAYS_MAX - 1).max(self.database.start_at().day())
    }

    /// Whether any change of that instant may arrive on the day. Most do so within minutes.
    fn may_arrive(&self, committed_at: MicrosUtc) -> bool {
        let minutes_later = committed_at.plus(2 * MICROS_PER_MINUTE);
        if committed_at.day() == self.day && minutes_later.day() == self.day {
            return committed_at >= self.database.start_at();
        }
        committed_at >= self.database.start_at()
            && (self.earliest_day()..=self.day).contains(&committed_at.day())
            && Source::ALL
                .into_iter()
                .any(|source| self.deliveries(source, committed_at).any(|at| at.day() == self.day))
    }

    fn note(&self, change: &Change, batches: &mut Batches) {
        let source = change.row().source();
        for arrived_at in self.deliveries(source, change.committed_at) {
            if arrived_at.day() == self.day {
                let entry = (self.lsn(change), change.row().key(), change.clone());
                batches.entry((source, arrived_at)).or_default().push(entry);
            }
        }
    }

    fn send_snapshot(&self, source: Source, changes: &[Change], outbox: &mut Outbox) {
        let random = self.random.stream("snapshot").stream(source.name());
        let mut arrived_at = self.database.start_at().plus(MICROS_PER_MINUTE);
        for (number, part) in (0..).zip(changes.chunks(BATCH_MAX)) {
            let pause = random.at(number).between(80, 300) * MICROS_PER_MILLISECOND;
            arrived_at = arrived_at.plus(pause);
            self.push(source, arrived_at, part, outbox);
        }
    }

    fn push<'c>(
        &self,
        source: Source,
        arrived_at: MicrosUtc,
        changes: impl IntoIterator<Item = &'c Change>,
        outbox: &mut Outbox,
    ) {
        let writer = self.messages();
        let mut messages = outbox.buffer();
        for change in changes {
            writer.write(change, outbox.has_meanings, &mut messages);
        }
        outbox.push(Arrival {
            source,
            lane: self.shard.lane(),
            arrived_at,
            sent_at: arrived_at.plus(-NETWORK_MICROS),
            messages,
            outcome: Outcome::Acknowledged,
        });
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
