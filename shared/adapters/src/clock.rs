//! The one place that reads the clock; everything else is given the time.

use std::time::{SystemTime, UNIX_EPOCH};

use callerwatch_detection::timestamp::Timestamp;

/// The time now, to the millisecond.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the room that reads the clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX)
}
