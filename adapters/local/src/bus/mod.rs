//! The embedded bus: durable topics in one file, for one process.
//!
//! `writer.rs` has the only transaction; `subscription.rs` is what a subscription knows, `storage.rs`
//! what the file holds. Not for: what a bus is, which is the port.

mod block;
#[cfg(test)]
mod disk_test;
mod embedded;
mod error;
#[cfg(test)]
mod model_test;
mod sequence_set;
mod storage;
mod subscriber;
mod subscription;
mod writer;

pub use embedded::{EmbeddedBus, EmbeddedBusConfig, PublishClock};
