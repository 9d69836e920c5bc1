//! Who calls: the OIDC token of a push, verified by the function itself.
//!
//! Promises to let nobody in whose token Google did not sign for this audience and account, and to
//! ask for Google's keys at most once a minute, whatever callers send. Everything of a token is
//! bounded before it is decoded. Must not know what is pushed.

mod keys;
mod signature;
mod token;

use callerwatch_detection::timestamp::Timestamp;

pub use self::keys::KeyStore;
pub use self::token::Fault;
use self::token::Token;

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whom it is for: what the push subscription is told as its audience.
    pub audience: String,
    /// Who is called to send it: the service account of the push subscription.
    pub service_account: String,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct Verifier {
    expected: Expected,
    keys: KeyStore,
}

/// Why somebody is not let in. For the log: who is refused is not told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Who calls is not known.
    #[error("the token proves nothing: {0}")]
    Unauthenticated(Fault),
    /// Who calls is known, and is another one.
    #[error("the token is of somebody else: {0}")]
    Forbidden(Fault),
    /// Nothing can be verified, for want of keys. It may pass.
    #[error("there are no keys to verify a token with")]
    Unavailable,
}

impl Verifier {
    /// A verifier with the keys of an issuer.
    pub fn new(expected: Expected, keys: KeyStore) -> Self {
        signature::install();
        Self { expected, keys }
    }

    /// Verifies the value of an `Authorization` header.
    ///
    /// # Errors
    ///
    /// When whoever sent it is not to be let in.
    pub async fn verify(
        &mut self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let token = Token::of(authorization).map_err(Denied::Unauthenticated)?;
        let key = self.keys.key(&token.key_id, now).await?;
        let claims = token.claims(key, now).map_err(Denied::Unauthenticated)?;
        let Expected { audience, service_account } = &self.expected;
        if claims.audience != *audience {
            return Err(Denied::Unauthenticated(Fault::Audience));
        }
        if claims.email.as_deref() != Some(service_account) {
            return Err(Denied::Forbidden(Fault::Account));
        }
        if claims.email_verified != Some(true) {
            return Err(Denied::Forbidden(Fault::AccountNotVerified));
        }
        Ok(())
    }
}
