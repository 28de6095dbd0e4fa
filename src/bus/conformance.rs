//! What every bus must do. Each adapter's tests run the whole suite.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Bus, BusError, Delivery, Publication, PublishTime, SubscriptionConfig};
use crate::clock::MicrosUtc;

const LONG: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_millis(50);

/// Runs every check, each on a new bus on simulated time.
pub async fn run_all(mut new_bus: impl FnMut() -> Arc<dyn Bus>) {
    what_was_published_is_delivered_as_it_was(&*new_bus()).await;
    ids_sort_in_the_order_of_publication(&*new_bus()).await;
    concurrent_publications_all_arrive_once(new_bus()).await;
    leased_messages_are_not_delivered_again_before_their_deadline(&*new_bus()).await;
    a_passed_deadline_brings_the_same_message_again(&*new_bus()).await;
    an_extended_lease_holds(&*new_bus()).await;
    released_messages_come_again(&*new_bus()).await;
    acknowledged_messages_never_come_again(&*new_bus()).await;
    subscriptions_are_independent(&*new_bus()).await;
    keys_keep_their_order(&*new_bus()).await;
    a_release_gives_back_the_later_messages_of_its_key(&*new_bus()).await;
    unordered_subscriptions_do_not_wait_for_keys(&*new_bus()).await;
    names_must_exist_and_settings_must_agree(&*new_bus()).await;
    system_time_is_refused_in_a_simulation(&*new_bus()).await;
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

/// The payloads as text.
pub fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|delivery| String::from_utf8_lossy(&delivery.message.payload).into_owned())
        .collect()
}

async fn subscribe(bus: &dyn Bus, name: &str, ack_deadline: Duration, is_ordered: bool) {
    bus.create_topic("t").await.unwrap();
    let (name, topic) = (name.to_owned(), "t".to_owned());
    let config = SubscriptionConfig { name, topic, ack_deadline, is_ordered };
    bus.create_subscription(config).await.unwrap();
}

async fn publish(bus: &dyn Bus, keyed: &[(&str, &str)]) {
    let publications = keyed.iter().map(|(key, text)| publication(Some(key), text)).collect();
    bus.publish("t", publications).await.unwrap();
}

async fn what_was_published_is_delivered_as_it_was(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, false).await;
    let mut sent = publication(Some("k"), "");
    sent.payload = Bytes::from_static(b"\x00\xff\n");
    let mut keyless = publication(None, "keyless");
    keyless.published = PublishTime::Simulated(MicrosUtc(-5));
    let ids = bus.publish("t", vec![sent.clone(), keyless.clone()]).await.unwrap();
    let deliveries = bus.pull("s", 10).await.unwrap();
    assert_eq!(deliveries.len(), 2);
    let message = &deliveries[0].message;
    assert_eq!(message.message_id, ids[0]);
    assert_eq!(message.published_at, MicrosUtc(17));
    assert_eq!(message.received_at, MicrosUtc(16));
    assert_eq!(message.ordering_key.as_deref(), Some("k"));
    assert_eq!(message.attributes, sent.attributes);
    assert_eq!(message.payload, sent.payload);
    assert_eq!(deliveries[0].attempt, 1);
    assert_eq!(deliveries[1].message.published_at, MicrosUtc(-5));
    assert_eq!(deliveries[1].message.ordering_key, None);
    assert_eq!(deliveries[1].message.attributes, keyless.attributes);
}

async fn ids_sort_in_the_order_of_publication(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, false).await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.extend(bus.publish("t", vec![publication(None, "x"); 4]).await.unwrap());
    }
    assert!(ids.is_sorted_by(|left, right| left < right), "{ids:?}");
    assert!(bus.publish("t", Vec::new()).await.unwrap().is_empty());
}

async fn concurrent_publications_all_arrive_once(bus: Arc<dyn Bus>) {
    subscribe(&*bus, "s", LONG, false).await;
    let publishers = (0..20).map(|publisher| {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move {
            for n in 0..10 {
                let text = format!("{publisher:02}-{n}");
                bus.publish("t", vec![publication(None, &text)]).await.unwrap();
            }
        })
    });
    futures::future::join_all(publishers).await;
    let mut got = texts(&bus.pull("s", 1000).await.unwrap());
    got.sort();
    let expected: Vec<_> =
        (0..20).flat_map(|p| (0..10).map(move |n| format!("{p:02}-{n}"))).collect();
    assert_eq!(got, expected);
}

