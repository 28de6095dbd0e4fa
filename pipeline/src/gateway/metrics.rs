//! Counters of a gateway: what it accepted, and what it refused and why.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

/// Counters since the gateway began.
#[derive(Debug, Default)]
pub struct Metrics {
    connections: AtomicU64,
    batches: AtomicU64,
    messages: AtomicU64,
    payload_bytes: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
}

/// The counters at one moment; what `GET /metrics` shows.
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
    /// Batches and connections refused, by code.
    pub refused: BTreeMap<String, u64>,
}

impl Metrics {
    /// The counters now; how many connections are open, the gateway knows.
    pub fn snapshot(&self, connections_open: u64) -> MetricsSnapshot {
        MetricsSnapshot {
            connections_open,
            connections: self.connections.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            payload_bytes: self.payload_bytes.load(Ordering::Relaxed),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(super) fn add_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_batch(&self, message_count: u64, payload_bytes: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.messages.fetch_add(message_count, Ordering::Relaxed);
        self.payload_bytes.fetch_add(payload_bytes, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, code: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(code.to_owned()).or_default() += 1;
    }
}
