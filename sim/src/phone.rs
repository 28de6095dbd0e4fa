//! How a phone sends what happened on it: in batches, sometimes late, sometimes twice, by a clock
//! that may be wrong, and sometimes with broken payloads.

use crate::arrival::{
    Arrival, Meaning, Message, MobileEvent, Outcome, RejectReason, Source, Visit,
};
use crate::faults::{Fault, Faults, Subject};
use crate::json::Defect;
use crate::mobile_payload::MobileFields;
use crate::people::Person;
use crate::random::Random;
use crate::sessions::Session;
use crate::shop::Shop;
use crate::time::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLISECOND, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    MicrosUtc,
};
use crate::walk::{Action, SESSION_MAX};
use std::sync::Arc;

/// No session waits longer than that for its sending.
pub(crate) const DELAY_MAX: i64 = 40 * MICROS_PER_DAY;

/// From the last event of a batch to its arrival, if all goes well.
const FLUSH_MAX: i64 = 32 * MICROS_PER_SECOND;

/// A batch that came out of order has waited no longer than that.
const OVERTAKEN_MAX: i64 = 20 * MICROS_PER_MINUTE;

/// How long a phone waits before it sends a batch again.
const RESEND_MIN: i64 = 2 * MICROS_PER_SECOND;
const RESEND_MAX: i64 = 5 * MICROS_PER_HOUR;

/// A batch is sent three times at most.
const ATTEMPTS_MAX: u64 = 3;

/// Where an attempt failed, the next one fails as well more often than usual.
const FAILS_AGAIN_PARTS: u64 = 200_000;

/// A clock that is wrong is wrong by a minute to three days.
const CLOCK_ERROR_MAX: i64 = 3 * MICROS_PER_DAY;

/// A clock that ran ahead until it was set right was ahead by a minute to two months.
const CLOCK_AHEAD_MAX: i64 = 64 * MICROS_PER_DAY;

/// A clock that lost power shows the day the phone was made until it is set right: years ago.
const CLOCK_LOST_MIN: i64 = 365 * MICROS_PER_DAY;
const CLOCK_LOST_MAX: i64 = 6 * CLOCK_LOST_MIN;

/// A batch that is not the last of its session has that many events.
const BATCH_MIN: i64 = 6;
const BATCH_MAX: i64 = 20;

/// A session of [`crate::walk::EVENTS_MAX`] events and its opening fills no more batches.
const BATCHES_MAX: u64 = 11;

/// Payloads with a wrong type: the field, and what stands there instead.
const WRONG_TYPES: [Defect; 5] = [
    Defect::Instead("sequence", "\"seven\""),
    Defect::Instead("sequence", "1.5"),
    Defect::Instead("sequence", "true"),
    Defect::Instead("occurred_at", "\"yesterday\""),
    Defect::Instead("occurred_at", "\"2026-13-45T00:00:00.000000Z\""),
];

const MISSING_KEYS: [Defect; 3] =
    [Defect::Missing("event_id"), Defect::Missing("user_id"), Defect::Null("event_id")];

/// The day whose arrivals are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) day: i64,
}

impl Window {
    fn contains(self, instant: MicrosUtc) -> bool {
        instant.day() == self.day
    }

    fn overlaps(self, earliest: MicrosUtc, latest: MicrosUtc) -> bool {
        earliest.day() <= self.day && self.day <= latest.day()
    }
}

/// What all events of a session have in common, written once.
struct Stationery {
    user_id: String,
    visit: Arc<Visit>,
}

/// A phone, in one session.
pub(crate) struct Phone<'a> {
    person: &'a Person,
    session: &'a Session,
    faults: &'a Faults,
    /// How long the session waits for its sending.
    delay: i64,
    /// What the phone's clock shows more than the right time when something happens.
    error_then: i64,
    /// What it shows more when that is sent.
    error_now: i64,
}

