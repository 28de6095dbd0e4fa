//! The connector that reads the database's log: it sends the changes of each minute in a batch,
//! and, when the stream begins, a snapshot of all rows. It may send a batch again.

use crate::accounts::{Accounts, Change, Profile};
use crate::arrival::{Arrival, Meaning, Message, Outcome, RejectReason, RowChange, Source};
use crate::database_payload::ChangeFields;
use crate::faults::{Fault, Faults, Subject};
use crate::json::Defect;
use crate::people::{People, Person, user_id};
use crate::phone::{not_utf8, truncated};
use crate::random::Random;
use crate::rows::{Row, UserRow};
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

/// Log sequence numbers of a microsecond: no transaction changes more rows of a user.
const LSN_PER_MICRO: i64 = 8;

/// How far the connector's clock is from the network's end.
const NETWORK_MICROS: i64 = 40 * MICROS_PER_MILLISECOND;

/// The connector, which sees all users.
pub(crate) struct Connector<'a> {
    pub(crate) people: &'a People,
    pub(crate) accounts: &'a Accounts,
    pub(crate) faults: &'a Faults,
    pub(crate) random: Random,
}

impl Connector<'_> {
    /// Adds what the server receives from the connector on that day.
    pub(crate) fn send(&self, day: i64, arrivals: &mut Vec<Arrival>) {
        let first_day = self.people.growth.start_at().day();
        if day == first_day {
            self.send_snapshot(arrivals);
        }
        let mut batches: BTreeMap<MicrosUtc, Vec<(i64, u64, Change)>> = BTreeMap::new();
        let earliest = (day - REDELIVERED_DAYS_MAX - 1).max(first_day);
        for user in self.people.growth.users_before(MicrosUtc::start_of(day + 1)) {
            let person = self.people.person(user);
            for changed_on in earliest..=day {
                for change in self.accounts.changes_on(&person, changed_on) {
                    for arrived_at in self.deliveries(change.committed_at) {
                        if arrived_at.day() == day {
                            let entry = (self.lsn(&change), user, change);
                            batches.entry(arrived_at).or_default().push(entry);
                        }
                    }
                }
            }
        }
        for (arrived_at, mut changes) in batches {
            changes.sort_unstable_by_key(|change| (change.0, change.1));
            for (ordinal, part) in (0..).zip(changes.chunks(BATCH_MAX)) {
                let messages = part
                    .iter()
                    .map(|(_, user, change)| self.message(&self.people.person(*user), change))
                    .collect();
                arrivals.push(arrival(arrived_at.plus(ordinal), messages));
            }
        }
    }

    fn send_snapshot(&self, arrivals: &mut Vec<Arrival>) {
        let start_at = self.people.growth.start_at();
        let random = self.random.stream("snapshot");
        let mut arrived_at = start_at.plus(MICROS_PER_MINUTE);
        let mut messages = Vec::new();
        let mut users = self.people.growth.users_before(start_at).peekable();
        while let Some(user) = users.next() {
            let person = self.people.person(user);
            messages.push(self.message(&person, &self.accounts.snapshot(&person)));
            if messages.len() == BATCH_MAX || users.peek().is_none() {
                let pause = random.at(user).between(80, 300) * MICROS_PER_MILLISECOND;
                arrived_at = arrived_at.plus(pause);
                arrivals.push(arrival(arrived_at, std::mem::take(&mut messages)));
            }
        }
    }

    /// When the batch with the changes of that instant arrives: at least once.
    fn deliveries(&self, committed_at: MicrosUtc) -> impl Iterator<Item = MicrosUtc> {
        let minute = committed_at.0.div_euclid(MICROS_PER_MINUTE);
        let random = self.random.stream("minute").on(minute);
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

    /// Follows the time of the commit over the whole database, and the order within a transaction.
    fn lsn(&self, change: &Change) -> i64 {
        let micros = change.committed_at.0 - self.people.growth.began_at().0;
        micros * LSN_PER_MICRO + i64::from(change.ordinal)
    }

    /// The message of a change, which is the same whenever it is sent.
    fn message(&self, person: &Person, change: &Change) -> Message {
        let lsn = self.lsn(change);
        let random = self.random.stream("change").at(person.user).on(lsn);
        let verdict = self.faults.verdict(Subject::Change, random);
        let mut fields = ChangeFields {
            operation: change.operation.name(),
            lsn,
            transaction_id: format!("t{:x}", lsn / LSN_PER_MICRO),
            committed_at: change.committed_at,
            before: change.before.map(|profile| row(person, &profile)),
            after: change.after.map(|profile| row(person, &profile)),
        };
        let reason = match verdict {
            Some(Fault::ChangeMissingKey) => RejectReason::MissingKey,
            Some(Fault::ChangeMalformedJson) => RejectReason::NotJson,
            Some(Fault::ChangeNotUtf8) => RejectReason::NotUtf8,
            Some(Fault::ChangeWrongType) => RejectReason::WrongType,
            Some(Fault::ChangeUnknownOperation) => RejectReason::UnknownOperation,
            _ => return valid_message(person, change, &fields),
        };
        let defect = random.stream("defect");
        let payload = match reason {
            RejectReason::MissingKey => {
                let missing = [Defect::Missing("user_id"), Defect::Missing("lsn")];
                fields.to_bytes(&[*defect.pick(&missing)])
            }
            RejectReason::WrongType => {
                let wrong = [
                    Defect::Instead("lsn", "\"many\""),
                    Defect::Instead("committed_at", "\"yesterday\""),
                    Defect::Instead("lsn", "12.5"),
                ];
                fields.to_bytes(&[*defect.pick(&wrong)])
            }
            RejectReason::UnknownOperation => {
                fields.operation = "truncate";
                fields.to_bytes(&[])
            }
            RejectReason::NotUtf8 => not_utf8(fields.to_bytes(&[]), defect),
            _ => truncated(fields.to_bytes(&[]), defect),
        };
        Message { payload, meaning: Meaning::Invalid(reason) }
    }
}

fn valid_message(person: &Person, change: &Change, fields: &ChangeFields) -> Message {
    let meaning = Meaning::RowChange(RowChange {
        source: Source::DbUsers,
        key: person.user_id(),
        operation: change.operation,
        lsn: fields.lsn,
        committed_at: change.committed_at,
        row: fields.after.clone(),
        identity: fields.identity(),
    });
    Message { payload: fields.to_bytes(&[]), meaning }
}

fn arrival(arrived_at: MicrosUtc, messages: Vec<Message>) -> Arrival {
    Arrival {
        source: Source::DbUsers,
        lane: LANE,
        arrived_at,
        sent_at: arrived_at.plus(-NETWORK_MICROS),
        messages,
        outcome: Outcome::Acknowledged,
    }
}

fn row(person: &Person, profile: &Profile) -> Row {
    let user = person.user;
    Row::User(UserRow {
        user_id: user_id(user),
        signed_up_at: person.signed_up_at,
        country_code: profile.country_code.to_owned(),
        plan: profile.plan_name().to_owned(),
        marketing_opt_in: profile.marketing_opt_in,
        email: match profile.email_version {
            0 => format!("user{user}@example.com"),
            version => format!("user{user}.{version}@example.com"),
        },
        phone_number: profile.phone_version.map(|version| {
            let number = person.random.stream("phone").at(u64::from(version)).below(1_000_000_000);
            format!("{}{number:09}", person.country.calling_code)
        }),
    })
}
