//! The bus over Pub/Sub.
//!
//! What the service gives is kept as it is: the message's id and its publish time. Beside the
//! publisher's attributes go two of our own, which subscribers see as fields and not as attributes: when
//! the message reached us, and, in a simulation, when it will have been published.
//!
//! The client's publisher never makes anybody wait, so the bytes under way are counted here. After a
//! failure it takes nothing more of the key until it is told to; whoever publishes is told of the
//! failure, so we tell it at once.

mod stream;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use google_cloud_auth::credentials::anonymous;
use google_cloud_pubsub::{
    client::{BasePublisher, Publisher, Subscriber, SubscriptionAdmin, TopicAdmin},
    error::PublishError,
    model::{ExpirationPolicy, Message as CloudMessage},
};
use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::{
    bus::{
        Bus, Deliveries, Flow, MessageId, Publication, PublishTime, Setup, SubscriptionConfig,
        error::{closed, subscription_differs, unknown_subscription, unknown_topic, wrong_clock},
    },
    port_error::PortError,
};
use tokio::sync::{Mutex, Semaphore};

use crate::error::{call, client, is_forbidden, is_not_found, is_there};

/// When a message reached us, in microseconds since 1970.
const RECEIVED_AT: &str = "lakebed-received-at";
/// When a simulation says that it was published, in microseconds since 1970.
const PUBLISHED_AT: &str = "lakebed-published-at";

/// Payload bytes that are published and not yet answered; at this many publishers wait.
const BYTES_UNDER_WAY_MAX: u32 = 64 << 20;
/// How long a publication may take before it counts as failed. It may still arrive after that.
const PUBLISH_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the client waits for more messages to send together.
const BATCH_DELAY: Duration = Duration::from_millis(5);

/// By whose clock messages are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PubSubTime {
    /// The service's.
    System,
    /// A simulation's, which goes with each message.
    Simulated,
}

/// Which topics, and where.
#[derive(Clone, Debug)]
pub struct PubSubConfig {
    /// The project of the cloud.
    pub project: String,
    /// What the names of topics and subscriptions begin with; three characters at least.
    pub prefix: String,
    /// Where an emulator answers; `None`: the service.
    pub endpoint: Option<String>,
    /// By whose clock messages are published.
    pub time: PubSubTime,
    /// How long the service waits for a sign of life before it gives a held message to others: 10 s to
    /// 10 min. The client gives that sign as long as it holds the message.
    pub lease: Duration,
}

/// Topics of Pub/Sub.
pub struct PubSubBus {
    config: PubSubConfig,
    topics: TopicAdmin,
    subscriptions: SubscriptionAdmin,
    publisher: BasePublisher,
    /// By topic.
    publishers: Mutex<HashMap<String, Publisher>>,
    subscriber: Subscriber,
    bytes_under_way: Semaphore,
}

/// Calls of a builder that are the same for each client.
macro_rules! connect {
    ($builder:expr, $config:expr) => {{
        let mut builder = $builder;
        if let Some(endpoint) = &$config.endpoint {
            let nobody = anonymous::Builder::new().build();
            builder = builder.with_endpoint(endpoint).with_credentials(nobody);
        }
        builder.build().await.map_err(|error| client("Pub/Sub", error))?
    }};
}

impl PubSubBus {
    /// Makes the clients; nothing is asked of the service yet.
    pub async fn connect(config: PubSubConfig) -> Result<Self, PortError> {
        Ok(Self {
            topics: connect!(TopicAdmin::builder(), config),
            subscriptions: connect!(SubscriptionAdmin::builder(), config),
            publisher: connect!(BasePublisher::builder(), config),
            publishers: Mutex::default(),
            subscriber: connect!(Subscriber::builder(), config),
            bytes_under_way: Semaphore::new(BYTES_UNDER_WAY_MAX as usize),
            config,
        })
    }

