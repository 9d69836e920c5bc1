//! What became of what is denied, for the function that denies.

use std::io;

use callerwatch_detection::timestamp::Timestamp;

use super::embedded::{self, FUNCTION};

/// What happened in an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseMetrics {
    /// Addresses that are denied now; none where nobody looked.
    pub denials: Option<usize>,
    /// Those that were not before.
    pub denied: usize,
    /// Alerts whose address is not denied for them.
    pub refused: usize,
    /// Denials that ended.
    pub ended: usize,
    /// What somebody had changed by hand, and was repaired.
    pub repaired: usize,
    /// Denials that a target has no room for, since this run.
    pub no_room: usize,
    /// Policies and sets that could not be read or written.
    pub target_failures: usize,
    /// Whether what changed is still to be announced.
    pub unannounced: bool,
    /// Announcements that can never be made.
    pub never_announced: usize,
    /// Messages that name no alert that there is.
    pub unknown: usize,
    /// Messages that are to come back.
    pub batch_failures: usize,
}

impl ResponseMetrics {
    /// Prints them.
    pub fn emit(&self, function_name: &str, now: Timestamp) {
        let counts = [
            ("Denied", self.denied),
            ("Refused", self.refused),
            ("Ended", self.ended),
            ("Repaired", self.repaired),
            ("NoRoom", self.no_room),
            ("TargetFailures", self.target_failures),
            ("Unannounced", usize::from(self.unannounced)),
            ("NeverAnnounced", self.never_announced),
            ("UnknownAlerts", self.unknown),
            ("BatchFailures", self.batch_failures),
        ];
        let counts = counts.into_iter().chain(self.denials.map(|it| ("Denials", it)));
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let metrics: Vec<_> = counts.map(|(name, count)| (name, "Count", number(count))).collect();
        let dimensions = [(FUNCTION, function_name)];
        // Where standard output is closed, there is nowhere to say so.
        let _ = embedded::write(&mut io::stdout().lock(), now, &dimensions, &metrics);
    }
}
