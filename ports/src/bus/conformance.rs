//! What every bus must do. Each adapter's tests run the whole suite; a promise that is broken panics,
//! as in any test.
//!
//! It allows what the port allows: any order, copies, acknowledgements that are lost. What has been
//! quiet for some time has nothing more to say; how long that is, the caller knows.

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
/// Room for everything.
pub const WIDE: Flow = Flow { message_count_max: 100_000, payload_bytes_max: 100 << 20 };

/// Runs every check that holds of all buses, each on a new bus on simulated time.
pub async fn run_all<B: Bus + Setup + 'static>(
    quiet: Duration,
    mut new_bus: impl FnMut() -> Arc<B>,
) {
    names_must_exist_and_settings_must_agree(&*new_bus()).await;
    a_message_comes_as_it_was_published(&*new_bus(), quiet).await;
    ids_are_unique_and_given_in_the_order_of_the_publications(new_bus(), quiet).await;
    what_is_given_back_comes_again_and_is_the_same(&*new_bus(), quiet).await;
    what_a_subscriber_leaves_goes_to_others(&*new_bus(), quiet).await;
    what_was_acknowledged_stops_coming(&*new_bus(), quiet).await;
    subscriptions_are_independent(&*new_bus(), quiet).await;
    no_more_is_leased_than_was_asked_for(&*new_bus(), quiet).await;
}

