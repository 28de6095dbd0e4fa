//! A raw store with copies of its objects in another one, for a warehouse that reads files and no
//! address of a cloud. What is listed is there: whoever pins objects lists them first.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};

use super::{ObjectMeta, PutOutcome, RawStore};
use crate::{error_kind::ErrorKind, port_error::PortError};

/// Objects that are copied at one time.
const COPY_COUNT_MAX: usize = 8;

/// The store.
pub struct Copied {
    remote: Arc<dyn RawStore>,
    copies: Arc<dyn RawStore>,
}

impl Copied {
    /// The objects of `remote`, with copies in `copies`.
    pub fn new(remote: Arc<dyn RawStore>, copies: Arc<dyn RawStore>) -> Self {
        Self { remote, copies }
    }

    async fn copy(&self, object: ObjectMeta, found: Option<u64>) -> Result<ObjectMeta, PortError> {
        match found {
            Some(size_bytes) if size_bytes == object.size_bytes => {}
            Some(_) => {
                let message = format!("the copy of `{}` has another size than it", object.key);
                return Err(PortError::new(ErrorKind::FixInput, message)
                    .with_hint("delete the copy from the data folder's `raw`: it is made again"));
            }
            None => {
                let bytes = self.remote.get(&object.key).await?;
                self.copies.put_if_absent(&object.key, bytes).await?;
            }
        }
        Ok(object)
    }
}

#[async_trait]
impl RawStore for Copied {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        self.remote.put_if_absent(key, bytes).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>> {
        let prefix = prefix.to_owned();
        let listed = async move {
            let sized = self.copies.list(&prefix).map_ok(|object| (object.key, object.size_bytes));
            let found: BTreeMap<String, u64> = sized.try_collect().await?;
            let copied = self.remote.list(&prefix).map(move |object| {
                let found = object.as_ref().ok().and_then(|object| found.get(&object.key).copied());
                async move { self.copy(object?, found).await }
            });
            Ok::<_, PortError>(copied.buffered(COPY_COUNT_MAX))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        match self.copies.get(key).await {
            Ok(bytes) => Ok(bytes),
            Err(_) => self.remote.get(key).await,
        }
    }

    fn locator(&self, key: &str) -> Result<String, PortError> {
        self.copies.locator(key)
    }
}
