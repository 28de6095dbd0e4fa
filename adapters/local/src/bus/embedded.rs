//! A bus inside this process, durable in one file. For laptops and tests: one process at a time.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use async_trait::async_trait;
use lakebed_ports::{
    bus::{
        Backlog, Bus, Deliveries, Flow, Message, MessageId, Publication, PublishTime, Setup,
        SubscriptionConfig,
    },
    clock::MicrosUtc,
    port_error::PortError,
};
use tokio::sync::{oneshot, watch};

use super::{
    block::{self, BlockMessage, Header},
    error,
    sequence_set::SequenceSet,
    storage::{Storage, TopicRecord},
    subscriber,
    subscription::SubscriptionState,
    writer::{Request, Writer},
};

/// Whose clock sets `published_at`.
#[derive(Clone, Copy, Debug)]
pub enum PublishClock {
    /// This function, usually [`lakebed_ports::clock::now`].
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
}

/// The embedded bus. Dropping it finishes what was begun, ends the streams and unlocks the file.
///
/// It does more than the port asks: ids sort in the order of publication, a message comes once to a
/// subscription unless it is given back or the process dies, and the first subscription of a topic
/// gets what the topic has kept.
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    publish_clock: PublishClock,
    writer: Option<JoinHandle<()>>,
}

/// What the writer's thread, the callers and the streams share.
pub struct Shared {
    path: PathBuf,
    /// Gone once the bus is closed, whoever still holds a stream or a lease.
    storage: RwLock<Option<Storage>>,
    /// The way to the writer; gone once the bus closes.
    requests: RwLock<Option<mpsc::Sender<Request>>>,
    topics: RwLock<HashMap<String, Arc<Topic>>>,
    subscriptions: RwLock<HashMap<String, Arc<Subscription>>>,
    /// After a failed commit nobody knows what the file holds, until it is opened again.
    failure: OnceLock<PortError>,
}

/// A topic: its messages below `end` are durable.
pub struct Topic {
    id: u32,
    id_prefix: String,
    pub end: AtomicU64,
}

/// A subscription and the topic it reads.
pub struct Subscription {
    pub name: Arc<str>,
    topic: Arc<Topic>,
    queue: Mutex<Queue>,
    /// Told when there may be more to deliver.
    pub changed: watch::Sender<()>,
}

/// What is deliverable, and the block that was read last, since neighbours come next.
pub struct Queue {
    pub state: SubscriptionState,
    block: Option<(u64, Vec<Message>)>,
}

impl EmbeddedBus {
    /// Opens the file.
    pub fn open(config: EmbeddedBusConfig) -> Result<Self, PortError> {
        Self::start(Storage::open(&config.path)?, config)
    }

    /// Starts the writer's thread on an open file.
    pub(super) fn start(storage: Storage, config: EmbeddedBusConfig) -> Result<Self, PortError> {
        let topics: Vec<_> = storage.topics()?;
        let subscriptions = storage.subscriptions()?;
        let (requests, received) = mpsc::channel();
        let shared = Arc::new(Shared {
            path: config.path,
            storage: RwLock::new(Some(storage)),
            requests: RwLock::new(Some(requests)),
            topics: RwLock::default(),
            subscriptions: RwLock::default(),
            failure: OnceLock::new(),
        });
        for topic in &topics {
            shared.insert_topic(&topic.name, Topic::new(topic));
        }
        for (config, set) in &subscriptions {
            let topic = shared.topic(&config.topic)?;
            shared.insert_subscription(Subscription::new(topic, config.clone(), set.clone()));
        }
        let writer = Writer {
            shared: Arc::clone(&shared),
            topics: topics.into_iter().map(|topic| (topic.name.clone(), topic)).collect(),
            subscriptions: subscriptions
                .into_iter()
                .map(|(config, set)| (config.name.clone(), (config, set)))
                .collect(),
        };
        let writer = std::thread::Builder::new()
            .name("bus-writer".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(|error| error::storage(&shared.path, error))?;
        Ok(Self { shared, publish_clock: config.publish_clock, writer: Some(writer) })
    }

    /// Whether the topic is there.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.shared.topic(topic).is_ok()
    }

    /// Makes a topic whose ids begin with a prefix, if it is not there. Numbers begin from 1 with the
    /// file: with a prefix that no other bus had, the ids are unique also among messages that another
    /// bus has numbered.
    pub async fn create_topic_with(&self, topic: &str, id_prefix: String) -> Result<(), PortError> {
        let topic = topic.to_owned();
        self.ask(|reply| Request::CreateTopic { topic, id_prefix, reply }).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, PortError>>) -> Request,
    ) -> Result<T, PortError> {
        let (reply, answer) = oneshot::channel();
        self.shared.send(request(reply))?;
        answer.await.map_err(|_| error::closed())?
    }

    fn published_at(&self, published: PublishTime) -> Result<MicrosUtc, PortError> {
        match (self.publish_clock, published) {
            (PublishClock::System(now), PublishTime::System) => Ok(now()),
            (PublishClock::Simulated, PublishTime::Simulated(at)) => Ok(at),
            (PublishClock::System(_), PublishTime::Simulated(_)) => {
                Err(error::wrong_clock("system", "simulated"))
            }
            (PublishClock::Simulated, PublishTime::System) => {
                Err(error::wrong_clock("simulated", "system"))
            }
        }
    }
}

impl Drop for EmbeddedBus {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // If the thread panicked, it has said so on stderr already.
            drop(writer.join());
        }
        self.shared.close_storage();
    }
}

