//! Batches, however they came: read, judged, published.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    GatewayTime, Shared,
    access::Grant,
    protocol::{Refusal, RefusalCode, ServerMessage, batch_number, decode_batch},
};
use crate::{
    bus::{Publication, PublishTime, batch_attributes},
    clock::MicrosUtc,
};

/// A batch that was read and is not yet acknowledged.
pub struct Batch {
    number: u64,
    source: String,
    publications: Vec<Publication>,
    /// Of the whole frame.
    pub size_bytes: usize,
    read_at: Instant,
}

/// Reads a frame of a client that may do what its token's grant says.
pub fn read(
    shared: &Shared,
    grant: &Grant,
    client: Option<&str>,
    frame: &Bytes,
) -> Result<Batch, Refusal> {
    let config = &shared.config;
    if frame.len() > config.limits.frame_bytes_max {
        let message = format!(
            "the frame has {} bytes, at most {} are taken",
            frame.len(),
            config.limits.frame_bytes_max
        );
        let batch = batch_number(frame);
        return Err(Refusal { batch, code: RefusalCode::TooLarge, message });
    }
    let (header, payloads) = decode_batch(frame)?;
    let refuse = |code, message| Refusal { batch: Some(header.batch), code, message };
    if !config.sources.contains(&header.source) {
        let message = format!("there is no source {:?}", header.source);
        return Err(refuse(RefusalCode::UnknownSource, message));
    }
    if !grant.allows(&header.source) {
        let message = format!("the token `{}` is not for {:?}", grant.name, header.source);
        return Err(refuse(RefusalCode::ForbiddenSource, message));
    }
    let (received_at, published) = match (config.time, header.arrived_at.as_deref()) {
        (GatewayTime::System(now), None) => (now(), PublishTime::System),
        (GatewayTime::Simulated, Some(arrived_at)) => {
            let at = MicrosUtc::parse_rfc3339(arrived_at).ok_or_else(|| {
                let message = format!("arrived_at is not RFC 3339: {arrived_at:?}");
                refuse(RefusalCode::BadHeader, message)
            })?;
            (at, PublishTime::Simulated(at))
        }
        (GatewayTime::System(_), Some(_)) => {
            let message = "arrived_at is for gateways on simulated time".to_owned();
            return Err(refuse(RefusalCode::ArrivedAtNotAllowed, message));
        }
        (GatewayTime::Simulated, None) => {
            let message = "this gateway runs on simulated time: say arrived_at".to_owned();
            return Err(refuse(RefusalCode::ArrivedAtMissing, message));
        }
    };
    if !config.access.admit(grant, payloads.len()) {
        let message = format!("the token `{}` has sent all it may for now", grant.name);
        return Err(refuse(RefusalCode::RateExceeded, message));
    }
    let attributes = batch_attributes(&header.sent_at, client);
    let ordering_key: Option<Arc<str>> = header.key.as_deref().map(Arc::from);
    let publications = payloads
        .into_iter()
        .map(|payload| Publication {
            ordering_key: ordering_key.clone(),
            published,
            received_at,
            attributes: Arc::clone(&attributes),
            payload,
        })
        .collect();
    let (number, source, size_bytes) = (header.batch, header.source, frame.len());
    Ok(Batch { number, source, publications, size_bytes, read_at: Instant::now() })
}

/// What became of a group of batches.
pub struct Published {
    /// One a batch, in their order.
    pub answers: Vec<ServerMessage>,
    /// How many there were.
    pub batch_count: usize,
    /// Of their frames.
    pub size_bytes: usize,
}

/// Publishes batches in their order, neighbours of one source together.
pub async fn publish(shared: Arc<Shared>, batches: Vec<Batch>) -> Published {
    let mut published = Published {
        answers: Vec::with_capacity(batches.len()),
        batch_count: batches.len(),
        size_bytes: batches.iter().map(|batch| batch.size_bytes).sum(),
    };
    let mut batches = batches.into_iter().peekable();
    while let Some(first) = batches.next() {
        let source = first.source.clone();
        let mut group = vec![first];
        while let Some(batch) = batches.next_if(|batch| batch.source == source) {
            group.push(batch);
        }
        let mut publications = Vec::new();
        let mut numbers = Vec::with_capacity(group.len());
        for batch in group {
            let payload_bytes: usize = batch.publications.iter().map(|p| p.payload.len()).sum();
            let count = batch.publications.len() as u64;
            numbers.push((batch.number, count, payload_bytes as u64, batch.read_at));
            publications.extend(batch.publications);
        }
        let result = shared.bus.publish(&source, publications).await;
        for (batch, count, payload_bytes, read_at) in numbers {
            published.answers.push(match &result {
                Ok(_) => {
                    shared.metrics.add_batch(count, payload_bytes, read_at.elapsed());
                    ServerMessage::Acknowledged { batch, count }
                }
                Err(error) => {
                    tracing::warn!(source, %error, "the bus does not take a batch");
                    shared.metrics.fail_batch();
                    let code = RefusalCode::Unavailable;
                    let message = format!("not stored, send it again: {error}");
                    ServerMessage::Refused { batch: Some(batch), code, message }
                }
            });
        }
    }
    published
}
