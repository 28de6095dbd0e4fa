//! The raw store over Cloud Storage.
//!
//! An object is put under the precondition that there is none (`ifGenerationMatch=0`), in one request,
//! with its CRC32C, which the service checks. It is never deleted nor overwritten, so the account needs
//! `storage.objects.create`, `get` and `list`, and no more.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use google_cloud_auth::credentials::{
    Builder as DefaultCredentials, CacheableResource, Credentials, anonymous,
};
use google_cloud_storage::client::Storage;
use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::{
    port_error::PortError,
    raw_store::{
        ObjectMeta, PutOutcome, RawStore,
        error::{invalid_key, not_found},
        validate_key,
    },
};
use serde::Deserialize;

use crate::error::{call, client, is_not_found, is_there};

/// Where the service answers.
const ENDPOINT: &str = "https://storage.googleapis.com";
/// What a page of a listing holds at most; the service gives no more.
const PAGE_OBJECT_COUNT_MAX: &str = "1000";

/// Which bucket, and where.
#[derive(Clone, Debug)]
pub struct CloudStorageConfig {
    /// Its name, without `gs://`.
    pub bucket: String,
    /// Where an emulator answers; `None`: the service.
    pub endpoint: Option<String>,
}

/// Objects of a bucket.
#[derive(Clone)]
pub struct CloudRawStore {
    config: CloudStorageConfig,
    storage: Storage,
    http: reqwest::Client,
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Item>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    /// JSON has no integers of 64 bits, so it is a text.
    size: String,
}

impl CloudRawStore {
    /// Makes the client; nothing is asked of the service yet.
    pub async fn connect(config: CloudStorageConfig) -> Result<Self, PortError> {
        let credentials = match &config.endpoint {
            Some(_) => anonymous::Builder::new().build(),
            None => DefaultCredentials::default().build().map_err(|error| {
                PortError::new(ErrorKind::FixInput, "there are no credentials of Google Cloud")
                    .with_source(error)
                    .with_hint("run `gcloud auth application-default login`")
            })?,
        };
        let mut builder = Storage::builder()
            .with_credentials(credentials.clone())
            // One request an object, so that it appears complete or not at all, whoever serves it.
            .with_resumable_upload_threshold(usize::MAX);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let storage = builder.build().await.map_err(|error| client("Cloud Storage", error))?;
        Ok(Self { config, storage, http: reqwest::Client::new(), credentials })
    }

    fn bucket(&self) -> String {
        format!("projects/_/buckets/{}", self.config.bucket)
    }

    /// The address of the bucket's resource in the JSON API.
    fn address(&self) -> String {
        let endpoint = self.config.endpoint.as_deref().unwrap_or(ENDPOINT);
        format!("{endpoint}/storage/v1/b/{}", self.config.bucket)
    }

    /// Whether the bucket is there, for us.
    pub async fn has_bucket(&self) -> Result<bool, PortError> {
        let answer = self.request(self.http.get(self.address()), "look at the bucket").await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.judged(answer, "look at the bucket").map(|_| true)
    }

    /// Makes the bucket, if it is not there.
    pub async fn create_bucket(&self, project: &str) -> Result<(), PortError> {
        let endpoint = self.config.endpoint.as_deref().unwrap_or(ENDPOINT);
        let url = format!("{endpoint}/storage/v1/b");
        let body = std::collections::BTreeMap::from([("name", self.config.bucket.as_str())]);
        let request = self.http.post(url).query(&[("project", project)]).json(&body);
        let answer = self.request(request, "make the bucket").await?;
        if answer.status() == reqwest::StatusCode::CONFLICT {
            return Ok(());
        }
        self.judged(answer, "make the bucket").map(|_| ())
    }

    async fn request(
        &self,
        request: reqwest::RequestBuilder,
        action: &str,
    ) -> Result<reqwest::Response, PortError> {
        let refused = |error: &dyn std::fmt::Display| {
            PortError::new(ErrorKind::FixInput, format!("there are no valid credentials: {error}"))
        };
        let headers = self.credentials.headers(http::Extensions::new()).await;
        let headers = match headers.map_err(|error| refused(&error))? {
            CacheableResource::New { data, .. } => data,
            CacheableResource::NotModified => http::HeaderMap::new(),
        };
        request.headers(headers).send().await.map_err(|error| {
            let bucket = &self.config.bucket;
            PortError::new(ErrorKind::Retry, format!("cannot {action} `{bucket}`"))
                .with_source(error)
        })
    }

