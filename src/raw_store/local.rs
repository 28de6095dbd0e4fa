//! The raw store as a folder of this machine.
//!
//! An object is written under a name that listings pass over, synced, linked to its final name,
//! and the folder synced. What a killed process left half-written is swept when the store opens.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{ObjectMeta, PutOutcome, RawStore, RawStoreError, validate_key};
use crate::crash;

/// How the names of files in the making begin; no key can.
const PARTIAL_PREFIX: &str = ".partial-";

/// Objects as files under one folder.
#[derive(Clone, Debug)]
pub struct LocalRawStore {
    root: PathBuf,
    root_text: String,
}

impl LocalRawStore {
    /// Opens the folder, makes it if missing, and sweeps what killed processes left.
    pub fn open(root: &Path) -> Result<Self, RawStoreError> {
        make_folder(root)?;
        let store = Self::open_to_read(root)?;
        sweep(&store.root)?;
        Ok(store)
    }

    /// Opens a folder that is there, and changes nothing in it.
    pub fn open_to_read(root: &Path) -> Result<Self, RawStoreError> {
        let root =
            root.canonicalize().map_err(|error| RawStoreError::io("find folder", root, error))?;
        let root_text = root
            .to_str()
            .ok_or_else(|| RawStoreError::FolderNotUtf8 { folder: root.display().to_string() })?
            .to_owned();
        Ok(Self { root, root_text })
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<PutOutcome, RawStoreError> {
        let path = self.root.join(key);
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        if path.exists() {
            // The object may be the work of a process that was killed before its last sync.
            sync_folder(folder)?;
            return Ok(PutOutcome::AlreadyThere);
        }
        let write_error = |error| RawStoreError::io("write raw object", &path, error);
        let mut partial = tempfile::Builder::new()
            .prefix(PARTIAL_PREFIX)
            .permissions(readable_by_all())
            .tempfile_in(folder)
            .map_err(write_error)?;
        // The lock tells the sweep of another process that somebody still writes this file.
        partial.as_file().try_lock().map_err(|error| write_error(error.into()))?;
        partial.write_all(bytes).map_err(write_error)?;
        partial.as_file().sync_all().map_err(write_error)?;
        crash::point("raw_store::before_rename");
        let outcome = match partial.persist_noclobber(&path) {
            Ok(_) => PutOutcome::Created,
            Err(failure) if failure.error.kind() == io::ErrorKind::AlreadyExists => {
                PutOutcome::AlreadyThere
            }
            Err(failure) => return Err(write_error(failure.error)),
        };
        sync_folder(folder)?;
        crash::point("raw_store::after_rename");
        Ok(outcome)
    }

    fn list_all(&self, prefix: &str) -> Result<Vec<ObjectMeta>, RawStoreError> {
        let mut objects = Vec::new();
        // No key in a folder that diverges from the prefix can begin with it.
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = self.root.join(&folder);
            for entry in read_folder(&path)? {
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
                let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if validate_key(&key).is_err() {
                    continue;
                }
                let metadata = match entry.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(RawStoreError::io("read", &entry.path(), error)),
                };
                if metadata.is_dir() {
                    let as_prefix = format!("{key}/");
                    if as_prefix.starts_with(prefix) || prefix.starts_with(&as_prefix) {
                        folders.push(key);
                    }
                } else if key.starts_with(prefix) {
                    objects.push(ObjectMeta { key, size_bytes: metadata.len() });
                }
            }
        }
        objects.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(objects)
    }
}

#[async_trait]
impl RawStore for LocalRawStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, RawStoreError> {
        validate_key(key)?;
        let (store, key) = (self.clone(), key.to_owned());
        blocking(move || store.put(&key, &bytes)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, RawStoreError> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        blocking(move || store.list_all(&prefix)).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, RawStoreError> {
        validate_key(key)?;
        let path = self.root.join(key);
        let key = key.to_owned();
        blocking(move || match fs::read(&path) {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(RawStoreError::NotFound { key })
            }
            Err(error) => Err(RawStoreError::io("read", &path, error)),
        })
        .await
    }

    fn locator(&self, key: &str) -> Result<String, RawStoreError> {
        validate_key(key)?;
        Ok(format!("{}/{key}", self.root_text.trim_end_matches('/')))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RawStoreError> + Send + 'static,
) -> Result<T, RawStoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| RawStoreError::Interrupted)?
}

/// Makes a folder and those above it, each durable in its parent.
fn make_folder(folder: &Path) -> Result<(), RawStoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(RawStoreError::io("make folder", folder, error))
        }
        _ => sync_folder(parent.unwrap_or(Path::new("."))),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), RawStoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| RawStoreError::io("sync folder", folder, error))
}

/// Windows has no sync of folders; its file systems journal names.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<(), RawStoreError> {
    Ok(())
}

/// Raw objects hold no secrets of the process; other tools of the user read them.
#[cfg(unix)]
fn readable_by_all() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

#[cfg(not(unix))]
fn readable_by_all() -> fs::Permissions {
    let metadata = fs::metadata(std::env::temp_dir());
    metadata.expect("the folder for temporary files exists").permissions()
}

fn read_folder(folder: &Path) -> Result<Vec<fs::DirEntry>, RawStoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RawStoreError::io("list folder", folder, error)),
    };
    entries
        .collect::<Result<_, _>>()
        .map_err(|error| RawStoreError::io("list folder", folder, error))
}

/// Removes files in the making that nobody is making.
fn sweep(folder: &Path) -> Result<(), RawStoreError> {
    for entry in read_folder(folder)? {
        let path = entry.path();
        let is_partial = entry.file_name().to_string_lossy().starts_with(PARTIAL_PREFIX);
        if path.is_dir() {
            sweep(&path)?;
        } else if is_partial
            && File::open(&path).is_ok_and(|partial| partial.try_lock().is_ok())
            && let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(RawStoreError::io("remove partial file", &path, error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{error_kind::ErrorKind, raw_store::conformance};

    #[tokio::test]
    async fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        let mut store_count = 0;
        conformance::run_all(|| {
            store_count += 1;
            let root = folder.path().join(format!("store-{store_count}/raw"));
            Arc::new(LocalRawStore::open(&root).unwrap())
        })
        .await;
    }

    #[tokio::test]
    async fn partial_files_are_never_listed_and_swept_at_open() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalRawStore::open(folder.path()).unwrap();
        store.put_if_absent("a/b", Bytes::from_static(b"whole")).await.unwrap();
        let abandoned = folder.path().join("a/.partial-abandoned");
        let in_work = folder.path().join("a/.partial-in-work");
        fs::write(&abandoned, "ha").unwrap();
        let lock = File::create(&in_work).unwrap();
        lock.try_lock().unwrap();
        assert_eq!(store.list("").await.unwrap().len(), 1);

        LocalRawStore::open(folder.path()).unwrap();
        assert!(!abandoned.exists(), "nobody writes it any more");
        assert!(in_work.exists(), "somebody still writes it");
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_the_users_to_fix() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("raw");
        fs::write(&root, "a file").unwrap();
        let error = LocalRawStore::open(&root.join("below")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FixInput);
    }
}
