//! The plan's batches straight into the bus, without phones and gateway: for speed, and for
//! sources that have no phones, such as database changes. The messages are the same.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;
use tokio::sync::mpsc;

use super::{CLIENT, Cursor, CursorError, PhoneBatch};
use crate::{
    bus::{Bus, Publication, PublishTime, batch_attributes},
    error_kind::ErrorKind,
    port_error::PortError,
};

/// How a plan goes into the bus.
#[derive(Clone, Debug)]
pub struct DirectConfig {
    /// The attribute `client` of every message, as a hello would tell it.
    pub client: Option<String>,
    /// Whether the bus runs on simulated time.
    pub is_simulated_time: bool,
    /// About how many messages are published together.
    pub group_message_count: usize,
    /// Names the sequence of batches: the same id, the same batches.
    pub plan_id: String,
    /// The file that says how far this plan is published.
    pub cursor_path: PathBuf,
}

impl DirectConfig {
    /// As by the simulated phones: simulated time, the same client.
    pub fn new(plan_id: String, cursor_path: PathBuf) -> Self {
        Self {
            client: Some(CLIENT.to_owned()),
            is_simulated_time: true,
            group_message_count: 10_000,
            plan_id,
            cursor_path,
        }
    }
}

/// What was published.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DirectReport {
    /// Batches published in this run.
    pub batch_count: u64,
    /// Messages in them.
    pub message_count: u64,
    /// Batches that an earlier run had done.
    pub skipped_batch_count: u64,
}

/// An error that ends the publishing; the cursor stays where it was.
#[derive(Debug, Error)]
pub enum DirectError {
    /// The cursor's file cannot be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The bus failed.
    #[error("cannot publish straight into the bus")]
    Bus(#[from] PortError),
    /// The process is shutting down.
    #[error("publishing was interrupted by the end of the process")]
    Interrupted,
}

impl DirectError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Cursor(error) => error.kind(),
            Self::Bus(error) => error.kind(),
            Self::Interrupted => ErrorKind::Retry,
        }
    }
}

/// Batches of one source that are published together.
#[derive(Default)]
struct Group {
    source: String,
    publications: Vec<Publication>,
    /// The number of the plan's batches up to this group's end.
    position: u64,
    batch_count: u64,
}

/// Publishes a plan's batches, from where the cursor stands, and returns when all are durable.
/// The topics must exist. After a kill, up to one group may be published again.
pub async fn ingest_direct(
    bus: Arc<dyn Bus>,
    batches: impl IntoIterator<Item = PhoneBatch> + Send + 'static,
    config: DirectConfig,
) -> Result<DirectReport, DirectError> {
    let cursor = Cursor::open(&config.cursor_path, &config.plan_id, 1)?;
    let mut report = DirectReport::default();
    if cursor.is_complete() {
        return Ok(report);
    }
    let mut position = cursor.writer(0)?;
    report.skipped_batch_count = cursor.position(0);
    // The next group is made while this one is published.
    let (groups, mut received) = mpsc::channel(1);
    let start = cursor.position(0);
    let make = tokio::task::spawn_blocking(move || make_groups(batches, start, &config, &groups));
    while let Some(group) = received.recv().await {
        let message_count = group.publications.len() as u64;
        bus.publish(&group.source, group.publications).await?;
        position.set(group.position)?;
        report.batch_count += group.batch_count;
        report.message_count += message_count;
    }
    make.await.map_err(|_| DirectError::Interrupted)?;
    cursor.complete()?;
    Ok(report)
}

fn make_groups(
    batches: impl IntoIterator<Item = PhoneBatch>,
    start: u64,
    config: &DirectConfig,
    groups: &mpsc::Sender<Group>,
) {
    let mut group = Group::default();
    for (position, batch) in (1..).zip(batches) {
        if position <= start {
            continue;
        }
        let is_full = group.publications.len() >= config.group_message_count;
        if group.batch_count > 0 && (is_full || group.source != batch.source) {
            // The publisher has failed, and says why.
            let Ok(()) = groups.blocking_send(std::mem::take(&mut group)) else { return };
        }
        group.position = position;
        group.batch_count += 1;
        group.publications.extend(publications(&batch, config));
        group.source = batch.source;
    }
    if group.batch_count > 0 {
        drop(groups.blocking_send(group));
    }
}

pub(crate) fn publications(batch: &PhoneBatch, config: &DirectConfig) -> Vec<Publication> {
    let published = if config.is_simulated_time {
        PublishTime::Simulated(batch.arrived_at)
    } else {
        PublishTime::System
    };
    let attributes = batch_attributes(&batch.sent_at.to_string(), config.client.as_deref());
    let ordering_key: Arc<str> = batch.lane.to_string().into();
    batch
        .messages
        .iter()
        .map(|payload| Publication {
            ordering_key: Some(Arc::clone(&ordering_key)),
            published,
            received_at: batch.arrived_at,
            attributes: Arc::clone(&attributes),
            payload: payload.clone(),
        })
        .collect()
}
