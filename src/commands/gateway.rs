//! `lakebed gateway`: listens for phones and archives what they send into the raw layer.

use futures::FutureExt;
use lakebed_local::PublishClock;

use super::{Failure, open};
use crate::{
    archiver::{Archiver, ArchiverConfig, Until},
    cli::{GatewayArgs, Place},
    clock,
    data_folder::{DataFolder, FolderClock},
    gateway::{Gateway, GatewayConfig, GatewayTime, Limits},
    stop::Stop,
};

pub fn gateway(place: &Place, args: &GatewayArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    data.create()?;
    data.claim_clock(FolderClock::System)?;
    let sources: std::collections::BTreeSet<String> =
        open.project.sources.keys().cloned().collect();
    open::runtime()?.block_on(async {
        let store = open::raw_store(&data)?;
        let clock = PublishClock::System(clock::now);
        let bus = open::bus(&data, clock, store.as_ref(), &sources).await?;
        let stop = Stop::default();
        let mut archivers = tokio::task::JoinSet::new();
        for source in &sources {
            let settings = ArchiverConfig::new(source);
            let archiver = Archiver::new(bus.clone(), store.clone(), settings);
            let until = Until::Stopped(stop.stopped().boxed());
            archivers.spawn(async move { archiver.run(until).await });
        }
        let config = GatewayConfig {
            listen: args.listen,
            token: args.token.clone(),
            sources,
            time: GatewayTime::System(clock::now),
            limits: Limits::default(),
        };
        let gateway = Gateway::bind(config, bus).await.map_err(Failure::data)?;
        eprintln!("listening on ws://{}/v1/events; Ctrl-C ends it", gateway.local_addr());
        let metrics = gateway.metrics();
        gateway.run(interrupted()).await.map_err(Failure::data)?;
        stop.stop();
        while let Some(done) = archivers.join_next().await {
            done.map_err(Failure::data)?.map_err(Failure::data)?;
        }
        let counted = serde_json::to_string_pretty(&metrics.snapshot(0)).map_err(Failure::data)?;
        println!("{counted}");
        Ok(())
    })
}

/// Ctrl-C, or the signal by which a service is stopped.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