    /// Whether a topic is there, for us.
    pub async fn has_topic(&self, topic: &str) -> Result<bool, PortError> {
        match self.topics.get_topic().set_topic(self.topic_name(topic)).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(call(format!("cannot look at the topic `{topic}`"), error)),
        }
    }

    /// Whether a subscription is there, for us.
    pub async fn has_subscription(&self, subscription: &str) -> Result<bool, PortError> {
        let name = self.subscription_name(subscription);
        match self.subscriptions.get_subscription().set_subscription(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => {
                Err(call(format!("cannot look at the subscription `{subscription}`"), error))
            }
        }
    }

    /// Takes a subscription away, with what it had not delivered.
    pub async fn delete_subscription(&self, subscription: &str) -> Result<(), PortError> {
        let name = self.subscription_name(subscription);
        match self.subscriptions.delete_subscription().set_subscription(name).send().await {
            Err(error) if !is_not_found(&error) => {
                Err(call(format!("cannot delete the subscription `{subscription}`"), error))
            }
            _ => Ok(()),
        }
    }

    /// The topic's name as the service knows it.
    pub fn topic_name(&self, topic: &str) -> String {
        format!("projects/{}/topics/{}{topic}", self.config.project, self.config.prefix)
    }

    /// The subscription's name as the service knows it.
    pub fn subscription_name(&self, subscription: &str) -> String {
        let PubSubConfig { project, prefix, .. } = &self.config;
        format!("projects/{project}/subscriptions/{prefix}{subscription}")
    }

    async fn publisher(&self, topic: &str) -> Publisher {
        let mut publishers = self.publishers.lock().await;
        let make = || {
            let builder = self.publisher.publisher(self.topic_name(topic));
            builder.set_delay_threshold(BATCH_DELAY).set_message_count_threshold(1000_u32).build()
        };
        publishers.entry(topic.to_owned()).or_insert_with(make).clone()
    }

    fn message(&self, publication: &Publication) -> Result<CloudMessage, PortError> {
        let mut attributes: HashMap<String, String> = publication
            .attributes
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        attributes.insert(RECEIVED_AT.to_owned(), publication.received_at.0.to_string());
        match (self.config.time, publication.published) {
            (PubSubTime::System, PublishTime::System) => {}
            (PubSubTime::Simulated, PublishTime::Simulated(at)) => {
                attributes.insert(PUBLISHED_AT.to_owned(), at.0.to_string());
            }
            (PubSubTime::System, PublishTime::Simulated(_)) => {
                return Err(wrong_clock("the system's", "simulated"));
            }
            (PubSubTime::Simulated, PublishTime::System) => {
                return Err(wrong_clock("simulated", "the system's"));
            }
        }
        Ok(CloudMessage::new()
            .set_data(publication.payload.clone())
            .set_attributes(attributes)
            .set_ordering_key(publication.ordering_key.as_deref().unwrap_or_default()))
    }
}