impl<'a> Phone<'a> {
    pub(crate) fn new(person: &'a Person, session: &'a Session, faults: &'a Faults) -> Phone<'a> {
        let fate = session.random.stream("fate");
        let clock = person.random.stream("clock");
        let error_now = match faults.verdict(Subject::Phone, clock) {
            Some(_) => either_sign(clock.at(1), CLOCK_ERROR_MAX),
            None => 0,
        };
        let (delay, change) = match faults.verdict(Subject::Session, fate) {
            Some(Fault::Late) => (fate.at(1).long_tailed(MICROS_PER_MINUTE, DELAY_MAX), 0),
            Some(_) => (0, clock_change(fate.at(1))),
            None => (0, 0),
        };
        Phone { person, session, faults, delay, error_then: error_now + change, error_now }
    }

    /// Adds what the server receives of the session within the window.
    pub(crate) fn send(&self, shop: &Shop, window: Window, arrivals: &mut Vec<Arrival>) {
        // Most sessions are ruled out here, before it is drawn what happens in them.
        let earliest = self.session.start_at.plus(self.delay);
        let latest = earliest.plus(SESSION_MAX + OVERTAKEN_MAX + FLUSH_MAX);
        let latest_again = latest.plus(ATTEMPTS_MAX.cast_signed() * (RESEND_MAX + FLUSH_MAX));
        let may_overlap = window.overlaps(earliest, latest)
            || window.overlaps(earliest, latest_again) && self.sends_again();
        if !may_overlap {
            return;
        }
        let stationery = Stationery {
            user_id: self.person.user_id(),
            visit: Arc::new(Visit {
                session_id: self.session.session_id(),
                device_id: self.person.device_id(),
                app_version: self.person.app_version(self.session.day),
                os: self.person.os().into(),
                country_code: self.person.country.code.into(),
            }),
        };
        let actions = self.session.walk(self.person, shop).actions;
        let size = self.session.random.stream("size").between(BATCH_MIN, BATCH_MAX).cast_unsigned();
        let mut rest = actions.as_slice();
        let mut ordinal = 0;
        while !rest.is_empty() {
            #[expect(clippy::cast_possible_truncation, reason = "twenty at most")]
            let (batch, behind) = rest.split_at(rest.len().min(size as usize));
            self.send_batch(
                &stationery,
                batch,
                self.session.random.stream("batch").at(ordinal),
                window,
                arrivals,
            );
            rest = behind;
            ordinal += 1;
        }
    }

    /// Whether a batch of the session may be sent again.
    fn sends_again(&self) -> bool {
        (0..BATCHES_MAX).any(|ordinal| {
            let random = self.session.random.stream("batch").at(ordinal);
            let verdict = self.faults.verdict(Subject::Batch, random);
            matches!(verdict, Some(Fault::AcknowledgementLost | Fault::ConnectionBroken))
        })
    }

    fn send_batch(
        &self,
        stationery: &Stationery,
        actions: &[Action],
        random: Random,
        window: Window,
        arrivals: &mut Vec<Arrival>,
    ) {
        let Some(last) = actions.last() else { return };
        let verdict = self.faults.verdict(Subject::Batch, random);
        let out_of_order = verdict == Some(Fault::OutOfOrder);
        let mut sent_at =
            last.at.plus(self.delay + random.stream("flush").between(MICROS_PER_SECOND, FLUSH_MAX));
        if out_of_order {
            let overtaken = random.stream("overtaken");
            sent_at = sent_at.plus(overtaken.long_tailed(MICROS_PER_MINUTE, OVERTAKEN_MAX));
        }
        for attempt in 0..ATTEMPTS_MAX {
            let trial = random.stream("attempt").at(attempt);
            let latency =
                trial.stream("latency").long_tailed(30 * MICROS_PER_MILLISECOND, MICROS_PER_SECOND);
            let arrived_at = sent_at.plus(latency);
            let outcome = match verdict {
                Some(Fault::AcknowledgementLost) => Outcome::AcknowledgementLost,
                Some(Fault::ConnectionBroken) => Outcome::ConnectionBroken,
                _ => Outcome::Acknowledged,
            };
            let fails = outcome != Outcome::Acknowledged
                && attempt + 1 < ATTEMPTS_MAX
                && (attempt == 0 || trial.chance(FAILS_AGAIN_PARTS));
            if window.contains(arrived_at) {
                arrivals.push(Arrival {
                    source: Source::MobileEvents,
                    lane: self.person.user,
                    arrived_at,
                    sent_at: sent_at.plus(self.error_now),
                    messages: self.messages(stationery, actions, out_of_order.then_some(random)),
                    outcome: if fails { outcome } else { Outcome::Acknowledged },
                });
            }
            if !fails {
                return;
            }
            sent_at = arrived_at.plus(trial.stream("pause").long_tailed(RESEND_MIN, RESEND_MAX));
        }
    }

    /// The batch; given a seed, in an order that is not that of the events.
    fn messages(
        &self,
        stationery: &Stationery,
        actions: &[Action],
        shuffle: Option<Random>,
    ) -> Vec<Message> {
        let mut messages = Vec::with_capacity(actions.len() + 1);
        for action in actions {
            let verdict = self.faults.verdict(Subject::Message, action.random);
            let message = self.message(stationery, action, verdict);
            if verdict == Some(Fault::DuplicateInBatch) {
                messages.push(message.clone());
            }
            messages.push(message);
        }
        if let Some(random) = shuffle {
            for index in (1..messages.len()).rev() {
                messages.swap(index, random.stream("shuffle").at(index as u64).index(index + 1));
            }
        }
        messages
    }

    fn message(&self, stationery: &Stationery, action: &Action, verdict: Option<Fault>) -> Message {
        let event_id = event_id(action.random.stream("id"));
        let occurred_at = action.at.plus(self.error_then);
        let event_name = action.event.name();
        let random = action.random.stream("defect");
        let visit = &stationery.visit;
        let properties = action.properties(self.person);
        let fields = MobileFields {
            event_id: &event_id,
            event_name: if verdict == Some(Fault::UnknownEvent) {
                "screen_blinked"
            } else {
                event_name
            },
            user_id: &stationery.user_id,
            device_id: &visit.device_id,
            session_id: &visit.session_id,
            sequence: action.sequence,
            occurred_at,
            functionality: action.event.functionality(),
            app_version: &visit.app_version,
            os: &visit.os,
            country_code: &visit.country_code,
            properties: properties.clone(),
        };
        let (payload, reason) = match verdict {
            Some(Fault::MissingKey) => {
                (fields.to_bytes(&[*random.pick(&MISSING_KEYS)]), RejectReason::MissingKey)
            }
            Some(Fault::WrongType) => {
                (fields.to_bytes(&[*random.pick(&WRONG_TYPES)]), RejectReason::WrongType)
            }
            Some(Fault::UnknownEvent) => (fields.to_bytes(&[]), RejectReason::UnknownEvent),
            Some(Fault::MalformedJson) => {
                (truncated(fields.to_bytes(&[]), random), RejectReason::NotJson)
            }
            Some(Fault::NotUtf8) => (not_utf8(fields.to_bytes(&[]), random), RejectReason::NotUtf8),
            _ => {
                let meaning = Meaning::MobileEvent(MobileEvent {
                    event: action.event,
                    functionality: action.event.functionality().into(),
                    occurred_at,
                    event_id: event_id.clone(),
                    user_id: stationery.user_id.clone(),
                    product_id: properties.product_id,
                    visit: Arc::clone(visit),
                });
                return Message { payload: fields.to_bytes(&[]), meaning };
            }
        };
        Message { payload, meaning: Meaning::Invalid(reason) }
    }
}

/// The beginning of the payload: no beginning of a JSON object is JSON.
pub(crate) fn truncated(mut payload: Vec<u8>, random: Random) -> Vec<u8> {
    payload.truncate(1 + random.index(payload.len() - 1));
    payload
}

/// The payload with one byte replaced by one that occurs nowhere in UTF-8.
pub(crate) fn not_utf8(mut payload: Vec<u8>, random: Random) -> Vec<u8> {
    let index = random.index(payload.len());
    payload[index] = 0xFF;
    payload
}

/// What a clock shows more while things happen than when they are sent.
fn clock_change(random: Random) -> i64 {
    if random.chance(500_000) {
        random.at(1).long_tailed(MICROS_PER_MINUTE, CLOCK_AHEAD_MAX)
    } else {
        -random.at(1).between(CLOCK_LOST_MIN, CLOCK_LOST_MAX)
    }
}

fn either_sign(random: Random, greatest: i64) -> i64 {
    let amount = random.at(1).long_tailed(MICROS_PER_MINUTE, greatest);
    if random.chance(500_000) { amount } else { -amount }
}

/// In the form of a UUID of version 4.
fn event_id(random: Random) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bits = [random.bits(), random.at(0).bits()];
    bits[0] = bits[0] & !0xF000 | 0x4000;
    bits[1] = bits[1] & !(0b11 << 62) | 0b10 << 62;
    let mut id = String::with_capacity(36);
    for (position, shift) in (0..32).map(|digit| (digit, 60 - digit % 16 * 4)) {
        if matches!(position, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        let digit = bits[position / 16] >> shift & 0xF;
        id.push(char::from(DIGITS[usize::from(digit.to_le_bytes()[0])]));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::event_id;
    use crate::random::Random;

    #[test]
    fn event_ids_look_like_random_uuids() {
        let id = event_id(Random::new(1));
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert!(id[14..].starts_with('4') && "89ab".contains(&id[19..20]), "{id}");
    }
}
