//! Copies of feeds in the state bucket, under `intel/`.
//!
//! Replacing an object is atomic: whoever reads has the old one or the new one. Must not know what is
//! in them.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use callerwatch_detection::feeds::{FILE_MAX_BYTES, Location};
use callerwatch_feeds::{Store, Unread};

use crate::objects::{FetchError, InputFault, Objects};
use crate::policy;

/// As large as whoever judges calls reads them.
pub(crate) const MAX_BYTES: u64 = FILE_MAX_BYTES as u64;

/// The key of a file of feeds in the state bucket.
pub(crate) fn key_of(name: &str) -> String {
    format!("intel/{name}")
}

/// Feeds in a state bucket.
#[derive(Clone, Debug)]
pub struct BucketStore {
    client: Client,
    objects: Objects,
    bucket: String,
    policy_key: String,
}

/// Why a file was not read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It was not read.
    #[error(transparent)]
    Read(#[from] FetchError),
    /// It was not kept.
    #[error("keeping {key}")]
    Write {
        /// The file.
        key: String,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
}

impl BucketStore {
    /// Feeds in a bucket, with a policy beside which feeds may lie too.
    pub fn new(client: Client, bucket: impl Into<String>, policy_key: impl Into<String>) -> Self {
        let objects = Objects::bounded(client.clone(), MAX_BYTES);
        Self { client, objects, bucket: bucket.into(), policy_key: policy_key.into() }
    }
}

impl Store for BucketStore {
    type Error = StoreError;

    async fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        match self.objects.fetch(&self.bucket, &key_of(name), None).await {
            Ok(bytes) => Ok(Some(bytes)),
            // What is too large cannot be used, and is replaced.
            Err(FetchError::Input {
                fault: InputFault::NotFound | InputFault::TooLarge(_),
                ..
            }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let key = key_of(name);
        let put = self.client.put_object().bucket(&self.bucket).key(&key);
        match put.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(StoreError::Write { key, source: Box::new(error.into()) }),
        }
    }

    async fn fetch(&self, location: &Location) -> Result<Bytes, Unread> {
        let read = match location {
            Location::Object { bucket, key } => self.objects.fetch(bucket, key, None).await,
            Location::File(path) => match policy::key_of(&self.policy_key, path) {
                Ok(key) => self.objects.fetch(&self.bucket, &key, None).await,
                Err(fault) => return Err(Unread(fault.into())),
            },
            Location::Web(_) => return Err(Unread("it is on the web".into())),
        };
        read.map_err(|error| Unread(error.into()))
    }
}
