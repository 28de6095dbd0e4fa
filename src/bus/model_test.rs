//! The embedded bus against a model of a few lines, under random use, and what it does with
//! files that are locked, damaged or foreign.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;

use super::{
    AckId, Bus, BusError, Delivery, EmbeddedBus, EmbeddedBusConfig, PublishClock, PublishTime,
    SubscriptionConfig, conformance,
    conformance::{publication, texts},
};
use crate::{
    clock::{MicrosUtc, MonotonicClock, ProcessClock},
    error_kind::ErrorKind,
};

/// A clock that a test sets forward, in seconds.
#[derive(Clone, Default)]
struct TestClock(Arc<AtomicU64>);

impl MonotonicClock for TestClock {
    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn open(path: &Path, lease_clock: Arc<dyn MonotonicClock>) -> Result<EmbeddedBus, BusError> {
    let (path, publish_clock) = (path.to_owned(), PublishClock::Simulated);
    EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock, lease_clock })
}

fn open_on_process_clock(path: &Path) -> Result<EmbeddedBus, BusError> {
    open(path, Arc::new(ProcessClock::start()))
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut bus_count = 0;
    conformance::run_all(|| {
        bus_count += 1;
        let path = folder.path().join(format!("{bus_count}/bus.redb"));
        Arc::new(open_on_process_clock(&path).unwrap())
    })
    .await;
}

#[derive(Clone, Debug)]
enum Step {
    /// Messages of these keys; key 0 is none.
    Publish(Vec<u8>),
    Pull(usize),
    /// Every nth of what was ever delivered.
    Acknowledge(usize),
    Release(usize),
    Extend(usize),
    /// Seconds; leases last ten.
    Wait(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(0_u8..4, 1..6).prop_map(Step::Publish),
        5 => (1_usize..6).prop_map(Step::Pull),
        3 => (1_usize..5).prop_map(Step::Acknowledge),
        2 => (1_usize..5).prop_map(Step::Release),
        1 => (1_usize..5).prop_map(Step::Extend),
        2 => (1_u64..12).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// What a subscription may deliver, by the port's rules.
#[derive(Default)]
struct Model {
    /// The key of each message, in the order of publication.
    keys: Vec<u8>,
    acknowledged: BTreeSet<usize>,
    /// Message to the end of its lease, and the pull that made it.
    leases: BTreeMap<usize, (u64, usize)>,
    pull_count: usize,
}

impl Model {
    /// Ends a lease, and on ordered subscriptions those of the key's later messages.
    fn give_back(&mut self, message: usize, is_ordered: bool) {
        let key = self.keys[message];
        let keys = &self.keys;
        self.leases.retain(|&other, _| {
            let is_follower = is_ordered && key != 0 && keys[other] == key && other > message;
            other != message && !is_follower
        });
    }

    fn expire(&mut self, now: u64, is_ordered: bool) {
        while let Some((&message, _)) = self.leases.iter().find(|(_, (end, _))| *end <= now) {
            self.give_back(message, is_ordered);
        }
    }

    /// What a pull must deliver.
    fn pull(&mut self, count_max: usize, now: u64, is_ordered: bool) -> Vec<usize> {
        self.expire(now, is_ordered);
        self.pull_count += 1;
        let mut pulled = Vec::new();
        for (message, &key) in self.keys.iter().enumerate() {
            if pulled.len() == count_max {
                break;
            }
            let is_blocked = is_ordered
                && key != 0
                && self
                    .leases
                    .iter()
                    .any(|(&other, &(_, pull))| self.keys[other] == key && pull != self.pull_count);
            let is_free =
                !self.acknowledged.contains(&message) && !self.leases.contains_key(&message);
            if is_free && !is_blocked {
                self.leases.insert(message, (now + 10, self.pull_count));
                pulled.push(message);
            }
        }
        pulled
    }
}

struct Run {
    folder: tempfile::TempDir,
    clock: TestClock,
    bus: Option<EmbeddedBus>,
    is_ordered: bool,
    model: Model,
    /// Every delivery since the bus was opened: message, lease of the model's pull, id.
    delivered: Vec<(usize, usize, AckId)>,
}

impl Run {
    async fn new(is_ordered: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::default();
        let mut run = Self {
            folder,
            clock,
            bus: None,
            is_ordered,
            model: Model::default(),
            delivered: Vec::new(),
        };
        run.reopen();
        run.bus().create_topic("t").await.unwrap();
        let config = SubscriptionConfig {
            name: "s".to_owned(),
            topic: "t".to_owned(),
            ack_deadline: Duration::from_secs(10),
            is_ordered,
        };
        run.bus().create_subscription(config).await.unwrap();
        run
    }

    fn bus(&self) -> &EmbeddedBus {
        self.bus.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.bus = None;
        let path = self.folder.path().join("bus.redb");
        self.bus = Some(open(&path, Arc::new(self.clock.clone())).unwrap());
        self.model.leases.clear();
        self.delivered.clear();
    }

    fn now(&self) -> u64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    /// Every nth delivery: message, model's pull, id.
    fn chosen(&self, nth: usize) -> Vec<(usize, usize, AckId)> {
        self.delivered.iter().skip(nth - 1).step_by(nth).cloned().collect()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Publish(keys) => {
                let publications = keys
                    .iter()
                    .enumerate()
                    .map(|(n, key)| {
                        let key = (*key != 0).then(|| key.to_string());
                        publication(key.as_deref(), &(self.model.keys.len() + n).to_string())
                    })
                    .collect();
                self.bus().publish("t", publications).await.unwrap();
                self.model.keys.extend(keys);
            }
            Step::Pull(count_max) => self.pull(count_max).await,
            Step::Acknowledge(nth) => {
                let chosen = self.chosen(nth);
                let ids = chosen.iter().map(|(_, _, id)| id.clone()).collect();
                self.bus().acknowledge("s", ids).await.unwrap();
                for (message, _, _) in chosen {
                    self.model.acknowledged.insert(message);
                    self.model.leases.remove(&message);
                }
            }
            Step::Release(nth) => {
                for (message, pull, id) in self.chosen(nth) {
                    self.bus().release("s", vec![id]).await.unwrap();
                    if self.model.leases.get(&message).is_some_and(|lease| lease.1 == pull) {
                        self.model.give_back(message, self.is_ordered);
                    }
                }
            }
            Step::Extend(nth) => {
                let now = self.now();
                for (message, pull, id) in self.chosen(nth) {
                    self.bus().extend("s", vec![id], Duration::from_secs(20)).await.unwrap();
                    if let Some(lease) = self.model.leases.get_mut(&message)
                        && lease.1 == pull
                    {
                        lease.0 = now + 20;
                    }
                }
            }
            Step::Wait(seconds) => {
                self.clock.0.fetch_add(seconds, Ordering::SeqCst);
            }
            Step::Reopen => self.reopen(),
        }
        let backlog = self.model.keys.len() - self.model.acknowledged.len();
        assert_eq!(self.bus().backlog("s").await.unwrap(), backlog as u64);
    }

    async fn pull(&mut self, count_max: usize) {
        let now = self.now();
        let deliveries = self.bus().pull("s", count_max).await.unwrap();
        let expected = self.model.pull(count_max, now, self.is_ordered);
        let messages = |deliveries: &[Delivery]| -> Vec<usize> {
            texts(deliveries).iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(messages(&deliveries), expected);
        let pull = self.model.pull_count;
        let delivered = deliveries.into_iter().map(|delivery| delivery.ack_id);
        self.delivered.extend(expected.into_iter().zip(delivered).map(|(m, id)| (m, pull, id)));
    }

    /// At the end everything that was published can be delivered and acknowledged.
    async fn drain(&mut self) {
        self.clock.0.fetch_add(100, Ordering::SeqCst);
        while self.bus().backlog("s").await.unwrap() > 0 {
            self.step(Step::Pull(5)).await;
            self.step(Step::Acknowledge(1)).await;
        }
        assert_eq!(self.model.acknowledged.len(), self.model.keys.len());
        let path = self.folder.path().join("bus.redb");
        self.bus = None;
        let storage = super::storage::Storage::open(&path).unwrap();
        assert_eq!(storage.first_sequence(0).unwrap(), None, "nothing acknowledged is kept");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn does_what_the_model_does(steps in steps(), is_ordered: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(is_ordered).await;
            for step in steps {
                run.step(step).await;
            }
            run.drain().await;
        });
    }
}

#[tokio::test]
async fn the_first_subscription_gets_what_the_topic_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bus = open_on_process_clock(&folder.path().join("bus.redb")).unwrap();
    bus.create_topic("t").await.unwrap();
    bus.publish("t", vec![publication(None, "early")]).await.unwrap();
    let ack_deadline = Duration::from_secs(10);
    let (name, topic) = ("s".to_owned(), "t".to_owned());
    let config = SubscriptionConfig { name, topic, ack_deadline, is_ordered: false };
    bus.create_subscription(config).await.unwrap();
    assert_eq!(texts(&bus.pull("s", 5).await.unwrap()), ["early"]);
}

