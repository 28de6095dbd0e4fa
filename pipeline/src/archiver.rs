//! The archiver: a subscriber that writes every message of one source into raw objects.
//!
//! It acknowledges a message when its object is complete and durable, so that a message is never
//! only here. If it dies between the two, or an acknowledgement is lost, the messages come again:
//! raw then holds copies, with the same `message_id`. So any number of archivers may run on one
//! subscription, whatever becomes of each. It does not look into payloads.

mod object;
mod progress;
#[cfg(test)]
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use jiff::civil::Date;
use thiserror::Error;
use tokio::time::Instant;

pub use object::{
    ArchivedMessage, EncodeError, check_object, encode_object, load_date, message_attributes,
    object_key,
};
pub use progress::{ArchiverProgress, ProgressSnapshot};

use crate::{
    bus::{Backlog, Bus, Delivery, Flow, Lease, Message, Setup, SubscriptionConfig},
    crash,
    error_kind::ErrorKind,
    port_error::PortError,
    raw_store::RawStore,
};

/// Nothing has come for this long: time to write what is held, if no more is expected, and to ask
/// whether anything is left.
const DRAIN_PAUSE: Duration = Duration::from_millis(10);
/// The pause before an object is tried again; each is twice the one before.
const PUT_PAUSE: Duration = Duration::from_millis(20);
/// How often an object is tried that the store asks to retry.
const PUT_ATTEMPT_COUNT_MAX: u32 = 5;

/// What an archiver archives, and how large its objects become.
#[derive(Clone, Debug)]
pub struct ArchiverConfig {
    /// The source: the topic's name, and the first part of the objects' keys.
    pub source: String,
    /// The name of the archiver's subscription.
    pub subscription: String,
    /// An object is written when it has this many rows.
    pub row_count_max: usize,
    /// The same, by payload bytes before they are compressed.
    pub object_bytes_max: usize,
    /// The largest object so far is written when all that is held has this many rows.
    pub held_count_max: usize,
    /// The same, by payload bytes.
    pub held_bytes_max: usize,
    /// What is held is written when nothing has come for this long.
    pub idle: Duration,
    /// What is held is written when the first of it came so long ago.
    pub age_max: Duration,
    /// How many messages are taken at once, if so many are there, before sizes are looked at.
    pub take_count_max: usize,
}

impl ArchiverConfig {
    /// The usual sizes, for one source.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            subscription: format!("archiver.{source}"),
            row_count_max: 100_000,
            held_count_max: 1_000_000,
            held_bytes_max: 256 << 20,
            object_bytes_max: 256 << 20,
            idle: Duration::from_secs(2),
            age_max: Duration::from_mins(10),
            take_count_max: 10_000,
        }
    }

    /// More than is ever held, so that the bus goes on delivering until something is written.
    fn flow(&self) -> Flow {
        Flow {
            message_count_max: self.held_count_max + self.take_count_max,
            payload_bytes_max: self.held_bytes_max.saturating_mul(2),
        }
    }
}

/// An error that ends an archiver; what it held comes again to the next.
#[derive(Debug, Error)]
pub enum ArchiverError {
    /// The bus failed.
    #[error("the archiver of `{archived_source}` cannot use the bus")]
    Bus {
        /// The source it archives.
        archived_source: String,
        /// Why.
        #[source]
        error: PortError,
    },
    /// The raw store failed.
    #[error("the archiver of `{archived_source}` cannot use the raw store")]
    RawStore {
        /// The source it archives.
        archived_source: String,
        /// Why.
        #[source]
        error: PortError,
    },
    /// A message's instant has no date.
    #[error("message {message_id} was published outside the years that a date can have")]
    NoLoadDate {
        /// The message.
        message_id: String,
    },
    /// Parquet refused the rows.
    #[error("cannot write raw rows as Parquet")]
    Encode(#[from] EncodeError),
    /// The process is shutting down.
    #[error("the archiver was interrupted by the end of the process")]
    Interrupted,
}

impl ArchiverError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Bus { error, .. } | Self::RawStore { error, .. } => error.kind(),
            Self::NoLoadDate { .. } => ErrorKind::FixInput,
            Self::Encode(_) => ErrorKind::Bug,
            Self::Interrupted => ErrorKind::Retry,
        }
    }
}

