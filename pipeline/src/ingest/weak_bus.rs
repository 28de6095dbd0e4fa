//! A bus for tests that does everything that the port allows, by one seed: ids at random, copies,
//! acknowledgements that are lost, any order, redelivery after acknowledgement, delays; publications
//! that fail and have published all, some or none; streams that break. And, where it is told to,
//! one thing that the port forbids, so that tests show that they would find it.
//!
//! It runs on tokio's clock, which tests let stand still. It has no ordered subscriptions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use tokio::{sync::Notify, time::Instant};

use crate::{
    bus::{
        Bus, Deliveries, Delivery, Flow, Lease, Message, MessageId, Publication, PublishTime,
        Setup, SubscriptionConfig, error,
    },
    clock::MicrosUtc,
    error_kind::ErrorKind,
    port_error::PortError,
    verify::dice::Dice,
};

/// A message comes again at most so often beside what its subscriber gives back.
const COPIES_MAX: u32 = 4;
/// What is due comes within this time.
pub const DELAY_MAX: Duration = Duration::from_secs(30);

/// Something that the port forbids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Violation {
    /// A publication that was answered is not delivered.
    LosesPublication,
    /// Another message gets the id of an earlier one.
    ReusesId,
    /// The ids come in another order than the publications.
    MixesUpIds,
    /// What was given back does not come again.
    LosesWhatIsGivenBack,
    /// What a subscriber had not handed out is gone with it.
    LosesWhatASubscriberLeaves,
    /// A delivery has another `published_at` than the first.
    MovesPublishedAt,
    /// A delivery has another payload than was published.
    ChangesPayload,
    /// An acknowledgement on one subscription counts on all.
    SharesAcknowledgements,
    /// Acknowledgements are never heeded.
    NeverForgets,
    /// A subscriber gets more than it asked for.
    IgnoresFlow,
}

impl Violation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LosesPublication,
        Self::ReusesId,
        Self::MixesUpIds,
        Self::LosesWhatIsGivenBack,
        Self::LosesWhatASubscriberLeaves,
        Self::MovesPublishedAt,
        Self::ChangesPayload,
        Self::SharesAcknowledgements,
        Self::NeverForgets,
        Self::IgnoresFlow,
    ];
}

/// The bus.
#[derive(Clone)]
pub struct WeakBus {
    state: Arc<Mutex<State>>,
    /// Tells subscribers in the order in which they wait; a `watch` would tell them in any.
    changed: Arc<Notify>,
    violation: Option<Violation>,
}

struct State {
    seed: u64,
    /// How often each choice was made. A choice depends on what it is about and on this, not on what the
    /// bus was asked in between: so a seed is one schedule, though threads take turns as they like.
    choice_counts: BTreeMap<String, u64>,
    topics: BTreeMap<String, Vec<MessageId>>,
    subscriptions: BTreeMap<String, Subscription>,
}

struct Subscription {
    config: SubscriptionConfig,
    due: Vec<Due>,
    acknowledged: BTreeSet<MessageId>,
}

/// A message that comes at some time.
#[derive(Clone)]
struct Due {
    at: Instant,
    message: Message,
    copies_left: u32,
}

impl WeakBus {
    /// A bus that keeps what the port promises, and nothing else.
    pub fn new(seed: u64) -> Self {
        let (choice_counts, topics, subscriptions) = Default::default();
        let state = State { seed, choice_counts, topics, subscriptions };
        let changed = Arc::new(Notify::new());
        Self { state: Arc::new(Mutex::new(state)), changed, violation: None }
    }

