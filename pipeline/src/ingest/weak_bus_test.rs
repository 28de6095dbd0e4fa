//! The whole way in, from phones to raw objects, over a bus that does whatever the port allows, on a
//! clock that stands still while anybody works. One seed draws the messages, what the bus does with
//! them, which puts the store seems to refuse, and when archivers are killed and gateways restarted.
//!
//! `LAKEBED_TEST_SEED=17` tries that seed alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Mutex,
    time::Duration,
};

use async_trait::async_trait;
use axum::serve::Listener;
use futures::TryStreamExt;
use tokio::{io::DuplexStream, sync::mpsc, task::JoinHandle};
use tokio_tungstenite::{client_async, tungstenite};

use super::{
    weak_bus::{DELAY_MAX, Violation, WeakBus},
    weak_store::{self, WeakStore},
    *,
};
use crate::{
    archiver::{
        self,
        rows::{Row, rows},
    },
    bus::batch_attributes,
    error_kind::ErrorKind,
    phones::{Network, Outcome, Socket},
    verify::dice::Dice,
};

const SOURCE: &str = "mobile_events";
/// Tried in each run of the tests.
const SEEDS: Range<u64> = 0..200;
/// A broken promise is found by one of so many seeds.
const SEEDS_OF_A_VIOLATION: Range<u64> = 0..20;
/// Tried twice, to the same end.
const SEEDS_TRIED_TWICE: Range<u64> = 0..20;
const BATCH_COUNT: u64 = 60;
const ARCHIVER_COUNT: usize = 2;
/// One millisecond after midnight of 2026-01-05, and how far the arrivals are apart: they span three
/// load dates.
const FIRST_ARRIVAL: MicrosUtc = MicrosUtc(1_767_571_200_001_000);
const ARRIVAL_STEP_MICROS: i64 = 3_600_000_000;

#[test]
fn over_a_bus_that_does_whatever_the_port_allows_nothing_is_lost_or_changed() {
    let seeds = match std::env::var("LAKEBED_TEST_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("LAKEBED_TEST_SEED is a number");
            seed..seed + 1
        }
        Err(_) => SEEDS,
    };
    for seed in seeds {
        let ended =
            std::panic::catch_unwind(|| run(seed, WeakBus::new(seed), WeakStore::new(seed)));
        match ended.unwrap_or_else(|_| Err("it panicked, see above".to_owned())) {
            Ok(_) => {}
            Err(fault) => panic!("{fault}\nto try it alone: LAKEBED_TEST_SEED={seed}"),
        }
    }
}

#[test]
fn a_seed_is_one_schedule() {
    for seed in SEEDS_TRIED_TWICE {
        let [first, second] =
            [(), ()].map(|()| run(seed, WeakBus::new(seed), WeakStore::new(seed)));
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn what_a_bus_loses_or_changes_is_found() {
    let harmful = [
        Violation::LosesPublication,
        Violation::ReusesId,
        Violation::LosesWhatIsGivenBack,
        Violation::LosesWhatASubscriberLeaves,
        Violation::MovesPublishedAt,
        Violation::ChangesPayload,
    ];
    for violation in harmful {
        let is_found = |seed: u64| {
            run(seed, WeakBus::violating(seed, violation), WeakStore::new(seed)).is_err()
        };
        assert!(SEEDS_OF_A_VIOLATION.into_iter().any(is_found), "{violation:?} is not found");
    }
}

#[test]
fn what_a_store_loses_or_changes_is_found() {
    use weak_store::Violation::{GivesAnother, LeavesOut, LosesPut, StoresInPart};
    for violation in [LosesPut, StoresInPart, LeavesOut, GivesAnother] {
        // Half an object cannot be read, which is a panic.
        let is_found = |seed: u64| {
            let run = || run(seed, WeakBus::new(seed), WeakStore::violating(seed, violation));
            !std::panic::catch_unwind(run).is_ok_and(|ended| ended.is_ok())
        };
        assert!(SEEDS_OF_A_VIOLATION.into_iter().any(is_found), "{violation:?} is not found");
    }
}

/// One schedule, and the raw objects that it ends with, whose names are made of their bytes; the error
/// says what is wrong in them.
fn run(seed: u64, bus: WeakBus, store: WeakStore) -> Result<Vec<String>, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let rig = Rig::new(seed, bus, store).await;
        rig.bring_in().await;
        rig.check().await
    })
}

