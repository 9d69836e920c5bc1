//! The keys of an issuer: fetched, remembered, and fetched anew.
//!
//! Promises at most one request a minute, whatever is asked for and whatever comes of it, and that
//! keys which were had are not lost while the issuer is away.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use callerwatch_detection::timestamp::Timestamp;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};

use super::{Denied, Fault};
use crate::https::{self, FetchError, Limits, Url};

/// Between two requests.
const PAUSE_SECS: i64 = 60;
/// After which keys are asked for again, so that one that was withdrawn is not trusted for long.
const FRESH_SECS: i64 = 3600;
/// Google's set has about 2,000 bytes and answers at once; who pushes waits for the answer.
const LIMITS: Limits = Limits { bytes: 64 * 1024, time: Duration::from_secs(2) };

/// The keys of an issuer, by their names.
#[derive(Debug)]
pub struct KeyStore {
    url: Url,
    keys: HashMap<String, DecodingKey>,
    /// When they were fetched.
    fetched: Option<Timestamp>,
    /// When they were last asked for.
    asked: Option<Timestamp>,
}

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("fetching the keys of the issuer")]
    Fetch(#[from] FetchError),
    #[error("reading the keys of the issuer")]
    Json(#[from] serde_json::Error),
    #[error("reading the keys of the issuer: none of them verifies RS256")]
    None,
}

impl KeyStore {
    /// The keys at a URL, a JWK Set (RFC 7517). They are fetched when one is asked for.
    pub fn new(url: Url) -> Self {
        Self { url, keys: HashMap::new(), fetched: None, asked: None }
    }

    /// The key of this name, as far as is known now.
    pub(super) async fn key(&mut self, name: &str, now: Timestamp) -> Result<&DecodingKey, Denied> {
        let is_fresh = self.fetched.is_some_and(|fetched| now < fetched.plus_secs(FRESH_SECS));
        if !(is_fresh && self.keys.contains_key(name)) && self.may_ask(now) {
            // Whatever comes of it, and if nobody waits for it.
            self.asked = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    self.keys = keys;
                    self.fetched = Some(now);
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn Error,
                        "the issuer's keys stay as they are"
                    );
                }
            }
        }
        if self.keys.is_empty() {
            return Err(Denied::Unavailable);
        }
        self.keys.get(name).ok_or(Denied::Unauthenticated(Fault::UnknownKey))
    }

    fn may_ask(&self, now: Timestamp) -> bool {
        self.asked.is_none_or(|asked| now >= asked.plus_secs(PAUSE_SECS))
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, KeysError> {
        let bytes = https::get(&self.url, LIMITS).await?;
        let set: JwkSet = serde_json::from_slice(&bytes)?;
        let keys: HashMap<_, _> = set.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(KeysError::None) } else { Ok(keys) }
    }
}

/// A key that verifies RS256, with its name.
fn usable(key: Jwk) -> Option<(String, DecodingKey)> {
    let Jwk { common, algorithm: AlgorithmParameters::RSA(rsa) } = key else { return None };
    let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
        && matches!(common.key_algorithm, None | Some(KeyAlgorithm::RS256));
    let decoded = DecodingKey::from_rsa_components(&rsa.n, &rsa.e).ok();
    common.key_id.filter(|_| is_for_signatures).zip(decoded)
}
