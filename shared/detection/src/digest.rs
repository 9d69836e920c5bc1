//! Digests: what exceeded its budget, told at once for all of an hour.

use std::collections::{BTreeMap, BTreeSet};

use crate::hash;
use crate::score::Severity;
use crate::timestamp::Hour;

/// The most alerts of a digest that are told one by one.
pub const SHOWN_MAX: usize = 100;

/// An alert that is due in a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The alert's uid.
    pub uid: String,
    /// How severe it is.
    pub severity: Severity,
    /// Its score.
    pub score: u8,
    /// The leading detection.
    pub detection: String,
    /// The source.
    pub source: String,
    /// Its title.
    pub title: String,
}

/// What exceeded its budget in some hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The first of the hours.
    pub first: Hour,
    /// The last of them.
    pub last: Hour,
    /// The alerts that are told one by one, the highest first.
    pub shown: Vec<Deferred>,
    /// How many alerts there are in all, by severity.
    pub counts: BTreeMap<Severity, usize>,
    /// Whether there are more, past what anybody counts.
    pub is_at_least: bool,
    /// Which alerts were counted, by fingerprints: one may be due twice.
    counted: BTreeSet<u64>,
}

impl Digest {
    /// Of nothing yet, from one hour to another.
    pub fn new(first: Hour, last: Hour) -> Self {
        Self {
            first,
            last,
            shown: Vec::new(),
            counts: BTreeMap::new(),
            is_at_least: false,
            counted: BTreeSet::new(),
        }
    }

    /// Adds one. Of those of one alert the first counts; those of an hour come in order.
    pub fn add(&mut self, due: Deferred) {
        if !self.counted.insert(hash::of_parts(&[&due.uid])) {
            return;
        }
        *self.counts.entry(due.severity).or_default() += 1;
        self.shown.push(due);
        if self.shown.len() >= 2 * SHOWN_MAX {
            self.finish();
        }
    }

    /// Puts those in order that are told one by one.
    pub fn finish(&mut self) {
        self.shown
            .sort_by(|a, b| (b.severity, b.score, &a.uid).cmp(&(a.severity, a.score, &b.uid)));
        self.shown.truncate(SHOWN_MAX);
    }

    /// How many there are in all.
    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }

    /// The severity of the highest; none where there is no alert.
    pub fn severity(&self) -> Option<Severity> {
        self.counts.last_key_value().map(|(severity, _)| *severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_are_shown_and_all_are_counted() {
        let hour = Hour::from_number(492_000);
        let mut digest = Digest::new(hour.back(1), hour);
        for n in 0..1000_u32 {
            let severity = if n == 777 { Severity::High } else { Severity::Low };
            let due = |severity, score| Deferred {
                uid: n.to_string(),
                severity,
                score,
                detection: "login-failures".to_owned(),
                source: format!("192.0.2.{}", n % 256),
                title: "an alert".to_owned(),
            };
            let score = u8::try_from(20 + n % 20).unwrap();
            digest.add(due(severity, score));
            digest.add(due(Severity::Low, score));
        }
        digest.finish();
        assert_eq!((digest.count(), digest.severity()), (1000, Some(Severity::High)));
        assert_eq!(digest.counts[&Severity::High], 1);
        assert_eq!(digest.shown.len(), SHOWN_MAX);
        assert_eq!(digest.shown[0].uid, "777");
        assert!(digest.shown[1..].is_sorted_by(|a, b| a.score >= b.score));
        assert_eq!((digest.shown[50].score, digest.shown[51].score), (39, 38), "fifty of each");
    }
}
