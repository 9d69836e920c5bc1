//! What became of a digest, for the function that tells them.

use std::io;

use callerwatch_detection::timestamp::Timestamp;

use super::embedded::{self, FUNCTION};

/// Prints how many alerts a digest told of, none where there was none to tell, and whether chat
/// refused it.
pub fn emit_digest(alerts: usize, chat_refused: u64, function_name: &str, now: Timestamp) {
    let alerts = u64::try_from(alerts).unwrap_or(u64::MAX);
    let metrics = [
        ("Digests", "Count", u64::from(alerts > 0)),
        ("DigestAlerts", "Count", alerts),
        ("ChatRefused", "Count", chat_refused),
    ];
    // Where standard output is closed, there is nowhere to say so.
    let _ = embedded::write(&mut io::stdout().lock(), now, &[(FUNCTION, function_name)], &metrics);
}
