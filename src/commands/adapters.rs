//! The adapters of a target: its bus and its raw store.

use std::{fs, path::Path, sync::Arc, time::Duration};

use futures::StreamExt as _;
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, LocalRawStore, PublishClock};

use super::Failure;
use crate::{
    archiver,
    bus::Backlog,
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
        RawStoreKind::CloudStorage => cloud_storage(target).await,
    }
}

/// Opens the raw layer for a warehouse in the data folder: of objects that are elsewhere it gets copies.
pub async fn raw_files(target: &Target, data: &DataFolder) -> Result<Arc<dyn RawStore>, Failure> {
    match target.raw_store {
        RawStoreKind::Folder => raw_objects(target, data).await,
        RawStoreKind::CloudStorage => {
            data.create()?;
            let copies: Arc<dyn RawStore> = Arc::new(LocalRawStore::open(&data.raw())?);
            Ok(Arc::new(Copied::new(cloud_storage(target).await?, copies)))
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
        BusKind::Pubsub => pubsub(target, data, publish_clock, sources).await,
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

/// What an earlier process held comes again within this time: its leases end.
#[cfg_attr(not(feature = "google"), expect(dead_code, reason = "only clouds have leases"))]
const LEASE: Duration = Duration::from_secs(60);

#[cfg(feature = "google")]
mod google {
    use lakebed_google::{CloudRawStore, CloudStorageConfig, PubSubBus, PubSubConfig, PubSubTime};

    use super::{
        Arc, Backlog, DataFolder, Failure, LEASE, PublishClock, RawStore, Target, archiver, fs,
    };
    use crate::{archiver::ArchiverConfig, bus::tracked::Tracked};

    pub async fn storage(target: &Target) -> Result<CloudRawStore, Failure> {
        let config = CloudStorageConfig {
            bucket: target.bucket.clone().unwrap_or_default(),
            endpoint: target.endpoints.storage.clone(),
        };
        Ok(CloudRawStore::connect(config).await?)
    }

    pub async fn cloud_storage(target: &Target) -> Result<Arc<dyn RawStore>, Failure> {
        let store = storage(target).await?;
        if target.endpoints.storage.is_some() {
            store.create_bucket(target.project.as_deref().unwrap_or_default()).await?;
        }
        Ok(Arc::new(store))
    }

    pub async fn connect(target: &Target, time: PubSubTime) -> Result<PubSubBus, Failure> {
        let config = PubSubConfig {
            project: target.project.clone().unwrap_or_default(),
            prefix: target.prefix.clone(),
            endpoint: target.endpoints.pubsub.clone(),
            time,
            lease: LEASE,
        };
        Ok(PubSubBus::connect(config).await?)
    }

    pub async fn pubsub<S: AsRef<str>>(
        target: &Target,
        data: &DataFolder,
        publish_clock: PublishClock,
        sources: impl IntoIterator<Item = S>,
    ) -> Result<Arc<dyn Backlog>, Failure> {
        let time = match publish_clock {
            PublishClock::Simulated => PubSubTime::Simulated,
            PublishClock::System(_) => PubSubTime::System,
        };
        let bus = connect(target, time).await?;
        let has_begun = fs::read_dir(data.cursors()).is_ok_and(|mut files| files.next().is_some());
        // An emulator is asked again a lease's length after what a dead process held.
        let settle = if has_begun { LEASE * 2 } else { std::time::Duration::ZERO };
        let bus = Tracked::new(bus, settle);
        for source in sources {
            let source = source.as_ref();
            if target.endpoints.pubsub.is_some() {
                archiver::set_up(&bus, source).await?;
            } else {
                bus.track(&ArchiverConfig::new(source).subscription, source);
            }
        }
        Ok(Arc::new(bus))
    }
}

#[cfg(feature = "google")]
use google::{cloud_storage, pubsub};

#[cfg(not(feature = "google"))]
fn without_google(target: &Target) -> Failure {
    let name = &target.name;
    Failure::usage(format!(
        "the target `{name}` is Google Cloud, and this lakebed was built without"
    ))
    .hint("build it with `cargo build --features google`")
}

#[cfg(not(feature = "google"))]
async fn cloud_storage(target: &Target) -> Result<Arc<dyn RawStore>, Failure> {
    Err(without_google(target))
}

#[cfg(not(feature = "google"))]
async fn pubsub<S: AsRef<str>>(
    target: &Target,
    _data: &DataFolder,
    _publish_clock: PublishClock,
    _sources: impl IntoIterator<Item = S>,
) -> Result<Arc<dyn Backlog>, Failure> {
    Err(without_google(target))
}