struct Rig {
    seed: u64,
    folder: tempfile::TempDir,
    bus: Arc<WeakBus>,
    network: Arc<InMemory>,
    store: Arc<WeakStore>,
}

impl Rig {
    async fn new(seed: u64, bus: WeakBus, store: WeakStore) -> Self {
        archiver::set_up(&bus, SOURCE).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (bus, network, store) = (Arc::new(bus), Arc::default(), Arc::new(store));
        Self { seed, folder, bus, network, store }
    }

    /// Sends the plan, while archivers are killed and the gateway is restarted, until all of it that
    /// will ever come has come.
    async fn bring_in(&self) {
        let mut dice = Dice::new(self.seed, "accidents");
        let stop = Arc::new(Stop::default());
        let mut archivers: Vec<_> = (0..ARCHIVER_COUNT).map(|_| self.archive(&stop)).collect();
        let mut serving = self.gateway();
        let phones = PhonesConfig {
            connection_count: 3,
            patience: Duration::from_mins(10),
            network: self.network.clone(),
            ..PhonesConfig::new(
                "ws://gateway/v1/events".to_owned(),
                TOKEN.to_owned(),
                "plan".to_owned(),
                self.folder.path().join("cursor"),
            )
        };
        let phones = tokio::spawn(Phones::drive(plan(self.seed), phones));
        while !phones.is_finished() {
            tokio::time::sleep(Duration::from_millis(dice.bits() % 8_000)).await;
            match dice.below(4) {
                0 | 1 => {
                    let place = dice.below(archivers.len());
                    let killed = std::mem::replace(&mut archivers[place], self.archive(&stop));
                    killed.abort();
                    drop(killed.await);
                }
                2 => {
                    serving.end().await;
                    serving = self.gateway();
                }
                _ => {}
            }
        }
        phones.await.unwrap().unwrap();
        serving.end().await;
        // Whatever comes again comes within the longest delay; many times over, since it is leased and
        // given back, too.
        tokio::time::sleep(DELAY_MAX * 20).await;
        stop.stop();
        for archiver in archivers {
            archiver.await.unwrap();
        }
    }

    /// An archiver that begins again after what may go better next time.
    fn archive(&self, stop: &Arc<Stop>) -> JoinHandle<()> {
        let config = ArchiverConfig {
            row_count_max: 10,
            take_count_max: 4,
            held_count_max: 25,
            ..ArchiverConfig::new(SOURCE)
        };
        let archiver = Archiver::new(self.bus.clone(), self.store.clone(), config);
        let stop = Arc::clone(stop);
        tokio::spawn(async move {
            while let Err(error) = archiver.run(Until::Stopped(stop.stopped().boxed())).await {
                assert_eq!(error.kind(), ErrorKind::Retry, "{error:?}");
            }
        })
    }

    fn gateway(&self) -> Serving {
        let config = GatewayConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            access: crate::gateway::access::Access::one(TOKEN),
            tls: None,
            sources: [SOURCE.to_owned()].into(),
            time: GatewayTime::Simulated,
            limits: crate::gateway::Limits::default(),
        };
        let (listener, bus, stop) = (self.network.listen(), self.bus.clone(), Stop::default());
        let task = tokio::spawn(Gateway::serve(listener, config, bus, stop.stopped()));
        Serving { stop, task }
    }

    /// Every message of the plan is in raw as it was sent, under its load date; a copy differs in its
    /// message's id at most; an id is one message.
    async fn check(&self) -> Result<Vec<String>, String> {
        let expected = expected(self.seed);
        let mut missing: BTreeSet<&Vec<u8>> = expected.keys().collect();
        let mut by_id: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut keys = Vec::new();
        let mut objects = self.store.list("");
        while let Some(object) = objects.try_next().await.unwrap() {
            for row in rows(self.store.get(&object.key).await.unwrap()) {
                let name = String::from_utf8_lossy(&row.payload).into_owned();
                let sent = expected.get(&row.payload);
                let sent = sent.ok_or_else(|| format!("{name} was never sent"))?;
                let message_id = row.message_id.clone();
                let as_sent = Row { message_id: message_id.clone(), ..sent.clone() };
                if row != as_sent {
                    return Err(format!("{name} was changed: {row:?} instead of {as_sent:?}"));
                }
                if archiver::load_date(&object.key) != MicrosUtc(row.published_at).date() {
                    return Err(format!("{name} is in {}", object.key));
                }
                let other = by_id.insert(message_id, row.payload.clone());
                if other.is_some_and(|other| other != row.payload) {
                    return Err(format!("{name} has the id of another message"));
                }
                missing.remove(&row.payload);
            }
            keys.push(object.key);
        }
        match missing.first() {
            None => Ok(keys),
            Some(first) => {
                let first = String::from_utf8_lossy(first);
                Err(format!("{} messages are lost, the first {first}", missing.len()))
            }
        }
    }
}

