//! The adapters that need a folder and nothing else: the embedded bus, and raw objects as files.

mod bus;
mod exchange;
mod raw_store;

pub use bus::{EmbeddedBus, EmbeddedBusConfig, PublishClock};
pub use exchange::LocalExchange;
pub use raw_store::LocalRawStore;
