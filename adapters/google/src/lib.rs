//! Adapters for Google Cloud: the bus over Pub/Sub, the raw store over Cloud Storage.
//!
//! By Google's own clients, with Application Default Credentials; where an endpoint is given, it is an
//! emulator, which takes none. Not for: topics, buckets and roles of production, which are set up
//! beforehand.

mod bus;
mod error;
mod raw_store;

pub use bus::{PubSubBus, PubSubConfig, PubSubTime};
pub use raw_store::{CloudRawStore, CloudStorageConfig};
