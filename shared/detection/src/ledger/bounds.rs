//! Bounds: what a ledger keeps when there is more evidence than it can hold.
//!
//! Per cloud and kind: the newest entries, and the newest by turns of principals and of operations.
//! So flooding with one account cannot hide that many were tried, flooding with one operation that
//! many were asked for, nor one kind or cloud another.
//!
//! Reducing is a function of the set: reducing all of it, or reducing its reduced parts, keeps the
//! same entries.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use crate::activity::Cloud;
use crate::detections::{DETECTIONS, Unit};
use crate::evidence::{Entry, Kind};
use crate::policy::Policy;
use crate::sample::Sample;
use crate::timestamp::{Day, Timestamp};

/// How much a ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The newest entries of each cloud and kind.
    pub newest: usize,
    /// Of each cloud and kind, entries by turns of principals: the newest of each, then the second
    /// newest of each, and so on.
    pub principals: usize,
    /// The same of failed sign-ins: more, so that guessing one account slowly is not hidden by
    /// guessing another fast.
    pub failing_principals: usize,
    /// Of each cloud and kind, entries by turns of operations.
    pub operations: usize,
    /// `Seen` entries by turns of principals.
    pub seen: usize,
    /// UTC days before that of the newest call, past which entries go.
    pub horizon_days: u32,
}

/// What a decision on a day looks back on: the days a success makes a principal known for.
const LOOK_BACK_DAYS: u32 = 3;
/// How late evidence may come and still be decided on.
const LATENESS_DAYS: u32 = 1;
/// The most a threshold can ask of a bounded ledger; an item must stay well below 400 KB.
const NEWEST_MAX: usize = 1000;

impl Default for Bounds {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

impl Bounds {
    /// Enough for a policy's thresholds and windows, as far as an item can hold it: of what a policy
    /// wants counted beyond a thousand, a bounded ledger can only say "at least".
    pub fn of(policy: &Policy) -> Self {
        let parameters = |unit| {
            DETECTIONS.iter().flat_map(move |detection| {
                let of_unit = detection.parameters.iter().filter(move |it| it.unit == unit);
                of_unit.map(|parameter| policy.value(detection, parameter))
            })
        };
        let most = parameters(Unit::Count).max().unwrap_or(0);
        let longest = parameters(Unit::Minutes).max().unwrap_or(0);
        let windows = longest.div_ceil(24 * 60);
        Self {
            newest: (2 * usize::try_from(most).unwrap_or(NEWEST_MAX)).clamp(128, NEWEST_MAX),
            principals: 64,
            failing_principals: 640,
            operations: 32,
            seen: 12,
            horizon_days: LATENESS_DAYS + windows.max(LOOK_BACK_DAYS) + 1,
        }
    }

    /// The first day whose evidence, and all that deciding on it looks back on, is within the
    /// horizon. Earlier days were decided when they were new; deciding them again without their
    /// past could only mistake them.
    pub fn first_whole_day(&self, entries: &[Entry]) -> Option<Day> {
        let newest = newest_day(entries.iter())?;
        Some((0..LATENESS_DAYS).fold(newest, |day, _| day.previous()))
    }

    /// Whether some kind has grown to twice its bound, so that a trim is worth its request.
    pub fn wants_trim(&self, entries: &[Entry]) -> bool {
        let mut counts: HashMap<(Cloud, Kind), usize> = HashMap::new();
        for entry in entries {
            *counts.entry((entry.cloud(), entry.kind())).or_default() += 1;
        }
        counts.iter().any(|((_, kind), count)| *count > 2 * self.most_of(*kind))
    }

    fn most_of(&self, kind: Kind) -> usize {
        match kind {
            Kind::Seen => self.seen,
            _ => self.newest + self.of_principals(kind) + self.operations,
        }
    }

    fn of_principals(&self, kind: Kind) -> usize {
        if kind == Kind::LoginFailed { self.failing_principals } else { self.principals }
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
                kept.extend(by_turns(newest_first(), Entry::principal, self.seen));
                continue;
            }
            kept.extend(newest_first().take(self.newest));
            kept.extend(by_turns(newest_first(), Entry::principal, self.of_principals(kind)));
            let operation = |entry: &Entry| Some(entry.operation());
            kept.extend(by_turns(newest_first(), operation, self.operations));
        }
        kept
    }

    /// The samples to keep: those of days within the horizon.
    pub fn reduce_samples(&self, samples: &mut Vec<Sample>, entries: &[Entry]) {
        let since = self.horizon(entries.iter());
        samples.retain(|sample| Some(sample.time) >= since);
    }

    fn horizon<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Option<Timestamp> {
        let newest = newest_day(entries)?;
        Some((0..self.horizon_days).fold(newest, |day, _| day.previous()).start())
    }
}

/// The day of the newest call. A `Seen` entry is none.
fn newest_day<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Day> {
    entries.filter(|entry| entry.kind() != Kind::Seen).map(|entry| entry.time().day()).max()
}

/// So many entries by turns: the newest of each value, then the second newest of each, and so on.
///
/// An entry's place in such an order can only fall when more entries come, and never past one it
/// was before: what a part drops, the whole drops too.
fn by_turns<T: Eq + Hash>(
    newest_first: impl Iterator<Item = Entry>,
    of: impl Fn(&Entry) -> Option<T>,
    most: usize,
) -> impl Iterator<Item = Entry> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    let mut turns: Vec<(usize, Entry)> = newest_first
        .filter_map(|entry| {
            let count = counts.entry(of(&entry)?).or_default();
            *count += 1;
            Some((*count, entry))
        })
        .collect();
    // Stable: within a turn the newest stay first.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().take(most).map(|(_, entry)| entry)
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

    const SMALL: Bounds = Bounds {
        newest: 4,
        principals: 3,
        failing_principals: 5,
        operations: 2,
        seen: 2,
        horizon_days: 1,
    };

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
        assert!(kept.len() < bounds.newest + bounds.failing_principals + bounds.operations);
        assert!(!bounds.wants_trim(&kept.into_iter().collect::<Vec<_>>()));
    }

    #[test]
    fn what_is_past_the_horizon_goes() {
        let day = 86_400_000_i64;
        let bounds = Bounds::default();
        let at = |days| entry(days * day, 1, "ListUsers", Outcome::Denied);
        let new = at(20);
        assert_eq!(bounds.horizon_days, 5);
        assert_eq!(bounds.reduce([at(14), new]), BTreeSet::from([new]));
        assert_eq!(bounds.reduce([at(15), new]).len(), 2);
        let whole = bounds.first_whole_day(&[at(15), new]).unwrap();
        assert_eq!(whole, new.time().day().previous());
    }
}
