//! How far an archiver has come.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that grow as objects become durable and their messages are acknowledged.
#[derive(Debug, Default)]
pub struct ArchiverProgress {
    message_count: AtomicU64,
    object_count: AtomicU64,
    object_bytes: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProgressSnapshot {
    /// Rows written, copies included.
    pub message_count: u64,
    /// Objects written.
    pub object_count: u64,
    /// Their bytes.
    pub object_bytes: u64,
}

impl ArchiverProgress {
    /// The counters now.
    pub fn snapshot(&self) -> ProgressSnapshot {
        ProgressSnapshot {
            message_count: self.message_count.load(Ordering::Relaxed),
            object_count: self.object_count.load(Ordering::Relaxed),
            object_bytes: self.object_bytes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn add_object(&self, message_count: u64, object_bytes: u64) {
        self.message_count.fetch_add(message_count, Ordering::Relaxed);
        self.object_count.fetch_add(1, Ordering::Relaxed);
        self.object_bytes.fetch_add(object_bytes, Ordering::Relaxed);
    }
}
