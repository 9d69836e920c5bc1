//! A token: taken from its header, and what it claims once its signature holds.
//!
//! Promises that nothing a token says is used before that, but for the name of the key, and that no
//! key comes from a token or from where one points. Must not know where keys come from.

use callerwatch_detection::timestamp::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// Those of Google have about 1,000.
const TOKEN_MAX_BYTES: usize = 4096;
/// How far clocks may differ.
const LEEWAY_SECS: i64 = 60;
/// What Google calls itself, in either form.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// A token whose signature was not looked at.
#[derive(Debug)]
pub(super) struct Token<'a> {
    text: &'a str,
    pub(super) key_id: String,
}

/// What a token says, of what is looked at. A member that is missing or of another type makes the
/// token malformed, where it is not optional.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "iss")]
    issuer: String,
    #[serde(rename = "aud")]
    pub(super) audience: String,
    #[serde(rename = "exp")]
    expires_at_secs: i64,
    #[serde(rename = "iat")]
    issued_at_secs: i64,
    #[serde(rename = "nbf")]
    not_before_secs: Option<i64>,
    pub(super) email: Option<String>,
    pub(super) email_verified: Option<bool>,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no header.
    #[error("there is none")]
    Missing,
    /// The header is not `Bearer`, one space and the characters of one token.
    #[error("the header is not that of one bearer token")]
    NotBearer,
    /// It is too long.
    #[error("it is longer than {TOKEN_MAX_BYTES} bytes")]
    TooLong,
    /// It is no token, or claims too little.
    #[error("it is malformed")]
    Malformed,
    /// It is not signed with RS256.
    #[error("it is not signed with RS256")]
    Algorithm,
    /// It names no key.
    #[error("it names no key")]
    NoKey,
    /// It names a key that the issuer does not have.
    #[error("it names an unknown key")]
    UnknownKey,
    /// It wants something understood that is not.
    #[error("it has critical extensions")]
    Critical,
    /// The signature is not of the key it names.
    #[error("its signature is wrong")]
    Signature,
    /// It has another issuer.
    #[error("it has another issuer")]
    Issuer,
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It holds from later on.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is for another audience.
    #[error("it is for another audience")]
    Audience,
    /// It is of another account.
    #[error("it is of another account")]
    Account,
    /// Its account is not verified.
    #[error("its account is not verified")]
    AccountNotVerified,
}

impl<'a> Token<'a> {
    /// The one token of an `Authorization` header. Headers that came twice are joined by a comma,
    /// which is in no token.
    pub(super) fn of(authorization: Option<&'a str>) -> Result<Self, Fault> {
        let header = authorization.ok_or(Fault::Missing)?;
        let (scheme, text) = header.split_once(' ').ok_or(Fault::NotBearer)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Fault::NotBearer);
        }
        if text.len() > TOKEN_MAX_BYTES {
            return Err(Fault::TooLong);
        }
        let is_of_tokens = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !text.chars().all(is_of_tokens) {
            return Err(Fault::NotBearer);
        }
        // An algorithm that the library does not know, such as `none`, makes the header illegible.
        let header = jsonwebtoken::decode_header(text).map_err(|_| Fault::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(Fault::Algorithm);
        }
        if header.crit.is_some() {
            return Err(Fault::Critical);
        }
        let key_id = header.kid.filter(|kid| !kid.is_empty()).ok_or(Fault::NoKey)?;
        Ok(Self { text, key_id })
    }

    /// What it claims, which is so at `now`, and was signed with `key` by Google.
    pub(super) fn claims(&self, key: &DecodingKey, now: Timestamp) -> Result<Claims, Fault> {
        let mut signature_alone = Validation::new(Algorithm::RS256);
        signature_alone.required_spec_claims.clear();
        // The library would read a clock.
        signature_alone.validate_exp = false;
        signature_alone.validate_aud = false;
        let decoded = jsonwebtoken::decode::<Claims>(self.text, key, &signature_alone);
        let claims = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Fault::Signature,
            _ => Fault::Malformed,
        })?;
        let claims = claims.claims;
        if !ISSUERS.contains(&claims.issuer.as_str()) {
            return Err(Fault::Issuer);
        }
        let now_secs = now.millis() / 1000;
        if now_secs >= claims.expires_at_secs.saturating_add(LEEWAY_SECS) {
            return Err(Fault::Expired);
        }
        let valid_from_secs = claims
            .not_before_secs
            .map_or(claims.issued_at_secs, |not_before| not_before.max(claims.issued_at_secs));
        if now_secs < valid_from_secs.saturating_sub(LEEWAY_SECS) {
            return Err(Fault::NotYetValid);
        }
        Ok(claims)
    }
}
