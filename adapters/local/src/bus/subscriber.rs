//! A subscriber of the embedded bus: a stream of deliveries, and their leases. A lease lives in this
//! process and needs no deadline: it is held until it is dropped.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::stream::{self, StreamExt};
use lakebed_ports::{
    bus::{Deliveries, Delivery, Flow, Lease, Message},
    port_error::PortError,
};
use tokio::sync::watch;

use super::{
    embedded::{Shared, Subscription},
    error,
    writer::Request,
};

/// One look at the topic takes at most this much, so that subscribers share.
const PULL_COUNT_MAX: usize = 10_000;
const PULL_BYTES_MAX: usize = 16 << 20;

/// What of a subscription one subscriber has.
struct Held {
    shared: Arc<Shared>,
    subscription: Arc<Subscription>,
    message_count: AtomicUsize,
    payload_bytes: AtomicUsize,
}

struct Subscriber {
    held: Arc<Held>,
    flow: Flow,
    changed: watch::Receiver<()>,
    pulled: VecDeque<Delivery>,
}

/// The stream of a new subscriber.
pub fn deliveries(shared: Arc<Shared>, subscription: Arc<Subscription>, flow: Flow) -> Deliveries {
    let changed = subscription.changed.subscribe();
    let (message_count, payload_bytes) = Default::default();
    let held = Arc::new(Held { shared, subscription, message_count, payload_bytes });
    let subscriber = Subscriber { held, flow, changed, pulled: VecDeque::new() };
    stream::try_unfold(subscriber, Subscriber::next).boxed()
}

impl Subscriber {
    async fn next(mut self) -> Result<Option<(Delivery, Self)>, PortError> {
        loop {
            if let Some(delivery) = self.pulled.pop_front() {
                return Ok(Some((delivery, self)));
            }
            if self.held.shared.is_closed() {
                return Ok(None);
            }
            // What changes after this look is seen by `changed`.
            self.changed.borrow_and_update();
            if let Some((count_max, bytes_max)) = self.room() {
                let held = Arc::clone(&self.held);
                let pull = move || pull(&held, count_max, bytes_max);
                let pulled = tokio::task::spawn_blocking(pull).await;
                self.pulled = pulled.map_err(|_| error::closed())??;
                if !self.pulled.is_empty() {
                    continue;
                }
            }
            self.changed.changed().await.map_err(|_| error::closed())?;
        }
    }

    /// How much may still be leased.
    fn room(&self) -> Option<(usize, usize)> {
        let count = self.held.message_count.load(Ordering::Relaxed);
        let bytes = self.held.payload_bytes.load(Ordering::Relaxed);
        let count_room = self.flow.message_count_max.checked_sub(count).filter(|room| *room > 0)?;
        let bytes_room = self.flow.payload_bytes_max.checked_sub(bytes).filter(|room| *room > 0)?;
        Some((count_room.min(PULL_COUNT_MAX), bytes_room.min(PULL_BYTES_MAX)))
    }
}

fn pull(
    held: &Arc<Held>,
    count_max: usize,
    bytes_max: usize,
) -> Result<VecDeque<Delivery>, PortError> {
    let pulled = held.subscription.pull(&held.shared, count_max, bytes_max)?;
    let lease = |(message, sequence, number): (Message, u64, u64)| {
        let size_bytes = message.payload.len();
        held.message_count.fetch_add(1, Ordering::Relaxed);
        held.payload_bytes.fetch_add(size_bytes, Ordering::Relaxed);
        let held = Arc::clone(held);
        let lease = EmbeddedLease { held, sequence, number, size_bytes, is_acknowledged: false };
        Delivery { message, lease: Box::new(lease) }
    };
    Ok(pulled.into_iter().map(lease).collect())
}

struct EmbeddedLease {
    held: Arc<Held>,
    sequence: u64,
    number: u64,
    size_bytes: usize,
    is_acknowledged: bool,
}

impl Lease for EmbeddedLease {
    fn acknowledge(mut self: Box<Self>) {
        let subscription = Arc::clone(&self.held.subscription.name);
        let sequence = self.sequence;
        // A bus that closes delivers the message again, after it was opened.
        drop(self.held.shared.send(Request::Acknowledge { subscription, sequence }));
        self.is_acknowledged = true;
    }
}

impl Drop for EmbeddedLease {
    fn drop(&mut self) {
        self.held.message_count.fetch_sub(1, Ordering::Relaxed);
        self.held.payload_bytes.fetch_sub(self.size_bytes, Ordering::Relaxed);
        if !self.is_acknowledged {
            self.held.subscription.queue().state.release(self.sequence, self.number);
        }
        self.held.subscription.changed.send_replace(());
    }
}
