//! Observes what arrives, and decides what a pipeline accepts, refuses and takes for a repetition.

use super::activity::{self, Profiles};
use super::revenue::Ledger;
use super::sessions;
use super::{Limits, LoadDayTruth, Truth};
use crate::arrival::{Arrival, Meaning, MobileEvent, RejectReason, RowChange, Source};
use crate::events::Event;
use crate::random::{digest, mix};
use crate::time::{date_of, day_of};
use jiff::civil::Date;
use std::collections::{BTreeMap, HashMap, HashSet};

/// An accepted event, as far as the truth is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AcceptedEvent {
    pub(super) day: i64,
    pub(super) user: u32,
    /// None if the phone did not say.
    pub(super) session: Option<u32>,
    pub(super) event: Event,
}

/// What becomes of a valid message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It reaches the vault.
    Accepted,
    /// An earlier valid message says the same.
    Duplicate,
}

/// The place of a message in the order of all messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    arrived_at: i64,
    lane: u64,
    index: usize,
}

/// A valid event that was observed.
#[derive(Clone, Copy, Debug)]
struct ObservedEvent {
    id: Fingerprint,
    place: Place,
    load_day: i64,
    accepted: AcceptedEvent,
}

/// A valid change that was observed.
#[derive(Clone, Debug)]
struct ObservedChange {
    identity: Fingerprint,
    load_day: i64,
    change: RowChange,
}

/// 128 bits that stand for a text; the first half is its [`digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fingerprint(u64, u64);

/// Observes what arrives, and says what a pipeline must make of it.
#[derive(Clone, Debug)]
pub struct TruthRecorder {
    limits: Limits,
    archived: BTreeMap<(Source, i64), u64>,
    rejected: BTreeMap<(Source, i64, RejectReason), u64>,
    events: Vec<ObservedEvent>,
    changes: Vec<ObservedChange>,
    users: Numbers,
    sessions: Numbers,
}

/// Small numbers that stand for ids.
#[derive(Clone, Debug, Default)]
struct Numbers(HashMap<String, u32>);

impl TruthRecorder {
    /// Has observed nothing yet.
    pub fn new(limits: Limits) -> TruthRecorder {
        TruthRecorder {
            limits,
            archived: BTreeMap::new(),
            rejected: BTreeMap::new(),
            events: Vec::new(),
            changes: Vec::new(),
            users: Numbers::default(),
            sessions: Numbers::default(),
        }
    }

    /// Takes note of a batch. Batches may come in any order, each of them once.
    pub fn observe(&mut self, arrival: &Arrival) {
        let load_day = arrival.arrived_at.day();
        *self.archived.entry((arrival.source, load_day)).or_default() +=
            arrival.messages.len() as u64;
        for (index, message) in arrival.messages.iter().enumerate() {
            match message.meaning {
                Meaning::Invalid(reason) => self.reject(arrival.source, load_day, *reason),
                Meaning::MobileEvent(event) => self.observe_event(arrival, index, event),
                Meaning::RowChange(change) => self.observe_change(load_day, change),
            }
        }
    }

    fn observe_event(&mut self, arrival: &Arrival, index: usize, event: &MobileEvent) {
        let load_day = arrival.arrived_at.day();
        // The phone's clock error, and the way to the server, are what lies between the two.
        let event_at = event.occurred_at.plus(arrival.arrived_at.0 - arrival.sent_at.0);
        let event_day = event_at.day();
        if event_day < load_day - i64::from(self.limits.max_lateness_days) {
            return self.reject(arrival.source, load_day, RejectReason::TooLate);
        }
        if event_day > load_day + i64::from(self.limits.max_skew_days) {
            return self.reject(arrival.source, load_day, RejectReason::InFuture);
        }
        let session_id = event.visit.session_id.as_str();
        let session = Some(session_id).filter(|id| !id.is_empty());
        let accepted = AcceptedEvent {
            day: event_day,
            user: self.users.number(&event.user_id),
            session: session.map(|id| self.sessions.number(id)),
            event: event.event,
        };
        self.events.push(ObservedEvent {
            id: Fingerprint::of(&event.event_id),
            place: Place { arrived_at: arrival.arrived_at.0, lane: arrival.lane, index },
            load_day,
            accepted,
        });
    }

    fn observe_change(&mut self, load_day: i64, change: &RowChange) {
        if change.committed_at.day() > load_day + i64::from(self.limits.max_skew_days) {
            return self.reject(change.source, load_day, RejectReason::InFuture);
        }
        let identity = Fingerprint::of(&change.identity);
        self.changes.push(ObservedChange { identity, load_day, change: change.clone() });
    }

