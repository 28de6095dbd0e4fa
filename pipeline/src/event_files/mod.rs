//! Files of messages into the raw layer, through the bus and the archiver as everything else.
//!
//! A line is a message, whatever it holds: what is wrong with it is found, and accounted for, in the
//! tables. The elements of a list in JSON are messages, and so are objects over several lines. The
//! same command over the same file is the same ingestion: done twice, it does nothing the second
//! time; cut short, it goes on exactly where it was, since every message carries the ingestion's id
//! into the raw layer, and the raw layer is asked.
//!
//! Not for: simulations (`ingest`), nor for what messages mean.

mod age;
mod arrival;
mod form;
mod input;
mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use jiff::civil::Date;
use thiserror::Error;

pub use age::{TooOld, too_old};
pub use arrival::ArrivalRule;
pub use form::Foreign;
pub use input::{EventFile, Lines};
pub use record::{FileRecord, has_ingested_files};

use crate::{
    archiver::{Archiver, ArchiverConfig, ArchiverError, EncodeError, Until, message_attributes},
    bus::{Attributes, Backlog, Bus, Publication, PublishTime},
    clock::MicrosUtc,
    crash,
    data_folder::DataFolder,
    port_error::PortError,
    raw_store::RawStore,
    stop::Stop,
};

/// The attribute of every message that names its ingestion.
const INGESTION: &str = "ingestion";
/// About how many messages, and how many of their bytes, are published together.
const GROUP_MESSAGE_COUNT: usize = 10_000;
const GROUP_BYTES: usize = 8 << 20;