/// A gateway at work.
struct Serving {
    stop: Stop,
    task: JoinHandle<Result<(), GatewayError>>,
}

impl Serving {
    async fn end(self) {
        self.stop.stop();
        self.task.await.unwrap().unwrap();
    }
}

/// Batches of some messages from some phones; some of their acknowledgements are lost on the way, and
/// some connections break.
fn plan(seed: u64) -> Vec<PhoneBatch> {
    let mut dice = Dice::new(seed, "plan");
    let batch = |n: u64| PhoneBatch {
        source: SOURCE.to_owned(),
        lane: dice.bits() % 9,
        arrived_at: MicrosUtc(FIRST_ARRIVAL.0 + n.cast_signed() * ARRIVAL_STEP_MICROS),
        sent_at: MicrosUtc(FIRST_ARRIVAL.0 - dice.bits().cast_signed() % ARRIVAL_STEP_MICROS),
        messages: (0..=dice.below(4)).map(|place| format!("{n}-{place}").into()).collect(),
        outcome: match dice.below(10) {
            0 => Outcome::AcknowledgementLost,
            1 => Outcome::ConnectionBroken,
            _ => Outcome::Acknowledged,
        },
    };
    (0..BATCH_COUNT).map(batch).collect()
}

/// The rows of the plan by their payloads, which are unique, without ids.
fn expected(seed: u64) -> BTreeMap<Vec<u8>, Row> {
    let mut expected = BTreeMap::new();
    for batch in plan(seed) {
        let attributes = batch_attributes(&batch.sent_at.to_string(), Some("simulated-phones"));
        for payload in batch.messages {
            let row = Row {
                message_id: String::new(),
                published_at: batch.arrived_at.0,
                received_at: batch.arrived_at.0,
                source: SOURCE.to_owned(),
                attributes: serde_json::to_string(&*attributes).unwrap(),
                payload: payload.to_vec(),
            };
            expected.insert(payload.to_vec(), row);
        }
    }
    expected
}

/// What leads to the one gateway: to whoever listened last. A socket of the machine would be awaited by
/// its clock, and the clock here would go on.
#[derive(Debug, Default)]
struct InMemory(Mutex<Option<mpsc::UnboundedSender<DuplexStream>>>);

/// The other end.
struct InMemoryListener(mpsc::UnboundedReceiver<DuplexStream>);

impl InMemory {
    fn listen(&self) -> InMemoryListener {
        let (connecting, accepting) = mpsc::unbounded_channel();
        *self.0.lock().unwrap() = Some(connecting);
        InMemoryListener(accepting)
    }
}

#[async_trait]
impl Network for InMemory {
    async fn connect(&self, url: &str) -> Result<Socket, tungstenite::Error> {
        // Over in no time, but not before the thread is done that hands out the plan: while one is at
        // work, the clock stands still.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let (near, far) = tokio::io::duplex(64 << 10);
        let listening = self.0.lock().unwrap().clone();
        let refused = || tungstenite::Error::Io(io::ErrorKind::ConnectionRefused.into());
        listening.and_then(|listening| listening.send(far).ok()).ok_or_else(refused)?;
        let (socket, _) = client_async(url, near).await?;
        Ok(Box::pin(socket))
    }
}

impl Listener for InMemoryListener {
    type Io = DuplexStream;
    type Addr = &'static str;

    async fn accept(&mut self) -> (DuplexStream, &'static str) {
        match self.0.recv().await {
            Some(stream) => (stream, "memory"),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<&'static str> {
        Ok("memory")
    }
}
