//! What every raw store must do. Each adapter's tests run the whole suite; a promise that is broken
//! panics, as in any test.

#![expect(clippy::unwrap_used, reason = "these are tests, for the adapters of other crates too")]

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;

use super::{ObjectMeta, PutOutcome, RawStore};
use crate::{error_kind::ErrorKind, port_error::PortError};

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
    let bytes = Bytes::from_static(b"\x00\xff\n");
    let outcome = store.put_if_absent("s/load_date=2026-01-05/x.parquet", bytes.clone()).await;
    assert_eq!(outcome.unwrap(), PutOutcome::Created);
    assert_eq!(store.get("s/load_date=2026-01-05/x.parquet").await.unwrap(), bytes);
    let locator = store.locator("s/load_date=2026-01-05/x.parquet").unwrap();
    assert!(locator.ends_with("/s/load_date=2026-01-05/x.parquet"), "{locator}");
    store.put_if_absent("empty", Bytes::new()).await.unwrap();
    assert_eq!(store.get("empty").await.unwrap(), Bytes::new());
}

async fn the_first_put_wins(store: &dyn RawStore) {
    store.put_if_absent("a", Bytes::from_static(b"one")).await.unwrap();
    let again = store.put_if_absent("a", Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(again, PutOutcome::AlreadyThere);
    assert_eq!(store.get("a").await.unwrap(), Bytes::from_static(b"one"));
}

async fn concurrent_puts_create_once(store: Arc<dyn RawStore>) {
    let puts = (0..16).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.put_if_absent("c/c", Bytes::from_static(b"c")).await })
    });
    let outcomes = futures::future::join_all(puts).await;
    let created = outcomes
        .into_iter()
        .filter(|outcome| matches!(outcome, Ok(Ok(PutOutcome::Created))))
        .count();
    assert_eq!(created, 1);
    assert_eq!(listed(&*store, "").await.len(), 1);
}

async fn listings_are_sorted_and_keep_to_the_prefix(store: &dyn RawStore) {
    for key in ["b/d=2/x", "b/d=1/y", "b/d=10/z", "b-c/x", "a"] {
        store.put_if_absent(key, Bytes::copy_from_slice(key.as_bytes())).await.unwrap();
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