/// When an archiver ends.
pub enum Until {
    /// At this signal. It writes what it holds; what is still on the bus is left to others.
    Stopped(BoxFuture<'static, ()>),
    /// After this signal, once nothing is left: every message of the subscription is in an object and
    /// acknowledged, by this archiver or another. Only an embedded bus can say so.
    Drained(BoxFuture<'static, ()>, Arc<dyn Backlog>),
}

impl Until {
    /// Archives what is there and ends.
    pub fn drained(bus: Arc<dyn Backlog>) -> Self {
        Self::Drained(std::future::ready(()).boxed(), bus)
    }
}

/// Makes a source's topic and the subscription of its archivers, if they are not there.
pub async fn set_up(bus: &dyn Setup, source: &str) -> Result<(), PortError> {
    bus.create_topic(source).await?;
    let name = ArchiverConfig::new(source).subscription;
    let config = SubscriptionConfig { name, topic: source.to_owned(), is_ordered: false };
    bus.create_subscription(config).await
}

/// Archives one source. Clones share their counters.
#[derive(Clone)]
pub struct Archiver {
    bus: Arc<dyn Bus>,
    store: Arc<dyn RawStore>,
    config: Arc<ArchiverConfig>,
    progress: Arc<ArchiverProgress>,
}

/// What one run has received and not yet written.
#[derive(Default)]
struct Held {
    /// When the first of it came.
    since: Option<Instant>,
    by_date: BTreeMap<Date, HeldDate>,
    message_count: usize,
    payload_bytes: usize,
}

/// Messages of one load date on their way into an object.
#[derive(Default)]
struct HeldDate {
    messages: Vec<Message>,
    leases: Vec<Box<dyn Lease>>,
    payload_bytes: usize,
}

impl Archiver {
    /// An archiver over a bus on which the source was set up.
    pub fn new(bus: Arc<dyn Bus>, store: Arc<dyn RawStore>, config: ArchiverConfig) -> Self {
        Self { bus, store, config: Arc::new(config), progress: Arc::default() }
    }

    /// Counters that others may watch.
    pub fn progress(&self) -> Arc<ArchiverProgress> {
        Arc::clone(&self.progress)
    }

    /// Archives until then. May be called again, and by many at once.
    pub async fn run(&self, until: Until) -> Result<(), ArchiverError> {
        let config = &self.config;
        let subscribed = self.bus.subscribe(&config.subscription, config.flow()).await;
        let deliveries = subscribed.map_err(|error| self.bus_error(error))?;
        let mut deliveries = deliveries.ready_chunks(config.take_count_max);
        let (mut signal, backlog) = match until {
            Until::Stopped(signal) => (signal, None),
            Until::Drained(signal, backlog) => (signal, Some(backlog)),
        };
        let mut is_signalled = false;
        let mut held = Held::default();
        loop {
            let pause = if is_signalled { DRAIN_PAUSE } else { config.idle };
            tokio::select! {
                biased;
                () = &mut signal, if !is_signalled => {
                    is_signalled = true;
                    if backlog.is_none() {
                        return self.write_all(&mut held).await;
                    }
                }
                () = aged(held.since, config.age_max) => self.write_all(&mut held).await?,
                taken = deliveries.next() => {
                    let taken = taken.ok_or(ArchiverError::Interrupted)?;
                    for delivery in taken {
                        held.add(delivery.map_err(|error| self.bus_error(error))?)?;
                    }
                    self.write_full(&mut held).await?;
                }
                () = tokio::time::sleep(pause) => {
                    self.write_all(&mut held).await?;
                    if is_signalled && self.is_drained(backlog.as_deref()).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn is_drained(&self, backlog: Option<&dyn Backlog>) -> Result<bool, ArchiverError> {
        let Some(bus) = backlog else { return Ok(true) };
        let left = bus.backlog(&self.config.subscription).await;
        Ok(left.map_err(|error| self.bus_error(error))? == 0)
    }

    /// Writes the objects that are full, and the largest while too much is held.
    async fn write_full(&self, held: &mut Held) -> Result<(), ArchiverError> {
        let is_full = |held: &HeldDate| {
            held.messages.len() >= self.config.row_count_max
                || held.payload_bytes >= self.config.object_bytes_max
        };
        let full = held.by_date.iter().filter(|(_, held)| is_full(held)).map(|(date, _)| *date);
        for load_date in full.collect::<Vec<Date>>() {
            self.write(held, load_date).await?;
        }
        while held.message_count >= self.config.held_count_max
            || held.payload_bytes >= self.config.held_bytes_max
        {
            let size = |held: &HeldDate| (held.payload_bytes, held.messages.len());
            let largest = held.by_date.iter().max_by_key(|(_, held)| size(held));
            let Some((&largest, _)) = largest else { break };
            self.write(held, largest).await?;
        }
        Ok(())
    }

    async fn write_all(&self, held: &mut Held) -> Result<(), ArchiverError> {
        while let Some((&load_date, _)) = held.by_date.first_key_value() {
            self.write(held, load_date).await?;
        }
        Ok(())
    }

    /// Writes one object, then acknowledges its messages.
    async fn write(&self, held: &mut Held, load_date: Date) -> Result<(), ArchiverError> {
        let HeldDate { messages, leases, .. } = held.take(load_date);
        let source = self.config.source.clone();
        let encode = move || {
            let (bytes, row_count) = encode_object(&source, messages)?;
            Ok::<_, EncodeError>((object_key(&source, load_date, &bytes), bytes, row_count))
        };
        let encoded = tokio::task::spawn_blocking(encode).await;
        let (key, bytes, row_count) = encoded.map_err(|_| ArchiverError::Interrupted)??;
        let size_bytes = bytes.len() as u64;
        self.put(&key, bytes).await?;
        crash::point("archiver::before_acknowledge");
        for lease in leases {
            lease.acknowledge();
        }
        crash::point("archiver::after_acknowledge");
        self.progress.add_object(row_count as u64, size_bytes);
        tracing::info!(key, rows = row_count, bytes = size_bytes, "an object is written");
        Ok(())
    }

    async fn put(&self, key: &str, bytes: bytes::Bytes) -> Result<(), ArchiverError> {
        let mut attempt = 0;
        loop {
            match self.store.put_if_absent(key, bytes.clone()).await {
                Ok(_) => return Ok(()),
                Err(error)
                    if error.kind() == ErrorKind::Retry && attempt + 1 < PUT_ATTEMPT_COUNT_MAX =>
                {
                    tokio::time::sleep(PUT_PAUSE * 2_u32.pow(attempt)).await;
                    attempt += 1;
                }
                Err(error) => {
                    let archived_source = self.config.source.clone();
                    return Err(ArchiverError::RawStore { archived_source, error });
                }
            }
        }
    }

    fn bus_error(&self, error: PortError) -> ArchiverError {
        ArchiverError::Bus { archived_source: self.config.source.clone(), error }
    }
}

impl Held {
    fn add(&mut self, delivery: Delivery) -> Result<(), ArchiverError> {
        let Delivery { message, lease } = delivery;
        let load_date = message.published_at.date().ok_or_else(|| ArchiverError::NoLoadDate {
            message_id: message.message_id.0.clone(),
        })?;
        let held = self.by_date.entry(load_date).or_default();
        self.since.get_or_insert_with(Instant::now);
        self.message_count += 1;
        self.payload_bytes += message.payload.len();
        held.payload_bytes += message.payload.len();
        held.messages.push(message);
        held.leases.push(lease);
        Ok(())
    }

    fn take(&mut self, load_date: Date) -> HeldDate {
        let held = self.by_date.remove(&load_date).unwrap_or_default();
        self.message_count -= held.messages.len();
        self.payload_bytes -= held.payload_bytes;
        if self.by_date.is_empty() {
            self.since = None;
        }
        held
    }
}

/// Ends when the first of what is held has been held so long.
async fn aged(since: Option<Instant>, age_max: Duration) {
    match since {
        Some(since) => tokio::time::sleep_until(since + age_max).await,
        None => std::future::pending().await,
    }
}