async fn leased_messages_are_not_delivered_again_before_their_deadline(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, false).await;
    publish(bus, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    assert_eq!(texts(&bus.pull("s", 2).await.unwrap()), ["1", "2"]);
    assert_eq!(texts(&bus.pull("s", 2).await.unwrap()), ["3"]);
    assert!(bus.pull("s", 2).await.unwrap().is_empty());
    assert_eq!(bus.backlog("s").await.unwrap(), 3, "leased messages count");
}

async fn a_passed_deadline_brings_the_same_message_again(bus: &dyn Bus) {
    subscribe(bus, "s", SHORT, false).await;
    publish(bus, &[("a", "1")]).await;
    let first = bus.pull("s", 1).await.unwrap();
    let again = pull_some(bus, "s").await;
    assert_eq!(again[0].message, first[0].message);
    assert_eq!(again[0].attempt, 2);
    assert_ne!(again[0].ack_id, first[0].ack_id);
    let stale = vec![first[0].ack_id.clone()];
    bus.extend("s", stale.clone(), LONG).await.unwrap();
    bus.release("s", stale).await.unwrap();
    assert!(bus.pull("s", 1).await.unwrap().is_empty(), "a stale id does not release");
    assert_eq!(pull_some(bus, "s").await[0].attempt, 3, "nor does it extend");
}

async fn an_extended_lease_holds(bus: &dyn Bus) {
    subscribe(bus, "s", SHORT, false).await;
    publish(bus, &[("a", "1")]).await;
    let first = bus.pull("s", 1).await.unwrap();
    bus.extend("s", vec![first[0].ack_id.clone()], LONG).await.unwrap();
    tokio::time::sleep(SHORT * 3).await;
    assert!(bus.pull("s", 1).await.unwrap().is_empty());
    bus.extend("s", vec![first[0].ack_id.clone()], Duration::ZERO).await.unwrap();
    assert_eq!(pull_some(bus, "s").await.len(), 1, "a lease can be cut short, too");
}

async fn released_messages_come_again(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, false).await;
    publish(bus, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let first = bus.pull("s", 2).await.unwrap();
    bus.release("s", vec![first[0].ack_id.clone()]).await.unwrap();
    let again = bus.pull("s", 5).await.unwrap();
    assert_eq!(texts(&again), ["1", "3"]);
    assert_eq!(again[0].message, first[0].message);
}

async fn acknowledged_messages_never_come_again(bus: &dyn Bus) {
    subscribe(bus, "s", SHORT, false).await;
    publish(bus, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let deliveries = bus.pull("s", 5).await.unwrap();
    let middle = vec![deliveries[1].ack_id.clone()];
    bus.acknowledge("s", middle.clone()).await.unwrap();
    bus.acknowledge("s", middle).await.unwrap();
    assert_eq!(bus.backlog("s").await.unwrap(), 2);
    tokio::time::sleep(SHORT * 2).await;
    let rest = bus.pull("s", 5).await.unwrap();
    assert_eq!(texts(&rest), ["1", "3"]);
    let late = deliveries.iter().map(|delivery| delivery.ack_id.clone()).collect();
    bus.acknowledge("s", late).await.unwrap();
    assert_eq!(bus.backlog("s").await.unwrap(), 0, "late acknowledgements count");
    tokio::time::sleep(SHORT * 2).await;
    assert!(bus.pull("s", 5).await.unwrap().is_empty());
}

async fn subscriptions_are_independent(bus: &dyn Bus) {
    subscribe(bus, "s1", LONG, false).await;
    subscribe(bus, "s2", LONG, true).await;
    publish(bus, &[("a", "1"), ("a", "2")]).await;
    let one = bus.pull("s1", 5).await.unwrap();
    bus.acknowledge("s1", one.into_iter().map(|d| d.ack_id).collect()).await.unwrap();
    assert_eq!(bus.backlog("s1").await.unwrap(), 0);
    assert_eq!(bus.backlog("s2").await.unwrap(), 2);
    assert_eq!(texts(&bus.pull("s2", 5).await.unwrap()), ["1", "2"]);
    subscribe(bus, "s3", LONG, false).await;
    assert!(bus.pull("s3", 5).await.unwrap().is_empty(), "a later one begins at its beginning");
    publish(bus, &[("a", "3")]).await;
    assert_eq!(texts(&bus.pull("s3", 5).await.unwrap()), ["3"]);
}

async fn keys_keep_their_order(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, true).await;
    publish(bus, &[("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")]).await;
    bus.publish("t", vec![publication(None, "free")]).await.unwrap();
    let first = bus.pull("s", 1).await.unwrap();
    assert_eq!(texts(&first), ["a1"]);
    let second = bus.pull("s", 10).await.unwrap();
    assert_eq!(texts(&second), ["b1", "b2", "free"], "a waits, b comes in order");
    bus.acknowledge("s", vec![first[0].ack_id.clone()]).await.unwrap();
    assert_eq!(texts(&bus.pull("s", 10).await.unwrap()), ["a2", "a3"]);
    publish(bus, &[("b", "b3")]).await;
    assert!(bus.pull("s", 10).await.unwrap().is_empty());
    bus.acknowledge("s", vec![second[1].ack_id.clone()]).await.unwrap();
    assert!(bus.pull("s", 10).await.unwrap().is_empty(), "b1 is still leased");
    bus.acknowledge("s", vec![second[0].ack_id.clone()]).await.unwrap();
    assert_eq!(texts(&bus.pull("s", 10).await.unwrap()), ["b3"]);
}

