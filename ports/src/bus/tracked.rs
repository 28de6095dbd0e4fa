//! A bus that does not say what is left on it, with the [`Backlog`] of one process: what it published
//! and has not acknowledged. So a run on one machine knows on any bus that everything is in the raw
//! layer.
//!
//! What others publish, and what an earlier process left, is not counted; for the second there is a time
//! in which nothing may come.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt;
use tokio::time::Instant;

use super::{
    Backlog, Bus, Deliveries, Delivery, Flow, Lease, MessageId, Publication, Setup,
    SubscriptionConfig, error::unknown_subscription,
};
use crate::port_error::PortError;

/// The bus.
pub struct Tracked<B> {
    bus: B,
    state: Arc<Mutex<State>>,
    /// What an earlier process left comes within this time.
    settle: Duration,
}

struct State {
    /// By name.
    subscriptions: HashMap<String, Subscription>,
    last_delivery_at: Instant,
}

struct Subscription {
    topic: String,
    /// Publications of the topic that are not answered yet.
    under_way: usize,
    left: HashSet<MessageId>,
    /// Acknowledged before its publication was answered, or acknowledged twice.
    early: HashSet<MessageId>,
}

impl<B> Tracked<B> {
    /// Nothing is published yet. Only subscriptions that are made through it are tracked, or that
    /// [`Tracked::track`] names.
    pub fn new(bus: B, settle: Duration) -> Self {
        let state = State { subscriptions: HashMap::new(), last_delivery_at: Instant::now() };
        Self { bus, state: Arc::new(Mutex::new(state)), settle }
    }

    /// Tracks a subscription that is there.
    pub fn track(&self, subscription: &str, topic: &str) {
        let new = || Subscription {
            topic: topic.to_owned(),
            under_way: 0,
            left: HashSet::new(),
            early: HashSet::new(),
        };
        let mut state = self.state();
        state.subscriptions.entry(subscription.to_owned()).or_insert_with(new);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn each_of(&self, topic: &str, mut change: impl FnMut(&mut Subscription)) {
        let mut state = self.state();
        let all = state.subscriptions.values_mut();
        all.filter(|subscription| subscription.topic == topic).for_each(&mut change);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a publication as under way for as long as it lives.
struct UnderWay<'a, B> {
    bus: &'a Tracked<B>,
    topic: &'a str,
}

impl<B> Drop for UnderWay<'_, B> {
    fn drop(&mut self) {
        self.bus.each_of(self.topic, |subscription| subscription.under_way -= 1);
    }
}

#[async_trait]
impl<B: Bus> Bus for Tracked<B> {
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
        self.each_of(topic, |subscription| subscription.under_way += 1);
        let _under_way = UnderWay { bus: self, topic };
        let ids = self.bus.publish(topic, publications).await?;
        self.each_of(topic, |subscription| {
            for id in &ids {
                if !subscription.early.remove(id) {
                    subscription.left.insert(id.clone());
                }
            }
        });
        Ok(ids)
    }

    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError> {
        let deliveries = self.bus.subscribe(subscription, flow).await?;
        let (state, name) = (Arc::clone(&self.state), subscription.to_owned());
        let tracked = deliveries.map(move |next| {
            let Delivery { message, lease } = next?;
            lock(&state).last_delivery_at = Instant::now();
            let (state, subscription) = (Arc::clone(&state), name.clone());
            let message_id = message.message_id.clone();
            let lease = Box::new(TrackedLease { lease, state, subscription, message_id });
            Ok(Delivery { message, lease })
        });
        Ok(tracked.boxed())
    }
}

#[async_trait]
impl<B: Bus> Backlog for Tracked<B> {
    async fn backlog(&self, subscription: &str) -> Result<u64, PortError> {
        let state = self.state();
        let known = state.subscriptions.get(subscription);
        let known = known.ok_or_else(|| unknown_subscription(subscription))?;
        let left = known.under_way + known.left.len();
        let is_settled = state.last_delivery_at.elapsed() >= self.settle;
        Ok(if is_settled { left as u64 } else { left.max(1) as u64 })
    }
}

#[async_trait]
impl<B: Setup> Setup for Tracked<B> {
    async fn create_topic(&self, topic: &str) -> Result<(), PortError> {
        self.bus.create_topic(topic).await
    }

    async fn create_subscription(&self, config: SubscriptionConfig) -> Result<(), PortError> {
        let (name, topic) = (config.name.clone(), config.topic.clone());
        self.bus.create_subscription(config).await?;
        self.track(&name, &topic);
        Ok(())
    }
}

struct TrackedLease {
    lease: Box<dyn Lease>,
    state: Arc<Mutex<State>>,
    subscription: String,
    message_id: MessageId,
}

impl Lease for TrackedLease {
    fn acknowledge(self: Box<Self>) {
        let Self { lease, state, subscription, message_id } = *self;
        lease.acknowledge();
        if let Some(subscription) = lock(&state).subscriptions.get_mut(&subscription)
            && !subscription.left.remove(&message_id)
        {
            subscription.early.insert(message_id);
        }
    }
}
