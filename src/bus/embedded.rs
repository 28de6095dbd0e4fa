//! A bus inside this process, durable in one file. For laptops and tests: one process at a time.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{
    AckId, Bus, BusError, Delivery, Message, MessageId, Publication, PublishTime,
    SubscriptionConfig,
    block::{self, BlockMessage, Header},
    sequence_set::SequenceSet,
    storage::Storage,
    subscription::{SubscriptionState, parse_ack_id},
    writer::{Request, Writer},
};
use crate::clock::{MicrosUtc, MonotonicClock};

/// A pull ends here even if more messages were asked for.
const PULL_BYTES_MAX: usize = 16 << 20;

/// Whose clock sets `published_at`.
#[derive(Clone, Copy, Debug)]
pub enum PublishClock {
    /// This function, usually [`crate::clock::now`].
    System(fn() -> MicrosUtc),
    /// Each publication carries its simulated time.
    Simulated,
}

/// What an embedded bus is made of.
pub struct EmbeddedBusConfig {
    /// The file; it and its folder are made if missing.
    pub path: PathBuf,
    /// Sets `published_at`.
    pub publish_clock: PublishClock,
    /// Measures leases.
    pub lease_clock: Arc<dyn MonotonicClock>,
}

/// The embedded bus. Dropping it finishes what was begun and unlocks the file.
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    publish_clock: PublishClock,
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer's thread and the callers share.
pub struct Shared {
    pub storage: Storage,
    topics: RwLock<HashMap<String, Arc<Topic>>>,
    subscriptions: RwLock<HashMap<String, Arc<Subscription>>>,
    lease_clock: Arc<dyn MonotonicClock>,
}

/// A topic: its messages below `end` are durable.
pub struct Topic {
    id: u32,
    pub end: AtomicU64,
}

/// A subscription and the topic it reads.
pub struct Subscription {
    topic: Arc<Topic>,
    queue: Mutex<Queue>,
}

/// What is deliverable, and the block that was read last, since neighbours come next.
pub struct Queue {
    pub state: SubscriptionState,
    block: Option<(u64, Vec<Message>)>,
}

impl EmbeddedBus {
    /// Opens the file.
    pub fn open(config: EmbeddedBusConfig) -> Result<Self, BusError> {
        Self::start(Storage::open(&config.path)?, config)
    }

    /// Starts the writer's thread on an open file.
    pub(super) fn start(storage: Storage, config: EmbeddedBusConfig) -> Result<Self, BusError> {
        let topics: Vec<_> = storage.topics()?;
        let subscriptions = storage.subscriptions()?;
        let shared = Arc::new(Shared {
            storage,
            topics: RwLock::default(),
            subscriptions: RwLock::default(),
            lease_clock: config.lease_clock,
        });
        for topic in &topics {
            shared.insert_topic(&topic.name, Topic::new(topic.id, topic.next_sequence));
        }
        for (config, set) in &subscriptions {
            let topic = shared.topic(&config.topic)?;
            let subscription = Subscription::new(topic, config.clone(), set.clone());
            shared.insert_subscription(&config.name, subscription);
        }
        let writer = Writer {
            shared: Arc::clone(&shared),
            topics: topics.into_iter().map(|topic| (topic.name.clone(), topic)).collect(),
            subscriptions: subscriptions
                .into_iter()
                .map(|(config, set)| (config.name.clone(), (config, set)))
                .collect(),
            failure: None,
        };
        let (requests, received) = mpsc::channel();
        let writer = std::thread::Builder::new()
            .name("bus-writer".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(|error| BusError::Storage { path: config.path, detail: error.to_string() })?;
        Ok(Self {
            shared,
            publish_clock: config.publish_clock,
            requests: Some(requests),
            writer: Some(writer),
        })
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, BusError>>) -> Request,
    ) -> Result<T, BusError> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(BusError::Closed)?;
        requests.send(request(reply)).map_err(|_| BusError::Closed)?;
        answer.await.map_err(|_| BusError::Closed)?
    }

    fn published_at(&self, published: PublishTime) -> Result<MicrosUtc, BusError> {
        match (self.publish_clock, published) {
            (PublishClock::System(now), PublishTime::System) => Ok(now()),
            (PublishClock::Simulated, PublishTime::Simulated(at)) => Ok(at),
            (PublishClock::System(_), PublishTime::Simulated(_)) => {
                Err(BusError::WrongClock { expected: "system", given: "simulated" })
            }
            (PublishClock::Simulated, PublishTime::System) => {
                Err(BusError::WrongClock { expected: "simulated", given: "system" })
            }
        }
    }
}

