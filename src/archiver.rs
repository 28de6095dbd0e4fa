//! The archiver: a subscriber that writes every message of one source into raw objects.
//!
//! It acknowledges a message when its object is complete and durable, so that a message is never
//! only here. If it dies between the two, the messages come again: raw then holds copies, with the
//! same `message_id`. It does not look into payloads.

mod object;
mod progress;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::civil::Date;
use thiserror::Error;

pub use object::{
    ArchivedMessage, EncodeError, check_object, encode_object, load_date, message_attributes,
    object_key,
};
pub use progress::{ArchiverProgress, ProgressSnapshot};

use crate::{
    bus::{AckId, Bus, BusError, Delivery, Message, SubscriptionConfig},
    crash,
    error_kind::ErrorKind,
    raw_store::{RawStore, RawStoreError},
};

/// How long an empty subscription is left alone before the next look.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How often an object is tried that the store asks to retry.
const PUT_ATTEMPT_COUNT_MAX: u32 = 5;

/// What an archiver archives, and how large its objects become.
#[derive(Clone, Debug)]
pub struct ArchiverConfig {
    /// The source: the topic's name, and the first part of the objects' keys.
    pub source: String,
    /// The name of the archiver's subscription.
    pub subscription: String,
    /// How long a message may be held before it is acknowledged or its lease extended.
    pub ack_deadline: Duration,
    /// An object is written when it has this many rows.
    pub row_count_max: usize,
    /// The largest object so far is written when all that is held has this many payload bytes.
    pub held_bytes_max: usize,
    /// What is held is written when nothing has come for this long.
    pub idle: Duration,
    /// How many messages one pull asks for.
    pub pull_count_max: usize,
}

impl ArchiverConfig {
    /// The usual sizes, for one source.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            subscription: format!("archiver.{source}"),
            ack_deadline: Duration::from_mins(1),
            row_count_max: 100_000,
            held_bytes_max: 256 << 20,
            idle: Duration::from_secs(2),
            pull_count_max: 10_000,
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
        error: BusError,
    },
    /// The raw store failed.
    #[error("the archiver of `{archived_source}` cannot use the raw store")]
    RawStore {
        /// The source it archives.
        archived_source: String,
        /// Why.
        #[source]
        error: RawStoreError,
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
            Self::Bus { error, .. } => error.kind(),
            Self::RawStore { error, .. } => error.kind(),
            Self::NoLoadDate { .. } => ErrorKind::FixInput,
            Self::Encode(_) => ErrorKind::Bug,
            Self::Interrupted => ErrorKind::Retry,
        }
    }
}

/// Archives one source.
pub struct Archiver {
    bus: Arc<dyn Bus>,
    store: Arc<dyn RawStore>,
    config: ArchiverConfig,
    progress: Arc<ArchiverProgress>,
    held: BTreeMap<Date, Held>,
    leases_fresh_at: Instant,
}

/// Messages of one load date on their way into an object.
#[derive(Default)]
struct Held {
    messages: Vec<Message>,
    ack_ids: Vec<AckId>,
    payload_bytes: usize,
}

impl Archiver {
    /// Makes the topic and the subscription, if they are not there.
    pub async fn open(
        bus: Arc<dyn Bus>,
        store: Arc<dyn RawStore>,
        config: ArchiverConfig,
    ) -> Result<Self, ArchiverError> {
        let archiver = Self {
            bus,
            store,
            config,
            progress: Arc::default(),
            held: BTreeMap::new(),
            leases_fresh_at: Instant::now(),
        };
        let config = &archiver.config;
        let subscription = SubscriptionConfig {
            name: config.subscription.clone(),
            topic: config.source.clone(),
            ack_deadline: config.ack_deadline,
            is_ordered: false,
        };
        archiver.bus.create_topic(&config.source).await.map_err(|e| archiver.bus_error(e))?;
        let created = archiver.bus.create_subscription(subscription).await;
        created.map_err(|error| archiver.bus_error(error))?;
        Ok(archiver)
    }

    /// Counters that others may watch.
    pub fn progress(&self) -> Arc<ArchiverProgress> {
        Arc::clone(&self.progress)
    }

