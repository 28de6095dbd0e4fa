//! What a lakebed that was built without Google Cloud says of it.

use std::sync::Arc;

use lakebed_local::PublishClock;

use super::Monitor;
use crate::{
    bus::Backlog,
    commands::{Failure, target::Part},
    data_folder::DataFolder,
    raw_store::RawStore,
    target::Target,
};

fn absent(target: &Target) -> Failure {
    let name = &target.name;
    Failure::usage(format!(
        "the target `{name}` is Google Cloud, and this lakebed was built without"
    ))
    .hint("build it with `cargo build --features google`")
}

#[expect(clippy::unused_async, reason = "the one with Google Cloud waits")]
pub async fn cloud_storage(target: &Target) -> Result<Arc<dyn RawStore>, Failure> {
    Err(absent(target))
}

#[expect(clippy::unused_async, reason = "the one with Google Cloud waits")]
pub async fn pubsub<S: AsRef<str>>(
    target: &Target,
    _data: &DataFolder,
    _publish_clock: PublishClock,
    _sources: impl IntoIterator<Item = S>,
) -> Result<Arc<dyn Backlog>, Failure> {
    Err(absent(target))
}

#[expect(clippy::unused_async, reason = "the one with Google Cloud waits")]
pub async fn bus_parts(
    target: &Target,
    _sources: &[&str],
    _creates: bool,
) -> Result<Vec<Part>, Failure> {
    Err(absent(target))
}

#[expect(clippy::unused_async, reason = "the one with Google Cloud waits")]
pub async fn store_parts(target: &Target, _creates: bool) -> Result<Vec<Part>, Failure> {
    Err(absent(target))
}

#[expect(clippy::unused_async, reason = "the one with Google Cloud waits")]
pub async fn monitor(
    target: &Target,
    _subscriptions: Vec<(String, String)>,
) -> Result<Monitor, Failure> {
    Err(absent(target))
}

/// There is none.
pub enum MonitorEnd {}

impl MonitorEnd {
    #[expect(clippy::unused_async, reason = "the one with Google Cloud waits")]
    pub async fn end(self, _subscriptions: &[(String, String)]) -> Result<(), Failure> {
        match self {}
    }
}
