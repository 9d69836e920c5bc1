//! What can go wrong with a target: what was attempted on what, and why it was refused, in short.

use std::error::Error;
use std::fmt::Display;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use callerwatch_detection::plain::plain;

use callerwatch_response::document::DocumentError;

/// Some reasons have a page of code at their end.
const REASON_MAX_CHARS: usize = 300;

/// How IAM, Organizations and WAF say that there is no such thing.
const MISSING: [&str; 3] =
    ["NoSuchEntity", "PolicyNotFoundException", "WAFNonexistentItemException"];

/// What can go wrong with a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// AWS did not do it.
    #[error("{what}: {reason}")]
    Refused {
        /// What was attempted on what.
        what: String,
        /// As AWS says it, or what kept it from being asked.
        reason: String,
    },
    /// There is no such target.
    #[error("{what}: {reason}")]
    Missing {
        /// What was attempted on what.
        what: String,
        /// As AWS says it.
        reason: String,
    },
    /// What is there is no policy, so that nothing can be written without losing it.
    #[error("{what}")]
    Unreadable {
        /// What was attempted on what.
        what: String,
        /// What it is instead.
        source: DocumentError,
    },
    /// It is none, or not this account's.
    #[error("{name:?} is not {expected}")]
    Unfit {
        /// How it is called.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl TargetError {
    /// Of an answer of AWS, or of none.
    pub(crate) fn refused<E, R>(what: impl Display, error: &SdkError<E, R>) -> Self
    where
        SdkError<E, R>: ProvideErrorMetadata + Error,
    {
        let reason = match error.code() {
            Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
            None => causes(error),
        };
        Self::Refused { what: what.to_string(), reason: plain(&reason, REASON_MAX_CHARS) }
    }

    /// Of an answer of AWS to who reads a target, or of none.
    pub(crate) fn unread<E, R>(what: impl Display, error: &SdkError<E, R>) -> Self
    where
        SdkError<E, R>: ProvideErrorMetadata + Error,
    {
        let is_missing = error.code().is_some_and(|code| MISSING.contains(&code));
        match Self::refused(what, error) {
            Self::Refused { what, reason } if is_missing => Self::Missing { what, reason },
            other => other,
        }
    }

    /// Of an answer that lacks what it always has.
    pub(crate) fn empty(what: impl Display) -> Self {
        Self::Refused { what: what.to_string(), reason: "the answer is empty".to_owned() }
    }

    pub(crate) fn unreadable(what: impl Display, source: DocumentError) -> Self {
        Self::Unreadable { what: what.to_string(), source }
    }

    pub(crate) fn unfit(name: &str, expected: &'static str) -> Self {
        Self::Unfit { name: plain(name, REASON_MAX_CHARS), expected }
    }
}

/// An error with all that caused it.
fn causes(error: &(impl Error + ?Sized)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