#[async_trait]
impl Bus for PubSubBus {
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
        let messages: Vec<CloudMessage> =
            publications.iter().map(|one| self.message(one)).collect::<Result<_, _>>()?;
        let size_bytes: usize = publications.iter().map(|one| one.payload.len()).sum();
        let permits = u32::try_from(size_bytes).unwrap_or(u32::MAX).min(BYTES_UNDER_WAY_MAX);
        let _permit = self.bytes_under_way.acquire_many(permits).await.map_err(|_| closed())?;
        let publisher = self.publisher(topic).await;
        let answers = futures::future::join_all(
            messages.into_iter().map(|message| publisher.publish(message)).collect::<Vec<_>>(),
        );
        let answers = tokio::time::timeout(PUBLISH_TIMEOUT, answers).await.map_err(|_| {
            let message = format!("Pub/Sub does not answer publications to `{topic}`");
            PortError::new(ErrorKind::Retry, message)
        })?;
        let mut ids = Vec::with_capacity(answers.len());
        let mut failed = None;
        for (answer, publication) in answers.into_iter().zip(&publications) {
            match answer {
                Ok(id) => ids.push(MessageId(id)),
                Err(error) => {
                    if let Some(key) = publication.ordering_key.as_deref() {
                        publisher.resume_publish(key);
                    }
                    // The first says why; what follows on its key only says that it was paused.
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            None => Ok(ids),
            Some(error) => Err(publish_error(topic, error)),
        }
    }

    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError> {
        let name = self.subscription_name(subscription);
        // The stream itself says so only when somebody waits for it.
        match self.subscriptions.get_subscription().set_subscription(&name).send().await {
            Err(error) if is_not_found(&error) => return Err(unknown_subscription(subscription)),
            Err(error) if !is_forbidden(&error) => {
                return Err(call(format!("cannot subscribe to `{subscription}`"), error));
            }
            _ => {}
        }
        let count = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
        let stream = self
            .subscriber
            .subscribe(name)
            .set_max_lease_extension(self.config.lease)
            // A message is held until its object is written, however long that takes.
            .set_max_lease(Duration::from_hours(24))
            .set_max_outstanding_messages(count(flow.message_count_max))
            .set_max_outstanding_bytes(count(flow.payload_bytes_max.max(1 << 20)))
            .build();
        Ok(stream::deliveries(stream, flow, self.config.time, subscription.to_owned()))
    }
}

fn publish_error(topic: &str, error: PublishError) -> PortError {
    let action = format!("cannot publish to the topic `{topic}`");
    match error {
        PublishError::Rpc(error) if is_not_found(&error) => unknown_topic(topic),
        PublishError::Rpc(error) => match Arc::try_unwrap(error) {
            Ok(error) => call(action, error),
            Err(shared) => PortError::new(ErrorKind::Retry, action).with_source(shared.to_string()),
        },
        other => PortError::new(ErrorKind::Retry, action).with_source(other),
    }
}

#[async_trait]
impl Setup for PubSubBus {
    async fn create_topic(&self, topic: &str) -> Result<(), PortError> {
        match self.topics.create_topic().set_name(self.topic_name(topic)).send().await {
            Err(error) if !is_there(&error) => {
                Err(call(format!("cannot make the topic `{topic}`"), error))
            }
            _ => Ok(()),
        }
    }

    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), PortError> {
        let name = self.subscription_name(&config.name);
        let topic = self.topic_name(&config.topic);
        let created = self
            .subscriptions
            .create_subscription()
            .set_name(&name)
            .set_topic(&topic)
            .set_enable_message_ordering(config.is_ordered)
            .set_ack_deadline_seconds(60)
            // Without a policy of its own, one that is idle for 31 days is deleted.
            .set_expiration_policy(ExpirationPolicy::new())
            .send()
            .await;
        let failed = |error| call(format!("cannot make the subscription `{}`", config.name), error);
        match created {
            Ok(_) => Ok(()),
            Err(error) if is_not_found(&error) => Err(unknown_topic(&config.topic)),
            Err(error) if is_there(&error) => {
                let asked = self.subscriptions.get_subscription().set_subscription(name);
                let found = asked.send().await.map_err(failed)?;
                if found.topic == topic && found.enable_message_ordering == config.is_ordered {
                    return Ok(());
                }
                let order = if found.enable_message_ordering { "ordered" } else { "unordered" };
                Err(subscription_differs(&config.name, &format!("{order}, of {}", found.topic)))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Our own attributes, taken off.
struct Taken {
    received_at: Option<i64>,
    published_at: Option<i64>,
    attributes: BTreeMap<String, String>,
}

fn take_own(attributes: HashMap<String, String>) -> Taken {
    let mut attributes: BTreeMap<String, String> = attributes.into_iter().collect();
    let mut take = |key| attributes.remove(key).and_then(|value| value.parse().ok());
    let (received_at, published_at) = (take(RECEIVED_AT), take(PUBLISHED_AT));
    Taken { received_at, published_at, attributes }
}
