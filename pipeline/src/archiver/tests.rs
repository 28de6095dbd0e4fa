//! The archiver on the embedded bus and the local store.

use std::{collections::BTreeSet, path::Path};

use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, LocalRawStore, PublishClock};

use super::{rows::Row, *};
use crate::{
    bus::{Publication, PublishTime},
    clock::MicrosUtc,
    raw_store::{ObjectMeta, PutOutcome, error::not_found},
};

struct Rig {
    folder: tempfile::TempDir,
    bus: Arc<dyn Backlog>,
    store: Arc<dyn RawStore>,
}

impl Rig {
    async fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap()).await
    }

    async fn reopen(self) -> Self {
        let Self { folder, bus, .. } = self;
        drop(bus);
        Self::open(folder).await
    }

    async fn open(folder: tempfile::TempDir) -> Self {
        let bus = open_bus(folder.path());
        set_up(&bus, "events").await.unwrap();
        let store = Arc::new(LocalRawStore::open(&folder.path().join("raw")).unwrap());
        Self { folder, bus: Arc::new(bus), store }
    }

    fn archiver(&self, row_count_max: usize) -> Archiver {
        let config = ArchiverConfig {
            row_count_max,
            idle: Duration::from_millis(30),
            take_count_max: 7,
            ..ArchiverConfig::new("events")
        };
        self.archiver_into(Arc::clone(&self.store), config)
    }

    fn archiver_into(&self, store: Arc<dyn RawStore>, config: ArchiverConfig) -> Archiver {
        Archiver::new(self.bus.clone(), store, config)
    }

    fn until_drained(&self) -> Until {
        Until::drained(Arc::clone(&self.bus))
    }

    async fn publish(&self, messages: &[(&str, &[u8])]) {
        let publications = messages
            .iter()
            .map(|(at, payload)| {
                let at = MicrosUtc::parse_rfc3339(at).unwrap();
                Publication {
                    ordering_key: None,
                    published: PublishTime::Simulated(at),
                    received_at: at,
                    attributes: Arc::new(
                        [("b".into(), "\"2\"".into()), ("a".into(), "1".into())].into(),
                    ),
                    payload: Bytes::copy_from_slice(payload),
                }
            })
            .collect();
        self.bus.publish("events", publications).await.unwrap();
    }

    async fn keys(&self) -> Vec<String> {
        let objects = self.store.list("").map_ok(|object| object.key);
        objects.try_collect().await.unwrap()
    }

    async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for key in self.keys().await {
            rows.extend(rows::rows(self.store.get(&key).await.unwrap()));
        }
        rows
    }
}

