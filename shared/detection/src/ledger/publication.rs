//! What was announced, and who is about to announce.
//!
//! Claim, publish, mark: a function that dies between any two of them leaves a claim whose lease
//! ends, so the announcement is made by another. It may then be made twice, under one uid; it is
//! never lost.

use crate::score::Severity;
use crate::timestamp::Day;

/// An announcement: the alert of a day, at a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The alert's day.
    pub day: Day,
    /// How severe it was said to be.
    pub severity: Severity,
}

impl Mark {
    /// Whether an announcement at this severity would tell what `others` have not told already.
    pub fn is_news<'a>(self, others: impl IntoIterator<Item = &'a Self>) -> bool {
        !others.into_iter().any(|told| told.day == self.day && told.severity >= self.severity)
    }
}

/// What an announcement said, kept for whoever asks later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The alert's title.
    pub title: String,
    /// Its score.
    pub score: u8,
    /// The whole of it, as an OCSF Detection Finding.
    pub finding: String,
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Announce it, then mark it.
    Granted,
    /// Another announces it at this moment: come back.
    Held,
    /// It was announced at this severity or a higher one.
    Announced,
}

/// How long a claim is held. Shorter than a queue's visibility timeout, so that whoever comes back
/// finds it free or marked.
pub const LEASE_SECS: i64 = 60;
