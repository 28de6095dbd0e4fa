//! The embedded bus on disks that fill up and lose power.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::bus::{
    Backlog, Bus,
    conformance::{self, Patience, WIDE, leased, publication, subscribe, texts},
};
use redb::StorageBackend;

use super::{EmbeddedBus, EmbeddedBusConfig, PublishClock, storage::Storage};

/// On a clock that stands still, this passes once the bus has nothing to do.
const QUIET: Duration = Duration::from_millis(100);

/// A disk that forgets in a power cut what was not synced.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug)]
struct DiskState {
    written: Vec<u8>,
    synced: Vec<u8>,
    size_bytes_max: u64,
}

impl Disk {
    fn new() -> Self {
        let state = DiskState { written: Vec::new(), synced: Vec::new(), size_bytes_max: u64::MAX };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A disk with what this one would hold after a power cut, now.
    fn after_power_cut(&self) -> Self {
        let synced = self.0.lock().unwrap().synced.clone();
        let state = DiskState { written: synced.clone(), synced, size_bytes_max: u64::MAX };
        Self(Arc::new(Mutex::new(state)))
    }

    /// No file on it may grow.
    fn fill(&self) {
        let mut state = self.0.lock().unwrap();
        state.size_bytes_max = state.written.len() as u64;
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().unwrap().written[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if len > state.size_bytes_max {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.written.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.synced = state.written.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        self.0.lock().unwrap().written[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn open(disk: &Disk) -> EmbeddedBus {
    let path = Path::new("bus.redb");
    let storage = Storage::open_on(disk.clone(), path).unwrap();
    let config =
        EmbeddedBusConfig { path: path.to_owned(), publish_clock: PublishClock::Simulated };
    EmbeddedBus::start(storage, config).unwrap()
}

async fn subscribed(disk: &Disk) -> EmbeddedBus {
    let bus = open(disk);
    subscribe(&bus, "s", false).await;
    bus
}

/// On the machine's clock, since the bus's own thread has its part in what an acknowledgement lets come;
/// on a disk in memory it has done it at once.
#[tokio::test]
async fn ordered_subscriptions_conform() {
    let new_bus = || Arc::new(open(&Disk::new()));
    conformance::run_ordered(Patience::of(Duration::from_millis(500)), new_bus).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_survives_a_power_cut() {
    let disk = Disk::new();
    let bus = subscribed(&disk).await;
    let mut published = Vec::new();
    for round in 0..20 {
        let text = format!("{round:02}");
        bus.publish("t", vec![publication(None, &text)]).await.unwrap();
        published.push(text);
        if round % 5 == 4 {
            let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
            deliveries.next().await.unwrap().unwrap().lease.acknowledge();
            assert_eq!(bus.backlog("s").await.unwrap(), published.len() as u64 - 1);
            published.remove(0);
        }
        let bus = open(&disk.after_power_cut());
        assert_eq!(texts(&leased(&bus, "s", QUIET).await), published);
        let again = bus.publish("t", vec![publication(None, "after")]).await.unwrap();
        assert_eq!(again[0].0, format!("{:020}", round + 2), "ids go on without a gap");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_an_error_and_nothing_is_answered_that_is_not_stored() {
    let disk = Disk::new();
    let bus = subscribed(&disk).await;
    disk.fill();
    let big = "x".repeat(100_000);
    let mut stored_count = 0;
    let error = loop {
        match bus.publish("t", vec![publication(None, &big); 3]).await {
            Ok(ids) => stored_count += ids.len(),
            Err(error) => break error,
        }
        assert!(stored_count < 10_000, "the disk never filled up");
    };
    assert!(error.to_string().starts_with("cannot use the bus's file"), "{error}");
    assert_eq!(error.kind(), ErrorKind::FixInput);
    let error = bus.publish("t", vec![publication(None, "small")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FixInput, "it stays failed until opened again");
    let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
    assert!(deliveries.next().await.unwrap().is_err(), "subscribers are told");
    drop(bus);

    let bus = open(&disk.after_power_cut());
    assert_eq!(bus.backlog("s").await.unwrap(), stored_count as u64);
    bus.publish("t", vec![publication(None, "small")]).await.unwrap();
}