async fn a_release_gives_back_the_later_messages_of_its_key(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, true).await;
    publish(bus, &[("a", "1"), ("a", "2"), ("b", "b"), ("a", "3"), ("a", "4")]).await;
    let first = bus.pull("s", 4).await.unwrap();
    assert_eq!(texts(&first), ["1", "2", "b", "3"]);
    bus.release("s", vec![first[1].ack_id.clone()]).await.unwrap();
    assert!(bus.pull("s", 10).await.unwrap().is_empty(), "1 is still leased");
    bus.acknowledge("s", vec![first[0].ack_id.clone()]).await.unwrap();
    assert_eq!(texts(&bus.pull("s", 2).await.unwrap()), ["2", "3"]);
    assert!(bus.pull("s", 2).await.unwrap().is_empty());
}

async fn unordered_subscriptions_do_not_wait_for_keys(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, false).await;
    publish(bus, &[("a", "1"), ("a", "2"), ("a", "3")]).await;
    assert_eq!(bus.pull("s", 1).await.unwrap().len(), 1);
    assert_eq!(bus.pull("s", 10).await.unwrap().len(), 2);
}

async fn names_must_exist_and_settings_must_agree(bus: &dyn Bus) {
    let error = bus.publish("t", vec![publication(None, "x")]).await.unwrap_err();
    assert!(matches!(error, BusError::UnknownTopic { .. }), "{error}");
    let error = bus.pull("s", 1).await.unwrap_err();
    assert!(matches!(error, BusError::UnknownSubscription { .. }), "{error}");
    subscribe(bus, "s", LONG, false).await;
    subscribe(bus, "s", LONG, false).await;
    let (name, topic) = ("s".to_owned(), "t".to_owned());
    let other = SubscriptionConfig { name, topic, ack_deadline: LONG, is_ordered: true };
    let error = bus.create_subscription(other).await.unwrap_err();
    assert!(matches!(error, BusError::SubscriptionDiffers { .. }), "{error}");
    let error = bus.acknowledge("s", vec![super::AckId("?".to_owned())]).await.unwrap_err();
    assert!(matches!(error, BusError::InvalidAckId { .. }), "{error}");
}

async fn system_time_is_refused_in_a_simulation(bus: &dyn Bus) {
    subscribe(bus, "s", LONG, false).await;
    let mut on_system_time = publication(None, "x");
    on_system_time.published = PublishTime::System;
    let both = vec![publication(None, "y"), on_system_time];
    let error = bus.publish("t", both).await.unwrap_err();
    assert!(matches!(error, BusError::WrongClock { .. }), "{error}");
    assert!(bus.pull("s", 1).await.unwrap().is_empty(), "all or nothing");
}

/// Pulls until something comes.
async fn pull_some(bus: &dyn Bus, subscription: &str) -> Vec<Delivery> {
    for _ in 0..500 {
        let deliveries = bus.pull(subscription, 10).await.unwrap();
        if !deliveries.is_empty() {
            return deliveries;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing came for a long time");
}
