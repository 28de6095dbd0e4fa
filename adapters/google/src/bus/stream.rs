//! Deliveries of a subscription.
//!
//! A task of its own takes whatever the client has, since what the client holds and has not handed out
//! is kept from others for as long as anything of its stream is leased. When the subscriber leaves, the
//! stream ends first and what waited is given back after it: else it would come again on this very
//! stream, to nobody. The service gives it to others at once, the emulator when its lease ends.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use google_cloud_pubsub::{
    model::Message as CloudMessage,
    subscriber::{MessageStream, handler::Handler},
};
use lakebed_ports::{
    bus::{Deliveries, Delivery, Flow, Lease, Message, MessageId},
    clock::MicrosUtc,
    port_error::PortError,
};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

use super::{PubSubTime, Taken, take_own};
use crate::error::call;

/// By then a stream that was dropped is gone.
const GONE_AFTER: Duration = Duration::from_millis(100);

type Came = Result<(CloudMessage, Handler), PortError>;

struct Subscriber {
    /// There until it leaves.
    came: Option<UnboundedReceiver<Came>>,
    /// Takes what came and was not handed out.
    leaves: Option<oneshot::Sender<UnboundedReceiver<Came>>>,
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    flow: Flow,
    time: PubSubTime,
}

/// The stream; the client's own limits are those of the flow, so that little waits here.
pub fn deliveries(
    stream: MessageStream,
    flow: Flow,
    time: PubSubTime,
    subscription: String,
) -> Deliveries {
    let (sender, came) = unbounded_channel();
    let (leaves, left) = oneshot::channel();
    tokio::spawn(pump(stream, sender, left, subscription));
    let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
    let messages = permits(flow.message_count_max);
    let bytes = permits(bytes_max(flow) as usize);
    let (came, leaves) = (Some(came), Some(leaves));
    let subscriber = Subscriber { came, leaves, messages, bytes, flow, time };
    futures::stream::try_unfold(subscriber, Subscriber::next).boxed()
}

/// A semaphore gives out 32 bits at once.
fn bytes_max(flow: Flow) -> u32 {
    u32::try_from(flow.payload_bytes_max).unwrap_or(u32::MAX).max(1)
}

async fn pump(
    mut stream: MessageStream,
    sender: UnboundedSender<Came>,
    mut left: oneshot::Receiver<UnboundedReceiver<Came>>,
    subscription: String,
) {
    let failed = |error| call(format!("the stream of `{subscription}` broke off"), error);
    let not_handed_out = loop {
        tokio::select! {
            came = &mut left => break came,
            next = stream.next() => {
                let Some(came) = next else { return };
                let is_end = came.is_err();
                // Whoever has left gives it back by not taking it.
                if sender.send(came.map_err(failed)).is_err() || is_end {
                    break left.await;
                }
            }
        }
    };
    let mut not_taken = Vec::new();
    while let Some(Some(came)) = stream.next().now_or_never() {
        not_taken.push(came);
    }
    drop(stream);
    tokio::time::sleep(GONE_AFTER).await;
    drop((not_taken, not_handed_out));
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let (Some(leaves), Some(came)) = (self.leaves.take(), self.came.take()) {
            drop(leaves.send(came));
        }
    }
}

impl Subscriber {
    async fn next(mut self) -> Result<Option<(Delivery, Self)>, PortError> {
        let message = Arc::clone(&self.messages).acquire_owned().await;
        // The message that reaches the limit is still delivered, so it takes what is left.
        let Ok(message_permit) = message else { return Ok(None) };
        let Some(came) = self.came.as_mut() else { return Ok(None) };
        let Some(came) = came.recv().await else { return Ok(None) };
        let (message, handler) = came?;
        let size = u32::try_from(message.data.len()).unwrap_or(u32::MAX);
        let permits = size.clamp(1, bytes_max(self.flow));
        let Ok(bytes_permit) = Arc::clone(&self.bytes).acquire_many_owned(permits).await else {
            return Ok(None);
        };
        let lease = CloudLease { handler, _permits: [message_permit, bytes_permit] };
        let message = read(message, self.time);
        Ok(Some((Delivery { message, lease: Box::new(lease) }, self)))
    }
}

fn read(message: CloudMessage, time: PubSubTime) -> Message {
    let given = message
        .publish_time
        .map_or(0, |at| at.seconds() * 1_000_000 + i64::from(at.nanos()) / 1_000);
    let Taken { received_at, published_at, attributes } = take_own(message.attributes);
    let published_at = match time {
        PubSubTime::System => given,
        PubSubTime::Simulated => published_at.unwrap_or(given),
    };
    let key = message.ordering_key;
    Message {
        message_id: MessageId(message.message_id),
        published_at: MicrosUtc(published_at),
        // Whoever publishes past the gateway does not say when it came.
        received_at: MicrosUtc(received_at.unwrap_or(published_at)),
        ordering_key: (!key.is_empty()).then(|| key.into()),
        attributes: Arc::new(attributes),
        payload: message.data,
    }
}

struct CloudLease {
    /// Dropping it gives the message back.
    handler: Handler,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Lease for CloudLease {
    fn acknowledge(self: Box<Self>) {
        self.handler.ack();
    }
}
