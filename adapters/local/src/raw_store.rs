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
use futures::stream::{self, BoxStream, StreamExt};
use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::{
    crash,
    port_error::PortError,
    raw_store::{ObjectMeta, PutOutcome, RawStore, error, validate_key},
};

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
    pub fn open(root: &Path) -> Result<Self, PortError> {
        make_folder(root)?;
        let store = Self::open_to_read(root)?;
        sweep(&store.root)?;
        Ok(store)
    }

    /// Opens a folder that is there, and changes nothing in it.
    pub fn open_to_read(root: &Path) -> Result<Self, PortError> {
        let root = root.canonicalize().map_err(|error| error::io("find folder", root, error))?;
        let root_text = root.to_str().ok_or_else(|| folder_not_utf8(&root))?.to_owned();
        Ok(Self { root, root_text })
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<PutOutcome, PortError> {
        let path = self.root.join(key);
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        if path.exists() {
            // The object may be the work of a process that was killed before its last sync.
            sync_folder(folder)?;
            return Ok(PutOutcome::AlreadyThere);
        }
        let write_error = |error| error::io("write raw object", &path, error);
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

    /// What lies in one folder and may have a key that begins with `prefix`, in key order.
    fn entries(&self, folder: &str, prefix: &str) -> Result<Vec<Entry>, PortError> {
        let mut entries = Vec::new();
        for entry in read_folder(&self.root.join(folder))? {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if validate_key(&key).is_err() {
                continue;
            }
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error::io("read", &entry.path(), error)),
            };
            if metadata.is_dir() {
                let as_prefix = format!("{key}/");
                // No key in a folder that diverges from the prefix can begin with it.
                if as_prefix.starts_with(prefix) || prefix.starts_with(&as_prefix) {
                    entries.push(Entry::Folder(as_prefix));
                }
            } else if key.starts_with(prefix) {
                entries.push(Entry::Object(ObjectMeta { key, size_bytes: metadata.len() }));
            }
        }
        entries.sort_by(|left, right| left.sort_key().cmp(right.sort_key()));
        Ok(entries)
    }
}

/// What a listing finds in a folder.
enum Entry {
    /// With `/` at its end: so it sorts among its neighbours as the keys below it do.
    Folder(String),
    Object(ObjectMeta),
}

impl Entry {
    fn sort_key(&self) -> &str {
        match self {
            Self::Folder(key) => key,
            Self::Object(object) => &object.key,
        }
    }
}

/// A listing on its way: one folder is read at a time.
struct Listing {
    store: LocalRawStore,
    prefix: String,
    /// What is still to come, the next last.
    rest: Vec<Entry>,
}

impl Listing {
    async fn next(mut self) -> Result<Option<(ObjectMeta, Self)>, PortError> {
        loop {
            match self.rest.pop() {
                None => return Ok(None),
                Some(Entry::Object(object)) => return Ok(Some((object, self))),
                Some(Entry::Folder(folder)) => {
                    let (store, prefix) = (self.store.clone(), self.prefix.clone());
                    let read = move || store.entries(folder.trim_end_matches('/'), &prefix);
                    self.rest.extend(blocking(read).await?.into_iter().rev());
                }
            }
        }
    }
}

#[async_trait]
impl RawStore for LocalRawStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        validate_key(key)?;
        let (store, key) = (self.clone(), key.to_owned());
        blocking(move || store.put(&key, &bytes)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        let listing = Listing { store, prefix, rest: vec![Entry::Folder(String::new())] };
        stream::try_unfold(listing, Listing::next).boxed()
    }

    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        validate_key(key)?;
        let path = self.root.join(key);
        let key = key.to_owned();
        blocking(move || match fs::read(&path) {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error::not_found(&key)),
            Err(error) => Err(error::io("read", &path, error)),
        })
        .await
    }

    fn locator(&self, key: &str) -> Result<String, PortError> {
        validate_key(key)?;
        Ok(format!("{}/{key}", self.root_text.trim_end_matches('/')))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| error::interrupted())?
}

/// Makes a folder and those above it, each durable in its parent.
fn make_folder(folder: &Path) -> Result<(), PortError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error::io("make folder", folder, error))
        }
        _ => sync_folder(parent.unwrap_or(Path::new("."))),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), PortError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| error::io("sync folder", folder, error))
}

/// Windows has no sync of folders; its file systems journal names.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<(), PortError> {
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

fn read_folder(folder: &Path) -> Result<Vec<fs::DirEntry>, PortError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error::io("list folder", folder, error)),
    };
    entries.collect::<Result<_, _>>().map_err(|error| error::io("list folder", folder, error))
}

/// Removes files in the making that nobody is making.
fn sweep(folder: &Path) -> Result<(), PortError> {
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
            return Err(error::io("remove partial file", &path, error));
        }
    }
    Ok(())
}

/// The store's folder has a name that SQL cannot hold.
fn folder_not_utf8(folder: &Path) -> PortError {
    let message =
        format!("the raw store's folder {} has a name that is not UTF-8", folder.display());
    PortError::new(ErrorKind::FixInput, message).with_hint("give another folder to --data")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::TryStreamExt;
    use lakebed_ports::raw_store::{conformance, copied::Copied};

    use super::*;

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

    fn store(root: &Path) -> Arc<LocalRawStore> {
        Arc::new(LocalRawStore::open(root).unwrap())
    }

    #[tokio::test]
    async fn a_store_with_copies_conforms_and_what_is_listed_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut store_count = 0;
        let new_store = |number: i32| {
            let root = folder.path().join(number.to_string());
            let (remote, copies) = (store(&root.join("remote")), store(&root.join("copies")));
            (Arc::new(Copied::new(remote.clone(), copies.clone())), remote, copies)
        };
        conformance::run_all(|| {
            store_count += 1;
            new_store(store_count).0
        })
        .await;
        let (copied, remote, copies) = new_store(0);
        remote.put_if_absent("a/b", Bytes::from_static(b"whole")).await.unwrap();
        assert!(copies.get("a/b").await.is_err());
        assert_eq!(copied.list("a/").try_collect::<Vec<_>>().await.unwrap().len(), 1);
        assert_eq!(fs::read(copied.locator("a/b").unwrap()).unwrap(), b"whole");
        fs::write(copied.locator("a/b").unwrap(), "half").unwrap();
        let error = copied.list("").try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("delete the copy")), "{error}");
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
        assert_eq!(store.list("").try_collect::<Vec<_>>().await.unwrap().len(), 1);

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
