//! What every bus must do. Each adapter's tests run the whole suite; a promise that is broken panics,
//! as in any test.
//!
//! It allows what the port allows: any order, copies, acknowledgements that are lost, and that what was
//! given back comes when its lease would have ended. How long that is, the caller knows. The checks run
//! at once, each on a bus of its own, so that the slowest says how long the suite takes.

#![expect(clippy::unwrap_used, reason = "these are tests, for the adapters of other crates too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;

use super::{
    Bus, Deliveries, Delivery, Flow, Message, MessageId, Publication, PublishTime, Setup,
    SubscriptionConfig,
};
use crate::{clock::MicrosUtc, error_kind::ErrorKind, port_error::PortError};

/// So many times a message may come again after it was acknowledged.
const COPY_COUNT_MAX: usize = 20;
/// So often a publication is tried that the bus asks to retry.
const ATTEMPT_COUNT_MAX: usize = 100;
/// How long a bus may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// What is due comes within this time, also what was given back, or left by a subscriber that is
    /// gone: a bus may keep that until its lease would have ended.
    pub due: Duration,
    /// After everything due has come, what has been quiet for this long has nothing more to say.
    pub quiet: Duration,
}

impl Patience {
    /// One time for both.
    pub fn of(time: Duration) -> Self {
        Self { due: time, quiet: time }
    }
}

/// Room for everything.
pub const WIDE: Flow = Flow { message_count_max: 100_000, payload_bytes_max: 100 << 20 };

/// Runs every check that holds of all buses, each on a new bus on simulated time.
pub async fn run_all<B: Bus + Setup + 'static>(
    patience: Patience,
    mut new_bus: impl FnMut() -> Arc<B>,
) {
    let buses: [Arc<B>; 8] = std::array::from_fn(|_| new_bus());
    let [names, message, ids, given_back, left, stops, independent, flow] = &buses;
    futures::join!(
        names_must_exist_and_settings_must_agree(&**names),
        a_message_comes_as_it_was_published(&**message, patience),
        ids_are_unique_and_given_in_the_order_of_the_publications(Arc::clone(ids), patience),
        what_is_given_back_comes_again_and_is_the_same(&**given_back, patience),
        what_a_subscriber_leaves_goes_to_others(&**left, patience),
        what_was_acknowledged_stops_coming(&**stops, patience),
        subscriptions_are_independent(&**independent, patience),
        no_more_is_leased_than_was_asked_for(&**flow, patience),
    );
}

/// Runs every check of ordered subscriptions, each on a new bus on simulated time.
pub async fn run_ordered<B: Bus + Setup + 'static>(
    patience: Patience,
    mut new_bus: impl FnMut() -> Arc<B>,
) {
    let (order, again) = (new_bus(), new_bus());
    futures::join!(
        keys_keep_their_order(&*order, patience),
        a_message_that_comes_again_brings_the_later_ones_of_its_key(&*again, patience),
    );
}

/// A message of this text and key.
pub fn publication(key: Option<&str>, text: &str) -> Publication {
    Publication {
        ordering_key: key.map(Arc::from),
        published: PublishTime::Simulated(MicrosUtc(17)),
        received_at: MicrosUtc(16),
        attributes: Arc::new(BTreeMap::from([("text".to_owned(), text.to_owned())])),
        payload: Bytes::copy_from_slice(text.as_bytes()),
    }
}

/// The payload as text.
pub fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.message.payload).into_owned()
}

/// The payloads as text.
pub fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(text).collect()
}

/// Makes the topic `t`, and a subscription of it.
pub async fn subscribe(bus: &(impl Bus + Setup), name: &str, is_ordered: bool) {
    bus.create_topic("t").await.unwrap();
    let (name, topic) = (name.to_owned(), "t".to_owned());
    bus.create_subscription(SubscriptionConfig { name, topic, is_ordered }).await.unwrap();
}

/// What comes until nothing has come for so long.
pub async fn until_quiet(deliveries: &mut Deliveries, quiet: Duration) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while let Ok(next) = tokio::time::timeout(quiet, deliveries.next()).await {
        taken.push(next.expect("the bus is open").unwrap());
    }
    taken
}

/// What a new subscriber gets until it is quiet; nothing of it is acknowledged.
pub async fn leased(bus: &dyn Bus, subscription: &str, quiet: Duration) -> Vec<Delivery> {
    let mut deliveries = bus.subscribe(subscription, WIDE).await.unwrap();
    until_quiet(&mut deliveries, quiet).await
}

/// Publishes until the bus says that it has it, and gives the ids that it said then.
async fn publish(bus: &dyn Bus, publications: Vec<Publication>) -> Vec<MessageId> {
    for _ in 0..ATTEMPT_COUNT_MAX {
        match bus.publish("t", publications.clone()).await {
            Ok(ids) => {
                assert_eq!(ids.len(), publications.len(), "each publication has its id");
                return ids;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Retry, "{error}"),
        }
    }
    panic!("the bus never took the messages");
}