    fn judged(
        &self,
        answer: reqwest::Response,
        action: &str,
    ) -> Result<reqwest::Response, PortError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let bucket = &self.config.bucket;
        let message = format!("cannot {action} `{bucket}`: the service answers {status}");
        Err(match status.as_u16() {
            404 => PortError::new(ErrorKind::FixInput, message)
                .with_hint("make the bucket: `lakebed target check NAME --create`"),
            401 | 403 => PortError::new(ErrorKind::FixInput, message)
                .with_hint("the account needs roles/storage.objectViewer on the bucket"),
            400 => PortError::new(ErrorKind::Bug, message),
            _ => PortError::new(ErrorKind::Retry, message),
        })
    }

    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<Page, PortError> {
        let mut query = vec![
            ("prefix", prefix),
            ("maxResults", PAGE_OBJECT_COUNT_MAX),
            ("fields", "items(name,size),nextPageToken"),
        ];
        query.extend(token.map(|token| ("pageToken", token)));
        let action = "list the bucket";
        let request = self.http.get(format!("{}/o", self.address())).query(&query);
        let answer = self.judged(self.request(request, action).await?, action)?;
        answer.json().await.map_err(|error| {
            PortError::new(ErrorKind::Retry, "a listing of the bucket broke off").with_source(error)
        })
    }
}

/// A listing on its way: what is left of a page, and whether there is another.
struct Listing<'a> {
    store: &'a CloudRawStore,
    prefix: String,
    items: VecDeque<Item>,
    token: Option<String>,
    is_last: bool,
}

impl Listing<'_> {
    async fn next(mut self) -> Result<Option<(ObjectMeta, Self)>, PortError> {
        loop {
            if let Some(Item { name, size }) = self.items.pop_front() {
                let size_bytes = size.parse().map_err(|_| {
                    let message = format!("the service says that `{name}` has {size:?} bytes");
                    PortError::new(ErrorKind::Bug, message)
                })?;
                return Ok(Some((ObjectMeta { key: name, size_bytes }, self)));
            }
            if self.is_last {
                return Ok(None);
            }
            let page = self.store.page(&self.prefix, self.token.as_deref()).await?;
            self.items = page.items.into();
            self.is_last = page.next_page_token.is_none();
            self.token = page.next_page_token;
        }
    }
}

#[async_trait]
impl RawStore for CloudRawStore {
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, PortError> {
        validate_key(key)?;
        let put = self
            .storage
            .write_object(self.bucket(), key, bytes)
            .set_if_generation_match(0)
            .set_content_type("application/vnd.apache.parquet")
            // The other way sends the checksum behind the bytes, which not every emulator takes off.
            .send_buffered();
        // It is large.
        let written = Box::pin(put).await;
        match written {
            Ok(_) => Ok(PutOutcome::Created),
            // Also the answer to a second try whose first one won: the object is there.
            Err(error) if is_there(&error) => Ok(PutOutcome::AlreadyThere),
            Err(error) => Err(call(format!("cannot write the raw object `{key}`"), error)),
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectMeta, PortError>> {
        let listing = Listing {
            store: self,
            prefix: prefix.to_owned(),
            items: VecDeque::new(),
            token: None,
            is_last: false,
        };
        futures::stream::try_unfold(listing, Listing::next).boxed()
    }

    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        validate_key(key)?;
        let failed = |error: google_cloud_storage::Error| {
            if is_not_found(&error) {
                not_found(key)
            } else {
                call(format!("cannot read the raw object `{key}`"), error)
            }
        };
        let reading = self.storage.read_object(self.bucket(), key);
        let mut answer = reading.send().await.map_err(failed)?;
        let mut bytes = BytesMut::new();
        while let Some(part) = answer.next().await {
            bytes.extend_from_slice(&part.map_err(failed)?);
        }
        Ok(bytes.freeze())
    }

    fn locator(&self, key: &str) -> Result<String, PortError> {
        validate_key(key).map_err(|_| invalid_key(key))?;
        Ok(format!("gs://{}/{key}", self.config.bucket))
    }

    /// BigQuery takes one `*`, which also stands for a `/`.
    fn pattern(&self, source: &str) -> Result<String, PortError> {
        Ok(format!("{}/*", self.locator(source)?))
    }
}
