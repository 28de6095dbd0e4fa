//! Brings a simulation into the raw layer: phones, gateway, bus, archiver, on simulated time.
//!
//! Not for: what the messages mean (`sim`), nor for the tables (`pipeline`).

#[cfg(test)]
mod schedules_test;
mod truth;
#[cfg(test)]
mod weak_bus;
#[cfg(test)]
mod weak_bus_test;
#[cfg(test)]
mod weak_store;

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use bytes::Bytes;
use futures::{FutureExt, future::join_all};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sim::{Arrival, Limits, SHARD_COUNT, Simulation, Source, Truth};

use crate::{
    archiver::{Archiver, ArchiverConfig, ArchiverError, ProgressSnapshot, Until},
    bus::{Backlog, Bus},
    clock::MicrosUtc,
    data_folder::DataFolder,
    gateway::{Gateway, GatewayConfig, GatewayError, GatewayTime, MetricsSnapshot, access::Access},
    parts::{Parts, Worker, part_count},
    phones::{
        Cursor, DirectConfig, DirectError, Outcome, PhoneBatch, Phones, PhonesConfig, PhonesError,
        PhonesReport, ingest_direct,
    },
    raw_store::RawStore,
    stop::Stop,
};

/// The token that the simulated phones show to the gateway of their own process.
const TOKEN: &str = "simulated";

/// How many batches of a source wait to be sent.
const QUEUED_BATCHES_MAX: usize = 1_024;

/// How the phones' messages reach the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum IngestMode {
    /// Through real websockets and the gateway.
    Gateway,
    /// Straight into the bus, for speed.
    Direct,
}

/// What to ingest.
#[derive(Clone, Debug)]
pub struct IngestConfig {
    /// The scenario's name and a digest of its text: the same id, the same messages.
    pub plan_id: String,
    /// How.
    pub mode: IngestMode,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// The limits of the sources' contracts, for the truth.
    pub limits: Limits,
}

/// What was simulated into a data folder, and its truth: kept beside the data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimulationRecord {
    /// Which simulation.
    pub plan_id: String,
    /// How it came in.
    pub mode: IngestMode,
    /// Whether everything is in the raw layer.
    pub is_complete: bool,
    /// Whether a run was cut short, so that phones sent some batches again beyond the plan.
    pub was_interrupted: bool,
    /// What the tables must show.
    pub truth: Option<Truth>,
}

/// What came in.
#[derive(Clone, Debug, Default)]
pub struct IngestReport {
    /// What the phones did; nothing with `--ingest direct`.
    pub phones: PhonesReport,
    /// What the gateway counted.
    pub gateway: Option<MetricsSnapshot>,
    /// What was archived, by source.
    pub archived: Vec<(String, ProgressSnapshot)>,
    /// Messages of all batches that were handed in.
    pub message_count: u64,
}

