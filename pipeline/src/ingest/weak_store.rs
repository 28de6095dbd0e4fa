//! A store for tests that does everything that the port allows, by one seed: puts that take their time, and
//! that ask to be tried again whether they were done or not. And, where it is told to, one thing that the
//! port forbids, so that tests show that they would find it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::{
    error_kind::ErrorKind,
    port_error::PortError,
    raw_store::{ObjectMeta, PutOutcome, RawStore, validate_key},
    verify::{dice::Dice, store::TrialStore},
};

/// Something that the port forbids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Violation {
    /// A put is answered, and no object is there.
    LosesPut,
    /// A part of an object lies under its name.
    StoresInPart,
    /// A put changes the object that is there.
    Overwrites,
    /// Everybody who puts an object is told that it was not there.
    CreatesTwice,
    /// A listing leaves an object out.
    LeavesOut,
    /// A listing has more than its prefix.
    IgnoresPrefix,
    /// A listing is in no order.
    MixesUpListing,
    /// Who asks for an object gets the bytes of another one.
    GivesAnother,
    /// The locator of an object leads to another one.
    LocatesAnother,
}

impl Violation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LosesPut,
        Self::StoresInPart,
        Self::Overwrites,
        Self::CreatesTwice,
        Self::LeavesOut,
        Self::IgnoresPrefix,
        Self::MixesUpListing,
        Self::GivesAnother,
        Self::LocatesAnother,
    ];
}

/// The store.
pub struct WeakStore {
    inner: TrialStore,
    seed: u64,
    violation: Option<Violation>,
    /// How often each object was put.
    put_counts: Mutex<BTreeMap<String, u64>>,
}

impl WeakStore {
    /// An empty store that keeps what the port promises, and nothing else.
    pub fn new(seed: u64) -> Self {
        let inner = TrialStore::new().expect("a folder");
        Self { inner, seed, violation: None, put_counts: Mutex::default() }
    }

    /// One that breaks a promise, for some of its objects.
    pub fn violating(seed: u64, violation: Violation) -> Self {
        Self { violation: Some(violation), ..Self::new(seed) }
    }

    /// Whether it does so to this object.
    fn does(&self, violation: Violation, key: &str) -> bool {
        let mut dice = Dice::new(self.seed, &format!("{key} {violation:?}"));
        self.violation == Some(violation) && dice.percent(25)
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        if self.does(Violation::LosesPut, key) {
            return Ok(PutOutcome::Created);
        }
        let is_part = self.does(Violation::StoresInPart, key);
        let bytes = if is_part { bytes.slice(..bytes.len() / 2) } else { bytes };
        let outcome = self.inner.put_if_absent(key, bytes.clone()).await?;
        if self.violation == Some(Violation::Overwrites) {
            self.inner.put(key, &bytes).expect("a folder");
        }
        let is_told = self.violation == Some(Violation::CreatesTwice);
        Ok(if is_told { PutOutcome::Created } else { outcome })
    }

    /// The object that is got in place of this one.
    fn meant(&self, violation: Violation, key: &str) -> String {
        let other = self.inner.keys().into_iter().find(|other| other != key);
        other.filter(|_| self.does(violation, key)).unwrap_or_else(|| key.to_owned())
    }
}

#[async_trait]
impl RawStore for WeakStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        validate_key(key)?;
        let put_count = {
            let mut put_counts = self.put_counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = put_counts.entry(key.to_owned()).or_default();
            *count += 1;
            *count
        };
        let mut dice = Dice::new(self.seed, &format!("{key} {put_count}"));
        tokio::time::sleep(Duration::from_millis(dice.bits() % 2_000)).await;
        if dice.percent(70) {
            return self.put(key, bytes).await;
        }
        if dice.percent(50) {
            self.put(key, bytes).await?;
        }
        Err(PortError::new(ErrorKind::Retry, "the store's answer was lost on its way"))
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>> {
        match self.violation {
            Some(Violation::LeavesOut) => {
                let found = self.inner.list(prefix);
                let is_there = |object: &ObjectMeta| !self.does(Violation::LeavesOut, &object.key);
                found.try_filter(move |object| futures::future::ready(is_there(object))).boxed()
            }
            Some(Violation::IgnoresPrefix) => self.inner.list(""),
            Some(Violation::MixesUpListing) => {
                let all = self.inner.list(prefix).collect::<Vec<_>>();
                stream::once(all)
                    .flat_map(|all| stream::iter(all.into_iter().rev().collect::<Vec<_>>()))
                    .boxed()
            }
            _ => self.inner.list(prefix),
        }
    }

    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        validate_key(key)?;
        self.inner.get(&self.meant(Violation::GivesAnother, key)).await
    }

    fn locator(&self, key: &str) -> Result<String, PortError> {
        validate_key(key)?;
        self.inner.locator(&self.meant(Violation::LocatesAnother, key))
    }
}

mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
    };

    use super::*;
    use crate::raw_store::conformance;

    /// So many seeds are tried.
    const SEED_COUNT: u64 = 20;

    /// Runs the suite on a clock that stands still while anybody works.
    fn conforms(new_store: impl Fn() -> WeakStore) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(conformance::run_all(|| Arc::new(new_store())));
    }

    #[test]
    fn the_weak_store_conforms() {
        for seed in 0..SEED_COUNT {
            conforms(|| WeakStore::new(seed));
        }
    }

    #[test]
    fn the_suite_finds_every_broken_promise() {
        for violation in Violation::ALL {
            let is_found = |seed: u64| {
                let new = || WeakStore::violating(seed, violation);
                catch_unwind(AssertUnwindSafe(|| conforms(new))).is_err()
            };
            assert!((0..SEED_COUNT).any(is_found), "{violation:?} is not found");
        }
    }
}