#[async_trait]
impl Setup for EmbeddedBus {
    async fn create_topic(&self, topic: &str) -> Result<(), PortError> {
        self.create_topic_with(topic, String::new()).await
    }

    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), PortError> {
        self.ask(|reply| Request::CreateSubscription { config, reply }).await
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
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
            .collect::<Result<Vec<_>, PortError>>()?;
        self.ask(|reply| Request::Publish { topic: topic.to_owned(), messages, reply }).await
    }

    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError> {
        let subscription = self.shared.subscription(subscription)?;
        Ok(subscriber::deliveries(Arc::clone(&self.shared), subscription, flow))
    }
}

#[async_trait]
impl Backlog for EmbeddedBus {
    async fn backlog(&self, subscription: &str) -> Result<u64, PortError> {
        let subscription = self.shared.subscription(subscription)?;
        // Acknowledgements wait for nobody: this comes after those that were given.
        self.ask(|reply| Request::Flush { reply }).await?;
        let end = subscription.topic.end.load(Ordering::Acquire);
        Ok(subscription.queue().state.backlog(end))
    }
}

impl Shared {
    pub fn topic(&self, name: &str) -> Result<Arc<Topic>, PortError> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).cloned().ok_or_else(|| error::unknown_topic(name))
    }

    pub fn subscription(&self, name: &str) -> Result<Arc<Subscription>, PortError> {
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        subscriptions.get(name).cloned().ok_or_else(|| error::unknown_subscription(name))
    }

    /// Hands a request to the writer.
    pub fn send(&self, request: Request) -> Result<(), PortError> {
        let requests = self.requests.read().unwrap_or_else(PoisonError::into_inner);
        let requests = requests.as_ref().ok_or_else(error::closed)?;
        requests.send(request).map_err(|_| error::closed())
    }

    /// Uses the file, unless the bus is closed.
    pub fn with_storage<T>(
        &self,
        work: impl FnOnce(&Storage) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let storage = self.storage.read().unwrap_or_else(PoisonError::into_inner);
        work(storage.as_ref().ok_or_else(error::closed)?)
    }

    /// The error for content that the bus never wrote.
    pub fn damaged(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
        error::damaged(&self.path, why)
    }

    pub fn is_closed(&self) -> bool {
        self.requests.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The error after which nothing more is stored.
    pub fn failure(&self) -> Option<&PortError> {
        self.failure.get()
    }

    /// Takes note of it, and lets the streams find out.
    pub fn fail(&self, error: &PortError) {
        if self.failure.set(error.clone()).is_ok() {
            self.wake_subscribers();
        }
    }

    /// Takes no more requests; the writer ends with those it has.
    fn close(&self) {
        self.requests.write().unwrap_or_else(PoisonError::into_inner).take();
        self.wake_subscribers();
    }

    fn close_storage(&self) {
        self.storage.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn wake_subscribers(&self) {
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        for subscription in subscriptions.values() {
            subscription.changed.send_replace(());
        }
    }

    /// Lets the topic's subscribers see its messages below `end`.
    pub fn show_messages(&self, topic: &Arc<Topic>, end: u64) {
        topic.end.store(end, Ordering::Release);
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        for subscription in subscriptions.values() {
            if Arc::ptr_eq(&subscription.topic, topic) {
                subscription.changed.send_replace(());
            }
        }
    }

    pub fn insert_topic(&self, name: &str, topic: Topic) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.insert(name.to_owned(), Arc::new(topic));
    }

    pub fn insert_subscription(&self, subscription: Subscription) {
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        subscriptions.insert(subscription.name.to_string(), Arc::new(subscription));
    }
}

impl Topic {
    pub fn new(record: &TopicRecord) -> Self {
        let id_prefix = record.id_prefix.clone();
        Self { id: record.id, id_prefix, end: AtomicU64::new(record.next_sequence) }
    }
}

impl Subscription {
    pub fn new(topic: Arc<Topic>, config: SubscriptionConfig, acknowledged: SequenceSet) -> Self {
        let name = Arc::from(config.name.as_str());
        let state = SubscriptionState::new(config, acknowledged);
        let queue = Mutex::new(Queue { state, block: None });
        Self { name, topic, queue, changed: watch::Sender::new(()) }
    }

    pub fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases messages: each with its sequence number and the number of its lease.
    pub fn pull(
        &self,
        shared: &Shared,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Message, u64, u64)>, PortError> {
        if let Some(failure) = shared.failure() {
            return Err(failure.clone());
        }
        let mut queue = self.queue();
        let end = self.topic.end.load(Ordering::Acquire);
        queue.state.begin_pull();
        let mut pulled = Vec::new();
        let mut size_bytes = 0;
        while pulled.len() < count_max
            && size_bytes < bytes_max
            && let Some(sequence) = queue.state.candidate(end)
        {
            let message = queue.message(shared, &self.topic, sequence)?;
            if let Some(number) = queue.state.lease(sequence, message.ordering_key.as_ref()) {
                size_bytes += message.payload.len();
                pulled.push((message, sequence, number));
            }
        }
        Ok(pulled)
    }
}

impl Queue {
    fn message(
        &mut self,
        shared: &Shared,
        topic: &Topic,
        sequence: u64,
    ) -> Result<Message, PortError> {
        if let Some((first, messages)) = &self.block
            && let Some(place) = sequence.checked_sub(*first)
            && let Some(message) = messages.get(usize::try_from(place).unwrap_or(usize::MAX))
        {
            return Ok(message.clone());
        }
        let (first, bytes) =
            shared.with_storage(|storage| storage.block_with(topic.id, sequence))?;
        let messages = block::decode(&topic.id_prefix, first, &bytes)
            .map_err(|error| shared.damaged(error))?;
        let place = usize::try_from(sequence - first).unwrap_or(usize::MAX);
        let message = messages.get(place).cloned().ok_or_else(|| {
            shared.damaged(format!("message {sequence} is missing from its block"))
        })?;
        self.block = Some((first, messages));
        Ok(message)
    }
}