/// Why a simulation is not in the raw layer.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The data folder holds another simulation.
    #[error("the data folder holds {found}, and this run is {expected}")]
    OtherSimulation {
        /// What is there.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// The record of the simulation could not be kept.
    #[error("cannot use {path}")]
    Record {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The record of the simulation is not what a run wrote.
    #[error("{path}, which says what was simulated, is damaged")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The gateway failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The phones failed.
    #[error(transparent)]
    Phones(#[from] PhonesError),
    /// Publishing failed.
    #[error(transparent)]
    Direct(#[from] DirectError),
    /// The archiver failed.
    #[error(transparent)]
    Archiver(#[from] ArchiverError),
    /// A task ended with the process.
    #[error("a task of the ingestion was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl SimulationRecord {
    /// What was simulated into the folder; `None` if nothing was.
    pub fn read(data: &DataFolder) -> Result<Option<Self>, IngestError> {
        let path = data.simulation();
        let shown = path.display().to_string();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|source| IngestError::Damaged { path: shown, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(IngestError::Record { path: shown, source }),
        }
    }

    fn write(&self, data: &DataFolder) -> Result<(), IngestError> {
        let path = data.simulation();
        let failed = |source| IngestError::Record { path: path.display().to_string(), source };
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| failed(io::Error::other(e)))?;
        replace_file(&path, &bytes).map_err(failed)
    }
}

/// The file has the old bytes or the new ones, never a part.
fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

/// Brings the whole simulation into the raw layer, from where an earlier run stopped. Its sources must
/// have been set up on the bus.
pub async fn simulate(
    simulation: Simulation,
    config: &IngestConfig,
    data: &DataFolder,
    bus: Arc<dyn Backlog>,
    store: Arc<dyn RawStore>,
    on_day: &(dyn Fn(Date, u64) + Sync),
) -> Result<(IngestReport, SimulationRecord), IngestError> {
    let found = SimulationRecord::read(data)?;
    let mut record = SimulationRecord {
        plan_id: config.plan_id.clone(),
        mode: config.mode,
        is_complete: false,
        was_interrupted: false,
        truth: None,
    };
    if let Some(found) = found {
        if (&found.plan_id, found.mode) != (&record.plan_id, record.mode) {
            return Err(IngestError::OtherSimulation {
                found: describe(&found.plan_id, found.mode),
                expected: describe(&record.plan_id, record.mode),
            });
        }
        if found.is_complete {
            return Ok((IngestReport::default(), found));
        }
        // Phones send again only if some of them had begun to send.
        record.was_interrupted = has_cursors(data)?;
    }
    record.write(data)?;
    let mut report = IngestReport::default();
    let truth =
        ingest_days(Arc::new(simulation), config, data, &bus, &store, &mut report, on_day).await?;
    record.truth = Some(truth);
    record.is_complete = true;
    record.write(data)?;
    Ok((report, record))
}

fn has_cursors(data: &DataFolder) -> Result<bool, IngestError> {
    let path = data.cursors();
    let mut entries = fs::read_dir(&path)
        .map_err(|source| IngestError::Record { path: path.display().to_string(), source })?;
    Ok(entries.next().is_some())
}

fn describe(plan_id: &str, mode: IngestMode) -> String {
    let name = plan_id.split('/').next().unwrap_or(plan_id);
    let mode = match mode {
        IngestMode::Gateway => "gateway",
        IngestMode::Direct => "direct",
    };
    format!("the scenario `{name}` ({plan_id}) by --ingest {mode}")
}

async fn ingest_days(
    simulation: Arc<Simulation>,
    config: &IngestConfig,
    data: &DataFolder,
    bus: &Arc<dyn Backlog>,
    store: &Arc<dyn RawStore>,
    report: &mut IngestReport,
    on_day: &(dyn Fn(Date, u64) + Sync),
) -> Result<Truth, IngestError> {
    let stop = Stop::default();
    let mut archivers = Vec::new();
    for source in Source::ALL {
        let settings = ArchiverConfig::new(source.name());
        let archiver = Archiver::new(bus.clone(), store.clone(), settings);
        let progress = archiver.progress();
        let until = Until::Drained(stop.stopped().boxed(), bus.clone());
        archivers.push((source, progress, tokio::spawn(async move { archiver.run(until).await })));
    }
    let gateway = Gateway::bind(gateway_config(config), bus.clone()).await?;
    let url = format!("ws://{}/v1/events", gateway.local_addr());
    let metrics = gateway.metrics();
    let serving = tokio::spawn(gateway.run(stop.stopped()));

    let publisher: Arc<dyn Bus> = bus.clone();
    let dates: Vec<Date> = simulation.load_dates().collect();
    let workers = (0..part_count()).map(|_| Sender).collect();
    let mut parts = Parts::start(&simulation, &dates, workers);
    for date in &dates {
        let day = Day { date: *date, data, config, bus: &publisher, url: &url };
        parts = day.send(parts, report).await?;
        on_day(*date, report.message_count);
    }
    stop.stop();
    serving.await??;
    report.gateway = Some(metrics.snapshot());
    for (source, progress, archiver) in archivers {
        archiver.await??;
        report.archived.push((source.name().to_owned(), progress.snapshot()));
    }
    let limits = config.limits;
    Ok(tokio::task::spawn_blocking(move || truth::of(&simulation, limits)).await?)
}

/// Makes batches that can be sent.
struct Sender;

impl Worker for Sender {
    type Made = Vec<(Source, PhoneBatch)>;

    fn take(&mut self, arrival: Arrival, made: &mut Self::Made) -> Option<Arrival> {
        made.push((arrival.source, phone_batch(arrival)));
        None
    }
}

fn gateway_config(config: &IngestConfig) -> GatewayConfig {
    GatewayConfig {
        listen: config.listen,
        access: Access::one(TOKEN),
        tls: None,
        sources: [Source::MobileEvents.name().to_owned()].into(),
        time: GatewayTime::Simulated,
        limits: crate::gateway::Limits::default(),
    }
}

/// One simulated day on its way in.
struct Day<'a> {
    date: Date,
    data: &'a DataFolder,
    config: &'a IngestConfig,
    bus: &'a Arc<dyn Bus>,
    url: &'a str,
}

impl Day<'_> {
    /// Sends the day's batches as they are made, each source at its own pace; returns what makes
    /// those of the next day.
    async fn send(
        &self,
        parts: Parts<Sender>,
        report: &mut IngestReport,
    ) -> Result<Parts<Sender>, IngestError> {
        let (mut queues, mut sending) = (BTreeMap::new(), Vec::new());
        for source in Source::ALL {
            // An earlier run may have sent it all.
            if !Cursor::is_plan_complete(&self.cursor(source), &self.plan_id()) {
                let (queue, batches) = sync_channel(QUEUED_BATCHES_MAX);
                queues.insert(source, queue);
                sending.push(self.send_source(source, batches));
            }
        }
        let handing_out = tokio::task::spawn_blocking(move || hand_out(parts, queues));
        // If one fails, the others go on to the end of the day: whoever is cut off may have
        // published what its cursor does not know of.
        let (sent, handed_out) = tokio::join!(join_all(sending), handing_out);
        for phones in sent {
            report.phones.add(&phones?);
        }
        let (parts, message_count) = handed_out?;
        report.message_count += message_count;
        Ok(parts)
    }

    async fn send_source(
        &self,
        source: Source,
        batches: Receiver<PhoneBatch>,
    ) -> Result<PhonesReport, IngestError> {
        let (plan_id, cursor) = (self.plan_id(), self.cursor(source));
        if source == Source::MobileEvents && self.config.mode == IngestMode::Gateway {
            let settings =
                PhonesConfig::new(self.url.to_owned(), TOKEN.to_owned(), plan_id, cursor);
            return Ok(Phones::drive(batches, settings).await?);
        }
        // The database's change streams have a connector of their own, which needs no gateway.
        let mut settings = DirectConfig::new(plan_id, cursor);
        settings.client = Some(match source {
            Source::MobileEvents => "simulated-phones".to_owned(),
            _ => "change-stream".to_owned(),
        });
        ingest_direct(self.bus.clone(), batches, settings).await?;
        Ok(PhonesReport::default())
    }

    /// A cursor counts batches, whose order is that of the shards.
    fn plan_id(&self) -> String {
        format!("{}/{}/{SHARD_COUNT} shards", self.config.plan_id, self.date)
    }

    fn cursor(&self, source: Source) -> std::path::PathBuf {
        self.data.cursors().join(format!("{}.{}", source.name(), self.date))
    }
}

/// Gives each source its batches of the day; returns how many messages they hold.
fn hand_out(
    mut parts: Parts<Sender>,
    mut queues: BTreeMap<Source, SyncSender<PhoneBatch>>,
) -> (Parts<Sender>, u64) {
    let mut message_count = 0;
    while let Some(made) = parts.next_of_day() {
        for (source, batch) in made {
            message_count += batch.messages.len() as u64;
            let sent = queues.get(&source).map(|queue| queue.send(batch));
            if sent.is_some_and(|sent| sent.is_err()) {
                // What sends it has failed, and says why.
                queues.remove(&source);
                if queues.is_empty() {
                    return (parts, message_count);
                }
            }
        }
    }
    (parts, message_count)
}

/// A simulated batch as phones send it: its messages share one buffer.
pub fn phone_batch(arrival: Arrival) -> PhoneBatch {
    let (bytes, ranges) = arrival.messages.into_parts();
    let bytes = Bytes::from(bytes);
    PhoneBatch {
        source: arrival.source.name().to_owned(),
        lane: arrival.lane,
        arrived_at: MicrosUtc(arrival.arrived_at.0),
        sent_at: MicrosUtc(arrival.sent_at.0),
        messages: ranges.map(|range| bytes.slice(range)).collect(),
        outcome: match arrival.outcome {
            sim::Outcome::Acknowledged => Outcome::Acknowledged,
            sim::Outcome::AcknowledgementLost => Outcome::AcknowledgementLost,
            sim::Outcome::ConnectionBroken => Outcome::ConnectionBroken,
        },
    }
}
