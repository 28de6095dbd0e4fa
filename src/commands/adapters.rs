//! The adapters of a target: its bus and its raw store.

#[cfg(feature = "google")]
mod google;
#[cfg(not(feature = "google"))]
#[path = "adapters/without_google.rs"]
mod google;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use futures::StreamExt as _;
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, LocalRawStore, PublishClock};

use super::{Failure, target::Part};
use crate::{
    archiver,
    bus::{Backlog, Bus},
    cli::Place,
    data_folder::DataFolder,
    raw_store::{RawStore, copied::Copied},
    suggest::similar,
    target::{self, BusKind, RawStoreKind, Target},
};

/// The target that `--target` names, of the project's `lakebed.toml`.
pub fn target(place: &Place) -> Result<Target, Failure> {
    let name = &place.target;
    if name == target::LOCAL {
        return Ok(Target::local());
    }
    let path = place.project_folder().unwrap_or(Path::new(".")).join(target::FILE);
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", path.display())).hint(format!(
            "`--target {name}` takes a file {} with a table [target.{name}]",
            target::FILE
        ))
    })?;
    let mut targets = target::parse(&path, &text.into())?;
    targets.remove(name).ok_or_else(|| {
        let mut known: Vec<String> = targets.into_keys().collect();
        known.push(target::LOCAL.to_owned());
        let meant = similar(name, &known);
        let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        Failure::usage(format!("there is no target `{name}` in {}", path.display()))
            .hint(format!("{meant}the targets are {}", known.join(", ")))
    })
}

/// Opens the raw layer, where messages are brought in: objects are where the target says, and nowhere
/// else.
pub async fn raw_objects(target: &Target, data: &DataFolder) -> Result<Arc<dyn RawStore>, Failure> {
    match target.raw_store {
        RawStoreKind::Folder => Ok(Arc::new(LocalRawStore::open(&data.raw())?)),
        RawStoreKind::CloudStorage => google::cloud_storage(target).await,
    }
}

/// Opens the raw layer for a warehouse in the data folder: of objects that are elsewhere it gets copies.
pub async fn raw_files(target: &Target, data: &DataFolder) -> Result<Arc<dyn RawStore>, Failure> {
    match target.raw_store {
        RawStoreKind::Folder => raw_objects(target, data).await,
        RawStoreKind::CloudStorage => {
            data.create()?;
            let copies: Arc<dyn RawStore> = Arc::new(LocalRawStore::open(&data.raw())?);
            Ok(Arc::new(Copied::new(google::cloud_storage(target).await?, copies)))
        }
    }
}

/// Opens the target's bus, with the topics of these sources and their archivers' subscriptions.
///
/// Where the topics are a cloud's, somebody has made them; only an emulator gets them made here.
pub async fn bus<S: AsRef<str>>(
    target: &Target,
    data: &DataFolder,
    publish_clock: PublishClock,
    store: &dyn RawStore,
    sources: impl IntoIterator<Item = S>,
) -> Result<Arc<dyn Backlog>, Failure> {
    match target.bus {
        BusKind::Embedded => embedded(data, publish_clock, store, sources).await,
        BusKind::Pubsub => google::pubsub(target, data, publish_clock, sources).await,
    }
}

/// A topic that is made over a raw layer that has messages of its source, since somebody removed the
/// bus's file, numbers from 1 again: so its ids begin with something that no other topic's began with.
async fn embedded<S: AsRef<str>>(
    data: &DataFolder,
    publish_clock: PublishClock,
    store: &dyn RawStore,
    sources: impl IntoIterator<Item = S>,
) -> Result<Arc<dyn Backlog>, Failure> {
    let bus = EmbeddedBus::open(EmbeddedBusConfig { path: data.bus(), publish_clock })?;
    for source in sources {
        let source = source.as_ref();
        if !bus.has_topic(source) && store.list(&format!("{source}/")).next().await.is_some() {
            let prefix = getrandom::u32().map_err(Failure::data)?;
            bus.create_topic_with(source, format!("{prefix:08x}-")).await?;
        }
        archiver::set_up(&bus, source).await?;
    }
    Ok(Arc::new(bus))
}

/// What a target needs, and what of it is there; with `creates`, what is missing is made.
pub async fn parts(target: &Target, sources: &[&str], creates: bool) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    if target.bus == BusKind::Pubsub {
        parts.extend(google::bus_parts(target, sources, creates).await?);
    }
    if target.raw_store == RawStoreKind::CloudStorage {
        parts.extend(google::store_parts(target, creates).await?);
    }
    Ok(parts)
}

/// Subscriptions of one's own, for as long as one looks.
pub struct Monitor {
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// Each source, and the subscription of it.
    pub subscriptions: Vec<(String, String)>,
    ends: google::MonitorEnd,
}

impl Monitor {
    /// Takes the subscriptions away.
    pub async fn end(self) -> Result<(), Failure> {
        self.ends.end(&self.subscriptions).await
    }
}

/// Subscribes to what comes from now on.
pub async fn monitor(target: &Target, sources: &BTreeSet<String>) -> Result<Monitor, Failure> {
    let number = getrandom::u32().map_err(Failure::data)?;
    let name = |source: &String| (source.clone(), format!("tail.{source}.{number:08x}"));
    let subscriptions = sources.iter().map(name).collect();
    google::monitor(target, subscriptions).await
}
