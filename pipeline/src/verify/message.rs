//! The messages of a trial: each with the id that the bus would give it, and what it means.
//!
//! What a message means is what the generator meant by it, never what was read of its payload.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use sim::{Arrival, Limits, Meaning, MicrosUtc, Outcome, Source, nasty, nasty_from};

use super::dice::Dice;
use crate::{
    bus::{Message as BusMessage, MessageId},
    clock,
};

/// Sets are drawn again in up to so many times the size, until enough of them is of the sources that
/// are read.
const DRAW_FACTORS: [usize; 3] = [1, 4, 12];
/// First load dates of days long past: of the first, some lie 28 days before those of the set, of the
/// second a week.
const LONG_PAST: [Date; 6] = [
    date(2025, 12, 4),
    date(2025, 12, 25),
    date(2025, 12, 4),
    date(2025, 12, 20),
    date(2025, 10, 20),
    date(2024, 2, 27),
];

/// A message that the bus has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Sorts in the order of publication.
    pub message_id: String,
    /// Which source.
    pub source: Source,
    /// The sender.
    pub lane: u64,
    /// When it reached the bus.
    pub arrived_at: MicrosUtc,
    /// When it was sent, by the sender's clock.
    pub sent_at: MicrosUtc,
    /// The bytes.
    pub payload: Vec<u8>,
    /// What is meant by them.
    pub meaning: Meaning,
    /// In which of the two runs of a trial it is.
    pub side: Side,
}

/// In which of the two runs of a trial a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// In both, the same.
    #[default]
    Both,
    /// Only where nothing was done to the messages.
    Reference,
    /// Only where something was.
    Variation,
}

impl Sent {
    /// The UTC date of publication.
    pub fn load_date(&self) -> Date {
        self.arrived_at.date()
    }

    /// When that happened which it tells of, by a right clock; `None` if it cannot be read.
    pub fn happened_at(&self) -> Option<MicrosUtc> {
        match &self.meaning {
            Meaning::MobileEvent(said) => {
                Some(MicrosUtc(said.occurred_at.0 + self.arrived_at.0 - self.sent_at.0))
            }
            Meaning::RowChange(said) => Some(said.committed_at),
            Meaning::Invalid(_) => None,
        }
    }

    /// What two messages share that tell of the same.
    pub fn identity(&self) -> Option<(Source, &str)> {
        match &self.meaning {
            Meaning::MobileEvent(said) => Some((self.source, &said.event_id)),
            Meaning::RowChange(said) => Some((self.source, &said.identity)),
            Meaning::Invalid(_) => None,
        }
    }

    /// The message alone as what the simulator's truth observes.
    pub fn arrival(&self) -> Arrival {
        Arrival {
            source: self.source,
            lane: self.lane,
            arrived_at: self.arrived_at,
            sent_at: self.sent_at,
            messages: [(&self.payload, self.meaning.clone())].into_iter().collect(),
            outcome: Outcome::Acknowledged,
        }
    }

    /// As the archiver gets it.
    pub fn on_the_bus(&self) -> BusMessage {
        let at = clock::MicrosUtc(self.arrived_at.0);
        let sent_at = clock::MicrosUtc(self.sent_at.0).to_string();
        BusMessage {
            message_id: MessageId(self.message_id.clone()),
            published_at: at,
            received_at: at,
            ordering_key: None,
            attributes: Arc::new(BTreeMap::from([("sent_at".to_owned(), sent_at)])),
            payload: Bytes::from(self.payload.clone()),
        }
    }
}

/// Small constants, so that their edges lie within a few days.
pub fn random_limits(dice: &mut Dice) -> Limits {
    Limits { max_lateness_days: *dice.pick(&[0, 1, 2, 3]), max_skew_days: *dice.pick(&[0, 1]) }
}

/// A nasty set of messages of these sources, in a quarter of the cases with messages of days long
/// past.
pub fn random_messages(
    dice: &mut Dice,
    (seed, limits): (u64, Limits),
    sources: &[Source],
    size_max: usize,
) -> Vec<Sent> {
    let size = 1 + dice.below(size_max);
    let first_date = dice.percent(25).then(|| *dice.pick(&LONG_PAST));
    let is_read = |arrival: &Arrival| sources.contains(&arrival.source);
    let drawn = |factor: usize| {
        let mut arrivals = nasty(seed, limits, size * factor);
        if let Some(first_date) = first_date {
            arrivals.extend(nasty_from(first_date, seed ^ 1, limits, 1 + size * factor / 2));
        }
        arrivals.retain(is_read);
        arrivals
    };
    let is_enough = |arrivals: &Vec<Arrival>| arrivals.len() >= size;
    let mut arrivals = drawn(DRAW_FACTORS[0]);
    for factor in DRAW_FACTORS {
        if is_enough(&arrivals) || sources.len() == Source::ALL.len() {
            break;
        }
        arrivals = drawn(factor);
    }
    if sources.len() < Source::ALL.len() && arrivals.len() > size {
        dice.shuffle(&mut arrivals);
        arrivals.truncate(size);
    }
    arrivals.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane));
    sent(&arrivals)
}

/// Gives ids in the order of arrival.
pub fn sent(arrivals: &[Arrival]) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    for arrival in arrivals {
        for message in arrival.messages.iter() {
            all.push(Sent {
                message_id: id_at(2 * all.len()),
                source: arrival.source,
                lane: arrival.lane,
                arrived_at: arrival.arrived_at,
                sent_at: arrival.sent_at,
                payload: message.payload.to_owned(),
                meaning: message.meaning.clone(),
                side: Side::Both,
            });
        }
    }
    all
}

/// An id for a message of that arrival that comes after the others there: every second number is
/// free, so that there is room between two.
pub fn id_between(messages: &[Sent], arrived_at: MicrosUtc) -> String {
    let before = messages.iter().filter(|other| other.arrived_at <= arrived_at).count();
    id_at((2 * before).saturating_sub(1))
}

fn id_at(place: usize) -> String {
    format!("{place:06}")
}