async fn publish_texts(bus: &dyn Bus, texts: &[&str]) -> Vec<MessageId> {
    publish(bus, texts.iter().map(|text| publication(None, text)).collect()).await
}

/// What comes until all that is due has come, and what it is.
async fn all_due(
    deliveries: &mut Deliveries,
    due: &[MessageId],
    patience: Patience,
) -> Vec<Delivery> {
    let mut taken: Vec<Delivery> = Vec::new();
    let lacks = |taken: &[Delivery]| {
        let has = |id: &MessageId| taken.iter().any(|delivery| delivery.message.message_id == *id);
        due.iter().filter(|id| !has(id)).cloned().collect::<Vec<_>>()
    };
    while !lacks(&taken).is_empty() {
        let Ok(next) = tokio::time::timeout(patience.due, deliveries.next()).await else {
            panic!("{due:?} were due, and {:?} never came", lacks(&taken));
        };
        taken.push(next.expect("the bus is open").unwrap());
    }
    taken
}

/// Acknowledges whatever comes until all that is due has come and it is quiet, and gives the messages by
/// id. All deliveries of an id must be the same message.
async fn acknowledged(
    bus: &dyn Bus,
    subscription: &str,
    due: &[MessageId],
    patience: Patience,
) -> BTreeMap<MessageId, Message> {
    let mut deliveries = bus.subscribe(subscription, WIDE).await.unwrap();
    let mut counts: BTreeMap<MessageId, usize> = BTreeMap::new();
    let mut messages: BTreeMap<MessageId, Message> = BTreeMap::new();
    loop {
        let lacking: Vec<&MessageId> = due.iter().filter(|id| !messages.contains_key(id)).collect();
        let wait = if lacking.is_empty() { patience.quiet } else { patience.due };
        let Ok(next) = tokio::time::timeout(wait, deliveries.next()).await else {
            assert!(lacking.is_empty(), "{lacking:?} never came on {subscription}");
            return messages;
        };
        let Delivery { message, lease } = next.expect("the bus is open").unwrap();
        let id = message.message_id.clone();
        let count = counts.entry(id.clone()).or_default();
        *count += 1;
        assert!(*count <= COPY_COUNT_MAX, "{id} comes again and again, though acknowledged");
        let first = messages.entry(id).or_insert_with(|| message.clone());
        assert_eq!(*first, message, "each delivery of an id is the same message");
        lease.acknowledge();
    }
}

async fn names_must_exist_and_settings_must_agree(bus: &(impl Bus + Setup)) {
    let is_bug = |error: PortError| assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
    is_bug(bus.publish("t", vec![publication(None, "x")]).await.unwrap_err());
    is_bug(bus.subscribe("s", WIDE).await.err().unwrap());
    subscribe(bus, "s", false).await;
    subscribe(bus, "s", false).await;
    bus.create_topic("other").await.unwrap();
    let (name, topic) = ("s".to_owned(), "other".to_owned());
    let other = SubscriptionConfig { name, topic, is_ordered: false };
    let error = bus.create_subscription(other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FixInput, "{error}");
    assert!(publish_texts(bus, &[]).await.is_empty());
}

async fn a_message_comes_as_it_was_published(bus: &(impl Bus + Setup), patience: Patience) {
    subscribe(bus, "s", false).await;
    let mut sent = publication(Some("k"), "");
    sent.payload = Bytes::from_static(b"\x00\xff\n");
    let mut keyless = publication(None, "keyless");
    keyless.published = PublishTime::Simulated(MicrosUtc(-5));
    let ids = publish(bus, vec![sent.clone(), keyless.clone()]).await;
    let messages = acknowledged(bus, "s", &ids, patience).await;
    let expected = |id: &MessageId, published_at: i64, sent: Publication| Message {
        message_id: id.clone(),
        published_at: MicrosUtc(published_at),
        received_at: sent.received_at,
        ordering_key: sent.ordering_key,
        attributes: sent.attributes,
        payload: sent.payload,
    };
    assert_eq!(messages.get(&ids[0]), Some(&expected(&ids[0], 17, sent)));
    assert_eq!(messages.get(&ids[1]), Some(&expected(&ids[1], -5, keyless)));
}

async fn ids_are_unique_and_given_in_the_order_of_the_publications<B: Bus + Setup + 'static>(
    bus: Arc<B>,
    patience: Patience,
) {
    subscribe(&*bus, "s", false).await;
    let publishers = (0..8).map(|publisher| {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move {
            let mut given = Vec::new();
            for group in 0..4 {
                let texts = [0, 1, 2].map(|n| format!("{publisher}-{group}-{n}"));
                let publications = texts.iter().map(|text| publication(None, text)).collect();
                given.extend(publish(&*bus, publications).await.into_iter().zip(texts));
            }
            given
        })
    });
    let given = futures::future::join_all(publishers).await;
    let given: Vec<(MessageId, String)> = given.into_iter().flat_map(Result::unwrap).collect();
    let ids: BTreeSet<&MessageId> = given.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), given.len(), "an id was given twice");
    let due: Vec<MessageId> = given.iter().map(|(id, _)| id.clone()).collect();
    let messages = acknowledged(&*bus, "s", &due, patience).await;
    for (id, text) in &given {
        assert_eq!(messages[id].payload, text.as_bytes(), "{id} is another message");
    }
}

