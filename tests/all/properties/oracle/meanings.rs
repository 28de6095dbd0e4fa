//! What becomes of each message: rejected, a duplicate, or accepted.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use sim::{Limits, Meaning, MicrosUtc, MobileEvent, RowChange, Source};

use lakebed::verify::message::Sent;

/// A valid event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The message.
    pub sent: &'a Sent,
    /// What it says.
    pub said: &'a MobileEvent,
    /// When it happened, by a right clock.
    pub at: MicrosUtc,
}

impl Event<'_> {
    /// The business date.
    pub fn date(&self) -> Date {
        self.at.date()
    }

    /// Who told of it.
    pub fn record_source(&self) -> String {
        format!("mobile_events/{}", self.said.functionality)
    }
}

/// A valid change.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The message.
    pub sent: &'a Sent,
    /// What it says.
    pub said: &'a RowChange,
}

/// The messages of a case, each once however often it is there, sorted out.
#[derive(Debug)]
pub struct Meanings<'a> {
    /// The contracts' constants.
    pub limits: Limits,
    /// All messages.
    pub messages: Vec<&'a Sent>,
    /// Those that are rejected, and why.
    pub rejected: Vec<(&'a Sent, &'static str)>,
    /// Those that say again what an earlier one said, with that one.
    pub duplicates: Vec<(&'a Sent, &'a Sent)>,
    /// Valid events.
    pub events: Vec<Event<'a>>,
    /// Valid changes.
    pub changes: Vec<Change<'a>>,
    /// Events that are no duplicates.
    pub accepted_events: Vec<Event<'a>>,
    /// Changes that are no duplicates.
    pub accepted_changes: Vec<Change<'a>>,
}

impl<'a> Meanings<'a> {
    /// Sorts messages out.
    pub fn of(sent: &'a [Sent], limits: Limits) -> Self {
        let distinct: BTreeMap<&str, &Sent> =
            sent.iter().map(|sent| (sent.message_id.as_str(), sent)).collect();
        let mut messages: Vec<&Sent> = distinct.into_values().collect();
        messages.sort_by_key(|sent| (sent.arrived_at, &sent.message_id));
        let mut meanings = Self {
            limits,
            messages: messages.clone(),
            rejected: Vec::new(),
            duplicates: Vec::new(),
            events: Vec::new(),
            changes: Vec::new(),
            accepted_events: Vec::new(),
            accepted_changes: Vec::new(),
        };
        for sent in messages {
            meanings.add(sent);
        }
        meanings
    }

    /// The first and the last load date of any source; `None` without messages.
    pub fn load_dates(&self) -> Option<(Date, Date)> {
        let load_dates = || self.messages.iter().map(|sent| sent.load_date());
        Some((load_dates().min()?, load_dates().max()?))
    }

    /// The valid changes of a source.
    pub fn changes_of(&self, source: Source) -> impl Iterator<Item = Change<'a>> {
        self.changes.iter().copied().filter(move |change| change.said.source == source)
    }

    fn add(&mut self, sent: &'a Sent) {
        let latest = sent.load_date() + i64::from(self.limits.max_skew_days).days();
        match &sent.meaning {
            Meaning::Invalid(reason) => self.rejected.push((sent, reason.code())),
            Meaning::RowChange(said) if said.committed_at.date() > latest => {
                self.rejected.push((sent, "in_future"));
            }
            Meaning::RowChange(said) => self.add_change(Change { sent, said }),
            Meaning::MobileEvent(said) => {
                let at = MicrosUtc(said.occurred_at.0 + sent.arrived_at.0 - sent.sent_at.0);
                let earliest = sent.load_date() - i64::from(self.limits.max_lateness_days).days();
                if at.date() < earliest {
                    self.rejected.push((sent, "too_late"));
                } else if at.date() > latest {
                    self.rejected.push((sent, "in_future"));
                } else {
                    self.add_event(Event { sent, said, at });
                }
            }
        }
    }

    fn add_event(&mut self, event: Event<'a>) {
        let lookback_days = self.limits.max_lateness_days + self.limits.max_skew_days;
        let since = event.sent.load_date() - i64::from(lookback_days).days();
        let earlier = self.events.iter().rev().find(|earlier| {
            earlier.said.event_id == event.said.event_id && earlier.sent.load_date() >= since
        });
        match earlier {
            Some(earlier) => self.duplicates.push((event.sent, earlier.sent)),
            None => self.accepted_events.push(event),
        }
        self.events.push(event);
    }

    fn add_change(&mut self, change: Change<'a>) {
        let earlier = self.changes.iter().rev().find(|earlier| {
            earlier.said.source == change.said.source
                && earlier.said.identity == change.said.identity
                && earlier.sent.load_date() == change.sent.load_date()
        });
        match earlier {
            Some(earlier) => self.duplicates.push((change.sent, earlier.sent)),
            None => self.accepted_changes.push(change),
        }
        self.changes.push(change);
    }
}
