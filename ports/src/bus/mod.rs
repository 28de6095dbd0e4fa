//! The bus: durable topics between whoever publishes messages and any number of subscribers.
//!
//! This is the port, and it promises only what the weakest adapter can keep:
//! - `publish` returns when the messages are durable, and not before. One that fails may have
//!   published all, some or none of them.
//! - A message's id and `published_at` are given once, at publication, and every delivery of it
//!   has them. An id names one message of its topic; **nothing is said of the order of ids**.
//! - Every message that was published while a subscription was there comes to it at least once,
//!   in any order, and again until an acknowledgement of it has arrived. An acknowledgement may be
//!   lost, and a message may come again after it, a few times: a subscriber bears copies.
//! - A delivery is leased until its [`Lease`] is dropped; the adapter sees to it that the lease
//!   does not end before. What was given back comes again in the end: at once, or when the lease would
//!   have ended.
//! - On an ordered subscription the messages of one ordering key come in the order of their
//!   publication; when one comes again, so do the later ones of its key that nobody holds, in their
//!   order.
//!
//! What an embedded bus can do besides is a trait of its own, [`Backlog`], so that nothing leans on
//! it unknowingly. [`Setup`] is for whoever sets a system up; in production that is Terraform.
//!
//! It does not look into payloads, and knows neither sources nor dates.

pub mod conformance;
pub mod error;
pub mod tracked;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{clock::MicrosUtc, port_error::PortError};

/// A message's name, unique within its topic. Its order means nothing.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(pub String);

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What travels beside the payload. Shared, since the messages of one batch have the same.
pub type Attributes = Arc<BTreeMap<String, String>>;

/// What travels beside each payload of a batch, however it came.
pub fn batch_attributes(sent_at: &str, client: Option<&str>) -> Attributes {
    let mut attributes = BTreeMap::from([("sent_at".to_owned(), sent_at.to_owned())]);
    if let Some(client) = client {
        attributes.insert("client".to_owned(), client.to_owned());
    }
    Arc::new(attributes)
}

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
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Dropping it gives the message back, to be delivered again.
    pub lease: Box<dyn Lease>,
}

/// One delivery of one message, held until it is dropped.
pub trait Lease: Send {
    /// Asks the bus never to deliver the message to this subscription again. Returns at once; the
    /// wish may be lost, and then the message comes again.
    fn acknowledge(self: Box<Self>);
}

/// How much a subscriber holds at one time. At either limit the bus delivers no more until leases
/// end, so whoever waits for more than that waits for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flow {
    /// Leases.
    pub message_count_max: usize,
    /// Payload bytes of their messages; the message that reaches it is still delivered.
    pub payload_bytes_max: usize,
}

/// Messages as they come. It ends when the bus closes, and after an error.
pub type Deliveries = BoxStream<'static, Result<Delivery, PortError>>;

/// Durable topics with subscriptions. See the module for what each adapter promises.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes messages and returns their ids, in the order given, once all are durable.
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError>;

    /// Begins to receive. Any number of subscribers share a subscription's messages; when the stream
    /// is dropped, what it has not handed out goes to others.
    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError>;
}

/// What an embedded bus can do besides, and no bus of a cloud: say what is left, so that a run on one
/// machine knows that everything is in the raw layer; and publish all of what it is given or nothing.
#[async_trait]
pub trait Backlog: Bus {
    /// How many messages this subscription has not acknowledged, leased ones included. Counts every
    /// acknowledgement that was given before.
    async fn backlog(&self, subscription: &str) -> Result<u64, PortError>;
}

/// A subscriber's place in a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubscriptionConfig {
    /// The subscription's name, one of all topics.
    pub name: String,
    /// The topic it reads.
    pub topic: String,
    /// Whether messages of one ordering key are delivered in order.
    pub is_ordered: bool,
}

/// Makes what the others find there.
#[async_trait]
pub trait Setup: Send + Sync {
    /// Makes a topic, if it is not there.
    async fn create_topic(&self, topic: &str) -> Result<(), PortError>;

    /// Makes a subscription, if it is not there; one with other settings is an error. It gets what is
    /// published from now on.
    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), PortError>;
}