    /// Archives until `shutdown`, then writes and acknowledges what it holds.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ArchiverError> {
        let mut shutdown = pin!(shutdown);
        let mut last_message_at = Instant::now();
        loop {
            if self.pull_once().await? > 0 {
                last_message_at = Instant::now();
                if futures::poll!(&mut shutdown).is_ready() {
                    return self.write_all().await;
                }
                continue;
            }
            if last_message_at.elapsed() >= self.config.idle {
                self.write_all().await?;
            }
            tokio::select! {
                () = &mut shutdown => return self.write_all().await,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Archives until nothing is left: every message is in an object and acknowledged.
    pub async fn drain(&mut self) -> Result<(), ArchiverError> {
        loop {
            if self.pull_once().await? > 0 {
                continue;
            }
            self.write_all().await?;
            let backlog = self.bus.backlog(&self.config.subscription).await;
            if backlog.map_err(|error| self.bus_error(error))? == 0 {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Takes what is there, and writes the objects that are full. Returns the number of messages.
    async fn pull_once(&mut self) -> Result<usize, ArchiverError> {
        let config = &self.config;
        let pulled = self.bus.pull(&config.subscription, config.pull_count_max).await;
        let deliveries = pulled.map_err(|error| self.bus_error(error))?;
        let count = deliveries.len();
        for delivery in deliveries {
            self.hold(delivery)?;
        }
        let is_full = |held: &Held| held.messages.len() >= self.config.row_count_max;
        let full: Vec<Date> =
            self.held.iter().filter(|(_, held)| is_full(held)).map(|(date, _)| *date).collect();
        for load_date in full {
            self.write(load_date).await?;
        }
        while self.held.values().map(|held| held.payload_bytes).sum::<usize>()
            >= self.config.held_bytes_max
            && let Some((&largest, _)) = self.held.iter().max_by_key(|(_, held)| held.payload_bytes)
        {
            self.write(largest).await?;
        }
        self.extend_leases().await?;
        Ok(count)
    }

    fn hold(&mut self, delivery: Delivery) -> Result<(), ArchiverError> {
        let Delivery { ack_id, message, .. } = delivery;
        let load_date = message.published_at.date().ok_or_else(|| ArchiverError::NoLoadDate {
            message_id: message.message_id.0.clone(),
        })?;
        let held = self.held.entry(load_date).or_default();
        held.payload_bytes += message.payload.len();
        held.messages.push(message);
        held.ack_ids.push(ack_id);
        Ok(())
    }

    async fn write_all(&mut self) -> Result<(), ArchiverError> {
        while let Some((&load_date, _)) = self.held.first_key_value() {
            self.write(load_date).await?;
        }
        Ok(())
    }

    /// Writes one object, then acknowledges its messages.
    async fn write(&mut self, load_date: Date) -> Result<(), ArchiverError> {
        let Some(held) = self.held.remove(&load_date) else { return Ok(()) };
        let source = self.config.source.clone();
        let encode = move || {
            let (bytes, row_count) = encode_object(&source, held.messages)?;
            Ok::<_, EncodeError>((object_key(&source, load_date, &bytes), bytes, row_count))
        };
        let encoded = tokio::task::spawn_blocking(encode).await;
        let (key, bytes, row_count) = encoded.map_err(|_| ArchiverError::Interrupted)??;
        let size_bytes = bytes.len() as u64;
        self.put(&key, bytes).await?;
        crash::point("archiver::before_acknowledge");
        let acknowledged = self.bus.acknowledge(&self.config.subscription, held.ack_ids).await;
        acknowledged.map_err(|error| self.bus_error(error))?;
        crash::point("archiver::after_acknowledge");
        self.progress.add_object(row_count as u64, size_bytes);
        Ok(())
    }

    async fn put(&self, key: &str, bytes: bytes::Bytes) -> Result<(), ArchiverError> {
        let mut attempt = 1;
        loop {
            match self.store.put_if_absent(key, bytes.clone()).await {
                Ok(_) => return Ok(()),
                Err(error)
                    if error.kind() == ErrorKind::Retry && attempt < PUT_ATTEMPT_COUNT_MAX =>
                {
                    tokio::time::sleep(POLL_INTERVAL * 2_u32.pow(attempt)).await;
                    attempt += 1;
                }
                Err(error) => {
                    let archived_source = self.config.source.clone();
                    return Err(ArchiverError::RawStore { archived_source, error });
                }
            }
        }
    }

    /// Keeps the leases of what is held, well before they end.
    async fn extend_leases(&mut self) -> Result<(), ArchiverError> {
        if self.leases_fresh_at.elapsed() < self.config.ack_deadline / 4 {
            return Ok(());
        }
        self.leases_fresh_at = Instant::now();
        for held in self.held.values() {
            let (subscription, deadline) = (&self.config.subscription, self.config.ack_deadline);
            let extended = self.bus.extend(subscription, held.ack_ids.clone(), deadline).await;
            extended.map_err(|error| self.bus_error(error))?;
        }
        Ok(())
    }

    fn bus_error(&self, error: BusError) -> ArchiverError {
        ArchiverError::Bus { archived_source: self.config.source.clone(), error }
    }
}

#[cfg(test)]
mod tests;