/// Runs every check of ordered subscriptions, each on a new bus on simulated time.
pub async fn run_ordered<B: Bus + Setup + 'static>(
    quiet: Duration,
    mut new_bus: impl FnMut() -> Arc<B>,
) {
    keys_keep_their_order(&*new_bus(), quiet).await;
    a_message_that_comes_again_brings_the_later_ones_of_its_key(&*new_bus(), quiet).await;
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

/// Acknowledges whatever comes until it is quiet, and gives the messages by id. All deliveries of an
/// id must be the same message.
async fn acknowledged(
    bus: &dyn Bus,
    subscription: &str,
    quiet: Duration,
) -> BTreeMap<MessageId, Message> {
    let mut deliveries = bus.subscribe(subscription, WIDE).await.unwrap();
    let mut counts: BTreeMap<MessageId, usize> = BTreeMap::new();
    let mut messages: BTreeMap<MessageId, Message> = BTreeMap::new();
    while let Ok(next) = tokio::time::timeout(quiet, deliveries.next()).await {
        let Delivery { message, lease } = next.expect("the bus is open").unwrap();
        let id = message.message_id.clone();
        let count = counts.entry(id.clone()).or_default();
        *count += 1;
        assert!(*count <= COPY_COUNT_MAX, "{id} comes again and again, though acknowledged");
        let first = messages.entry(id).or_insert_with(|| message.clone());
        assert_eq!(*first, message, "each delivery of an id is the same message");
        lease.acknowledge();
    }
    messages
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

async fn a_message_comes_as_it_was_published(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s", false).await;
    let mut sent = publication(Some("k"), "");
    sent.payload = Bytes::from_static(b"\x00\xff\n");
    let mut keyless = publication(None, "keyless");
    keyless.published = PublishTime::Simulated(MicrosUtc(-5));
    let ids = publish(bus, vec![sent.clone(), keyless.clone()]).await;
    let messages = acknowledged(bus, "s", quiet).await;
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
    quiet: Duration,
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
    let messages = acknowledged(&*bus, "s", quiet).await;
    for (id, text) in &given {
        let message = messages.get(id).unwrap_or_else(|| panic!("{id} ({text}) never came"));
        assert_eq!(message.payload, text.as_bytes(), "{id} is another message");
    }
}

async fn what_is_given_back_comes_again_and_is_the_same(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5", "6"]).await;
    for _ in 0..3 {
        let came = leased(bus, "s", quiet).await;
        let came: BTreeSet<MessageId> = came.into_iter().map(|d| d.message.message_id).collect();
        assert!(ids.iter().all(|id| came.contains(id)), "{ids:?} were due, {came:?} came");
    }
    let messages = acknowledged(bus, "s", quiet).await;
    assert!(ids.iter().all(|id| messages.contains_key(id)), "what was given back is lost");
}

async fn what_a_subscriber_leaves_goes_to_others(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5", "6"]).await;
    let mut first = bus.subscribe("s", WIDE).await.unwrap();
    // A bus may have more ready for it than it asked for yet.
    tokio::time::sleep(quiet).await;
    let held = first.next().await.unwrap().unwrap();
    drop(first);
    let messages = acknowledged(bus, "s", quiet).await;
    let held_id = held.message.message_id.clone();
    for id in ids.iter().filter(|id| **id != held_id) {
        assert!(messages.contains_key(id), "{id} went with the subscriber that left");
    }
    drop(held);
    let rest = acknowledged(bus, "s", quiet).await;
    assert!(rest.contains_key(&held_id) || messages.contains_key(&held_id), "the held one is lost");
}

async fn what_was_acknowledged_stops_coming(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4"]).await;
    let messages = acknowledged(bus, "s", quiet).await;
    assert!(ids.iter().all(|id| messages.contains_key(id)), "{messages:?}");
    let again = leased(bus, "s", quiet).await;
    assert!(again.is_empty(), "{:?} came after it was quiet", texts(&again));
}

async fn subscriptions_are_independent(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s1", false).await;
    subscribe(bus, "s2", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5"]).await;
    for subscription in ["s1", "s2"] {
        let messages = acknowledged(bus, subscription, quiet).await;
        assert!(ids.iter().all(|id| messages.contains_key(id)), "{subscription} lacks some");
    }
    subscribe(bus, "s3", false).await;
    let later = publish_texts(bus, &["6"]).await;
    assert!(acknowledged(bus, "s3", quiet).await.contains_key(&later[0]));
}

async fn no_more_is_leased_than_was_asked_for(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s", false).await;
    let ids = publish_texts(bus, &["1", "2", "3", "4", "5", "6", "7", "8"]).await;
    let narrow = Flow { message_count_max: 3, payload_bytes_max: 1 << 20 };
    let mut deliveries = bus.subscribe("s", narrow).await.unwrap();
    let mut came = BTreeSet::new();
    let mut round = 0;
    while !ids.iter().all(|id| came.contains(id)) {
        let taken = until_quiet(&mut deliveries, quiet).await;
        assert!((1..=3).contains(&taken.len()), "3 leases were asked for, {} came", taken.len());
        for delivery in taken {
            came.insert(delivery.message.message_id);
            delivery.lease.acknowledge();
        }
        round += 1;
        assert!(round < ids.len() * COPY_COUNT_MAX, "{came:?} is all that came of {ids:?}");
    }
}

async fn keys_keep_their_order(bus: &(impl Bus + Setup), quiet: Duration) {
    subscribe(bus, "s", true).await;
    for (key, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")] {
        publish(bus, vec![publication(Some(key), text)]).await;
    }
    let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
    let mut first_seen: Vec<String> = Vec::new();
    while let Ok(next) = tokio::time::timeout(quiet, deliveries.next()).await {
        let delivery = next.expect("the bus is open").unwrap();
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

async fn a_message_that_comes_again_brings_the_later_ones_of_its_key(
    bus: &(impl Bus + Setup),
    quiet: Duration,
) {
    subscribe(bus, "s", true).await;
    let keyed = |text| publication(Some("k"), text);
    publish(bus, vec![keyed("1"), keyed("2"), keyed("3")]).await;
    let mut deliveries = bus.subscribe("s", WIDE).await.unwrap();
    let mut first = until_quiet(&mut deliveries, quiet).await;
    assert_eq!(texts(&first), ["1", "2", "3"]);
    drop(first.remove(1));
    first.remove(0).lease.acknowledge();
    let again = until_quiet(&mut deliveries, quiet).await;
    assert_eq!(texts(&again), ["2", "3"]);
}