impl Drop for EmbeddedBus {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // If the thread panicked, it has said so on stderr already.
            drop(writer.join());
        }
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn create_topic(&self, topic: &str) -> Result<(), BusError> {
        self.ask(|reply| Request::CreateTopic { topic: topic.to_owned(), reply }).await
    }

    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), BusError> {
        self.ask(|reply| Request::CreateSubscription { config, reply }).await
    }

    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, BusError> {
        let messages = publications
            .into_iter()
            .map(|publication| {
                Ok(BlockMessage {
                    header: Header {
                        published_at: self.published_at(publication.published)?,
                        received_at: publication.received_at,
                        ordering_key: publication.ordering_key,
                        attributes: publication.attributes,
                    },
                    payload: publication.payload,
                })
            })
            .collect::<Result<Vec<_>, BusError>>()?;
        self.ask(|reply| Request::Publish { topic: topic.to_owned(), messages, reply }).await
    }

    async fn pull(
        &self,
        subscription: &str,
        message_count_max: usize,
    ) -> Result<Vec<Delivery>, BusError> {
        let subscription = self.shared.subscription(subscription)?;
        let shared = Arc::clone(&self.shared);
        let pull = move || subscription.pull(&shared, message_count_max);
        tokio::task::spawn_blocking(pull).await.map_err(|_| BusError::Closed)?
    }

    async fn acknowledge(&self, subscription: &str, ack_ids: Vec<AckId>) -> Result<(), BusError> {
        let end = self.shared.subscription(subscription)?.topic.end.load(Ordering::Acquire);
        let mut sequences = Vec::with_capacity(ack_ids.len());
        for ack_id in &ack_ids {
            let (sequence, _) = parse_ack_id(ack_id)?;
            if sequence >= end {
                return Err(BusError::InvalidAckId { ack_id: ack_id.0.clone() });
            }
            sequences.push(sequence);
        }
        let subscription = subscription.to_owned();
        self.ask(|reply| Request::Acknowledge { subscription, sequences, reply }).await
    }

    async fn release(&self, subscription: &str, ack_ids: Vec<AckId>) -> Result<(), BusError> {
        let subscription = self.shared.subscription(subscription)?;
        let mut queue = subscription.queue();
        for ack_id in &ack_ids {
            let (sequence, lease_number) = parse_ack_id(ack_id)?;
            queue.state.release(sequence, lease_number);
        }
        Ok(())
    }

    async fn extend(
        &self,
        subscription: &str,
        ack_ids: Vec<AckId>,
        deadline: Duration,
    ) -> Result<(), BusError> {
        let subscription = self.shared.subscription(subscription)?;
        let deadline = self.shared.lease_clock.elapsed() + deadline;
        let mut queue = subscription.queue();
        for ack_id in &ack_ids {
            let (sequence, lease_number) = parse_ack_id(ack_id)?;
            queue.state.extend(sequence, lease_number, deadline);
        }
        Ok(())
    }

    async fn backlog(&self, subscription: &str) -> Result<u64, BusError> {
        let subscription = self.shared.subscription(subscription)?;
        let end = subscription.topic.end.load(Ordering::Acquire);
        Ok(subscription.queue().state.backlog(end))
    }
}

impl Shared {
    pub fn topic(&self, name: &str) -> Result<Arc<Topic>, BusError> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).cloned().ok_or_else(|| BusError::UnknownTopic { topic: name.to_owned() })
    }

    pub fn subscription(&self, name: &str) -> Result<Arc<Subscription>, BusError> {
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        subscriptions
            .get(name)
            .cloned()
            .ok_or_else(|| BusError::UnknownSubscription { subscription: name.to_owned() })
    }

    pub fn insert_topic(&self, name: &str, topic: Topic) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.insert(name.to_owned(), Arc::new(topic));
    }

    pub fn insert_subscription(&self, name: &str, subscription: Subscription) {
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        subscriptions.insert(name.to_owned(), Arc::new(subscription));
    }
}

impl Topic {
    pub fn new(id: u32, end: u64) -> Self {
        Self { id, end: AtomicU64::new(end) }
    }
}

impl Subscription {
    pub fn new(topic: Arc<Topic>, config: SubscriptionConfig, acknowledged: SequenceSet) -> Self {
        let state = SubscriptionState::new(config, acknowledged);
        Self { topic, queue: Mutex::new(Queue { state, block: None }) }
    }

    pub fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pull(&self, shared: &Shared, message_count_max: usize) -> Result<Vec<Delivery>, BusError> {
        let now = shared.lease_clock.elapsed();
        let mut queue = self.queue();
        let end = self.topic.end.load(Ordering::Acquire);
        queue.state.begin_pull(now);
        let mut deliveries = Vec::new();
        let mut size_bytes = 0;
        while deliveries.len() < message_count_max
            && size_bytes < PULL_BYTES_MAX
            && let Some(sequence) = queue.state.candidate(end)
        {
            let message = queue.message(shared, self.topic.id, sequence)?;
            if let Some((ack_id, attempt)) =
                queue.state.lease(sequence, message.ordering_key.as_ref(), now)
            {
                size_bytes += message.payload.len();
                deliveries.push(Delivery { ack_id, attempt, message });
            }
        }
        Ok(deliveries)
    }
}

impl Queue {
    fn message(
        &mut self,
        shared: &Shared,
        topic_id: u32,
        sequence: u64,
    ) -> Result<Message, BusError> {
        if let Some((first, messages)) = &self.block
            && let Some(place) = sequence.checked_sub(*first)
            && let Some(message) = messages.get(usize::try_from(place).unwrap_or(usize::MAX))
        {
            return Ok(message.clone());
        }
        let (first, bytes) = shared.storage.block_with(topic_id, sequence)?;
        let messages =
            block::decode(first, &bytes).map_err(|error| shared.storage.damaged(error))?;
        let place = usize::try_from(sequence - first).unwrap_or(usize::MAX);
        let message = messages.get(place).cloned().ok_or_else(|| {
            shared.storage.damaged(format!("message {sequence} is missing from its block"))
        })?;
        self.block = Some((first, messages));
        Ok(message)
    }
}
