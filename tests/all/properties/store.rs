//! A raw store for tests: files without the syncs that make the real one durable, and with a way to
//! take objects away.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use lakebed::raw_store::{ObjectMeta, PutOutcome, RawStore, RawStoreError};
use tempfile::TempDir;

/// Objects in a folder that is gone with the store.
pub struct TestStore {
    folder: TempDir,
    sizes: Mutex<BTreeMap<String, u64>>,
}

impl TestStore {
    /// An empty store.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, sizes: Mutex::default() }
    }

    /// Stores an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.folder.path().join(key);
        fs::create_dir_all(path.parent().expect("keys have folders")).expect("a folder");
        fs::write(path, bytes).expect("the temporary folder takes files");
        self.sizes().insert(key.to_owned(), bytes.len() as u64);
    }

    /// Takes an object away.
    pub fn remove(&self, key: &str) {
        self.sizes().remove(key).expect("only objects that are there are taken away");
        fs::remove_file(self.folder.path().join(key)).expect("the file is there");
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.sizes().keys().cloned().collect()
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RawStore for TestStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, RawStoreError> {
        if self.sizes().contains_key(key) {
            return Ok(PutOutcome::AlreadyThere);
        }
        self.put(key, &bytes);
        Ok(PutOutcome::Created)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, RawStoreError> {
        let sizes = self.sizes();
        let found = sizes.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, size)| ObjectMeta { key: key.clone(), size_bytes: *size }).collect())
    }

    async fn get(&self, key: &str) -> Result<Bytes, RawStoreError> {
        let bytes = fs::read(self.folder.path().join(key));
        bytes.map(Bytes::from).map_err(|_| RawStoreError::NotFound { key: key.to_owned() })
    }

    fn locator(&self, key: &str) -> Result<String, RawStoreError> {
        Ok(self.folder.path().join(key).display().to_string())
    }
}
