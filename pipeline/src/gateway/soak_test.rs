//! Load and chaos on loopback: `just soak-gateway`. Phones that come and go, a bus that is slow, refuses
//! and comes back; then every acknowledged message must be in the raw layer.
//!
//! `LAKEBED_SOAK_CONNECTIONS` and `LAKEBED_SOAK_SECONDS` bound it. What a killed process loses is a
//! matter of `crash_test`.

use std::{
    collections::BTreeSet,
    env, fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, future::join_all};
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, LocalRawStore, PublishClock};
use tokio::{net::TcpStream, task::JoinSet, time::Instant};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{
    protocol::{ServerMessage, encode_batch},
    tests::{HELLO, config, header},
    *,
};
use crate::{
    archiver::{Archiver, ArchiverConfig, Until, rows::rows, set_up},
    bus::{Deliveries, Flow, MessageId, Publication, error::closed},
    clock,
    port_error::PortError,
    raw_store::RawStore,
    verify::dice::Dice,
};

const SOURCE: &str = "mobile_events";
const SEED: u64 = 1;
/// Messages of a batch.
const BATCH: usize = 10;

/// A bus that is slow at times, and at times takes nothing.
struct Moody {
    bus: Arc<EmbeddedBus>,
    number: AtomicU64,
    is_calm: AtomicBool,
}

#[async_trait::async_trait]
impl Bus for Moody {
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let mut dice = Dice::new(SEED, &number.to_string());
        if !self.is_calm.load(Ordering::Relaxed) {
            if dice.percent(5) {
                tokio::time::sleep(Duration::from_millis(dice.bits() % 500)).await;
            }
            // It is gone for a while, and back.
            if dice.percent(2) || number % 1_000 < 50 {
                return Err(closed());
            }
        }
        self.bus.publish(topic, publications).await
    }

    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError> {
        self.bus.subscribe(subscription, flow).await
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str) -> Option<Socket> {
    let (mut socket, _) = connect_async(url).await.ok()?;
    socket.send(Message::Text(HELLO.into())).await.ok()?;
    socket.next().await?.ok()?;
    Some(socket)
}

/// Sends a batch and waits for its answer; whether it was acknowledged. `None`: the connection is gone.
async fn send(socket: &mut Socket, number: u64, payloads: &[String]) -> Option<bool> {
    let header = protocol::BatchHeader { count: payloads.len(), ..header(number) };
    socket.send(Message::Binary(encode_batch(&header, payloads))).await.ok()?;
    loop {
        if let Message::Text(text) = socket.next().await?.ok()? {
            let answer = serde_json::from_str(&text).expect("the gateway answers in its protocol");
            return Some(matches!(answer, ServerMessage::Acknowledged { .. }));
        }
    }
}

/// A phone that comes and goes until then; the payloads that were acknowledged.
async fn phone(url: Arc<str>, phone: usize, ends: Instant, pause_ms: u64) -> Vec<String> {
    let mut dice = Dice::new(SEED, &format!("phone {phone}"));
    let (mut socket, mut acknowledged) = (None, Vec::new());
    let mut number = 0;
    while Instant::now() < ends {
        tokio::time::sleep(Duration::from_millis(dice.bits() % (pause_ms + 1))).await;
        if socket.is_none() || dice.percent(2) {
            // Without a word, as phones go.
            socket = connect(&url).await;
        }
        let Some(open) = socket.as_mut() else { continue };
        let payloads: Vec<String> = (0..BATCH).map(|n| format!("{phone} {number} {n}")).collect();
        match send(open, number, &payloads).await {
            Some(true) => acknowledged.extend(payloads),
            Some(false) => {}
            None => socket = None,
        }
        number += 1;
    }
    acknowledged
}