async fn what_is_given_back_comes_again_and_is_the_same(
    bus: &(impl Bus + Setup),
    patience: Patience,
) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5", "6"]).await;
    for _ in 0..2 {
        let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
        drop(all_due(&mut deliveries, &ids, patience).await);
    }
    acknowledged(bus, "s", &ids, patience).await;
}

async fn what_a_subscriber_leaves_goes_to_others(bus: &(impl Bus + Setup), patience: Patience) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5", "6"]).await;
    let mut first = bus.subscribe("s", WIDE).await.unwrap();
    // A bus may have more ready for it than it asked for yet.
    tokio::time::sleep(patience.quiet).await;
    let held = first.next().await.unwrap().unwrap();
    drop(first);
    let (held_id, mut others) = (held.message.message_id.clone(), ids.clone());
    others.retain(|id| *id != held_id);
    let messages = acknowledged(bus, "s", &others, patience).await;
    drop(held);
    if !messages.contains_key(&held_id) {
        acknowledged(bus, "s", &[held_id], patience).await;
    }
}

async fn what_was_acknowledged_stops_coming(bus: &(impl Bus + Setup), patience: Patience) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4"]).await;
    acknowledged(bus, "s", &ids, patience).await;
    let again = leased(bus, "s", patience.quiet).await;
    assert!(again.is_empty(), "{:?} came after it was quiet", texts(&again));
}

async fn subscriptions_are_independent(bus: &(impl Bus + Setup), patience: Patience) {
    subscribe(bus, "s1", false).await;
    subscribe(bus, "s2", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5"]).await;
    for subscription in ["s1", "s2"] {
        acknowledged(bus, subscription, &ids, patience).await;
    }
    subscribe(bus, "s3", false).await;
    let later = publish_texts(bus, &["6"]).await;
    acknowledged(bus, "s3", &later, patience).await;
}

async fn no_more_is_leased_than_was_asked_for(bus: &(impl Bus + Setup), patience: Patience) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5", "6", "7", "8"]).await;
    let narrow = Flow { message_count_max: 3, payload_bytes_max: 1 << 20 };
    let mut deliveries = bus.subscribe("s", narrow).await.unwrap();
    let mut came = BTreeSet::new();
    let mut round = 0;
    while !ids.iter().all(|id| came.contains(id)) {
        let first = tokio::time::timeout(patience.due, deliveries.next()).await;
        let first = first.unwrap_or_else(|_| panic!("{came:?} is all that came of {ids:?}"));
        let mut taken = vec![first.expect("the bus is open").unwrap()];
        taken.extend(until_quiet(&mut deliveries, patience.quiet).await);
        assert!(taken.len() <= 3, "3 leases were asked for, {} came", taken.len());
        for delivery in taken {
            came.insert(delivery.message.message_id);
            delivery.lease.acknowledge();
        }
        round += 1;
        assert!(round < ids.len() * COPY_COUNT_MAX, "{came:?} is all that came of {ids:?}");
    }
}

async fn keys_keep_their_order(bus: &(impl Bus + Setup), patience: Patience) {
    subscribe(bus, "s", true).await;
    let mut due = Vec::new();
    for (key, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")] {
        due.extend(publish(bus, vec![publication(Some(key), text)]).await);
    }
    let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
    let mut first_seen: Vec<String> = Vec::new();
    for delivery in all_due(&mut deliveries, &due, patience).await {
        let text = text(&delivery);
        if !first_seen.contains(&text) {
            first_seen.push(text);
        }
        delivery.lease.acknowledge();
    }
    for (key, count) in [("a", 3), ("b", 2)] {
        let of_key: Vec<&String> = first_seen.iter().filter(|text| text.starts_with(key)).collect();
        assert!(of_key.is_sorted() && of_key.len() == count, "{first_seen:?}");
    }
}

/// Those that nobody holds: what is held comes again when it is given back, and no sooner.
async fn a_message_that_comes_again_brings_the_later_ones_of_its_key(
    bus: &(impl Bus + Setup),
    patience: Patience,
) {
    subscribe(bus, "s", true).await;
    let keyed = |text| publication(Some("k"), text);
    let ids = publish(bus, vec![keyed("1"), keyed("2"), keyed("3")]).await;
    let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
    let mut first = all_due(&mut deliveries, &ids, patience).await;
    assert_eq!(texts(&first), ["1", "2", "3"]);
    let given_back = first.split_off(1);
    first.remove(0).lease.acknowledge();
    drop(given_back);
    let again = all_due(&mut deliveries, &ids[1..], patience).await;
    assert_eq!(texts(&again), ["2", "3"]);
}
