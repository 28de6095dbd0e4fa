//! A raw store for trials: files without the syncs that make the real one durable, and with a way to
//! take objects away.

use std::{
    collections::BTreeMap,
    fs, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tempfile::TempDir;

use crate::{
    port_error::PortError,
    raw_store::{ObjectMeta, PutOutcome, RawStore, error},
};

/// Objects in a folder that is gone with the store.
#[derive(Debug)]
pub struct TrialStore {
    folder: TempDir,
    sizes: Mutex<BTreeMap<String, u64>>,
}

impl TrialStore {
    /// An empty store.
    pub fn new() -> io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, sizes: Mutex::default() })
    }

    /// Stores an object.
    pub fn put(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.path().join(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
        self.sizes().insert(key.to_owned(), bytes.len() as u64);
        Ok(())
    }

    /// The keys of all objects, in order.
    pub fn keys(&self) -> Vec<String> {
        self.sizes().keys().cloned().collect()
    }

    /// Takes an object away.
    pub fn remove(&self, key: &str) -> io::Result<()> {
        self.sizes().remove(key);
        fs::remove_file(self.folder.path().join(key))
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RawStore for TrialStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        if self.sizes().contains_key(key) {
            return Ok(PutOutcome::AlreadyThere);
        }
        let path = self.folder.path().join(key);
        self.put(key, &bytes).map_err(|error| error::io("write raw object", &path, error))?;
        Ok(PutOutcome::Created)
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>> {
        let sizes = self.sizes();
        let found = sizes.iter().filter(|(key, _)| key.starts_with(prefix));
        let found = found.map(|(key, size)| ObjectMeta { key: key.clone(), size_bytes: *size });
        stream::iter(found.map(Ok).collect::<Vec<_>>()).boxed()
    }

    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        let bytes = fs::read(self.folder.path().join(key));
        bytes.map(Bytes::from).map_err(|_| error::not_found(key))
    }

    fn locator(&self, key: &str) -> Result<String, PortError> {
        Ok(self.folder.path().join(key).display().to_string())
    }
}