    /// A bus that breaks one promise.
    pub fn violating(seed: u64, violation: Violation) -> Self {
        Self { violation: Some(violation), ..Self::new(seed) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn does(&self, violation: Violation) -> bool {
        self.violation == Some(violation)
    }

    /// Stores messages, in any order, and gives their ids.
    fn store(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
        let mut state = self.state();
        let mut ids = Vec::new();
        for publication in publications {
            let PublishTime::Simulated(published_at) = publication.published else {
                return Err(error::wrong_clock("simulated", "system"));
            };
            let mut dice = state.dice(&about(&publication));
            let given = state.topics[topic].last().cloned();
            let message_id = match given.filter(|_| self.does(Violation::ReusesId)) {
                Some(given) if dice.percent(20) => given,
                _ => MessageId(format!("{:016x}", dice.bits())),
            };
            state.topics.get_mut(topic).expect("it was looked up").push(message_id.clone());
            ids.push(message_id.clone());
            if self.does(Violation::LosesPublication) && dice.percent(10) {
                continue;
            }
            let Publication { received_at, ordering_key, attributes, payload, .. } = publication;
            let message = Message {
                message_id,
                published_at,
                received_at,
                ordering_key,
                attributes,
                payload,
            };
            let readers = state.subscriptions.values_mut();
            for reader in readers.filter(|reader| reader.config.topic == topic) {
                reader.schedule(&mut dice, message.clone(), COPIES_MAX);
            }
        }
        if self.does(Violation::MixesUpIds) {
            ids.reverse();
        }
        self.changed.notify_waiters();
        Ok(ids)
    }

    /// One of the messages that are due, or when one will be.
    fn take(&self, subscription: &str) -> Result<Due, Option<Instant>> {
        let mut state = self.state();
        let reader = state.reader(subscription);
        let key = |due: &Due| (due.at, due.message.message_id.clone());
        let next =
            (0..reader.due.len()).min_by_key(|place| key(&reader.due[*place])).ok_or(None)?;
        let at = reader.due[next].at;
        if at > Instant::now() {
            return Err(Some(at));
        }
        let mut taken = reader.due.swap_remove(next);
        let mut dice = state.dice(&format!("{subscription} takes {}", taken.message.message_id));
        // A copy may come while this one is leased, and after it was acknowledged.
        if taken.copies_left > 0 && dice.percent(15) {
            taken.copies_left -= 1;
            let reader = state.reader(subscription);
            reader.schedule(&mut dice, taken.message.clone(), taken.copies_left);
        }
        if self.does(Violation::MovesPublishedAt) && dice.percent(30) {
            taken.message.published_at = MicrosUtc(taken.message.published_at.0 + 1);
        }
        if self.does(Violation::ChangesPayload) && dice.percent(30) {
            taken.message.payload = bytes::Bytes::from_static(b"changed");
        }
        Ok(taken)
    }
}

impl State {
    /// The choices about this.
    fn dice(&mut self, about: &str) -> Dice {
        let count = self.choice_counts.entry(about.to_owned()).or_default();
        *count += 1;
        Dice::new(self.seed, &format!("{about} {count}"))
    }

    fn reader(&mut self, subscription: &str) -> &mut Subscription {
        self.subscriptions.get_mut(subscription).expect("whoever asks has looked it up")
    }
}

impl Subscription {
    fn schedule(&mut self, dice: &mut Dice, message: Message, copies_left: u32) {
        // Most come soon and some late, so that much is held together and much is overtaken.
        let delay_max = if dice.percent(80) { DELAY_MAX / 100 } else { DELAY_MAX };
        let part = u32::try_from(dice.below(1000)).expect("it is below 1000");
        let delay = delay_max * part / 1000;
        self.due.push(Due { at: Instant::now() + delay, message, copies_left });
    }
}

#[async_trait]
impl Setup for WeakBus {
    async fn create_topic(&self, topic: &str) -> Result<(), PortError> {
        self.state().topics.entry(topic.to_owned()).or_default();
        Ok(())
    }

    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), PortError> {
        let mut state = self.state();
        if !state.topics.contains_key(&config.topic) {
            return Err(error::unknown_topic(&config.topic));
        }
        if config.is_ordered {
            let message = "the weak bus has no ordered subscriptions";
            return Err(PortError::new(ErrorKind::FixInput, message));
        }
        let (due, acknowledged) = (Vec::new(), BTreeSet::new());
        let new = Subscription { config: config.clone(), due, acknowledged };
        let found = state.subscriptions.entry(config.name.clone()).or_insert(new);
        if found.config != config {
            return Err(error::subscription_differs(&config.name, &found.config.topic));
        }
        Ok(())
    }
}

#[async_trait]
impl Bus for WeakBus {
    async fn publish(
        &self,
        topic: &str,
        mut publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
        if !self.state().topics.contains_key(topic) {
            return Err(error::unknown_topic(topic));
        }
        let Some(first) = publications.first() else { return Ok(Vec::new()) };
        let mut dice = self.state().dice(&format!("{topic} gets {}", about(first)));
        let delay = Duration::from_millis(dice.bits() % 3000);
        tokio::time::sleep(delay).await;
        if !dice.percent(20) {
            return self.store(topic, publications);
        }
        publications.truncate(dice.below(publications.len() + 1));
        self.store(topic, publications)?;
        Err(PortError::new(ErrorKind::Retry, "the answer was lost on its way"))
    }

    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError> {
        if !self.state().subscriptions.contains_key(subscription) {
            return Err(error::unknown_subscription(subscription));
        }
        let subscriber = Subscriber {
            bus: self.clone(),
            subscription: subscription.to_owned(),
            flow,
            held: Arc::default(),
            handed_out: None,
        };
        Ok(stream::try_unfold(subscriber, Subscriber::next).boxed())
    }
}

/// Names a publication, however often it is tried.
fn about(publication: &Publication) -> String {
    String::from_utf8_lossy(&publication.payload).into_owned()
}

/// Messages and payload bytes that are leased.
type Held = Arc<Mutex<(usize, usize)>>;

struct Subscriber {
    bus: WeakBus,
    subscription: String,
    flow: Flow,
    held: Held,
    /// Taken one ahead, as clients do.
    handed_out: Option<Delivery>,
}

impl Subscriber {
    async fn next(mut self) -> Result<Option<(Delivery, Self)>, PortError> {
        loop {
            // What changes after this is heard.
            let bus = self.bus.clone();
            let changed = bus.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let has_room = {
                let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.0 < self.flow.message_count_max && held.1 < self.flow.payload_bytes_max
            };
            let mut next_at = None;
            if has_room || self.bus.does(Violation::IgnoresFlow) {
                match self.bus.take(&self.subscription) {
                    Ok(due) => {
                        let ahead = self.handed_out.replace(self.lease(due));
                        if let Some(delivery) = ahead {
                            return Ok(Some((delivery, self)));
                        }
                        continue;
                    }
                    Err(at) => next_at = at,
                }
            }
            if let Some(delivery) = self.handed_out.take() {
                return Ok(Some((delivery, self)));
            }
            let wait = async {
                match next_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = wait => {}
                () = changed => {}
            }
        }
    }

