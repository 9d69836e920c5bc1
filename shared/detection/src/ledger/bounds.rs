//! Bounds: what a ledger keeps when there is more evidence than it can hold.
//!
//! Per cloud and kind: the newest entries, and the newest entry of each of the newest principals and
//! of each of the newest operations. So flooding with one account cannot hide that many were tried,
//! flooding with one operation that many were asked for, nor one kind or cloud another.
//!
//! Reducing is a function of the set: reducing all of it, or reducing its reduced parts, keeps the
//! same entries.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use crate::activity::Cloud;
use crate::evidence::{Entry, Kind};
use crate::timestamp::Timestamp;

/// How much a ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The newest entries of each cloud and kind.
    pub newest: usize,
    /// Of each cloud and kind, principals with their newest entry.
    pub principals: usize,
    /// Of each cloud and kind, operations with their newest entry.
    pub operations: usize,
    /// Principals that were seen to succeed, with the newest day of each.
    pub seen: usize,
    /// Seconds before the newest call past which entries go.
    pub horizon_secs: i64,
}

/// Three days are what decisions look back on at the default windows of a day: the window, the day
/// before it whose successes count, and a day of lateness.
impl Default for Bounds {
    fn default() -> Self {
        Self { newest: 128, principals: 64, operations: 32, seen: 12, horizon_secs: 3 * 24 * 3600 }
    }
}

impl Bounds {
    /// Whether some kind has grown to twice its bound, so that a trim is worth its request.
    pub fn wants_trim(&self, entries: &[Entry]) -> bool {
        let kept = self.newest + self.principals + self.operations;
        let mut counts: HashMap<(Cloud, Kind), usize> = HashMap::new();
        for entry in entries {
            *counts.entry((entry.cloud(), entry.kind())).or_default() += 1;
        }
        counts.iter().any(|((_, kind), count)| {
            *count > 2 * if *kind == Kind::Seen { self.seen } else { kept }
        })
    }

    /// The entries to keep, in order.
    pub fn reduce(&self, entries: impl IntoIterator<Item = Entry>) -> BTreeSet<Entry> {
        let mut groups: BTreeMap<(Cloud, Kind), BTreeSet<Entry>> = BTreeMap::new();
        for entry in entries {
            groups.entry((entry.cloud(), entry.kind())).or_default().insert(entry);
        }
        let since = self.horizon(groups.values().flatten());
        let mut kept = BTreeSet::new();
        for ((_, kind), group) in groups {
            let newest_first =
                || group.iter().rev().filter(|entry| Some(entry.time()) >= since).copied();
            if kind == Kind::Seen {
                kept.extend(newest_of_each(newest_first(), Entry::principal, self.seen));
                continue;
            }
            kept.extend(newest_first().take(self.newest));
            kept.extend(newest_of_each(newest_first(), Entry::principal, self.principals));
            let operation = |entry: &Entry| Some(entry.operation());
            kept.extend(newest_of_each(newest_first(), operation, self.operations));
        }
        kept
    }

    /// Counted back from the newest call: a `Seen` entry says nothing of its hour.
    fn horizon<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Option<Timestamp> {
        let calls = entries.filter(|entry| entry.kind() != Kind::Seen);
        // Whole days, since a `Seen` entry stands for one.
        calls
            .map(Entry::time)
            .max()
            .map(|newest| newest.plus_secs(-self.horizon_secs).day().start())
    }
}

fn newest_of_each<T: Eq + Hash>(
    newest_first: impl Iterator<Item = Entry>,
    of: impl Fn(&Entry) -> Option<T>,
    most: usize,
) -> Vec<Entry> {
    let mut met = HashSet::new();
    newest_first
        .filter(|entry| of(entry).is_some_and(|value| met.insert(value)))
        .take(most)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activity::Outcome;
    use crate::evidence::tests::call;

    fn entry(time: i64, principal: u64, operation: &str, outcome: Outcome) -> Entry {
        let mut activity = call(&format!("{time}/{principal}/{operation}"), time, outcome);
        activity.operation = operation.to_owned().into();
        activity.actor.uid = Some(principal.to_string().into());
        Entry::of_call(&activity, activity.time.unwrap())
    }

    const SMALL: Bounds =
        Bounds { newest: 4, principals: 3, operations: 2, seen: 2, horizon_secs: 86_400 };

    proptest! {
        #[test]
        fn parts_do_not_matter(
            drawn in proptest::collection::vec((0..400_000_i64, 1..9_u64, 0..5_u8, 0..3_usize), 0..80),
            cut in 0..80_usize,
        ) {
            let outcomes = [Outcome::Denied, Outcome::LoginFailed, Outcome::Success];
            let entries: Vec<Entry> = drawn
                .iter()
                .map(|(secs, who, what, kind)| {
                    entry(secs * 1000, *who, &format!("Op{what}"), outcomes[*kind])
                })
                .collect();
            let whole = SMALL.reduce(entries.iter().copied());
            let (a, b) = entries.split_at(cut.min(entries.len()));
            let parts = SMALL.reduce(a.iter().copied()).into_iter();
            let parts = SMALL.reduce(parts.chain(SMALL.reduce(b.iter().copied())));
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn a_flood_hides_nothing_else() {
        let bounds = Bounds::default();
        let flood =
            (0..100_000).map(|n| entry(1_000_000 + n, 1, "ConsoleLogin", Outcome::LoginFailed));
        let others: Vec<Entry> = (2..8)
            .map(|who| entry(999_000, who, "ConsoleLogin", Outcome::LoginFailed))
            .chain([entry(999_500, 9, "CreateUser", Outcome::Success)])
            .collect();
        let kept = bounds.reduce(flood.chain(others.iter().copied()));
        assert!(others.iter().all(|other| kept.contains(other)));
        assert!(kept.len() < 2 * bounds.newest);
        assert!(!bounds.wants_trim(&kept.into_iter().collect::<Vec<_>>()));
    }

    #[test]
    fn what_is_past_the_horizon_goes() {
        let day = 86_400_000;
        let bounds = Bounds::default();
        let old = entry(10 * day, 1, "ListUsers", Outcome::Denied);
        let new = entry(14 * day, 1, "ListUsers", Outcome::Denied);
        assert_eq!(bounds.reduce([old, new]), BTreeSet::from([new]));
        let near = entry(11 * day, 1, "ListUsers", Outcome::Denied);
        assert_eq!(bounds.reduce([near, new]).len(), 2);
    }
}
