//! The raw store: immutable objects under keys, from which everything can be rebuilt.
//!
//! This is the port. An object appears complete under its final name or not at all, is never
//! changed, and is durable once `put_if_absent` has returned. Deleting is left to the lifecycle
//! rules of the store itself.

pub mod conformance;
pub mod copied;
pub mod error;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::port_error::PortError;

/// What became of a put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PutOutcome {
    /// The object is there now.
    Created,
    /// There was an object of that key; it was left as it is.
    AlreadyThere,
}

/// An object in a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectMeta {
    /// Its key: names joined by `/`, relative to the store's root.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
}

/// Immutable objects under keys.
#[async_trait]
pub trait RawStore: Send + Sync {
    /// Stores an object under a key that has none.
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError>;

    /// The complete objects whose keys begin with `prefix`, in key order. A stream, since a store may
    /// hold more than anybody wants to hold at once; an error ends it.
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>>;

    /// An object's bytes.
    async fn get(&self, key: &str) -> Result<Bytes, PortError>;

    /// The path or URL under which the warehouse reads the object.
    fn locator(&self, key: &str) -> Result<String, PortError>;

    /// The pattern by which the warehouse reads all objects `<source>/load_date=<date>/<name>.parquet`.
    fn pattern(&self, source: &str) -> Result<String, PortError> {
        Ok(format!("{}/load_date=*/*.parquet", self.locator(source)?))
    }
}

/// Keys are names joined by `/`: no empty name, none that begins with a dot (that keeps out `..`
/// and files in the making), and only characters that mean nothing to a shell, URL or glob.
pub fn validate_key(key: &str) -> Result<(), PortError> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '='))
    };
    if key.split('/').all(is_name) { Ok(()) } else { Err(error::invalid_key(key)) }
}
