//! One denial: what is denied, why, since and until when, and what became of it in each target.

use std::collections::BTreeMap;

use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use crate::target::TargetId;

/// An address or a network that is denied. There is one of each at most: whatever else speaks for
/// denying it extends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// An IPv4 address (a /32) or IPv6 /64, or a network that a person named; never wider than a /24
    /// or a /48.
    pub network: IpNet,
    /// Why, by the uid of each alert; of those by hand, by who asked.
    pub causes: BTreeMap<String, Cause>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What became of it in each target.
    pub states: BTreeMap<TargetId, State>,
}

/// Why something is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Who asked for it.
    pub by: By,
    /// The title of the alert, or the reason a person gave. Text of strangers is in it.
    pub title: String,
    /// The score of the alert; 100 where a person asked.
    pub score: u8,
    /// The severity of the alert; Critical where a person asked.
    pub severity: Severity,
}

/// Who asked for a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// An alert, for its leading detection.
    Alert(String),
    /// A person, by the identity of the credentials that were used.
    Person(String),
}

/// What became of a denial in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Pending,
    /// It is denied there.
    Denied,
    /// Somebody else had put it there; it is not taken away with the denial.
    Foreign,
    /// The target has no room for it, and denies others of a higher score.
    NoRoom,
    /// Putting it there failed, and is tried again.
    Failed(String),
}

impl Denial {
    /// The highest score of its causes: what has no room goes by it.
    pub fn score(&self) -> u8 {
        self.causes.values().map(|cause| cause.score).max().unwrap_or_default()
    }
}
