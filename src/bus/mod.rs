//! The bus: durable topics between whoever publishes messages and any number of subscribers.
//!
//! This is the port. What every adapter promises:
//! - `publish` returns when the messages are durable, and not before.
//! - A message's id and `published_at` are given once, at publication, and kept by redelivery.
//!   Ids of one topic sort in the order of publication.
//! - Delivery is at least once: what is not acknowledged before its deadline comes again.
//! - On an ordered subscription, while a message of an ordering key is leased, later messages of
//!   that key are not delivered by later pulls; a release or an expiry gives back the key's later
//!   leases too.
//!
//! It does not look into payloads, and knows neither sources nor dates.

mod block;
#[cfg(test)]
pub mod conformance;
#[cfg(test)]
mod disk_test;
mod embedded;
mod error;
#[cfg(test)]
mod model_test;
mod sequence_set;
mod storage;
mod subscription;
mod writer;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

pub use embedded::{EmbeddedBus, EmbeddedBusConfig, PublishClock};
pub use error::BusError;

use crate::clock::MicrosUtc;

/// A message's name: it sorts in the order of publication within a topic.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(pub String);

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Names one delivery of one message, to acknowledge, release or extend it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AckId(pub String);

/// What travels beside the payload. Shared, since the messages of one batch have the same.
pub type Attributes = Arc<BTreeMap<String, String>>;

/// When a publication happens, by whose clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PublishTime {
    /// Now, by the bus's own clock.
    System,
    /// At this instant of a simulation; only a bus on simulated time takes it.
    Simulated(MicrosUtc),
}

/// A message on its way into the bus.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Messages of one key are delivered in order to ordered subscriptions.
    pub ordering_key: Option<Arc<str>>,
    /// When it will have been published.
    pub published: PublishTime,
    /// When it reached us.
    pub received_at: MicrosUtc,
    /// What travels beside the payload.
    pub attributes: Attributes,
    /// The bytes exactly as received.
    pub payload: Bytes,
}

/// A message as the bus holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Given at publication.
    pub message_id: MessageId,
    /// Set once, at publication.
    pub published_at: MicrosUtc,
    /// As the publisher said.
    pub received_at: MicrosUtc,
    /// As the publisher said.
    pub ordering_key: Option<Arc<str>>,
    /// As the publisher said.
    pub attributes: Attributes,
    /// As the publisher said.
    pub payload: Bytes,
}

/// A message leased to a subscriber.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// To acknowledge, release or extend it.
    pub ack_id: AckId,
    /// 1 for the first delivery that this process made of it, then counting up.
    pub attempt: u32,
    /// The message.
    pub message: Message,
}

/// A subscriber's place in a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubscriptionConfig {
    /// The subscription's name, one of all topics.
    pub name: String,
    /// The topic it reads.
    pub topic: String,
    /// How long a delivered message stays leased.
    pub ack_deadline: Duration,
    /// Whether messages of one ordering key are delivered in order.
    pub is_ordered: bool,
}

/// Durable topics with subscriptions. See the module for what each adapter promises.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Makes a topic, if it is not there.
    async fn create_topic(&self, topic: &str) -> Result<(), BusError>;

    /// Makes a subscription, if it is not there; one with other settings is an error.
    ///
    /// It gets what is published from now on. The first subscription of a topic gets what the
    /// topic has kept, too.
    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), BusError>;

    /// Publishes in the order given and returns the ids in that order, once all are durable.
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, BusError>;

    /// Leases up to `message_count_max` messages; none if there are none now.
    async fn pull(
        &self,
        subscription: &str,
        message_count_max: usize,
    ) -> Result<Vec<Delivery>, BusError>;

    /// Never again delivers these messages to this subscription, once it has returned. A late
    /// acknowledgement, after its lease ended, counts as well.
    async fn acknowledge(&self, subscription: &str, ack_ids: Vec<AckId>) -> Result<(), BusError>;

    /// Gives messages back, to be delivered again. Leases that have ended are left alone.
    async fn release(&self, subscription: &str, ack_ids: Vec<AckId>) -> Result<(), BusError>;

    /// Lets leases end `deadline` from now. Leases that have ended are left alone.
    async fn extend(
        &self,
        subscription: &str,
        ack_ids: Vec<AckId>,
        deadline: Duration,
    ) -> Result<(), BusError>;

    /// How many messages this subscription has not acknowledged, leased ones included.
    async fn backlog(&self, subscription: &str) -> Result<u64, BusError>;
}
