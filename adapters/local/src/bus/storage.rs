//! The embedded bus's file: a redb database of topics, subscriptions, acknowledgements and
//! blocks of messages. Knows tables and transactions; nothing of leases or threads.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use lakebed_ports::{bus::SubscriptionConfig, port_error::PortError};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError};
use redb::{TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{error, sequence_set::SequenceSet};

/// Topic name to its id and next sequence number.
const TOPICS: TableDefinition<'_, &str, (u32, u64)> = TableDefinition::new("topics");
/// Topic name to what its ids begin with; a topic without a row has ids that are numbers alone.
const ID_PREFIXES: TableDefinition<'_, &str, &str> = TableDefinition::new("id_prefixes");
/// Subscription name to what it is.
const SUBSCRIPTIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("subscriptions");
/// Subscription name to the set of acknowledged sequence numbers.
const ACKNOWLEDGED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("acknowledged");
/// Topic id and first sequence number to a block of messages.
const BLOCKS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("blocks");

/// The blocks are read and written once, so that a large cache would buy nothing.
const CACHE_BYTES: usize = 64 << 20;

/// The open file.
pub struct Storage {
    database: Database,
    path: PathBuf,
}

/// A topic, as stored.
#[derive(Clone, Debug)]
pub struct TopicRecord {
    pub name: String,
    pub id: u32,
    /// What the ids of its messages begin with.
    pub id_prefix: String,
    pub next_sequence: u64,
}

#[derive(Serialize, Deserialize)]
struct SubscriptionRecord {
    topic: String,
    /// Not used: leases are held until they are dropped. It stays, so that older files are read.
    lease_max: std::time::Duration,
    is_ordered: bool,
}

/// One part of a transaction.
pub enum Change<'a> {
    /// Writes the topic's row.
    Topic(&'a TopicRecord),
    /// Writes the subscription's row.
    Subscription(&'a SubscriptionConfig),
    /// Writes what a subscription has acknowledged.
    Acknowledged { subscription: &'a str, set: &'a SequenceSet },
    /// Adds a block.
    Block { topic_id: u32, first_sequence: u64, block: &'a [u8] },
    /// Drops the blocks whose messages all lie below a sequence number.
    DropBelow { topic_id: u32, sequence: u64, next_sequence: u64 },
}

impl Storage {
    /// Opens the file, or makes it. Reads all of it, to be sure that it is whole.
    pub fn open(path: &Path) -> Result<Self, PortError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| error::storage(path, error))?;
        }
        let database = builder().create(path).map_err(|error| open_error(path, error))?;
        Self::prepare(database, path)
    }

    /// Opens what a test says is a file.
    #[cfg(test)]
    pub fn open_on(backend: impl redb::StorageBackend, path: &Path) -> Result<Self, PortError> {
        let database = builder().create_with_backend(backend);
        Self::prepare(database.map_err(|error| open_error(path, error))?, path)
    }

    fn prepare(database: Database, path: &Path) -> Result<Self, PortError> {
        let storage = Self { database, path: path.to_owned() };
        storage.write(|transaction| {
            transaction.open_table(TOPICS)?;
            transaction.open_table(ID_PREFIXES)?;
            transaction.open_table(SUBSCRIPTIONS)?;
            transaction.open_table(ACKNOWLEDGED)?;
            transaction.open_table(BLOCKS)?;
            Ok(())
        })?;
        Ok(storage)
    }

    /// Every topic.
    pub fn topics(&self) -> Result<Vec<TopicRecord>, PortError> {
        let read = || -> Result<Vec<TopicRecord>, redb::Error> {
            let transaction = self.database.begin_read()?;
            let prefixes = transaction.open_table(ID_PREFIXES)?;
            let mut topics = Vec::new();
            for row in transaction.open_table(TOPICS)?.iter()? {
                let (name, value) = row?;
                let name = name.value().to_owned();
                let (id, next_sequence) = value.value();
                let prefix = prefixes.get(name.as_str())?;
                let id_prefix = prefix.map(|prefix| prefix.value().to_owned()).unwrap_or_default();
                topics.push(TopicRecord { name, id, id_prefix, next_sequence });
            }
            Ok(topics)
        };
        read().map_err(|error| self.error(error))
    }

    /// Every subscription, with what it has acknowledged.
    pub fn subscriptions(&self) -> Result<Vec<(SubscriptionConfig, SequenceSet)>, PortError> {
        let mut subscriptions = Vec::new();
        for (name, record) in self.rows(SUBSCRIPTIONS)? {
            let record: SubscriptionRecord =
                postcard::from_bytes(&record).map_err(|error| self.damaged(error))?;
            let config =
                SubscriptionConfig { name, topic: record.topic, is_ordered: record.is_ordered };
            subscriptions.push((config, SequenceSet::below(0)));
        }
        for (name, set) in self.rows(ACKNOWLEDGED)? {
            let set = postcard::from_bytes(&set).map_err(|error| self.damaged(error))?;
            if let Some(entry) = subscriptions.iter_mut().find(|(config, _)| config.name == name) {
                entry.1 = set;
            }
        }
        Ok(subscriptions)
    }

    /// The block that holds a message, with its first sequence number.
    pub fn block_with(&self, topic_id: u32, sequence: u64) -> Result<(u64, Bytes), PortError> {
        let read = || -> Result<Option<(u64, Bytes)>, redb::Error> {
            let table = self.database.begin_read()?.open_table(BLOCKS)?;
            let mut blocks = table.range((topic_id, 0)..=(topic_id, sequence))?;
            let Some(row) = blocks.next_back() else { return Ok(None) };
            let (key, value) = row?;
            Ok(Some((key.value().1, Bytes::copy_from_slice(value.value()))))
        };
        read()
            .map_err(|error| self.error(error))?
            .ok_or_else(|| self.damaged(format!("message {sequence} is missing")))
    }

    /// The first sequence number that the topic still holds, if it holds any.
    pub fn first_sequence(&self, topic_id: u32) -> Result<Option<u64>, PortError> {
        let read = || -> Result<Option<u64>, redb::Error> {
            let table = self.database.begin_read()?.open_table(BLOCKS)?;
            let mut blocks = table.range((topic_id, 0)..=(topic_id, u64::MAX))?;
            Ok(blocks.next().transpose()?.map(|(key, _)| key.value().1))
        };
        read().map_err(|error| self.error(error))
    }

    /// Makes all changes or none; durable when it returns.
    pub fn commit(&self, changes: &[Change<'_>]) -> Result<(), PortError> {
        self.write(|transaction| {
            for change in changes {
                apply(transaction, change)?;
            }
            Ok(())
        })
    }

    fn write(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), PortError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            change(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| self.error(error))
    }

    fn rows(
        &self,
        table: TableDefinition<'_, &'static str, &'static [u8]>,
    ) -> Result<Vec<(String, Vec<u8>)>, PortError> {
        let read = || -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
            let table = self.database.begin_read()?.open_table(table)?;
            table
                .iter()?
                .map(|row| {
                    let (name, value) = row?;
                    Ok((name.value().to_owned(), value.value().to_owned()))
                })
                .collect()
        };
        read().map_err(|error| self.error(error))
    }

    fn error(&self, error: redb::Error) -> PortError {
        match error {
            redb::Error::Corrupted(detail) => self.damaged(detail),
            error => error::storage(&self.path, error),
        }
    }

    /// The error for content that this code never wrote.
    fn damaged(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
        error::damaged(&self.path, why)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

fn apply(transaction: &WriteTransaction, change: &Change<'_>) -> Result<(), redb::Error> {
    match change {
        Change::Topic(topic) => {
            let value = (topic.id, topic.next_sequence);
            transaction.open_table(TOPICS)?.insert(topic.name.as_str(), value)?;
            if !topic.id_prefix.is_empty() {
                let mut prefixes = transaction.open_table(ID_PREFIXES)?;
                prefixes.insert(topic.name.as_str(), topic.id_prefix.as_str())?;
            }
        }
        Change::Subscription(config) => {
            let record = SubscriptionRecord {
                topic: config.topic.clone(),
                lease_max: std::time::Duration::ZERO,
                is_ordered: config.is_ordered,
            };
            let record = encode(&record);
            transaction.open_table(SUBSCRIPTIONS)?.insert(config.name.as_str(), &record[..])?;
        }
        Change::Acknowledged { subscription, set } => {
            let set = encode(set);
            transaction.open_table(ACKNOWLEDGED)?.insert(*subscription, &set[..])?;
        }
        Change::Block { topic_id, first_sequence, block } => {
            transaction.open_table(BLOCKS)?.insert((*topic_id, *first_sequence), *block)?;
        }
        Change::DropBelow { topic_id, sequence, next_sequence } => {
            let mut table = transaction.open_table(BLOCKS)?;
            let mut keep_from = *sequence;
            if sequence < next_sequence {
                let mut blocks = table.range((*topic_id, 0)..=(*topic_id, *sequence))?;
                keep_from = match blocks.next_back().transpose()? {
                    Some((key, _)) => key.value().1,
                    None => 0,
                };
            }
            table.retain_in((*topic_id, 0)..(*topic_id, keep_from), |_, _| false)?;
        }
    }
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("records are plain data, which postcard can encode")
}

fn open_error(path: &Path, error: DatabaseError) -> PortError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            error::in_use(path)
        }
        // redb says so when the file does not begin as its files do.
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            error::damaged(path, error)
        }
        DatabaseError::Storage(error @ StorageError::Io(_)) => error::storage(path, error),
        error => error::damaged(path, error),
    }
}
