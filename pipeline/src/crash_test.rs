//! Kills the whole path, from phones to raw objects, at every named place, starts it again, and
//! looks whether anything is missing. The process that dies is this test binary, run again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, TryStreamExt};
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, LocalRawStore, PublishClock};
use tokio::sync::oneshot;

use crate::{
    archiver::{
        Archiver, ArchiverConfig, Until,
        rows::{Row, rows},
        set_up,
    },
    bus::Backlog,
    clock::MicrosUtc,
    gateway::{Gateway, GatewayConfig, GatewayTime, Limits, access::Access},
    phones::{Outcome, PhoneBatch, Phones, PhonesConfig},
    raw_store::RawStore,
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
        .args(["--exact", "crash_test::the_path_in_a_process_of_its_own"])
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
    let bus = open_bus(folder);
    set_up(&bus, SOURCE).await.unwrap();
    let bus = Arc::new(bus);
    let store = Arc::new(LocalRawStore::open(&folder.join("raw")).unwrap());
    let config = ArchiverConfig {
        row_count_max: 100,
        take_count_max: 40,
        idle: Duration::from_millis(20),
        ..ArchiverConfig::new(SOURCE)
    };
    let archiver = Archiver::new(bus.clone(), store, config);
    let (stop, stopped) = oneshot::channel::<()>();
    let until = Until::Drained(async { drop(stopped.await) }.boxed(), bus.clone());
    let archiving = tokio::spawn(async move { archiver.run(until).await });
    let gateway = GatewayConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        access: Access::one("secret"),
        tls: None,
        sources: [SOURCE.to_owned()].into(),
        time: GatewayTime::Simulated,
        limits: Limits::default(),
    };
    let gateway = Gateway::bind(gateway, bus).await.unwrap();
    let url = format!("ws://{}/v1/events", gateway.local_addr());
    tokio::spawn(gateway.run(std::future::pending()));
    let cursor_path = folder.join("cursor");
    let phones = PhonesConfig::new(url, "secret".to_owned(), "plan".to_owned(), cursor_path);
    Phones::drive(plan(), phones).await.unwrap();
    drop(stop);
    archiving.await.unwrap().unwrap();
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

fn open_bus(folder: &Path) -> EmbeddedBus {
    let (path, publish_clock) = (folder.join("bus.redb"), PublishClock::Simulated);
    EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock }).unwrap()
}

/// Every payload is in raw, copies of a message are equal, and the bus is empty.
async fn check(folder: &Path, place: &str) {
    let store = LocalRawStore::open(&folder.join("raw")).unwrap();
    let mut payloads = BTreeSet::new();
    let mut by_message_id: BTreeMap<String, String> = BTreeMap::new();
    let mut objects = store.list("");
    while let Some(object) = objects.try_next().await.unwrap() {
        let bytes = store.get(&object.key).await.unwrap();
        for Row { message_id, payload, .. } in rows(bytes) {
            let payload = String::from_utf8(payload).unwrap();
            payloads.insert(payload.parse::<u64>().unwrap());
            let copy = by_message_id.insert(message_id, payload.clone());
            assert!(copy.is_none_or(|copy| copy == payload), "{place}: an id was used twice");
        }
    }
    let missing: Vec<_> = (0..BATCH_COUNT).filter(|n| !payloads.contains(n)).collect();
    assert!(missing.is_empty(), "{place}: {missing:?} are missing");
    let bus = open_bus(folder);
    assert_eq!(bus.backlog("archiver.mobile_events").await.unwrap(), 0, "{place}");
}
