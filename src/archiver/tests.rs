//! The archiver on the embedded bus and the local store.

use std::{collections::BTreeSet, path::Path};

use arrow::{
    array::AsArray,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::{
    bus::{EmbeddedBus, EmbeddedBusConfig, Publication, PublishClock, PublishTime},
    clock::{MicrosUtc, ProcessClock},
    raw_store::LocalRawStore,
};

struct Rig {
    folder: tempfile::TempDir,
    bus: Arc<dyn Bus>,
    store: Arc<dyn RawStore>,
}

type Row = (String, i64, i64, String, String, Vec<u8>);

impl Rig {
    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    fn reopen(self) -> Self {
        let Self { folder, bus, .. } = self;
        drop(bus);
        Self::open(folder)
    }

    fn open(folder: tempfile::TempDir) -> Self {
        let bus = open_bus(folder.path());
        let store = Arc::new(LocalRawStore::open(&folder.path().join("raw")).unwrap());
        Self { folder, bus, store }
    }

    async fn archiver(&self, row_count_max: usize) -> Archiver {
        let config = ArchiverConfig {
            row_count_max,
            idle: Duration::from_millis(30),
            pull_count_max: 7,
            ..ArchiverConfig::new("events")
        };
        Archiver::open(Arc::clone(&self.bus), Arc::clone(&self.store), config).await.unwrap()
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
        self.store.list("").await.unwrap().into_iter().map(|object| object.key).collect()
    }

    async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for key in self.keys().await {
            rows.extend(read(self.store.get(&key).await.unwrap()));
        }
        rows
    }
}

fn open_bus(folder: &Path) -> Arc<dyn Bus> {
    let config = EmbeddedBusConfig {
        path: folder.join("bus.redb"),
        publish_clock: PublishClock::Simulated,
        lease_clock: Arc::new(ProcessClock::start()),
    };
    Arc::new(EmbeddedBus::open(config).unwrap())
}

fn read(object: Bytes) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(object).unwrap();
    let schema = Arc::clone(reader.schema());
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    let types: Vec<_> =
        schema.fields().iter().map(|f| (f.name().as_str(), f.data_type())).collect();
    assert_eq!(
        types,
        [
            ("message_id", &DataType::Utf8),
            ("published_at", &timestamp),
            ("received_at", &timestamp),
            ("source", &DataType::Utf8),
            ("attributes", &DataType::Utf8),
            ("payload", &DataType::Binary),
        ]
    );
    assert!(schema.fields().iter().all(|field| !field.is_nullable()));
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let text =
            |column: usize, row| batch.column(column).as_string::<i32>().value(row).to_owned();
        let instant = |column: usize, row| {
            batch.column(column).as_primitive::<TimestampMicrosecondType>().value(row)
        };
        for row in 0..batch.num_rows() {
            let payload = batch.column(5).as_binary::<i32>().value(row).to_vec();
            rows.push((
                text(0, row),
                instant(1, row),
                instant(2, row),
                text(3, row),
                text(4, row),
                payload,
            ));
        }
    }
    rows
}

#[tokio::test]
async fn every_message_is_archived_under_its_load_date_as_it_came() {
    let rig = Rig::new();
    let mut archiver = rig.archiver(100).await;
    rig.publish(&[
        ("2026-01-05T23:59:59.999999Z", b"{\"a\":1}"),
        ("2026-01-06T00:00:00Z", b"\xff\xfe not text"),
        ("2026-01-05T10:00:00Z", b""),
    ])
    .await;
    archiver.drain().await.unwrap();

    let keys = rig.keys().await;
    assert_eq!(keys.len(), 2);
    assert!(keys[0].starts_with("events/load_date=2026-01-05/"), "{keys:?}");
    assert!(keys[1].starts_with("events/load_date=2026-01-06/"), "{keys:?}");
    let name = keys[0].rsplit('/').next().unwrap();
    assert_eq!(name.len(), 32 + ".parquet".len());
    let rows = rig.rows().await;
    let payloads: Vec<&[u8]> = rows.iter().map(|row| &row.5[..]).collect();
    assert_eq!(payloads, [&b"{\"a\":1}"[..], b"", b"\xff\xfe not text"]);
    assert!(rows[0].0 < rows[1].0, "rows stand in the order of message ids");
    assert_eq!(rows[0].3, "events");
    assert_eq!(rows[0].4, r#"{"a":"1","b":"\"2\""}"#);
    let at = MicrosUtc::parse_rfc3339("2026-01-06T00:00:00Z").unwrap().0;
    assert_eq!((rows[2].1, rows[2].2), (at, at));
    assert_eq!(archiver.progress().snapshot().message_count, 3);
    assert_eq!(archiver.progress().snapshot().object_count, 2);
}

#[tokio::test]
async fn objects_roll_by_rows() {
    let rig = Rig::new();
    let mut archiver = rig.archiver(10).await;
    let messages: Vec<(&str, &[u8])> = vec![("2026-01-05T10:00:00Z", b"x"); 25];
    rig.publish(&messages).await;
    archiver.drain().await.unwrap();
    assert_eq!(rig.keys().await.len(), 2, "14 and 11 rows: a pull of 7 is not torn apart");
    assert_eq!(rig.rows().await.len(), 25);
}

#[tokio::test]
async fn what_is_held_is_written_when_idle_and_at_shutdown() {
    let rig = Rig::new();
    let archiver = rig.archiver(100).await;
    let progress = archiver.progress();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(archiver.run(async {
        let _ = stopped.await;
    }));
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
    async fn put_if_absent(
        &self,
        key: &str,
        bytes: Bytes,
    ) -> Result<crate::raw_store::PutOutcome, RawStoreError> {
        self.0.put_if_absent(key, bytes).await?;
        Err(RawStoreError::NotFound { key: "dead".to_owned() })
    }
    async fn list(&self, prefix: &str) -> Result<Vec<crate::raw_store::ObjectMeta>, RawStoreError> {
        self.0.list(prefix).await
    }
    async fn get(&self, key: &str) -> Result<Bytes, RawStoreError> {
        self.0.get(key).await
    }
    fn locator(&self, key: &str) -> Result<String, RawStoreError> {
        self.0.locator(key)
    }
}

#[tokio::test]
async fn death_between_put_and_acknowledgement_leaves_copies_and_loses_nothing() {
    let rig = Rig::new();
    let config = ArchiverConfig { row_count_max: 2, ..ArchiverConfig::new("events") };
    let dying: Arc<dyn RawStore> = Arc::new(DiesAfterPut(Arc::clone(&rig.store)));
    let mut archiver = Archiver::open(Arc::clone(&rig.bus), dying, config).await.unwrap();
    rig.publish(&[("2026-01-05T10:00:00Z", b"one"), ("2026-01-05T11:00:00Z", b"two")]).await;
    archiver.drain().await.unwrap_err();
    drop(archiver);
    let rig = rig.reopen();
    rig.publish(&[("2026-01-05T12:00:00Z", b"three")]).await;
    rig.archiver(100).await.drain().await.unwrap();

    let rows = rig.rows().await;
    assert_eq!(rows.len(), 5, "two messages twice");
    let distinct: BTreeSet<&Row> = rows.iter().collect();
    assert_eq!(distinct.len(), 3, "the copies are the same in every column");
    assert_eq!(rig.bus.backlog("archiver.events").await.unwrap(), 0);
}