    fn reject(&mut self, source: Source, load_day: i64, reason: RejectReason) {
        *self.rejected.entry((source, load_day, reason)).or_default() += 1;
    }

    /// The truth as of the end of that load date; what was loaded later is left out.
    pub fn finish(&self, last_load_date: Date) -> Truth {
        let last_day = day_of(last_load_date);
        let mut load_days: BTreeMap<Source, BTreeMap<Date, LoadDayTruth>> = BTreeMap::new();
        let mut load_day = |source: Source, day: i64, note: &dyn Fn(&mut LoadDayTruth)| {
            note(load_days.entry(source).or_default().entry(date_of(day)).or_default());
        };
        for (&(source, day), count) in self.archived.iter().filter(|entry| entry.0.1 <= last_day) {
            load_day(source, day, &|truth| truth.archived += count);
        }
        for (&(source, day, reason), count) in
            self.rejected.iter().filter(|entry| entry.0.1 <= last_day)
        {
            load_day(source, day, &|truth| {
                truth.rejected.insert(reason.code().to_owned(), *count);
            });
        }
        let mut accepted_events = Vec::new();
        for (event, verdict) in self.event_verdicts() {
            if event.load_day > last_day {
                continue;
            }
            load_day(Source::MobileEvents, event.load_day, &|truth| {
                truth.note(verdict, event.id.0);
            });
            if verdict == Verdict::Accepted {
                accepted_events.push(event.accepted);
            }
        }
        let mut profiles = Profiles::default();
        let mut ledger = Ledger::default();
        for (observed, verdict) in self.change_verdicts() {
            if observed.load_day > last_day {
                continue;
            }
            let change = &observed.change;
            let id = digest(&format!("{}/{}", change.key, change.lsn));
            load_day(change.source, observed.load_day, &|truth| truth.note(verdict, id));
            if verdict == Verdict::Duplicate {
                continue;
            }
            ledger.add(change);
            if let (Source::DbUsers, Some(user)) = (change.source, self.users.0.get(&change.key)) {
                profiles.add(*user, change);
            }
        }
        let session_days = sessions::by_date(&accepted_events, last_day);
        let activity = activity::by_date(&accepted_events, &profiles, last_day);
        Truth {
            load_days,
            activity_days: activity.activity,
            retention_days: activity.retention,
            session_days: session_days.sessions,
            funnel_days: session_days.funnel,
            revenue_days: ledger.by_date(last_day),
        }
    }

    /// Every valid event with its verdict. A duplicate's immediate predecessor with its id is no
    /// more than the lookback away; a predecessor need not have been accepted itself.
    fn event_verdicts(&self) -> impl Iterator<Item = (ObservedEvent, Verdict)> {
        let mut events = self.events.clone();
        events.sort_unstable_by_key(|event| (event.id, event.place));
        let lookback_days = self.limits.lookback_days();
        let mut previous: Option<ObservedEvent> = None;
        events.into_iter().map(move |event| {
            let repeats = previous.is_some_and(|earlier| {
                earlier.id == event.id && earlier.load_day >= event.load_day - lookback_days
            });
            previous = Some(event);
            (event, if repeats { Verdict::Duplicate } else { Verdict::Accepted })
        })
    }

    /// Every valid change with its verdict. Equal changes of a load date are interchangeable, so
    /// it does not matter which of them is said to be the first.
    fn change_verdicts(&self) -> impl Iterator<Item = (&ObservedChange, Verdict)> {
        let mut known: HashSet<(Source, i64, Fingerprint)> = HashSet::new();
        self.changes.iter().map(move |observed| {
            let place = (observed.change.source, observed.load_day, observed.identity);
            let is_new = known.insert(place);
            (observed, if is_new { Verdict::Accepted } else { Verdict::Duplicate })
        })
    }
}

impl Numbers {
    fn number(&mut self, id: &str) -> u32 {
        if let Some(number) = self.0.get(id) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).expect("fewer ids than 2^32");
        self.0.insert(id.to_owned(), number);
        number
    }
}

impl LoadDayTruth {
    fn note(&mut self, verdict: Verdict, id_digest: u64) {
        match verdict {
            Verdict::Accepted => {
                self.accepted += 1;
                self.accepted_digest = self.accepted_digest.wrapping_add(id_digest);
            }
            Verdict::Duplicate => self.duplicates += 1,
        }
    }
}

impl Fingerprint {
    fn of(text: &str) -> Fingerprint {
        let mut second = text.len() as u64;
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            second = mix(second ^ u64::from_le_bytes(word)).wrapping_add(0x9E37_79B9_7F4A_7C15);
        }
        Fingerprint(digest(text), second)
    }
}