    fn lease(&self, due: Due) -> Delivery {
        let message = due.message.clone();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 += 1;
        let size_bytes = message.payload.len();
        held.1 += size_bytes;
        let (bus, subscription) = (self.bus.clone(), self.subscription.clone());
        let (held, due) = (Arc::clone(&self.held), Some(due));
        Delivery {
            message,
            lease: Box::new(WeakLease { bus, subscription, held, size_bytes, due }),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.bus.does(Violation::LosesWhatASubscriberLeaves)
            && let Some(delivery) = self.handed_out.take()
        {
            let mut state = self.bus.state();
            let reader = state.reader(&self.subscription);
            reader.due.retain(|due| due.message.message_id != delivery.message.message_id);
            reader.acknowledged.insert(delivery.message.message_id.clone());
        }
    }
}

struct WeakLease {
    bus: WeakBus,
    subscription: String,
    held: Held,
    size_bytes: usize,
    /// Until it is settled.
    due: Option<Due>,
}

impl Lease for WeakLease {
    fn acknowledge(mut self: Box<Self>) {
        let Some(due) = self.due.take() else { return };
        let mut state = self.bus.state();
        let message_id = due.message.message_id.clone();
        let mut dice = state.dice(&format!("{} acknowledges {message_id}", self.subscription));
        if self.bus.does(Violation::SharesAcknowledgements) {
            for reader in state.subscriptions.values_mut() {
                reader.due.retain(|other| other.message.message_id != message_id);
            }
        }
        let reader = state.reader(&self.subscription);
        let is_lost = due.copies_left > 0 && dice.percent(25);
        if is_lost || self.bus.does(Violation::NeverForgets) {
            reader.schedule(&mut dice, due.message, due.copies_left.saturating_sub(1));
        } else {
            reader.acknowledged.insert(message_id);
        }
    }
}

impl Drop for WeakLease {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 -= 1;
        held.1 -= self.size_bytes;
        if let Some(due) = self.due.take() {
            let mut state = self.bus.state();
            let message_id = &due.message.message_id;
            let mut dice = state.dice(&format!("{} gives back {message_id}", self.subscription));
            let is_lost = self.bus.does(Violation::LosesWhatIsGivenBack) && dice.percent(30);
            let reader = state.reader(&self.subscription);
            let is_gone = is_lost || reader.acknowledged.contains(message_id);
            if !is_gone {
                reader.schedule(&mut dice, due.message, due.copies_left);
            }
        }
        drop(held);
        self.bus.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::bus::conformance::{self, Patience};

    /// Longer than any delay.
    const QUIET: Duration = Duration::from_mins(1);
    /// So many buses of each kind are tried.
    const SEED_COUNT: u64 = 20;

    #[tokio::test(start_paused = true)]
    async fn conforms() {
        for seed in 0..SEED_COUNT {
            let suite = conformance::run_all(Patience::of(QUIET), || Arc::new(WeakBus::new(seed)));
            let ended = std::panic::AssertUnwindSafe(suite).catch_unwind().await;
            assert!(ended.is_ok(), "the weak bus of seed {seed} breaks a promise");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_suite_finds_every_broken_promise() {
        let mut found = BTreeMap::new();
        for violation in Violation::ALL {
            let mut found_at = None;
            for seed in 0..SEED_COUNT {
                let new_bus = || Arc::new(WeakBus::violating(seed, violation));
                let suite = conformance::run_all(Patience::of(QUIET), new_bus);
                if std::panic::AssertUnwindSafe(suite).catch_unwind().await.is_err() {
                    found_at = Some(seed);
                    break;
                }
            }
            found.insert(format!("{violation:?}"), found_at);
        }
        let missed: Vec<_> = found.iter().filter(|(_, seed)| seed.is_none()).collect();
        assert!(missed.is_empty(), "not found by any seed: {missed:?}");
    }
}