/// Why a file is not in the raw layer.
#[derive(Debug, Error)]
pub enum EventFileError {
    /// The file could not be read.
    #[error("cannot read {file}")]
    Read {
        /// What people know it by.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file is no text in UTF-8.
    #[error("{file} is {}, and not JSON", foreign.what)]
    Foreign {
        /// What people know it by.
        file: String,
        /// What it is.
        foreign: Foreign,
    },
    /// The file cannot be unpacked to its end.
    #[error("{file} is packed by gzip, and cut short or damaged")]
    BrokenGzip {
        /// What people know it by.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A list or an object in JSON does not end.
    #[error("{file} ends in the middle of its JSON")]
    Unclosed {
        /// What people know it by.
        file: String,
        /// Where it begins.
        source: io::Error,
    },
    /// No message says when it arrived.
    #[error("no message of {file} has a time at `{path}`{}", looks_like(foreign.as_ref()))]
    NoTime {
        /// What people know it by.
        file: String,
        /// What its text seems to be, if it is not JSON.
        foreign: Option<Foreign>,
        /// Where it was looked for.
        path: String,
    },
    /// The record of the ingestion could not be kept.
    #[error("cannot use {}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Publishing failed.
    #[error("cannot publish what is in the file")]
    Bus(#[source] PortError),
    /// The archiver failed.
    #[error(transparent)]
    Archiver(#[from] ArchiverError),
    /// The raw layer could not say how far the ingestion came.
    #[error("cannot read how far the ingestion came")]
    RawStore(#[source] PortError),
    /// An object of the raw layer could not say how far the ingestion came.
    #[error("cannot read the raw object {key}")]
    Object {
        /// Its key.
        key: String,
        /// Why.
        source: EncodeError,
    },
    /// The process is shutting down.
    #[error("the ingestion was interrupted by the end of the process")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What is said of a file that seems to be something else.
pub fn looks_like(foreign: Option<&Foreign>) -> String {
    foreign.map(|foreign| format!("; it looks like {}", foreign.what)).unwrap_or_default()
}

/// How to ingest a file.
#[derive(Clone, Debug)]
pub struct FileConfig {
    /// The source that its lines are messages of.
    pub source: String,
    /// When they arrive.
    pub arrival: ArrivalRule,
    /// Whether a file that is in already is sent once more, as a phone may send again.
    pub is_again: bool,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The ingestion, complete.
    pub record: FileRecord,
    /// Whether it was in already, so that nothing was done.
    pub was_complete: bool,
    /// Messages that an earlier command had brought in before it was cut short.
    pub resumed_message_count: u64,
    /// Messages that did not say when they arrived, though they were asked, in this run.
    pub untimed_message_count: u64,
}

/// What a first reading of the file says.
struct Survey {
    message_count: u64,
    told_first: Option<MicrosUtc>,
}

/// Brings the messages of a file into the raw layer. Called again after a kill, with the same file
/// and configuration, it brings in the rest, each message once.
///
/// `on_progress` gets how many messages are in, of how many.
pub async fn ingest_file(
    file: &EventFile,
    config: &FileConfig,
    data: &DataFolder,
    bus: Arc<dyn Backlog>,
    store: Arc<dyn RawStore>,
    on_progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<FileReport, EventFileError> {
    let survey = survey(file, &config.arrival)?;
    let (mut record, is_begun) = record_of(file, config, data)?;
    if record.is_complete {
        return Ok(FileReport {
            record,
            was_complete: true,
            resumed_message_count: 0,
            untimed_message_count: 0,
        });
    }
    record.write(data)?;
    crash::point("event_files::after_begin");
    let settings = ArchiverConfig::new(&config.source);
    let archiver = Archiver::new(bus.clone(), store.clone(), settings);
    let mut counts = BTreeMap::new();
    if is_begun {
        // What the bus has is in the raw layer then, and that says which messages there are.
        archiver.run(Until::drained(bus.clone())).await?;
        counts = archived_counts(store.as_ref(), &record).await?;
    }
    let resumed_message_count = counts.values().sum();
    let stop = Stop::default();
    let until = Until::Drained(stop.stopped().boxed(), bus.clone());
    let archiving = tokio::spawn(async move { archiver.run(until).await });
    let publisher = Publisher { bus: bus.as_ref(), record: &record, arrival: &config.arrival };
    let on_published = |count| on_progress(count, survey.message_count);
    let published =
        publisher.publish(file, &survey, resumed_message_count, &mut counts, &on_published).await;
    stop.stop();
    archiving.await??;
    let untimed_message_count = published?;
    crash::point("event_files::before_complete");
    record.message_counts = counts;
    record.is_complete = true;
    record.write(data)?;
    Ok(FileReport { record, was_complete: false, resumed_message_count, untimed_message_count })
}

/// Reads the file once, so that what cannot be read is known before anything is published.
fn survey(file: &EventFile, arrival: &ArrivalRule) -> Result<Survey, EventFileError> {
    let mut survey = Survey { message_count: 0, told_first: None };
    for line in file.lines()? {
        let line = line?;
        survey.message_count += 1;
        survey.told_first = survey.told_first.or_else(|| arrival.told_by(&line));
    }
    if let ArrivalRule::Backfill { path, .. } = arrival
        && survey.message_count > 0
        && survey.told_first.is_none()
    {
        return Err(EventFileError::NoTime {
            file: file.shown().to_owned(),
            foreign: file.foreign_text(),
            path: path.clone(),
        });
    }
    Ok(survey)
}

/// The ingestion that the command means, and whether it was begun.
fn record_of(
    file: &EventFile,
    config: &FileConfig,
    data: &DataFolder,
) -> Result<(FileRecord, bool), EventFileError> {
    let content_hash = file.content_hash()?;
    for number in 1.. {
        let new = FileRecord::new(
            &config.source,
            file.name(),
            &content_hash,
            &config.arrival.identity(),
            number,
        );
        match new.written(data)? {
            None => return Ok((new, false)),
            Some(found) if found.is_complete && config.is_again => {}
            Some(found) => return Ok((found, true)),
        }
    }
    unreachable!("a folder does not hold four billion records")
}

/// By load date, how many messages of the ingestion the raw layer holds, copies apart.
async fn archived_counts(
    store: &dyn RawStore,
    record: &FileRecord,
) -> Result<BTreeMap<Date, u64>, EventFileError> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut counts = BTreeMap::new();
    let prefix = format!("{}/", record.source);
    let mut objects = store.list(&prefix);
    while let Some(object) = objects.try_next().await.map_err(EventFileError::RawStore)? {
        let failed = |source| EventFileError::Object { key: object.key.clone(), source };
        let bytes = store.get(&object.key).await.map_err(EventFileError::RawStore)?;
        for message in message_attributes(bytes).map_err(failed)? {
            let Some(date) = message.published_at.date() else { continue };
            if message.attributes.get(INGESTION) == Some(&record.ingestion)
                && found.insert(message.message_id)
            {
                *counts.entry(date).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// Publishes what is not yet in.
struct Publisher<'a> {
    bus: &'a dyn Bus,
    record: &'a FileRecord,
    arrival: &'a ArrivalRule,
}

impl Publisher<'_> {
    /// Publishes all messages but the first `skipped`, and counts them by load date. Returns how many
    /// did not say when they arrived, though they were asked.
    async fn publish(
        &self,
        file: &EventFile,
        survey: &Survey,
        skipped: u64,
        counts: &mut BTreeMap<Date, u64>,
        on_published: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, EventFileError> {
        // A file without lines has no first arrival either, and needs none.
        let Some(mut arrived_at) = self.arrival.first(survey.told_first) else { return Ok(0) };
        let is_asked = matches!(self.arrival, ArrivalRule::Backfill { .. });
        let attributes = self.attributes();
        let mut group = Vec::new();
        let (mut group_bytes, mut untimed_count, mut position) = (0, 0, 0);
        for line in file.lines()? {
            let line = line?;
            position += 1;
            let told = self.arrival.told_by(&line);
            arrived_at = told.unwrap_or(arrived_at);
            if position <= skipped {
                continue;
            }
            untimed_count += u64::from(is_asked && told.is_none());
            if let Some(date) = arrived_at.date() {
                *counts.entry(date).or_default() += 1;
            }
            group_bytes += line.len();
            group.push(publication(line, arrived_at, &attributes));
            if group.len() >= GROUP_MESSAGE_COUNT || group_bytes >= GROUP_BYTES {
                self.publish_group(std::mem::take(&mut group)).await?;
                group_bytes = 0;
                on_published(position);
            }
        }
        if !group.is_empty() {
            self.publish_group(group).await?;
            on_published(position);
        }
        Ok(untimed_count)
    }

    async fn publish_group(&self, group: Vec<Publication>) -> Result<(), EventFileError> {
        let published = self.bus.publish(&self.record.source, group).await;
        published.map_err(EventFileError::Bus)?;
        crash::point("event_files::after_publish");
        Ok(())
    }

    /// Nothing is known of when and by which clock the messages were sent.
    fn attributes(&self) -> Attributes {
        let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Arc::new(BTreeMap::from([
            attribute("client", "lakebed-ingest"),
            attribute("file", &self.record.file),
            attribute(INGESTION, &self.record.ingestion),
        ]))
    }
}

fn publication(payload: Vec<u8>, arrived_at: MicrosUtc, attributes: &Attributes) -> Publication {
    Publication {
        ordering_key: None,
        published: PublishTime::Simulated(arrived_at),
        received_at: arrived_at,
        attributes: Arc::clone(attributes),
        payload: Bytes::from(payload),
    }
}
