//! The messages of a case: each with the id that the bus would give it, published as raw objects.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jiff::civil::{Date, date};
use lakebed::{
    archiver::{encode_object, object_key},
    bus::{Message as BusMessage, MessageId},
    clock::MicrosUtc,
};
use sim::{Arrival, Limits, Message, Outcome, Source, nasty, nasty_from};

use super::{dice::Dice, store::TestStore};

/// A message that the bus has.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Sorts in the order of publication.
    pub message_id: String,
    /// Which source.
    pub source: Source,
    /// The sender.
    pub lane: u64,
    /// When it reached the bus.
    pub arrived_at: sim::MicrosUtc,
    /// When it was sent, by the sender's clock.
    pub sent_at: sim::MicrosUtc,
    /// What it says.
    pub message: Message,
}

impl Sent {
    /// The UTC date of publication.
    pub fn load_date(&self) -> Date {
        self.arrived_at.date()
    }

    /// The message alone as what the truth observes.
    pub fn arrival(&self) -> Arrival {
        Arrival {
            source: self.source,
            lane: self.lane,
            arrived_at: self.arrived_at,
            sent_at: self.sent_at,
            messages: vec![self.message.clone()],
            outcome: Outcome::Acknowledged,
        }
    }

    fn on_the_bus(&self) -> BusMessage {
        let at = MicrosUtc(self.arrived_at.0);
        let sent_at = MicrosUtc(self.sent_at.0).to_string();
        BusMessage {
            message_id: MessageId(self.message_id.clone()),
            published_at: at,
            received_at: at,
            ordering_key: None,
            attributes: Arc::new(BTreeMap::from([("sent_at".to_owned(), sent_at)])),
            payload: Bytes::from(self.message.payload.clone()),
        }
    }
}

/// First load dates of days long past: of the first, some lie 28 days before those of the set.
const LONG_PAST: [Date; 4] =
    [date(2025, 12, 4), date(2025, 12, 20), date(2025, 10, 20), date(2024, 2, 27)];

/// A nasty set, in a quarter of the cases with messages of days long past.
pub fn random_messages(dice: &mut Dice, seed: u64, limits: Limits, size_max: usize) -> Vec<Sent> {
    let size = 1 + dice.below(size_max);
    let mut arrivals = nasty(seed, limits, size);
    if dice.percent(25) {
        let first_date = *dice.pick(&LONG_PAST);
        arrivals.extend(nasty_from(first_date, seed ^ 1, limits, 1 + size / 4));
    }
    arrivals.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane));
    sent(&arrivals)
}

/// Gives ids in the order of arrival.
pub fn sent(arrivals: &[Arrival]) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    for arrival in arrivals {
        for message in &arrival.messages {
            all.push(Sent {
                // Every second number, so that there is room between two for another.
                message_id: format!("{:06}", 2 * all.len()),
                source: arrival.source,
                lane: arrival.lane,
                arrived_at: arrival.arrived_at,
                sent_at: arrival.sent_at,
                message: message.clone(),
            });
        }
    }
    all
}

/// Publishes messages as objects, cut at random. Returns the objects' keys with what is in them.
pub fn publish(store: &TestStore, messages: &[Sent], dice: &mut Dice) -> Vec<(String, Vec<Sent>)> {
    let mut objects = Vec::new();
    let mut by_day: BTreeMap<(Source, Date), Vec<&Sent>> = BTreeMap::new();
    for message in messages {
        by_day.entry((message.source, message.load_date())).or_default().push(message);
    }
    for ((source, load_date), mut messages) in by_day {
        dice.shuffle(&mut messages);
        while !messages.is_empty() {
            let count = 1 + dice.below(messages.len());
            let object: Vec<Sent> = messages.drain(..count).cloned().collect();
            let rows = object.iter().map(Sent::on_the_bus).collect();
            let (bytes, _) = encode_object(source.name(), rows).expect("messages are encoded");
            let key = object_key(source.name(), load_date, &bytes);
            store.put(&key, &bytes);
            objects.push((key, object));
        }
    }
    objects
}
