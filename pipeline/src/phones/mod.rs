//! The simulated phones: real websocket clients that hand in the batches of a plan.
//!
//! Phones are spread over a few connections, each with a cursor that survives a kill, so that a
//! later run goes on where this one was. They send again what was not acknowledged; so after a
//! kill or a broken connection the gateway may get a batch twice. They know nothing of how
//! batches are made.

mod connection;
mod cursor;
pub(crate) mod direct;
#[cfg(test)]
mod tests;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::mpsc;

pub use connection::{Network, Socket, Tcp};
pub use cursor::{Cursor, CursorError};
pub use direct::{DirectConfig, DirectError, DirectReport, ingest_direct};

use crate::{
    clock::MicrosUtc,
    error_kind::ErrorKind,
    gateway::protocol::{ErrorCode, RefusalCode},
};

/// How many batches wait for each connection, so that making and sending go side by side.
const QUEUED_BATCHES_MAX: usize = 256;

/// The usual name of the client, the same by websocket and straight into the bus.
const CLIENT: &str = "simulated-phones";

/// What the phone makes of a batch's acknowledgement.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Outcome {
    /// It got it.
    #[default]
    Acknowledged,
    /// It acts as if it had not come; the plan has the batch again, later.
    AcknowledgementLost,
    /// The same, and the connection breaks.
    ConnectionBroken,
}

/// What one phone sends at one time.
#[derive(Clone, Debug)]
pub struct PhoneBatch {
    /// The source, such as `mobile_events`.
    pub source: String,
    /// The phone. Its batches are sent in order, and its messages keep their order on the bus.
    pub lane: u64,
    /// When it arrives, by the simulation's clock.
    pub arrived_at: MicrosUtc,
    /// When it was sent, by the phone's clock.
    pub sent_at: MicrosUtc,
    /// The events' bytes; never with a newline.
    pub messages: Vec<Bytes>,
    /// What becomes of the acknowledgement.
    pub outcome: Outcome,
}

/// How phones reach the gateway.
#[derive(Clone, Debug)]
pub struct PhonesConfig {
    /// Such as `ws://127.0.0.1:7070/v1/events`.
    pub url: String,
    /// What leads there.
    pub network: Arc<dyn Network>,
    /// Shown in the hello.
    pub token: String,
    /// Told in the hello.
    pub client: Option<String>,
    /// Whether batches say when they arrive: for gateways on simulated time.
    pub is_simulated_time: bool,
    /// A lane's connection is its number modulo this.
    pub connection_count: usize,
    /// Names the sequence of batches: the same id, the same batches.
    pub plan_id: String,
    /// The file that says how far each connection is in this plan.
    pub cursor_path: PathBuf,
    /// The pause before the second try to connect; each pause is twice the one before.
    pub backoff_first: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// The phones give up when nothing was acknowledged for this long.
    pub patience: Duration,
}

impl PhonesConfig {
    /// Simulated phones with the usual patience.
    pub fn new(url: String, token: String, plan_id: String, cursor_path: PathBuf) -> Self {
        Self {
            url,
            network: Arc::new(Tcp),
            token,
            client: Some(CLIENT.to_owned()),
            is_simulated_time: true,
            connection_count: 8,
            plan_id,
            cursor_path,
            backoff_first: Duration::from_millis(20),
            backoff_max: Duration::from_secs(2),
            patience: Duration::from_secs(30),
        }
    }
}

/// What the phones did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PhonesReport {
    /// Batches acknowledged in this run.
    pub batch_count: u64,
    /// Messages in them.
    pub message_count: u64,
    /// Batches that an earlier run had done.
    pub skipped_batch_count: u64,
    /// Batches sent again, since a connection broke that should not.
    pub resent_batch_count: u64,
    /// Acknowledgements that came and were taken as lost, as planned.
    pub lost_acknowledgement_count: u64,
    /// Connections broken as planned.
    pub broken_connection_count: u64,
    /// Connections made anew for any reason.
    pub reconnect_count: u64,
}

impl PhonesReport {
    /// Adds what was done later.
    pub fn add(&mut self, other: &Self) {
        self.batch_count += other.batch_count;
        self.message_count += other.message_count;
        self.skipped_batch_count += other.skipped_batch_count;
        self.resent_batch_count += other.resent_batch_count;
        self.lost_acknowledgement_count += other.lost_acknowledgement_count;
        self.broken_connection_count += other.broken_connection_count;
        self.reconnect_count += other.reconnect_count;
    }
}