#[tokio::test]
async fn system_time_is_the_buss_own() {
    let folder = tempfile::tempdir().unwrap();
    let bus = EmbeddedBus::open(EmbeddedBusConfig {
        path: folder.path().join("bus.redb"),
        publish_clock: PublishClock::System(|| MicrosUtc(99)),
        lease_clock: Arc::new(ProcessClock::start()),
    })
    .unwrap();
    bus.create_topic("t").await.unwrap();
    let mut publication = publication(None, "x");
    let error = bus.publish("t", vec![publication.clone()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug);
    publication.published = PublishTime::System;
    bus.publish("t", vec![publication]).await.unwrap();
}

#[test]
fn a_file_in_use_is_said_to_be_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.redb");
    let _bus = open_on_process_clock(&path).unwrap();
    let error = open_on_process_clock(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FixInput);
    assert!(error.to_string().starts_with("another lakebed process uses this data folder"));
}

#[tokio::test]
async fn damaged_files_are_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.redb");
    {
        let bus = open_on_process_clock(&path).unwrap();
        bus.create_topic("t").await.unwrap();
        let big = "x".repeat(100_000);
        bus.publish("t", vec![publication(None, &big); 20]).await.unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let place = whole.windows(1000).position(|window| window == [b'x'; 1000]).unwrap();
    let mut flipped = whole.clone();
    flipped[place + 500] ^= 1;
    let torn = whole[..whole.len() / 2].to_vec();
    let head_only = whole[..100].to_vec();
    for (what, bytes) in [
        ("foreign", b"not a database, but some other file of the user".to_vec()),
        ("flipped", flipped),
        ("torn", torn),
        ("head only", head_only),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = open_on_process_clock(&path).err().expect(what);
        assert!(matches!(error, BusError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains("bus.redb"), "{what}: {error}");
    }
}
