//! The only place that reads the machine's wall clock.
//!
//! Everything else is handed a time, so that a run on simulated time is
//! the same run every time.

use std::time::{SystemTime, UNIX_EPOCH};

pub use lakebed_core::instant::MicrosUtc;

/// The machine's wall clock.
pub fn now() -> MicrosUtc {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    MicrosUtc(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