/// An error that ends the phones' work; the cursor stays where they were.
#[derive(Debug, Error)]
pub enum PhonesError {
    /// The cursor's file cannot be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The gateway does not let us in.
    #[error("the gateway turned the phones away: {message}")]
    TurnedAway {
        /// Why.
        code: ErrorCode,
        /// Why, for people.
        message: String,
    },
    /// The gateway refused a batch that will not be better next time.
    #[error("the gateway refused a batch: {message}")]
    Refused {
        /// Why.
        code: RefusalCode,
        /// Why, for people.
        message: String,
    },
    /// The gateway said what the protocol does not know.
    #[error("the gateway does not keep to the protocol: {detail}")]
    Protocol {
        /// What it said.
        detail: String,
    },
    /// Nothing was acknowledged for too long.
    #[error(
        "nothing was acknowledged by {url} for {} s; the last trouble was: {trouble}",
        patience.as_secs()
    )]
    Unreachable {
        /// The gateway.
        url: String,
        /// How long the phones waited.
        patience: Duration,
        /// What went wrong last.
        trouble: String,
    },
    /// The process is shutting down.
    #[error("the phones were interrupted by the end of the process")]
    Interrupted,
}

impl PhonesError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Cursor(error) => error.kind(),
            Self::TurnedAway { .. } => ErrorKind::FixInput,
            Self::Refused { .. } | Self::Protocol { .. } => ErrorKind::Bug,
            Self::Unreachable { .. } | Self::Interrupted => ErrorKind::Retry,
        }
    }
}

/// A batch and its place in its connection's sequence.
struct Numbered {
    number: u64,
    batch: PhoneBatch,
}

/// The simulated phones.
#[derive(Debug)]
pub struct Phones;

impl Phones {
    /// Sends a plan's batches, from where the cursor stands, and returns when all are
    /// acknowledged. Batches are taken from the iterator, on a thread of its own, as they are
    /// needed.
    pub async fn drive(
        batches: impl IntoIterator<Item = PhoneBatch> + Send + 'static,
        config: PhonesConfig,
    ) -> Result<PhonesReport, PhonesError> {
        let cursor = Cursor::open(&config.cursor_path, &config.plan_id, config.connection_count)?;
        if cursor.is_complete() {
            return Ok(PhonesReport::default());
        }
        let mut queues = Vec::new();
        let mut workers = tokio::task::JoinSet::new();
        for connection in 0..config.connection_count {
            let (queue, received) = mpsc::channel(QUEUED_BATCHES_MAX);
            queues.push((queue, cursor.position(connection)));
            let worker = worker::Worker::new(config.clone(), cursor.writer(connection)?, received);
            workers.spawn(worker.run());
        }
        let distribute = tokio::task::spawn_blocking(move || distribute(batches, &queues));
        let mut report = PhonesReport::default();
        while let Some(done) = workers.join_next().await {
            // A worker's error drops the others and closes the queues, which ends `distribute`.
            report.add(&done.map_err(|_| PhonesError::Interrupted)??);
        }
        report.skipped_batch_count = distribute.await.map_err(|_| PhonesError::Interrupted)?;
        cursor.complete()?;
        Ok(report)
    }
}

/// Gives each connection its lanes' batches, without those done already. Returns how many those
/// are.
fn distribute(
    batches: impl IntoIterator<Item = PhoneBatch>,
    queues: &[(mpsc::Sender<Numbered>, u64)],
) -> u64 {
    let mut numbers = vec![0; queues.len()];
    let mut skipped_batch_count = 0;
    for batch in batches {
        let connection = usize::try_from(batch.lane % queues.len() as u64)
            .expect("a remainder of a usize is a usize");
        let (queue, done_count) = &queues[connection];
        let number = numbers[connection];
        numbers[connection] += 1;
        if number < *done_count {
            skipped_batch_count += 1;
        } else if queue.blocking_send(Numbered { number, batch }).is_err() {
            // The worker has failed, and says why.
            break;
        }
    }
    skipped_batch_count
}
