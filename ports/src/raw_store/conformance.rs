//! What every raw store must do. Each adapter's tests run the whole suite; a promise that is broken
//! panics, as in any test. It allows what the port allows: that a put asks to be tried again, and was done all
//! the same.

#![expect(clippy::unwrap_used, reason = "these are tests, for the adapters of other crates too")]

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;

use super::{ObjectMeta, PutOutcome, RawStore};
use crate::{error_kind::ErrorKind, port_error::PortError};

/// A put is tried at most so often.
const ATTEMPT_COUNT_MAX: usize = 50;

/// Runs every check, each on a new, empty store.
pub async fn run_all(mut new_store: impl FnMut() -> Arc<dyn RawStore>) {
    what_was_put_can_be_got(&*new_store()).await;
    the_first_put_wins(&*new_store()).await;
    concurrent_puts_create_once(new_store()).await;
    listings_are_sorted_and_keep_to_the_prefix(&*new_store()).await;
    bad_keys_are_refused(&*new_store()).await;
    missing_objects_are_said_to_be_missing(&*new_store()).await;
}

async fn what_was_put_can_be_got(store: &dyn RawStore) {
    let (key, bytes) = ("s/load_date=2026-01-05/x.parquet", Bytes::from_static(b"\x00\xff\n"));
    let (outcome, was_retried) = put(store, key, bytes.clone()).await;
    assert!(outcome == PutOutcome::Created || was_retried, "{outcome:?}");
    put(store, "empty", Bytes::new()).await;
    assert_eq!(store.get(key).await.unwrap(), bytes);
    assert_eq!(store.get("empty").await.unwrap(), Bytes::new());
    let locator = store.locator(key).unwrap();
    assert!(locator.ends_with("/s/load_date=2026-01-05/x.parquet"), "{locator}");
}

async fn the_first_put_wins(store: &dyn RawStore) {
    put(store, "a", Bytes::from_static(b"one")).await;
    let (again, _) = put(store, "a", Bytes::from_static(b"two")).await;
    assert_eq!(again, PutOutcome::AlreadyThere);
    assert_eq!(store.get("a").await.unwrap(), Bytes::from_static(b"one"));
}

async fn concurrent_puts_create_once(store: Arc<dyn RawStore>) {
    let puts = (0..16).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { put(&*store, "c/c", Bytes::from_static(b"c")).await })
    });
    let outcomes = futures::future::join_all(puts).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let created = outcomes.iter().filter(|(outcome, _)| *outcome == PutOutcome::Created).count();
    // Whose answer was lost does not know that it was the first.
    let was_lost = outcomes.iter().any(|(_, was_retried)| *was_retried);
    assert!(created == 1 || created == 0 && was_lost, "{outcomes:?}");
    assert_eq!(listed(&*store, "").await.len(), 1);
}

async fn listings_are_sorted_and_keep_to_the_prefix(store: &dyn RawStore) {
    for key in ["b/d=2/x", "b/d=1/y", "b/d=10/z", "b-c/x", "a"] {
        put(store, key, Bytes::copy_from_slice(key.as_bytes())).await;
    }
    let keys = async |prefix: &str| -> Vec<String> {
        listed(store, prefix).await.into_iter().map(|object| object.key).collect()
    };
    assert_eq!(keys("").await, ["a", "b-c/x", "b/d=1/y", "b/d=10/z", "b/d=2/x"]);
    assert_eq!(keys("b/").await, ["b/d=1/y", "b/d=10/z", "b/d=2/x"]);
    assert_eq!(keys("b/d=1").await, ["b/d=1/y", "b/d=10/z"]);
    assert_eq!(keys("b/d=1/").await, ["b/d=1/y"]);
    assert!(keys("nothing/").await.is_empty());
    assert_eq!(listed(store, "a").await[0].size_bytes, 1);
}

async fn bad_keys_are_refused(store: &dyn RawStore) {
    for key in ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "a*", "ä", "a\nb"] {
        let refused = |error: PortError| error.kind() == ErrorKind::Bug;
        assert!(store.put_if_absent(key, Bytes::new()).await.is_err_and(refused), "{key}");
        assert!(store.get(key).await.is_err_and(refused), "{key}");
        assert!(store.locator(key).is_err_and(refused), "{key}");
    }
}

async fn missing_objects_are_said_to_be_missing(store: &dyn RawStore) {
    let error = store.get("nowhere").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FixInput, "{error}");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

async fn listed(store: &dyn RawStore, prefix: &str) -> Vec<ObjectMeta> {
    store.list(prefix).try_collect().await.unwrap()
}

/// Puts an object until it is not asked to be tried again; returns whether it was tried again, too.
async fn put(store: &dyn RawStore, key: &str, bytes: Bytes) -> (PutOutcome, bool) {
    for attempt in 0..ATTEMPT_COUNT_MAX {
        match store.put_if_absent(key, bytes.clone()).await {
            Err(error) if error.kind() == ErrorKind::Retry => {}
            ended => return (ended.unwrap(), attempt > 0),
        }
    }
    panic!("it was never put");
}
