//! Counters of a gateway: what it accepted, what it refused and why, and how long clients waited.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::protocol::{ErrorCode, RefusalCode, RequestCode};

/// Upper ends of the histogram's buckets, in seconds: from the disk of a laptop to a cloud in trouble.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

/// How long a failure of the bus makes the gateway not ready.
const DOUBT: Duration = Duration::from_secs(10);

type Labels = [(&'static str, &'static str); 1];

/// Counters since the gateway began.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections_open: Gauge,
    connections: Counter,
    batches: Counter,
    messages: Counter,
    payload_bytes: Counter,
    refused: Family<Labels, Counter>,
    acknowledged_after: Histogram,
    /// When the bus last failed, if it has taken nothing since.
    failed_at: Mutex<Option<Instant>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct MetricsSnapshot {
    /// Connections that are open now.
    pub connections_open: u64,
    /// Connections that were ever opened.
    pub connections: u64,
    /// Batches acknowledged.
    pub batches: u64,
    /// Messages in them.
    pub messages: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Batches, connections and requests refused, by code.
    pub refused: BTreeMap<String, u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("lakebed_gateway"),
            connections_open: Gauge::default(),
            connections: Counter::default(),
            batches: Counter::default(),
            messages: Counter::default(),
            payload_bytes: Counter::default(),
            refused: Family::default(),
            acknowledged_after: Histogram::new(BUCKETS),
            failed_at: Mutex::default(),
        };
        let registry = &mut metrics.registry;
        let gauge = metrics.connections_open.clone();
        registry.register("connections_open", "Connections that are open now", gauge);
        for (name, help, counter) in [
            ("connections", "Connections that were ever opened", &metrics.connections),
            ("batches", "Batches acknowledged", &metrics.batches),
            ("messages", "Messages acknowledged", &metrics.messages),
            ("payload_bytes", "Bytes of their payloads", &metrics.payload_bytes),
        ] {
            registry.register(name, help, counter.clone());
        }
        let help = "Batches, connections and requests refused, by code";
        registry.register("refused", help, metrics.refused.clone());
        let help = "From the last byte of a batch to its acknowledgement";
        let histogram = metrics.acknowledged_after.clone();
        registry.register_with_unit("acknowledged_after", help, Unit::Seconds, histogram);
        metrics
    }
}

impl Metrics {
    /// The counters now.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let codes = RefusalCode::ALL.iter().map(|code| code.as_str());
        let codes = codes.chain(ErrorCode::ALL.iter().map(|code| code.as_str()));
        let codes = codes.chain(RequestCode::ALL.iter().map(|code| code.as_str()));
        let counted = |code| Some((code, self.refused.get(&[("code", code)])?.get()));
        MetricsSnapshot {
            connections_open: self.connections_open.get().try_into().unwrap_or_default(),
            connections: self.connections.get(),
            batches: self.batches.get(),
            messages: self.messages.get(),
            payload_bytes: self.payload_bytes.get(),
            refused: codes.filter_map(counted).map(|(code, n)| (code.to_owned(), n)).collect(),
        }
    }

    /// The counters now, in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text takes whatever is written");
        text
    }

    /// Whether the bus takes messages, as far as is known. Some time after a failure it is tried again:
    /// who is not ready gets no messages to try it with.
    pub fn is_bus_up(&self) -> bool {
        self.failed_at().is_none_or(|at| at.elapsed() > DOUBT)
    }

    fn failed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open_connection(&self) {
        self.connections.inc();
        self.connections_open.inc();
    }

    pub(super) fn close_connection(&self) {
        self.connections_open.dec();
    }

    pub(super) fn add_batch(&self, message_count: u64, payload_bytes: u64, waited: Duration) {
        *self.failed_at() = None;
        self.batches.inc();
        self.messages.inc_by(message_count);
        self.payload_bytes.inc_by(payload_bytes);
        self.acknowledged_after.observe(waited.as_secs_f64());
    }

    pub(super) fn fail_batch(&self) {
        *self.failed_at() = Some(Instant::now());
        self.refuse(RefusalCode::Unavailable.as_str());
    }

    pub(super) fn refuse(&self, code: &'static str) {
        self.refused.get_or_create(&[("code", code)]).inc();
    }
}
