//! `lakebed archive`: the archiver as a service.
//!
//! Any number may run on the same subscriptions. What one holds when it dies comes again to the others.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::FutureExt;
use lakebed_local::PublishClock;

use super::{Failure, adapters, gateway::interrupted, logs, open};
use crate::{
    archiver::{Archiver, ArchiverConfig, ArchiverError, Until},
    bus::Bus,
    cli::{ArchiveArgs, Place},
    clock,
    data_folder::{DataFolder, FolderClock},
    error_kind::ErrorKind,
    raw_store::RawStore,
    stop::Stop,
    target::BusKind,
};

/// The pauses after a failure that may pass: each twice the one before.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// How long the end waits for the bus to hear what is given back.
const GIVE_BACK: Duration = Duration::from_secs(1);

pub fn archive(place: &Place, args: &ArchiveArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let known = open.project.sources.keys();
    let sources: BTreeSet<String> = if args.sources.is_empty() {
        known.cloned().collect()
    } else {
        args.sources.iter().cloned().collect()
    };
    if let Some(name) = sources.iter().find(|name| !open.project.sources.contains_key(*name)) {
        return Err(open::unknown_source(&open, name));
    }
    let data = DataFolder::new(&place.data);
    if open.target.bus == BusKind::Embedded {
        data.create()?;
        data.claim_clock(FolderClock::System)?;
    }
    logs::begin(args.log);
    open::runtime()?.block_on(async {
        let store = adapters::raw_objects(&open.target, &data).await?;
        let clock = PublishClock::System(clock::now);
        let bus = adapters::bus(&open.target, &data, clock, store.as_ref(), &sources).await?;
        let stop = Arc::new(Stop::default());
        let mut archivers = tokio::task::JoinSet::new();
        for source in &sources {
            let settings = ArchiverConfig {
                // By size and age alone.
                row_count_max: usize::MAX,
                object_bytes_max: args.object_size << 20,
                held_bytes_max: (args.memory << 20) / sources.len(),
                idle: Duration::from_secs(args.age),
                age_max: Duration::from_secs(args.age),
                ..ArchiverConfig::new(source)
            };
            archivers.spawn(run(bus.clone(), store.clone(), settings, Arc::clone(&stop)));
        }
        tracing::info!(sources = sources.len(), target = open.target.name, "archiving");
        interrupted().await;
        tracing::info!("writing what is held");
        stop.stop();
        while let Some(done) = archivers.join_next().await {
            done.map_err(Failure::data)?.map_err(Failure::data)?;
        }
        // What came and was not taken is on its way back; else others wait for the end of its lease.
        tokio::time::sleep(GIVE_BACK).await;
        Ok(())
    })
}

/// Archives until told to end, over streams that break off.
async fn run(
    bus: Arc<dyn Bus>,
    store: Arc<dyn RawStore>,
    settings: ArchiverConfig,
    stop: Arc<Stop>,
) -> Result<(), ArchiverError> {
    let source = settings.source.clone();
    let archiver = Archiver::new(bus, store, settings);
    let mut pause = PAUSE_MIN;
    loop {
        let written_before = archiver.progress().snapshot();
        let error = match archiver.run(Until::Stopped(stop.stopped().boxed())).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Bug => return Err(error),
            Err(error) => error,
        };
        // What is the owner's to mend may be mended while this runs.
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(source, %error, cause, "beginning again in {} s", pause.as_secs());
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopped() => return Err(error),
        }
        let has_written = archiver.progress().snapshot() != written_before;
        pause = if has_written { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
    }
}