fn open_bus(folder: &Path) -> EmbeddedBus {
    let (path, publish_clock) = (folder.join("bus.redb"), PublishClock::Simulated);
    EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock }).unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_message_is_archived_under_its_load_date_as_it_came() {
    let rig = Rig::new().await;
    let archiver = rig.archiver(100);
    rig.publish(&[
        ("2026-01-05T23:59:59.999999Z", b"{\"a\":1}"),
        ("2026-01-06T00:00:00Z", b"\xff\xfe not text"),
        ("2026-01-05T10:00:00Z", b""),
    ])
    .await;
    archiver.run(rig.until_drained()).await.unwrap();

    let keys = rig.keys().await;
    assert_eq!(keys.len(), 2);
    assert!(keys[0].starts_with("events/load_date=2026-01-05/"), "{keys:?}");
    assert!(keys[1].starts_with("events/load_date=2026-01-06/"), "{keys:?}");
    let name = keys[0].rsplit('/').next().unwrap();
    assert_eq!(name.len(), 32 + ".parquet".len());
    let rows = rig.rows().await;
    let payloads: Vec<&[u8]> = rows.iter().map(|row| &row.payload[..]).collect();
    let in_order = [&b""[..], b"{\"a\":1}", b"\xff\xfe not text"];
    assert_eq!(payloads, in_order, "rows stand in the order of `published_at`");
    assert_eq!(rows[0].source, "events");
    assert_eq!(rows[0].attributes, r#"{"a":"1","b":"\"2\""}"#);
    let at = MicrosUtc::parse_rfc3339("2026-01-06T00:00:00Z").unwrap().0;
    assert_eq!((rows[2].published_at, rows[2].received_at), (at, at));
    assert_eq!(archiver.progress().snapshot().message_count, 3);
    assert_eq!(archiver.progress().snapshot().object_count, 2);
}

#[tokio::test(start_paused = true)]
async fn objects_roll_by_rows() {
    let rig = Rig::new().await;
    let archiver = rig.archiver(10);
    let messages: Vec<(&str, &[u8])> = vec![("2026-01-05T10:00:00Z", b"x"); 25];
    rig.publish(&messages).await;
    archiver.run(rig.until_drained()).await.unwrap();
    assert_eq!(rig.keys().await.len(), 2, "14 and 11 rows: a take of 7 is not torn apart");
    assert_eq!(rig.rows().await.len(), 25);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_written_when_idle_and_at_shutdown() {
    let rig = Rig::new().await;
    let archiver = rig.archiver(100);
    let progress = archiver.progress();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until = Until::Stopped(async { drop(stopped.await) }.boxed());
    let running = tokio::spawn(async move { archiver.run(until).await });
    rig.publish(&[("2026-01-05T10:00:00Z", b"one")]).await;
    while progress.snapshot().message_count < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.publish(&[("2026-01-05T10:00:00Z", b"two")]).await;
    tokio::time::sleep(Duration::from_millis(15)).await;
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(rig.rows().await.len(), 2);
    assert_eq!(rig.bus.backlog("archiver.events").await.unwrap(), 0);
}

/// Accepts objects, then fails as if the process had died before the acknowledgement.
struct DiesAfterPut(Arc<dyn RawStore>);

#[async_trait::async_trait]
impl RawStore for DiesAfterPut {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        self.0.put_if_absent(key, bytes).await?;
        Err(not_found("dead"))
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>> {
        self.0.list(prefix)
    }
    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        self.0.get(key).await
    }
    fn locator(&self, key: &str) -> Result<String, PortError> {
        self.0.locator(key)
    }
}

#[tokio::test(start_paused = true)]
async fn death_between_put_and_acknowledgement_leaves_copies_and_loses_nothing() {
    let rig = Rig::new().await;
    let config = ArchiverConfig { row_count_max: 2, ..ArchiverConfig::new("events") };
    let dying: Arc<dyn RawStore> = Arc::new(DiesAfterPut(Arc::clone(&rig.store)));
    let archiver = rig.archiver_into(dying, config);
    rig.publish(&[("2026-01-05T10:00:00Z", b"one"), ("2026-01-05T11:00:00Z", b"two")]).await;
    archiver.run(rig.until_drained()).await.unwrap_err();
    drop(archiver);
    let rig = rig.reopen().await;
    rig.publish(&[("2026-01-05T12:00:00Z", b"three")]).await;
    rig.archiver(100).run(rig.until_drained()).await.unwrap();

    let rows = rig.rows().await;
    assert_eq!(rows.len(), 5, "two messages twice");
    let distinct: BTreeSet<&Row> = rows.iter().collect();
    assert_eq!(distinct.len(), 3, "the copies are the same in every column");
    assert_eq!(rig.bus.backlog("archiver.events").await.unwrap(), 0);
}

/// On the machine's clock: on one that stands still, waiting for the bus is time that passes.
#[tokio::test]
async fn an_object_is_written_when_it_is_large_enough_or_old_enough() {
    let rig = Rig::new().await;
    let config = ArchiverConfig {
        object_bytes_max: 10,
        idle: Duration::from_hours(1),
        age_max: Duration::from_secs(2),
        take_count_max: 1,
        ..ArchiverConfig::new("events")
    };
    let archiver = rig.archiver_into(Arc::clone(&rig.store), config);
    let stop = crate::stop::Stop::default();
    let until = Until::Stopped(stop.stopped().boxed());
    let running = tokio::spawn(async move { archiver.run(until).await });
    let at = "2026-01-05T10:00:00Z";
    rig.publish(&[(at, b"0123456789"), (at, b"small")]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(rig.keys().await.len(), 1, "the large one is not kept waiting");
    // What comes beside it does not make it any younger.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.publish(&[(at, b"")]).await;
    }
    assert_eq!(rig.keys().await.len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.keys().await.len(), 2);
    running.abort();
}
