//! `lakebed gateway`: listens for phones and puts what they send on the bus.
//!
//! An embedded bus belongs to one process, so there it archives as well; elsewhere `lakebed archive`
//! does.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use lakebed_local::PublishClock;

use super::{Failure, adapters, logs, open};
use crate::{
    archiver::{Archiver, ArchiverConfig, Until},
    cli::{GatewayArgs, Place},
    clock,
    data_folder::{DataFolder, FolderClock},
    gateway::{Gateway, GatewayConfig, GatewayTime, Limits, Tls, access::Access},
    stop::Stop,
    target::BusKind,
};

/// How often files are looked at that may have changed.
const LOOK: Duration = Duration::from_secs(2);

pub fn gateway(place: &Place, args: &GatewayArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    let is_embedded = open.target.bus == BusKind::Embedded;
    if is_embedded {
        data.create()?;
        data.claim_clock(FolderClock::System)?;
    }
    let sources: BTreeSet<String> = open.project.sources.keys().cloned().collect();
    let access = access(args)?;
    let tls = tls(args)?;
    logs::begin(args.log);
    open::runtime()?.block_on(async {
        let store = adapters::raw_objects(&open.target, &data).await?;
        let clock = PublishClock::System(clock::now);
        let bus = adapters::bus(&open.target, &data, clock, store.as_ref(), &sources).await?;
        let stop = Stop::default();
        let mut archivers = tokio::task::JoinSet::new();
        for source in sources.iter().filter(|_| is_embedded) {
            let settings = ArchiverConfig::new(source);
            let archiver = Archiver::new(bus.clone(), store.clone(), settings);
            let until = Until::Stopped(stop.stopped().boxed());
            archivers.spawn(async move { archiver.run(until).await });
        }
        let shutdown_timeout = Duration::from_secs(args.drain);
        let connections_max = args.connections;
        let config = GatewayConfig {
            listen: args.listen,
            access: access.clone(),
            tls: tls.clone(),
            sources,
            time: GatewayTime::System(clock::now),
            limits: Limits { connections_max, shutdown_timeout, ..Limits::default() },
        };
        let gateway = Gateway::bind(config, bus).await.map_err(Failure::data)?;
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        eprintln!("listening on {scheme}://{}/v1/events; Ctrl-C ends it", gateway.local_addr());
        if let Some(path) = args.tokens.clone() {
            tokio::spawn(watch(vec![path], move |paths, texts| {
                let text = String::from_utf8_lossy(&texts[0]);
                access.reload(&paths[0], &text).map_err(|error| error.to_string())
            }));
        }
        if let (Some(tls), Some(paths)) = (tls, certificate(args)) {
            tokio::spawn(watch(paths, move |_, texts| {
                tls.replace(&texts[0], &texts[1]).map_err(|error| error.to_string())
            }));
        }
        let metrics = gateway.metrics();
        gateway.run(interrupted()).await.map_err(Failure::data)?;
        stop.stop();
        while let Some(done) = archivers.join_next().await {
            done.map_err(Failure::data)?.map_err(Failure::data)?;
        }
        let counted = serde_json::to_string_pretty(&metrics.snapshot()).map_err(Failure::data)?;
        println!("{counted}");
        Ok(())
    })
}

fn access(args: &GatewayArgs) -> Result<Arc<Access>, Failure> {
    match (&args.tokens, &args.token) {
        (Some(path), _) => {
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            Ok(Access::parse(path, &text)?)
        }
        (None, token) => Ok(Access::one(token.as_deref().unwrap_or_default())),
    }
}

fn certificate(args: &GatewayArgs) -> Option<Vec<PathBuf>> {
    Some(vec![args.certificate.clone()?, args.key.clone()?])
}

fn tls(args: &GatewayArgs) -> Result<Option<Tls>, Failure> {
    let Some(paths) = certificate(args) else { return Ok(None) };
    Tls::new(&read(&paths[0])?, &read(&paths[1])?).map(Some).map_err(|error| {
        Failure::usage(error).hint("give PEM files that belong together to --certificate and --key")
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

/// Hands files over whenever any has changed; what is wrong with them is logged, and they are looked at
/// again when they have changed again.
async fn watch(
    paths: Vec<PathBuf>,
    mut take: impl FnMut(&[PathBuf], &[Vec<u8>]) -> Result<(), String> + Send,
) {
    let read_all = || paths.iter().map(fs::read).collect::<Result<Vec<_>, _>>().ok();
    let mut known = read_all();
    loop {
        tokio::time::sleep(LOOK).await;
        let found = read_all();
        let Some(texts) = found.as_ref().filter(|_| found != known) else { continue };
        let shown = paths[0].display();
        match take(&paths, texts) {
            Ok(()) => tracing::info!(file = %shown, "read again"),
            Err(error) => tracing::error!(file = %shown, error, "the old one stays"),
        }
        known = found;
    }
}

/// Ctrl-C, or the signal by which a service is stopped.
pub async fn interrupted() {
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
