//! Phones against a real gateway, with the embedded bus and the archiver behind it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::FutureExt;
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, LocalRawStore, PublishClock};
use tokio::{sync::oneshot, task::JoinHandle};

use super::*;
use crate::{
    archiver::{self, Archiver, ArchiverConfig, Until},
    bus::{Backlog, Bus, Setup, SubscriptionConfig, conformance},
    gateway::{Gateway, GatewayConfig, GatewayError, GatewayTime, Limits, Metrics, access::Access},
};

const SOURCE: &str = "mobile_events";

struct Rig {
    folder: tempfile::TempDir,
    bus: Arc<dyn Backlog>,
}

struct RunningGateway {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), GatewayError>>,
}

impl RunningGateway {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

impl Rig {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = open_bus(folder.path());
        archiver::set_up(&bus, SOURCE).await.unwrap();
        let (name, topic) = ("s".to_owned(), SOURCE.to_owned());
        let config = SubscriptionConfig { name, topic, is_ordered: false };
        bus.create_subscription(config).await.unwrap();
        Self { folder, bus: Arc::new(bus) }
    }

    fn archiver(&self) -> Archiver {
        let store = Arc::new(LocalRawStore::open(&self.folder.path().join("raw")).unwrap());
        let config = ArchiverConfig::new(SOURCE);
        Archiver::new(self.publisher(), store, config)
    }

    fn publisher(&self) -> Arc<dyn Bus> {
        self.bus.clone()
    }

    async fn gateway(&self, listen: SocketAddr) -> RunningGateway {
        let config = GatewayConfig {
            listen,
            access: Access::one("secret"),
            tls: None,
            sources: [SOURCE.to_owned()].into(),
            time: GatewayTime::Simulated,
            limits: Limits::default(),
        };
        let gateway = Gateway::bind(config, self.publisher()).await.unwrap();
        let (address, metrics) = (gateway.local_addr(), gateway.metrics());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(gateway.run(async { drop(stopped.await) }));
        RunningGateway { address, metrics, stop, running }
    }

    fn config(&self, address: SocketAddr) -> PhonesConfig {
        let url = format!("ws://{address}/v1/events");
        let cursor_path = self.folder.path().join("cursor");
        PhonesConfig {
            connection_count: 3,
            patience: Duration::from_secs(5),
            ..PhonesConfig::new(url, "secret".to_owned(), "plan".to_owned(), cursor_path)
        }
    }

    /// How often each payload was published; within a lane they must have come in order.
    async fn published(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for delivery in self.leased().await {
            *counts.entry(conformance::text(&delivery)).or_default() += 1;
        }
        counts
    }

    async fn leased(&self) -> Vec<crate::bus::Delivery> {
        conformance::leased(&*self.bus, "s", Duration::from_millis(200)).await
    }
}