/// Batches a second over so many connections, each with one batch under way.
async fn batches_per_second(url: &Arc<str>, connection_count: usize) -> f64 {
    let begun = Instant::now();
    let ends = begun + Duration::from_secs(5);
    let phones = (0..connection_count).map(|number| {
        let url = Arc::clone(url);
        tokio::spawn(async move {
            let Some(mut socket) = connect(&url).await else { return 0_u32 };
            let payloads = vec![number.to_string(); BATCH];
            let mut count = 0;
            while Instant::now() < ends && send(&mut socket, 1, &payloads).await == Some(true) {
                count += 1;
            }
            count
        })
    });
    let counts = join_all(phones).await;
    let count: u32 = counts.into_iter().map(|count| count.expect("a phone does not panic")).sum();
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// The websocket library alone: answers what it does not look at.
async fn bare_server() -> Arc<str> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/events", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                drop(stream.set_nodelay(true));
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let answer = ServerMessage::Acknowledged { batch: 1, count: BATCH as u64 };
                let answer = serde_json::to_string(&answer).unwrap();
                while let Some(Ok(_)) = socket.next().await {
                    if socket.send(Message::Text(answer.clone().into())).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url.into()
}

fn bound(name: &str, usual: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// Resident memory in MiB, and open files; `None` where there is no `/proc`.
fn resources() -> Option<(u64, usize)> {
    let pages: u64 =
        fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some((pages * 4 / 1024, fs::read_dir("/proc/self/fd").ok()?.count()))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told to: `just soak-gateway`"]
async fn every_acknowledged_message_is_in_the_raw_layer() {
    let connection_count = bound("LAKEBED_SOAK_CONNECTIONS", 500);
    let seconds = bound("LAKEBED_SOAK_SECONDS", 30);
    println!("seed {SEED}, {connection_count} connections, {seconds} s");
    let folder = tempfile::tempdir().unwrap();
    let publish_clock = PublishClock::System(clock::now);
    let path = folder.path().join("bus.redb");
    let bus = Arc::new(EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock }).unwrap());
    set_up(&*bus, SOURCE).await.unwrap();
    let store = Arc::new(LocalRawStore::open(&folder.path().join("raw")).unwrap());
    let archiver = Archiver::new(bus.clone(), store.clone(), ArchiverConfig::new(SOURCE));
    let stop = crate::stop::Stop::default();
    let until = Until::Drained(stop.stopped().boxed(), bus.clone());
    let archiving = tokio::spawn(async move { archiver.run(until).await });
    let (number, is_calm) = (AtomicU64::new(0), AtomicBool::new(false));
    let moody = Arc::new(Moody { bus, number, is_calm });
    let system =
        GatewayConfig { time: GatewayTime::System(clock::now), ..config(false, Limits::default()) };
    let gateway = Gateway::bind(system, moody.clone()).await.unwrap();
    let url: Arc<str> = format!("ws://{}/v1/events", gateway.local_addr()).into();
    let metrics = gateway.metrics();
    let serving = tokio::spawn(gateway.run(stop.stopped()));

    let at_start = resources();
    let ends = Instant::now() + Duration::from_secs(seconds);
    let mut phones = JoinSet::new();
    for number in 0..usize::try_from(connection_count).unwrap() {
        // The machine's cores are shared by both ends: 200 batches a second and core or so.
        phones.spawn(phone(Arc::clone(&url), number, ends, connection_count * 4));
    }
    tokio::time::sleep(Duration::from_secs(seconds / 2)).await;
    let half_way = resources();
    let acknowledged: BTreeSet<String> = phones.join_all().await.into_iter().flatten().collect();
    let at_end = resources();
    let counted = metrics.snapshot();

    moody.is_calm.store(true, Ordering::Relaxed);
    let rate = batches_per_second(&url, 16).await;
    stop.stop();
    serving.await.unwrap().unwrap();
    archiving.await.unwrap().unwrap();
    let bare = batches_per_second(&bare_server().await, 16).await;

    let mut found = BTreeSet::new();
    let mut objects = store.list("");
    while let Some(object) = objects.try_next().await.unwrap() {
        for row in rows(store.get(&object.key).await.unwrap()) {
            found.insert(String::from_utf8(row.payload).unwrap());
        }
    }
    let lost = acknowledged.difference(&found).count();
    println!("connections made {}, refused {:?}", counted.connections, counted.refused);
    println!("acknowledged {}, found in raw, lost {lost}", acknowledged.len());
    println!("memory in MiB and files: {at_start:?}, half way {half_way:?}, at the end {at_end:?}");
    println!(
        "batches a second {rate:.0}, the websocket library alone {bare:.0}: {:.2}",
        rate / bare
    );
    assert!(!acknowledged.is_empty() && lost == 0);
}
