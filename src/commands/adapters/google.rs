//! Google Cloud as a target.

use std::{fs, sync::Arc, time::Duration};

use lakebed_google::{CloudRawStore, CloudStorageConfig, PubSubBus, PubSubConfig, PubSubTime};
use lakebed_local::PublishClock;

use super::Monitor;
use crate::{
    archiver::{self, ArchiverConfig},
    bus::{Backlog, Setup, SubscriptionConfig, tracked::Tracked},
    commands::{Failure, target::Part},
    data_folder::DataFolder,
    port_error::PortError,
    raw_store::RawStore,
    target::Target,
};

/// How long the service waits for a sign of life of who holds a message.
const LEASE: Duration = Duration::from_mins(1);

async fn storage(target: &Target) -> Result<CloudRawStore, Failure> {
    let config = CloudStorageConfig {
        bucket: target.bucket.clone().unwrap_or_default(),
        endpoint: target.endpoints.storage.clone(),
    };
    Ok(CloudRawStore::connect(config).await?)
}

/// The raw store; an emulator's bucket is made.
pub async fn cloud_storage(target: &Target) -> Result<Arc<dyn RawStore>, Failure> {
    let store = storage(target).await?;
    if target.endpoints.storage.is_some() {
        store.create_bucket(project(target)).await?;
    }
    Ok(Arc::new(store))
}

fn project(target: &Target) -> &str {
    target.project.as_deref().unwrap_or_default()
}

async fn connect(target: &Target, time: PubSubTime) -> Result<PubSubBus, Failure> {
    let config = PubSubConfig {
        project: project(target).to_owned(),
        prefix: target.prefix.clone(),
        endpoint: target.endpoints.pubsub.clone(),
        time,
        lease: LEASE,
    };
    Ok(PubSubBus::connect(config).await?)
}

/// The bus; an emulator's topics and subscriptions are made.
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
    // What a killed run held comes again when its leases have ended.
    let settle = if has_begun { LEASE * 2 } else { Duration::ZERO };
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

/// Topics and the archivers' subscriptions.
pub async fn bus_parts(
    target: &Target,
    sources: &[&str],
    creates: bool,
) -> Result<Vec<Part>, Failure> {
    let bus = connect(target, PubSubTime::System).await?;
    let mut parts = Vec::new();
    for source in sources {
        let subscription = ArchiverConfig::new(source).subscription;
        let is_there = async || {
            Ok::<_, PortError>([
                bus.has_topic(source).await?,
                bus.has_subscription(&subscription).await?,
            ])
        };
        let mut found = is_there().await;
        if creates && matches!(found, Ok([topic, subscribed]) if !topic || !subscribed) {
            archiver::set_up(&bus, source).await?;
            found = is_there().await;
        }
        let names = [bus.topic_name(source), bus.subscription_name(&subscription)];
        let found = match found {
            Ok(found) => found.map(Ok),
            Err(error) => [Err(error.clone()), Err(error)],
        };
        let roles = "roles/pubsub.publisher for the gateway, roles/pubsub.subscriber and \
                     roles/pubsub.viewer for the archiver";
        let both = names.into_iter().zip(found);
        parts.extend(both.map(|(name, found)| part(target, name, found, roles)));
    }
    Ok(parts)
}

/// The bucket.
pub async fn store_parts(target: &Target, creates: bool) -> Result<Vec<Part>, Failure> {
    let store = storage(target).await?;
    let mut found = store.has_bucket().await;
    if creates && matches!(found, Ok(false)) {
        store.create_bucket(project(target)).await?;
        found = store.has_bucket().await;
    }
    let name = format!("gs://{}", target.bucket.as_deref().unwrap_or_default());
    let roles = "roles/storage.objectCreator for the archiver, roles/storage.objectViewer for who \
                 builds, and roles/storage.bucketViewer for this check";
    Ok(vec![part(target, name, found, roles)])
}

fn part(target: &Target, name: String, found: Result<bool, PortError>, roles: &str) -> Part {
    let problem = match found {
        Ok(true) => None,
        Ok(false) => {
            let hint = format!("`lakebed target check {} --create` makes it", target.name);
            Some(("missing".to_owned(), hint))
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let problem = format!("{error}: {}", cause.unwrap_or_default());
            Some((problem, format!("the account needs {roles}")))
        }
    };
    Part { name, problem }
}

/// Takes a monitor's subscriptions away.
pub struct MonitorEnd(Arc<PubSubBus>);

impl MonitorEnd {
    /// Each a source and its subscription.
    pub async fn end(self, subscriptions: &[(String, String)]) -> Result<(), Failure> {
        for (_, subscription) in subscriptions {
            self.0.delete_subscription(subscription).await?;
        }
        Ok(())
    }
}

/// Makes the subscriptions, each of a source.
pub async fn monitor(
    target: &Target,
    subscriptions: Vec<(String, String)>,
) -> Result<Monitor, Failure> {
    let bus = Arc::new(connect(target, PubSubTime::System).await?);
    for (source, name) in &subscriptions {
        let (name, topic) = (name.clone(), source.clone());
        let config = SubscriptionConfig { name, topic, is_ordered: false };
        bus.create_subscription(config).await?;
    }
    Ok(Monitor { bus: bus.clone(), subscriptions, ends: MonitorEnd(bus) })
}
