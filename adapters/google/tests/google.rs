//! The suites of bus and raw store on emulators that others wrote: `cargo xtask google` starts them.

use std::{env, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt};
use lakebed_google::{CloudRawStore, CloudStorageConfig, PubSubBus, PubSubConfig, PubSubTime};
use lakebed_ports::{
    bus::conformance::{self, Patience},
    raw_store::{self, ObjectMeta, RawStore},
};

/// The client's shortest lease is 10 s; the emulator gives back what has not been renewed up to as long
/// after it, and on a busy machine minutes later.
const PATIENCE: Patience = Patience { due: Duration::from_mins(5), quiet: Duration::from_secs(3) };

fn endpoint(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `cargo xtask google` sets it"))
}

/// A name that no other test has.
fn new_name() -> String {
    format!("test-{:08x}", getrandom::u32().expect("the system has random numbers"))
}

fn new_bus(runtime: &tokio::runtime::Handle) -> Arc<PubSubBus> {
    let config = PubSubConfig {
        project: "lakebed-test".to_owned(),
        prefix: format!("{}.", new_name()),
        endpoint: Some(endpoint("LAKEBED_PUBSUB_EMULATOR")),
        time: PubSubTime::Simulated,
        lease: Duration::from_secs(10),
    };
    let connected = tokio::task::block_in_place(|| runtime.block_on(PubSubBus::connect(config)));
    Arc::new(connected.expect("the emulator is there"))
}

async fn new_store() -> CloudRawStore {
    let endpoint = Some(endpoint("LAKEBED_STORAGE_EMULATOR"));
    let store = CloudRawStore::connect(CloudStorageConfig { bucket: new_name(), endpoint }).await;
    let store = store.expect("an emulator wants no credentials");
    assert!(!store.has_bucket().await.expect("the emulator is there"));
    store.create_bucket("lakebed-test").await.expect("the emulator is there");
    assert!(store.has_bucket().await.expect("the emulator is there"));
    store
}

/// Not in the gate: what a subscriber leaves comes again, and of some runs on a busy machine in no time that
/// a gate can wait for. Whether that is the emulator or the client is not known.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the emulator may take minutes to deliver again; `just google-bus`"]
async fn pubsub_conforms() {
    let runtime = tokio::runtime::Handle::current();
    futures::join!(
        conformance::run_all(PATIENCE, || new_bus(&runtime)),
        conformance::run_ordered(PATIENCE, || new_bus(&runtime)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_storage_conforms() {
    let runtime = tokio::runtime::Handle::current();
    raw_store::conformance::run_all(|| {
        Arc::new(tokio::task::block_in_place(|| runtime.block_on(new_store())))
    })
    .await;
}

/// More than a page.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_listing_is_whole() {
    let store = new_store().await;
    let keys: Vec<String> = (0..1_100).map(|number| format!("a/{number:05}")).collect();
    let puts = keys.iter().map(|key| store.put_if_absent(key, bytes::Bytes::from_static(b"x")));
    let puts = futures::stream::iter(puts).buffer_unordered(16);
    puts.try_collect::<Vec<_>>().await.expect("the emulator is there");
    let listed: Vec<ObjectMeta> = store.list("a/").try_collect().await.expect("it is there");
    assert!(listed.iter().map(|object| &object.key).eq(&keys), "{} came", listed.len());
}