fn open_bus(folder: &Path) -> EmbeddedBus {
    let (path, publish_clock) = (folder.join("bus.redb"), PublishClock::Simulated);
    EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock }).unwrap()
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Batches of two messages from seven lanes.
fn plan(count: u64) -> Vec<PhoneBatch> {
    (0..count)
        .map(|n| PhoneBatch {
            source: SOURCE.to_owned(),
            lane: n % 7,
            arrived_at: MicrosUtc(n as i64 * 1000),
            sent_at: MicrosUtc(n as i64 * 1000 - 5),
            messages: vec![format!("{n:05}a").into(), format!("{n:05}b").into()],
            outcome: Outcome::Acknowledged,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_sent_once_and_a_complete_one_not_again() {
    let rig = Rig::new().await;
    let gateway = rig.gateway(any_port()).await;
    let report = Phones::drive(plan(1000), rig.config(gateway.address)).await.unwrap();
    assert_eq!((report.batch_count, report.message_count), (1000, 2000));
    assert_eq!((report.resent_batch_count, report.reconnect_count), (0, 0));
    let published = rig.published().await;
    assert_eq!(published.len(), 2000);
    assert!(published.values().all(|&count| count == 1));
    let again = Phones::drive(plan(1000), rig.config(gateway.address)).await.unwrap();
    assert_eq!(again.batch_count, 0);
    assert_eq!(gateway.metrics.snapshot().messages, 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_losses_send_nothing_twice() {
    let rig = Rig::new().await;
    let gateway = rig.gateway(any_port()).await;
    let mut batches = plan(600);
    for n in (0..600).step_by(10) {
        batches[n].outcome = Outcome::AcknowledgementLost;
        batches[n + 1].outcome = Outcome::ConnectionBroken;
    }
    batches[599].outcome = Outcome::ConnectionBroken;
    let report = Phones::drive(batches, rig.config(gateway.address)).await.unwrap();
    assert_eq!(report.batch_count, 600);
    assert_eq!((report.lost_acknowledgement_count, report.broken_connection_count), (121, 61));
    assert_eq!((report.resent_batch_count, report.reconnect_count), (0, 61));
    let published = rig.published().await;
    assert_eq!(published.len(), 1200);
    assert!(published.values().all(|&count| count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_outlive_a_gateway_that_restarts() {
    let rig = Rig::new().await;
    let gateway = rig.gateway(any_port()).await;
    let address = gateway.address;
    // The plan takes a while to make, so that the restarts fall into it.
    let slow = plan(300).into_iter().inspect(|_| std::thread::sleep(Duration::from_millis(3)));
    let phones = tokio::spawn(Phones::drive(slow, rig.config(address)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    gateway.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let gateway = rig.gateway(address).await;
    let report = phones.await.unwrap().unwrap();
    assert_eq!(report.batch_count, 300);
    assert!(report.reconnect_count >= 1, "{report:?}");
    assert_eq!(rig.published().await.len(), 600, "nothing is lost");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_goes_on_where_a_killed_one_was() {
    let rig = Rig::new().await;
    let gateway = rig.gateway(any_port()).await;
    let slow = plan(400).into_iter().inspect(|_| std::thread::sleep(Duration::from_millis(2)));
    let killed = tokio::spawn(Phones::drive(slow, rig.config(gateway.address)));
    while gateway.metrics.snapshot().batches < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    killed.abort();
    drop(killed.await);
    let report = Phones::drive(plan(400), rig.config(gateway.address)).await.unwrap();
    assert!(report.skipped_batch_count >= 90, "{report:?}");
    assert_eq!(report.batch_count + report.skipped_batch_count, 400);
    assert_eq!(rig.published().await.len(), 800, "nothing is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_last_end_the_work() {
    let rig = Rig::new().await;
    let gateway = rig.gateway(any_port()).await;
    let wrong_token = PhonesConfig { token: "wrong".to_owned(), ..rig.config(gateway.address) };
    let error = Phones::drive(plan(10), wrong_token).await.unwrap_err();
    assert!(matches!(error, PhonesError::TurnedAway { .. }), "{error}");
    let mut foreign = plan(10);
    foreign[5].source = "elsewhere".to_owned();
    let error = Phones::drive(foreign, rig.config(gateway.address)).await.unwrap_err();
    assert!(matches!(error, PhonesError::Refused { .. }), "{error}");
    let other_plan = PhonesConfig { plan_id: "other".to_owned(), ..rig.config(gateway.address) };
    let error = Phones::drive(plan(10), other_plan).await.unwrap_err();
    assert!(matches!(error, PhonesError::Cursor(CursorError::OtherPlan { .. })), "{error}");
    let address = gateway.address;
    gateway.stop().await;
    let patience = Duration::from_millis(200);
    let nobody = PhonesConfig { patience, ..rig.config(address) };
    let error = Phones::drive(plan(10), nobody).await.unwrap_err();
    assert!(matches!(error, PhonesError::Unreachable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn straight_into_the_bus_the_messages_are_the_same() {
    let rig = Rig::new().await;
    let cursor_path = rig.folder.path().join("direct-cursor");
    let config = DirectConfig {
        group_message_count: 30,
        ..DirectConfig::new("plan".to_owned(), cursor_path)
    };
    let report = ingest_direct(rig.publisher(), plan(100), config.clone()).await.unwrap();
    assert_eq!((report.batch_count, report.message_count), (100, 200));
    let direct = rig.leased().await;
    let again = ingest_direct(rig.publisher(), plan(100), config).await.unwrap();
    assert_eq!(again, DirectReport::default());

    let gateway = rig.gateway(any_port()).await;
    Phones::drive(plan(100), rig.config(gateway.address)).await.unwrap();
    let by_phone = rig.leased().await;
    let key = |d: &crate::bus::Delivery| {
        let mut message = d.message.clone();
        message.message_id.0.clear();
        (message.payload.clone(), message)
    };
    let sorted = |deliveries: &[crate::bus::Delivery]| {
        let mut messages: Vec<_> = deliveries.iter().map(key).collect();
        messages.sort_by(|left, right| left.0.cmp(&right.0));
        messages
    };
    assert_eq!(sorted(&direct), sorted(&by_phone));
}

/// How fast phones, gateway, bus and archiver are together. Prints; asserts only that all came.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn throughput() {
    let batch_count = 40_000;
    let payload = Bytes::from("{\"event_id\":\"0123456789\",".repeat(16));
    let batches = (0..batch_count).map(move |n| PhoneBatch {
        source: SOURCE.to_owned(),
        lane: n % 1000,
        arrived_at: MicrosUtc(n as i64 * 1000),
        sent_at: MicrosUtc(n as i64 * 1000 - 5),
        messages: vec![payload.clone(); 10],
        outcome: Outcome::Acknowledged,
    });
    let count = batch_count * 10;

    let rig = Rig::new().await;
    let gateway = rig.gateway(any_port()).await;
    let archiver = rig.archiver();
    let (stop, stopped) = oneshot::channel::<()>();
    let until = Until::Drained(async { drop(stopped.await) }.boxed(), rig.bus.clone());
    let archiving = tokio::spawn(async move { archiver.run(until).await });
    let started = Instant::now();
    Phones::drive(batches.clone(), rig.config(gateway.address)).await.unwrap();
    print_rate("phones, gateway, bus (beside the archiver)", count, started);
    drop(stop);
    archiving.await.unwrap().unwrap();
    print_rate("phones, gateway, bus, archiver", count, started);

    let rig = Rig::new().await;
    let archiver = rig.archiver();
    let config = DirectConfig::new("direct".to_owned(), rig.folder.path().join("direct"));
    let started = Instant::now();
    ingest_direct(rig.publisher(), batches, config).await.unwrap();
    print_rate("straight into the bus", count, started);
    let started = Instant::now();
    archiver.run(Until::drained(rig.bus.clone())).await.unwrap();
    print_rate("from the bus into objects", count, started);
    drop(archiver);
    let path = rig.folder.path().join("bus.redb");
    let Rig { folder, bus } = rig;
    drop(bus);
    let size_bytes = path.metadata().unwrap().len();
    let started = Instant::now();
    drop(open_bus(folder.path()));
    println!("opening a file of {size_bytes} bytes again: {:?}", started.elapsed());
}

fn print_rate(what: &str, count: u64, started: Instant) {
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap();
    println!("{what}: {} messages/s", count * 1000 / elapsed_ms.max(1));
}
