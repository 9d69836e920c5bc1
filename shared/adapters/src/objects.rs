//! Objects of S3, fetched whole and bounded.
//!
//! Tells bad input from a failing world: what is not there, or too large, will be so the next time
//! too; anything else may pass. Promises that no more is held than was allowed, whatever a response
//! says of its length. A reader inflates what was fetched as a stream, within bounds of its own.

use std::error::Error;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

/// The largest object that is ever fetched, as it is stored.
pub const OBJECT_MAX_BYTES: u64 = 256 << 20;
const SHOWN_MAX_CHARS: usize = 300;

/// Objects, by bucket and key.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    max_bytes: u64,
}

/// Why an object was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It never will be.
    #[error("cannot fetch {object}: {fault}")]
    Input {
        /// Bucket and key.
        object: String,
        /// Why.
        fault: InputFault,
    },
    /// It may be the next time.
    #[error("fetching {object}")]
    World {
        /// Bucket and key.
        object: String,
        /// What the SDK says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Why an object can never be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputFault {
    /// No bucket or object can be called that.
    #[error("no object can have this name")]
    BadName,
    /// There is no such object, version or bucket. Needs the right to list the bucket: without it,
    /// S3 says of what is not there that it is forbidden, and that may pass.
    #[error("it does not exist")]
    NotFound,
    /// It is too large.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
}

/// An object and its version.
pub(crate) struct Fetched {
    pub(crate) bytes: Bytes,
    pub(crate) etag: String,
}

impl FetchError {
    /// Whether trying again is in vain.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Input { .. })
    }
}

impl Objects {
    /// Objects of up to [`OBJECT_MAX_BYTES`].
    pub fn new(client: Client) -> Self {
        Self::bounded(client, OBJECT_MAX_BYTES)
    }

    /// Objects of up to so many bytes.
    pub fn bounded(client: Client, max_bytes: u64) -> Self {
        Self { client, max_bytes }
    }

    /// Fetches an object, or a version of it.
    ///
    /// # Errors
    ///
    /// When it does not exist or is too large, or S3 fails.
    pub async fn fetch(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Bytes, FetchError> {
        Ok(self.fetch_with_etag(bucket, key, version).await?.bytes)
    }

    pub(crate) async fn fetch_with_etag(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Fetched, FetchError> {
        let input = |fault| FetchError::Input { object: shown(bucket, key), fault };
        if !could_exist(bucket, key) {
            return Err(input(InputFault::BadName));
        }
        let request = self.client.get_object().bucket(bucket).key(key);
        let sent = request.set_version_id(version.map(str::to_owned)).send().await;
        let object = sent.map_err(|error| failed(bucket, key, error))?;
        let declared = object.content_length.and_then(|len| u64::try_from(len).ok());
        let max = self.max_bytes;
        let declared = declared.unwrap_or_default();
        if declared > max {
            return Err(input(InputFault::TooLarge(max)));
        }
        let bytes = collect(object.body, declared, max).await.map_err(|source| {
            FetchError::World { object: shown(bucket, key), source: source.into() }
        })?;
        let bytes = bytes.ok_or_else(|| input(InputFault::TooLarge(max)))?;
        Ok(Fetched { bytes, etag: object.e_tag.unwrap_or_default() })
    }

    /// The version of an object as it is now; none where there is no object.
    pub(crate) async fn etag(&self, bucket: &str, key: &str) -> Result<Option<String>, FetchError> {
        if !could_exist(bucket, key) {
            return Ok(None);
        }
        match self.client.head_object().bucket(bucket).key(key).send().await {
            Ok(head) => Ok(Some(head.e_tag.unwrap_or_default())),
            Err(error) => match failed(bucket, key, error) {
                FetchError::Input { .. } => Ok(None),
                world @ FetchError::World { .. } => Err(world),
            },
        }
    }
}

/// All of a body; none where it is longer than allowed.
pub(crate) async fn collect(
    mut body: ByteStream,
    declared: u64,
    max: u64,
) -> Result<Option<Bytes>, aws_sdk_s3::primitives::ByteStreamError> {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(usize::try_from(declared).unwrap_or_default());
    while let Some(chunk) = body.try_next().await? {
        if chunk.len() > max - bytes.len() {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.into()))
}

fn failed<E>(bucket: &str, key: &str, error: SdkError<E>) -> FetchError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let object = shown(bucket, key);
    // 405 is what a version answers that says the object was deleted.
    let status = error.raw_response().map(|response| response.status().as_u16());
    let is_absent = matches!(status, Some(404 | 405))
        || matches!(error.code(), Some("NoSuchKey" | "NoSuchVersion" | "NoSuchBucket"));
    if is_absent {
        return FetchError::Input { object, fault: InputFault::NotFound };
    }
    FetchError::World { object, source: Box::new(error) }
}

/// Whether a name can be asked for: others the SDK would refuse, as if the world had failed.
fn could_exist(bucket: &str, key: &str) -> bool {
    let is_bucket_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (3..=255).contains(&bucket.len())
        && bucket.chars().all(is_bucket_char)
        && (1..=1024).contains(&key.len())
}

/// `s3://bucket/key`, fit to be shown: notices say what they like.
fn shown(bucket: &str, key: &str) -> String {
    let name = format!("s3://{bucket}/{key}");
    name.chars()
        .take(SHOWN_MAX_CHARS)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_asked_for() {
        let long = "k".repeat(1025);
        for (bucket, key, expected) in [
            ("trail", "AWSLogs/111111111111/a.json.gz", true),
            ("trail", "\u{e9}/..//\n", true),
            ("trail", "", false),
            ("trail", long.as_str(), false),
            ("", "a", false),
            ("tr/ail", "a", false),
            ("trail.example?x", "a", false),
        ] {
            assert_eq!(could_exist(bucket, key), expected, "{bucket} {key}");
        }
    }

    #[test]
    fn names_are_shown_bounded_and_on_one_line() {
        assert_eq!(shown("trail", "a\nb"), "s3://trail/a\\nb");
        assert_eq!(shown("trail", &"k".repeat(5000)).len(), SHOWN_MAX_CHARS);
    }

    #[tokio::test]
    async fn a_body_that_is_longer_than_it_said_is_refused() {
        let body = || ByteStream::from_static(b"0123456789");
        assert_eq!(collect(body(), 10, 10).await.unwrap().unwrap().len(), 10);
        assert_eq!(collect(body(), 1, 9).await.unwrap(), None);
    }
}
