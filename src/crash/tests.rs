//! Kills the whole path, from phones to raw objects, at every named place, starts it again, and
//! looks whether anything is missing. The process that dies is this test binary, run again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::sync::oneshot;

use crate::{
    archiver::{Archiver, ArchiverConfig},
    bus::{Bus, EmbeddedBus, EmbeddedBusConfig, PublishClock},
    clock::{MicrosUtc, ProcessClock},
    gateway::{Gateway, GatewayConfig, GatewayTime, Limits},
    phones::{Outcome, PhoneBatch, Phones, PhonesConfig},
    raw_store::{LocalRawStore, RawStore},
};

const SOURCE: &str = "mobile_events";
const FOLDER_VARIABLE: &str = "LAKEBED_TEST_CRASH_FOLDER";
const BATCH_COUNT: u64 = 300;

/// Each place, and how often it is passed before the process dies there.
const PLACES: [(&str, u32); 8] = [
    ("gateway::before_acknowledge", 5),
    ("gateway::after_acknowledge", 5),
    ("bus::before_commit", 12),
    ("bus::after_commit", 12),
    ("raw_store::before_rename", 1),
    ("raw_store::after_rename", 1),
    ("archiver::before_acknowledge", 1),
    ("archiver::after_acknowledge", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn wherever_it_is_killed_nothing_is_missing_after_the_next_run() {
    for (place, passed_count) in PLACES {
        let folder = tempfile::tempdir().unwrap();
        let end = run_in_a_process(folder.path(), &format!("{place}={passed_count}*off->return"));
        assert_eq!(end, End::Killed, "{place}");
        // Once more, dying earlier than the restart can finish.
        run_in_a_process(folder.path(), &format!("{place}=1*off->return"));
        assert_eq!(run_in_a_process(folder.path(), ""), End::Finished, "{place}");
        check(folder.path(), place).await;
    }
}

/// What the killed process does; on its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_path_in_a_process_of_its_own() {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        let _scenario = fail::FailScenario::setup();
        run(&PathBuf::from(folder)).await;
    }
}

#[derive(Debug, Eq, PartialEq)]
enum End {
    Finished,
    Killed,
    Failed(String),
}

fn run_in_a_process(folder: &Path, fail_points: &str) -> End {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::tests::the_path_in_a_process_of_its_own"])
        .env(FOLDER_VARIABLE, folder)
        .env("FAILPOINTS", fail_points)
        .output()
        .unwrap();
    match output.status.code() {
        Some(0) => End::Finished,
        // A signal ended it, and not a failed assertion.
        None => End::Killed,
        Some(_) => End::Failed(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

async fn run(folder: &Path) {
    let bus: Arc<dyn Bus> = open_bus(folder);
    let store = Arc::new(LocalRawStore::open(&folder.join("raw")).unwrap());
    let config = ArchiverConfig {
        row_count_max: 100,
        pull_count_max: 40,
        idle: Duration::from_millis(20),
        ..ArchiverConfig::new(SOURCE)
    };
    let archiver =
        Archiver::open(Arc::clone(&bus), Arc::clone(&store) as Arc<dyn RawStore>, config.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let archiving = tokio::spawn(archiver.await.unwrap().run(async { drop(stopped.await) }));
    let gateway = GatewayConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        token: "secret".to_owned(),
        sources: [SOURCE.to_owned()].into(),
        time: GatewayTime::Simulated,
        limits: Limits::default(),
    };
    let gateway = Gateway::bind(gateway, Arc::clone(&bus)).await.unwrap();
    let url = format!("ws://{}/v1/events", gateway.local_addr());
    tokio::spawn(gateway.run(std::future::pending()));
    let cursor_path = folder.join("cursor");
    let phones = PhonesConfig::new(url, "secret".to_owned(), "plan".to_owned(), cursor_path);
    Phones::drive(plan(), phones).await.unwrap();
    drop(stop);
    archiving.await.unwrap().unwrap();
    Archiver::open(bus, store, config).await.unwrap().drain().await.unwrap();
}

fn plan() -> impl Iterator<Item = PhoneBatch> {
    (0..BATCH_COUNT).map(|n| {
        // Slow enough that the archiver works beside it.
        std::thread::sleep(Duration::from_micros(200));
        PhoneBatch {
            source: SOURCE.to_owned(),
            lane: n % 16,
            arrived_at: MicrosUtc(n as i64 * 1_000_000_000),
            sent_at: MicrosUtc(n as i64 * 1_000_000_000),
            messages: vec![n.to_string().into()],
            outcome: Outcome::Acknowledged,
        }
    })
}

fn open_bus(folder: &Path) -> Arc<dyn Bus> {
    let config = EmbeddedBusConfig {
        path: folder.join("bus.redb"),
        publish_clock: PublishClock::Simulated,
        lease_clock: Arc::new(ProcessClock::start()),
    };
    Arc::new(EmbeddedBus::open(config).unwrap())
}

/// Every payload is in raw, copies of a message are equal, and the bus is empty.
async fn check(folder: &Path, place: &str) {
    let store = LocalRawStore::open(&folder.join("raw")).unwrap();
    let mut payloads = BTreeSet::new();
    let mut by_message_id: BTreeMap<String, String> = BTreeMap::new();
    for object in store.list("").await.unwrap() {
        let bytes = store.get(&object.key).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        for batch in reader {
            let batch = batch.unwrap();
            for row in 0..batch.num_rows() {
                let payload = batch.column(5).as_binary::<i32>().value(row);
                let payload = String::from_utf8(payload.to_vec()).unwrap();
                let message_id = batch.column(0).as_string::<i32>().value(row).to_owned();
                payloads.insert(payload.parse::<u64>().unwrap());
                let copy = by_message_id.insert(message_id, payload.clone());
                assert!(copy.is_none_or(|copy| copy == payload), "{place}: an id was used twice");
            }
        }
    }
    let missing: Vec<_> = (0..BATCH_COUNT).filter(|n| !payloads.contains(n)).collect();
    assert!(missing.is_empty(), "{place}: {missing:?} are missing");
    let bus = open_bus(folder);
    assert_eq!(bus.backlog("archiver.mobile_events").await.unwrap(), 0, "{place}");
}
