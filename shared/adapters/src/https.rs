//! Small documents, fetched over HTTPS.
//!
//! Promises bounds: one request, no redirect, no more bytes and no more time than was allowed.
//! Without TLS it asks this machine alone. Nothing is kept between requests, which are rare: a cold
//! start pays for none of it, and no connection is met again after a function was frozen.

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::HttpError;
use bytes::Bytes;
use http::Uri;

use crate::objects;

const URL_MAX_BYTES: usize = 2048;

/// Where a document is: `https://…`, or `http://…` at an address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the document.
    pub bytes: u64,
    /// From asking to the last byte.
    pub time: Duration,
}

/// Why a document was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It took too long.
    #[error("fetching {url}: no whole answer within {secs} s")]
    TooSlow {
        /// Where it is.
        url: String,
        /// What was allowed.
        secs: u64,
    },
    /// It is too large.
    #[error("fetching {url}: it is larger than {bytes} bytes")]
    TooLarge {
        /// Where it is.
        url: String,
        /// What was allowed.
        bytes: u64,
    },
    /// The answer is another one than the document.
    #[error("fetching {url}: the answer is {status}")]
    Status {
        /// Where it is.
        url: String,
        /// Of the answer.
        status: u16,
    },
    /// It cannot be asked for.
    #[error("fetching {url}")]
    Request {
        /// Where it is.
        url: String,
        /// Why.
        #[source]
        source: HttpError,
    },
    /// There is no connection, or no answer.
    #[error("fetching {url}")]
    Connection {
        /// Where it is.
        url: String,
        /// Why.
        #[source]
        source: ConnectorError,
    },
    /// The answer ended early.
    #[error("fetching {url}")]
    Body {
        /// Where it is.
        url: String,
        /// Why.
        #[source]
        source: ByteStreamError,
    },
}

impl Url {
    /// Reads a URL; none where it is no such one.
    pub fn parse(text: &str) -> Option<Self> {
        let uri = text.parse::<Uri>().ok().filter(|_| text.len() <= URL_MAX_BYTES)?;
        let authority = uri.authority()?;
        let host = authority.host();
        let is_plain = !authority.as_str().contains('@') && !host.is_empty();
        let is_allowed = match uri.scheme_str()? {
            "https" => true,
            "http" => {
                let address = host.trim_start_matches('[').trim_end_matches(']');
                address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
            _ => false,
        };
        (is_plain && is_allowed).then(|| Self(text.to_owned()))
    }

    /// It, as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Fetches a document.
///
/// # Errors
///
/// When it cannot be had whole within the limits.
pub async fn get(url: &Url, limits: Limits) -> Result<Bytes, FetchError> {
    let fetched = tokio::time::timeout(limits.time, fetch(url, limits.bytes)).await;
    let too_slow = FetchError::TooSlow { url: url.0.clone(), secs: limits.time.as_secs() };
    fetched.unwrap_or(Err(too_slow))
}

async fn fetch(Url(url): &Url, max_bytes: u64) -> Result<Bytes, FetchError> {
    let request =
        HttpRequest::get(url).map_err(|source| FetchError::Request { url: url.clone(), source })?;
    // The TLS of the SDK's clients, so that there is one.
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let response = Connector::builder().tls_provider(ring).build().call(request).await;
    let response =
        response.map_err(|source| FetchError::Connection { url: url.clone(), source })?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(FetchError::Status { url: url.clone(), status });
    }
    let body = ByteStream::new(response.into_body());
    let bytes = objects::collect(body, 0, max_bytes).await;
    let bytes = bytes.map_err(|source| FetchError::Body { url: url.clone(), source })?;
    bytes.ok_or_else(|| FetchError::TooLarge { url: url.clone(), bytes: max_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_asked() {
        for (text, expected) in [
            ("https://www.googleapis.com/oauth2/v3/certs", true),
            ("https://192.0.2.1:8443/keys?a=b", true),
            ("http://127.0.0.1:8080/keys", true),
            ("http://127.1.2.3/", true),
            ("http://[::1]:8080/keys", true),
            ("http://www.googleapis.com/oauth2/v3/certs", false),
            ("http://192.0.2.1/keys", false),
            ("http://localhost/keys", false),
            ("http://127.0.0.1.example.com/keys", false),
            ("http://127.0.0.1@example.com/keys", false),
            ("https://user@example.com/keys", false),
            ("https://user:word@example.com/keys", false),
            ("file:///etc/passwd", false),
            ("ftp://127.0.0.1/keys", false),
            ("//example.com/keys", false),
            ("example.com", false),
            ("https://", false),
            ("https:///keys", false),
            ("https://example.com/a b", false),
            ("https://example.com/\n", false),
            ("", false),
        ] {
            assert_eq!(Url::parse(text).is_some(), expected, "{text}");
        }
        assert_eq!(Url::parse(&format!("https://example.com/{}", "a".repeat(2048))), None);
        // Their own case does not matter.
        assert!(Url::parse("HTTPS://Example.COM/").is_some());
    }
}
