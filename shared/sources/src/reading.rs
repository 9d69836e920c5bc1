//! What one record turned out to be.

use callerwatch_detection::activity::{ApiActivity, Cloud};

/// What one record turned out to be.
#[expect(clippy::large_enum_variant, reason = "nearly every reading is a call")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// A call.
    Activity(ApiActivity<'a>),
    /// A record of a log we know that is no call, or not the one of its operation that counts.
    NotACall {
        /// The cloud that made it.
        cloud: Cloud,
        /// What it is, in a few words: `insight`, `operation still running`.
        what: &'static str,
    },
}
