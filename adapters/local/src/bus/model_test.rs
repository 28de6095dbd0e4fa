//! The embedded bus against a model of a few lines, under random use, and what it does with
//! files that are locked, damaged or foreign.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, StreamExt};
use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::{
    bus::{
        Backlog, Bus, Deliveries, Delivery, Flow, Publication, PublishTime, Setup, conformance,
        conformance::{Patience, leased, publication, texts, until_quiet},
        tracked::Tracked,
    },
    clock::MicrosUtc,
    port_error::PortError,
};
use proptest::prelude::*;

use super::{EmbeddedBus, EmbeddedBusConfig, PublishClock};

/// On a clock that stands still, this passes once the bus has nothing to do.
const QUIET: Duration = Duration::from_millis(100);

fn open(path: &Path) -> Result<EmbeddedBus, PortError> {
    let (path, publish_clock) = (path.to_owned(), PublishClock::Simulated);
    EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock })
}

#[tokio::test(start_paused = true)]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut bus_count = 0;
    conformance::run_all(Patience::of(QUIET), || {
        bus_count += 1;
        Arc::new(open(&folder.path().join(format!("{bus_count}/bus.redb"))).unwrap())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tracked_bus_conforms_and_says_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut bus_count = 0;
    let mut new_bus = |settle| {
        bus_count += 1;
        let path = folder.path().join(format!("{bus_count}/bus.redb"));
        Arc::new(Tracked::new(open(&path).unwrap(), settle))
    };
    conformance::run_all(Patience::of(QUIET), || new_bus(Duration::ZERO)).await;
    let bus = new_bus(Duration::from_secs(5));
    conformance::subscribe(&*bus, "s", false).await;
    bus.publish("t", vec![publication(None, "1"), publication(None, "2")]).await.unwrap();
    assert_eq!(bus.backlog("s").await.unwrap(), 2);
    let mut held = leased(&*bus, "s", QUIET).await;
    held.pop().unwrap().lease.acknowledge();
    drop(held);
    assert_eq!(bus.backlog("s").await.unwrap(), 1);
    leased(&*bus, "s", QUIET).await.pop().unwrap().lease.acknowledge();
    assert_eq!(bus.backlog("s").await.unwrap(), 1, "what others left may still come");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bus.backlog("s").await.unwrap(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    /// Messages of these keys; key 0 is none.
    Publish(Vec<u8>),
    /// Takes up to so many messages.
    Take(usize),
    /// Acknowledges every nth lease that is held.
    Acknowledge(usize),
    /// Gives back every nth lease that is held.
    GiveBack(usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(0_u8..4, 1..6).prop_map(Step::Publish),
        5 => (1_usize..6).prop_map(Step::Take),
        3 => (1_usize..5).prop_map(Step::Acknowledge),
        3 => (1_usize..5).prop_map(Step::GiveBack),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// What a subscription may deliver, by the rules of the embedded bus.
#[derive(Default)]
struct Model {
    /// The key of each message, in the order of publication.
    keys: Vec<u8>,
    acknowledged: BTreeSet<usize>,
    /// Message to the take that leased it.
    leases: BTreeMap<usize, usize>,
    take_count: usize,
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

    /// What a take must deliver.
    fn take(&mut self, count_max: usize, is_ordered: bool) -> Vec<usize> {
        self.take_count += 1;
        let mut taken = Vec::new();
        for (message, &key) in self.keys.iter().enumerate() {
            if taken.len() == count_max {
                break;
            }
            let is_blocked = is_ordered
                && key != 0
                && self
                    .leases
                    .iter()
                    .any(|(&other, &take)| self.keys[other] == key && take != self.take_count);
            let is_free =
                !self.acknowledged.contains(&message) && !self.leases.contains_key(&message);
            if is_free && !is_blocked {
                self.leases.insert(message, self.take_count);
                taken.push(message);
            }
        }
        taken
    }
}

struct Run {
    folder: tempfile::TempDir,
    bus: Option<EmbeddedBus>,
    is_ordered: bool,
    model: Model,
    /// Every lease that is held: message, take of the model, delivery.
    held: Vec<(usize, usize, Delivery)>,
}

impl Run {
    async fn new(is_ordered: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (model, held) = (Model::default(), Vec::new());
        let mut run = Self { folder, bus: None, is_ordered, model, held };
        run.reopen();
        conformance::subscribe(run.bus(), "s", is_ordered).await;
        run
    }

    fn bus(&self) -> &EmbeddedBus {
        self.bus.as_ref().unwrap()
    }

    /// What is still held is lost with the bus, or acknowledged after it is gone: no matter.
    fn reopen(&mut self) {
        self.bus = None;
        self.bus = Some(open(&self.folder.path().join("bus.redb")).unwrap());
        self.model.leases.clear();
        self.held.clear();
    }

    /// Takes every nth held lease out.
    fn chosen(&mut self, nth: usize) -> Vec<(usize, usize, Delivery)> {
        let mut place = 0;
        let is_chosen = |_: &mut (usize, usize, Delivery)| {
            place += 1;
            place % nth == 0
        };
        self.held.extract_if(.., is_chosen).collect()
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
            Step::Take(count_max) => self.take(count_max).await,
            Step::Acknowledge(nth) => {
                for (message, _, delivery) in self.chosen(nth) {
                    delivery.lease.acknowledge();
                    self.model.acknowledged.insert(message);
                    self.model.leases.remove(&message);
                }
            }
            Step::GiveBack(nth) => {
                for (message, take, delivery) in self.chosen(nth) {
                    drop(delivery);
                    if self.model.leases.get(&message) == Some(&take) {
                        self.model.give_back(message, self.is_ordered);
                    }
                }
            }
            Step::Reopen => self.reopen(),
        }
        let backlog = self.model.keys.len() - self.model.acknowledged.len();
        assert_eq!(self.bus().backlog("s").await.unwrap(), backlog as u64);
    }

    /// One look at the topic, by a subscriber of its own.
    async fn take(&mut self, count_max: usize) {
        let flow = Flow { message_count_max: count_max, payload_bytes_max: 1 << 20 };
        let mut deliveries = self.bus().subscribe("s", flow).await.unwrap();
        let taken = taken_at_once(&mut deliveries).await;
        let expected = self.model.take(count_max, self.is_ordered);
        let messages: Vec<usize> = texts(&taken).iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(messages, expected);
        let take = self.model.take_count;
        self.held.extend(taken.into_iter().map(|delivery| {
            let message = String::from_utf8_lossy(&delivery.message.payload).parse().unwrap();
            (message, take, delivery)
        }));
    }

    /// At the end everything that was published can be delivered and acknowledged.
    async fn drain(&mut self) {
        self.reopen();
        while self.bus().backlog("s").await.unwrap() > 0 {
            self.step(Step::Take(5)).await;
            self.step(Step::Acknowledge(1)).await;
        }
        assert_eq!(self.model.acknowledged.len(), self.model.keys.len());
        let path = self.folder.path().join("bus.redb");
        self.bus = None;
        let storage = super::storage::Storage::open(&path).unwrap();
        assert_eq!(storage.first_sequence(0).unwrap(), None, "nothing acknowledged is kept");
    }
}

/// What the first look of a subscriber brings: on an ordered subscription a second one might bring
/// more, had it room.
async fn taken_at_once(deliveries: &mut Deliveries) -> Vec<Delivery> {
    let mut taken = Vec::new();
    if let Ok(first) = tokio::time::timeout(QUIET, deliveries.next()).await {
        taken.push(first.unwrap().unwrap());
        while let Some(Some(next)) = deliveries.next().now_or_never() {
            taken.push(next.unwrap());
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn does_what_the_model_does(steps in steps(), is_ordered: bool) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(is_ordered).await;
            for step in steps {
                run.step(step).await;
            }
            run.drain().await;
        });
    }
}

#[tokio::test(start_paused = true)]
async fn ids_sort_in_the_order_of_publication() {
    let folder = tempfile::tempdir().unwrap();
    let bus = open(&folder.path().join("bus.redb")).unwrap();
    bus.create_topic("t").await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.extend(bus.publish("t", vec![publication(None, "x"); 4]).await.unwrap());
    }
    assert!(ids.is_sorted_by(|left, right| left < right), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_subscription_gets_what_the_topic_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bus = open(&folder.path().join("bus.redb")).unwrap();
    bus.create_topic("t").await.unwrap();
    bus.publish("t", vec![publication(None, "early")]).await.unwrap();
    conformance::subscribe(&bus, "s", false).await;
    assert_eq!(texts(&leased(&bus, "s", QUIET).await), ["early"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_bus_and_the_file_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.redb");
    let bus = open(&path).unwrap();
    conformance::subscribe(&bus, "s", false).await;
    bus.publish("t", vec![publication(None, "x")]).await.unwrap();
    let mut deliveries = bus.subscribe("s", conformance::WIDE).await.unwrap();
    let held = until_quiet(&mut deliveries, QUIET).await;
    drop(bus);
    assert!(deliveries.next().await.is_none());
    let bus = open(&path).unwrap();
    for delivery in held {
        delivery.lease.acknowledge();
    }
    assert_eq!(bus.backlog("s").await.unwrap(), 1, "the lease was of a bus that is gone");
}

#[tokio::test]
async fn each_bus_has_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let bus = open(&folder.path().join("simulated.redb")).unwrap();
    conformance::subscribe(&bus, "s", false).await;
    let on_system_time = Publication { published: PublishTime::System, ..publication(None, "x") };
    let both = vec![publication(None, "y"), on_system_time];
    assert_eq!(bus.publish("t", both).await.unwrap_err().kind(), ErrorKind::Bug);
    assert_eq!(bus.backlog("s").await.unwrap(), 0, "all or nothing");

    let bus = EmbeddedBus::open(EmbeddedBusConfig {
        path: folder.path().join("bus.redb"),
        publish_clock: PublishClock::System(|| MicrosUtc(99)),
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
    let _bus = open(&path).unwrap();
    let error = open(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FixInput);
    assert!(error.to_string().starts_with("another lakebed process uses this data folder"));
}

#[tokio::test]
async fn damaged_files_are_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.redb");
    {
        let bus = open(&path).unwrap();
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
        let error = open(&path).err().expect(what);
        assert!(error.to_string().contains("is damaged"), "{what}: {error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("restore it")), "{what}");
        assert!(error.to_string().contains("bus.redb"), "{what}: {error}");
    }
}
