//! How a phone sends what happened on it: in batches, sometimes late, sometimes twice, by a clock
//! that may be wrong, and sometimes with broken payloads.

use crate::arrival::{Arrival, Meaning, MobileEvent, Outcome, RejectReason, Source, Visit};
use crate::faults::{Fault, Faults, Subject};
use crate::json::{Defect, write_hexadecimal};
use crate::messages::Messages;
use crate::mobile_payload::MobileFields;
use crate::outbox::Outbox;
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
    /// What befell the session.
    verdict: Option<Fault>,
}

/// What a phone's clock shows more than the right time.
#[derive(Clone, Copy)]
struct ClockErrors {
    /// When something happens.
    then: i64,
    /// When that is sent.
    now: i64,
}

impl<'a> Phone<'a> {
    pub(crate) fn new(person: &'a Person, session: &'a Session, faults: &'a Faults) -> Phone<'a> {
        let fate = fate(session);
        let verdict = faults.verdict(Subject::Session, fate);
        let delay = match verdict {
            Some(Fault::Late) => fate.at(1).long_tailed(MICROS_PER_MINUTE, DELAY_MAX),
            _ => 0,
        };
        Phone { person, session, faults, delay, verdict }
    }

    /// Adds what the server receives of the session on the day.
    pub(crate) fn send(&self, shop: &Shop, day: i64, outbox: &mut Outbox) {
        // Most sessions are ruled out here, before it is drawn what happens in them.
        let earliest = self.session.start_at.plus(self.delay);
        let latest = earliest.plus(SESSION_MAX + OVERTAKEN_MAX + FLUSH_MAX);
        let latest_again = latest.plus(ATTEMPTS_MAX.cast_signed() * (RESEND_MAX + FLUSH_MAX));
        let overlaps = |latest: MicrosUtc| earliest.day() <= day && day <= latest.day();
        if !(overlaps(latest) || overlaps(latest_again) && self.sends_again()) {
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
        let clock_errors = self.clock_errors();
        let actions = self.session.walk(self.person, shop).actions;
        let size = self.session.random.stream("size").between(BATCH_MIN, BATCH_MAX).cast_unsigned();
        #[expect(clippy::cast_possible_truncation, reason = "twenty at most")]
        for (ordinal, actions) in (0..).zip(actions.chunks(size as usize)) {
            let batch = BatchOfPhone {
                phone: self,
                stationery: &stationery,
                clock_errors,
                actions,
                random: self.session.random.stream("batch").at(ordinal),
            };
            batch.send(day, outbox);
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

    fn clock_errors(&self) -> ClockErrors {
        let clock = self.person.random.stream("clock");
        let now = match self.faults.verdict(Subject::Phone, clock) {
            Some(_) => either_sign(clock.at(1), CLOCK_ERROR_MAX),
            None => 0,
        };
        let change = match self.verdict {
            Some(Fault::Late) | None => 0,
            Some(_) => clock_change(fate(self.session).at(1)),
        };
        ClockErrors { then: now + change, now }
    }
}

/// Where it is drawn what befalls a session.
fn fate(session: &Session) -> Random {
    session.random.stream("fate")
}

/// Some events of a session that are sent together, and perhaps again.
struct BatchOfPhone<'a> {
    phone: &'a Phone<'a>,
    stationery: &'a Stationery,
    clock_errors: ClockErrors,
    /// There is at least one.
    actions: &'a [Action],
    random: Random,
}

impl BatchOfPhone<'_> {
    fn send(&self, day: i64, outbox: &mut Outbox) {
        let (phone, random) = (self.phone, self.random);
        let last = &self.actions[self.actions.len() - 1];
        let verdict = phone.faults.verdict(Subject::Batch, random);
        let out_of_order = verdict == Some(Fault::OutOfOrder);
        let flush = random.stream("flush").between(MICROS_PER_SECOND, FLUSH_MAX);
        let mut sent_at = last.at.plus(phone.delay + flush);
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
            if arrived_at.day() == day {
                let messages = self.messages(out_of_order, outbox);
                outbox.push(Arrival {
                    source: Source::MobileEvents,
                    lane: phone.person.user,
                    arrived_at,
                    sent_at: sent_at.plus(self.clock_errors.now),
                    messages,
                    outcome: if fails { outcome } else { Outcome::Acknowledged },
                });
            }
            if !fails {
                return;
            }
            sent_at = arrived_at.plus(trial.stream("pause").long_tailed(RESEND_MIN, RESEND_MAX));
        }
    }

    /// The batch, at will in an order that is not that of the events.
    fn messages(&self, out_of_order: bool, outbox: &mut Outbox) -> Messages {
        let mut messages = outbox.buffer();
        let faults = self.phone.faults;
        let verdicts = self.actions.iter().map(|action| {
            let verdict = faults.verdict(Subject::Message, action.random);
            (action, verdict)
        });
        let copies = |verdict| if verdict == Some(Fault::DuplicateInBatch) { 2 } else { 1 };
        if out_of_order {
            let mut all: Vec<_> =
                verdicts.flat_map(|event| std::iter::repeat_n(event, copies(event.1))).collect();
            let random = self.random.stream("shuffle");
            for index in (1..all.len()).rev() {
                all.swap(index, random.at(index as u64).index(index + 1));
            }
            for (action, verdict) in all {
                self.write(action, verdict, outbox.has_meanings, &mut messages);
            }
        } else {
            for (action, verdict) in verdicts {
                for _ in 0..copies(verdict) {
                    self.write(action, verdict, outbox.has_meanings, &mut messages);
                }
            }
        }
        messages
    }

    /// Adds the message of the event.
    fn write(
        &self,
        action: &Action,
        verdict: Option<Fault>,
        has_meaning: bool,
        messages: &mut Messages,
    ) {
        let event_id = event_id(action.random.stream("id"));
        let event_id = std::str::from_utf8(&event_id).expect("digits are ASCII");
        let occurred_at = action.at.plus(self.clock_errors.then);
        let random = action.random.stream("defect");
        let Stationery { user_id, visit } = self.stationery;
        let is_unknown = verdict == Some(Fault::UnknownEvent);
        let fields = MobileFields {
            event_id,
            event_name: if is_unknown { "screen_blinked" } else { action.event.name() },
            user_id,
            device_id: &visit.device_id,
            session_id: &visit.session_id,
            sequence: action.sequence,
            occurred_at,
            functionality: action.event.functionality(),
            app_version: &visit.app_version,
            os: &visit.os,
            country_code: &visit.country_code,
            properties: action.properties(self.phone.person),
        };
        let reason = match verdict {
            Some(Fault::MissingKey) => RejectReason::MissingKey,
            Some(Fault::WrongType) => RejectReason::WrongType,
            Some(Fault::UnknownEvent) => RejectReason::UnknownEvent,
            Some(Fault::MalformedJson) => RejectReason::NotJson,
            Some(Fault::NotUtf8) => RejectReason::NotUtf8,
            _ => {
                messages.write(|bytes| fields.write(bytes, &[]));
                if has_meaning {
                    messages.mean(Meaning::MobileEvent(MobileEvent {
                        event: action.event,
                        functionality: action.event.functionality().into(),
                        occurred_at,
                        event_id: event_id.to_owned(),
                        user_id: user_id.clone(),
                        product_id: fields.properties.product_id,
                        visit: Arc::clone(visit),
                    }));
                }
                return;
            }
        };
        messages.write(|bytes| {
            let start = bytes.len();
            let defects: &[Defect] = match reason {
                RejectReason::MissingKey => &[*random.pick(&MISSING_KEYS)],
                RejectReason::WrongType => &[*random.pick(&WRONG_TYPES)],
                _ => &[],
            };
            fields.write(bytes, defects);
            match reason {
                RejectReason::NotJson => truncate(bytes, start, random),
                RejectReason::NotUtf8 => spoil(&mut bytes[start..], random),
                _ => {}
            }
        });
        if has_meaning {
            messages.mean(Meaning::Invalid(reason));
        }
    }
}

/// Leaves the beginning of the payload that starts there: no beginning of a JSON object is JSON.
pub(crate) fn truncate(bytes: &mut Vec<u8>, start: usize, random: Random) {
    bytes.truncate(start + 1 + random.index(bytes.len() - start - 1));
}

/// Replaces one byte of the payload by one that occurs nowhere in UTF-8.
pub(crate) fn spoil(payload: &mut [u8], random: Random) {
    let index = random.index(payload.len());
    payload[index] = 0xFF;
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
fn event_id(random: Random) -> [u8; 36] {
    let high = random.bits() & !0xF000 | 0x4000;
    let low = random.at(0).bits() & !(0b11 << 62) | 0b10 << 62;
    let mut id = [b'-'; 36];
    for (digits, bits) in [
        (0..8, high),
        (9..13, high << 32),
        (14..18, high << 48),
        (19..23, low),
        (24..36, low << 16),
    ] {
        write_hexadecimal(bits, &mut id[digits]);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::event_id;
    use crate::random::Random;

    #[test]
    fn event_ids_look_like_random_uuids() {
        let id = String::from_utf8(event_id(Random::new(1)).to_vec()).unwrap();
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert!(id[14..].starts_with('4') && "89ab".contains(&id[19..20]), "{id}");
    }
}
