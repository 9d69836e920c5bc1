//! Digests: what exceeded its budget, told at once for all of an hour.

use std::collections::{BTreeMap, BTreeSet};

use crate::activity::Cloud;
use crate::hash;
use crate::score::Severity;
use crate::timestamp::Hour;

/// The most alerts of a digest that are told one by one.
pub const SHOWN_MAX: usize = 100;

/// The most accounts of a digest that are named for filters. They count against its size.
pub const ACCOUNTS_MAX: usize = 1_000;

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
    /// The clouds it is of.
    pub clouds: Vec<Cloud>,
    /// The accounts that are known of it.
    pub accounts: Vec<String>,
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
    /// The clouds of all of them.
    pub clouds: BTreeSet<Cloud>,
    /// The accounts of all of them; of more than are named the first that were added.
    pub accounts: BTreeSet<String>,
    /// As what alerts were counted, by fingerprints: one may be due twice.
    counted: BTreeMap<u64, (Severity, u8)>,
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
            clouds: BTreeSet::new(),
            accounts: BTreeSet::new(),
            counted: BTreeMap::new(),
        }
    }

    /// Adds one. Of those of one alert the highest counts.
    pub fn add(&mut self, due: Deferred) {
        self.clouds.extend(&due.clouds);
        for account in &due.accounts {
            if self.accounts.len() < ACCOUNTS_MAX {
                self.accounts.insert(account.clone());
            }
        }
        let (uid, rank) = (hash::of_parts(&[&due.uid]), (due.severity, due.score));
        if let Some((severity, score)) = self.counted.get(&uid).copied() {
            if (severity, score) >= rank {
                return;
            }
            if let Some(count) = self.counts.get_mut(&severity) {
                *count -= 1;
            }
            self.counts.retain(|_, count| *count > 0);
            self.shown.retain(|it| it.uid != due.uid);
        }
        self.counted.insert(uid, rank);
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
                clouds: vec![Cloud::Aws],
                accounts: vec![n.to_string()],
            };
            let score = u8::try_from(20 + n % 20).unwrap();
            digest.add(due(severity, score));
            digest.add(due(Severity::Low, score));
            digest.add(due(severity, score));
        }
        assert_eq!((digest.clouds.len(), digest.accounts.len()), (1, 1000));
        digest.finish();
        assert_eq!((digest.count(), digest.severity()), (1000, Some(Severity::High)));
        assert_eq!(digest.counts[&Severity::High], 1);
        assert_eq!(digest.shown.len(), SHOWN_MAX);
        assert_eq!(digest.shown[0].uid, "777");
        assert!(digest.shown[1..].is_sorted_by(|a, b| a.score >= b.score));
        assert_eq!((digest.shown[50].score, digest.shown[51].score), (39, 38), "fifty of each");
    }

    #[test]
    fn an_alert_that_rose_is_told_as_it_is() {
        let hour = Hour::from_number(492_000);
        let due = |uid: &str, severity, score| Deferred {
            uid: uid.to_owned(),
            severity,
            score,
            detection: "login-failures".to_owned(),
            source: "192.0.2.1".to_owned(),
            title: format!("{severity} {score}"),
            clouds: Vec::new(),
            accounts: Vec::new(),
        };
        let (first, last) = (due("a", Severity::Low, 20), due("a", Severity::High, 60));
        let other = due("b", Severity::Medium, 45);
        for order in [[&first, &other, &last], [&last, &first, &other]] {
            let mut digest = Digest::new(hour.back(1), hour);
            for it in order {
                digest.add(it.clone());
            }
            digest.finish();
            assert_eq!(digest.shown, [last.clone(), other.clone()]);
            assert_eq!(digest.counts, [(Severity::Medium, 1), (Severity::High, 1)].into());
        }
    }

    #[test]
    fn accounts_are_bounded() {
        let hour = Hour::from_number(492_000);
        let mut digest = Digest::new(hour, hour);
        let due = |n: usize| Deferred {
            uid: n.to_string(),
            severity: Severity::Low,
            score: 20,
            detection: "login-failures".to_owned(),
            source: "192.0.2.1".to_owned(),
            title: "an alert".to_owned(),
            clouds: vec![Cloud::Gcp],
            accounts: vec![format!("account-{n}"), "one-of-all".to_owned()],
        };
        for n in 0..2 * ACCOUNTS_MAX {
            digest.add(due(n));
        }
        assert_eq!((digest.accounts.len(), digest.count()), (ACCOUNTS_MAX, 2 * ACCOUNTS_MAX));
        assert!(digest.accounts.contains("account-0"));
    }
}
