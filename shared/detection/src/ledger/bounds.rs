//! Bounds: what a ledger keeps when there is more evidence than it can hold.
//!
//! Per cloud, kind and UTC day: the newest entries, and the newest by turns of principals and of
//! operations. So flooding with one account cannot hide that many were tried, flooding with one
//! operation that many were asked for, nor one kind, cloud or day another.
//!
//! Reducing is a function of the set: reducing all of it, or reducing its reduced parts, keeps the
//! same entries. Days are reduced apart, since whole days go past the horizon: what they held must
//! not have cost later ones anything.
//!
//! Who worked at an address is known for longer than anything is decided by it, since whoever denies
//! the address asks: of each cloud and kind the newest entry of each of a few principals.
//!
//! Of a wide ledger also the newest by turns of members. A member that raises an alert by itself is
//! left out when deciding, and so needs no more entries than show that; which ones may depend on
//! what was reduced with what, and what is decided does not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::alerting::Alerting;
use crate::activity::Cloud;
use crate::detections::{DETECTIONS, Unit, enough_to_alert_alone};
use crate::evidence::{Entry, Kind};
use crate::policy::Policy;
use crate::sample::Sample;
use crate::timestamp::Day;
use crate::{view, wide};

/// How much a ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The newest entries of each cloud, kind and day.
    pub newest: usize,
    /// Of each cloud, kind and day, entries by turns of principals: the newest of each, then the
    /// second newest of each, and so on.
    pub principals: usize,
    /// The same of failed sign-ins: more, so that guessing one account slowly is not hidden by
    /// guessing another fast. And of sign-ins from a network.
    pub failing_principals: usize,
    /// The most turns of one principal: as many as are ever counted of one.
    pub turns: usize,
    /// As many calls as are ever counted in a window shorter than a day.
    pub burst: usize,
    /// Half of the shortest window: see [`Bounds::news`].
    pub news_secs: i64,
    /// Of each cloud, kind and day, entries by turns of operations.
    pub operations: usize,
    /// Of each cloud, kind and day of a wide ledger, entries by turns of members.
    pub members: usize,
    /// So many calls of one member within half of the shortest window raise an alert by themselves,
    /// whatever they are.
    pub of_member: usize,
    /// Of each kind and day of a wide ledger, the members that did so last of which this is kept.
    pub alerting: usize,
    /// `Seen` entries of each cloud and day.
    pub seen: usize,
    /// UTC days before that of the newest call, past which successes go.
    pub horizon_days: u32,
    /// UTC days before that of the newest call, past which failures go.
    pub failures_days: u32,
    /// UTC days before that of the newest call, past which goes who worked there.
    pub work_days: u32,
}

/// What a decision on a day looks back on: the days a success makes a principal known for.
const LOOK_BACK_DAYS: u32 = 3;
/// How late evidence may come and still be decided on.
const LATENESS_DAYS: u32 = 1;
/// Seven whole days before any instant lie within it.
const WORK_DAYS: u32 = 8;
/// Of one principal's old successes, since some may be what a policy calls privileged.
const OLD_SUCCESSES: usize = 4;
/// The most a threshold can ask of a bounded ledger; an item must stay well below 400 KB.
const NEWEST_MAX: usize = 1000;
const DAY_MINUTES: u32 = 24 * 60;

impl Default for Bounds {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

impl Bounds {
    /// Enough for a policy's thresholds and windows, as far as an item can hold it: of what a policy
    /// wants counted beyond a thousand, a bounded ledger can only say "at least".
    pub fn of(policy: &Policy) -> Self {
        let (mut most, mut most_of_burst, mut longest, mut shortest) = (0, 0, 0, DAY_MINUTES);
        for detection in DETECTIONS {
            for parameter in detection.parameters {
                let value = policy.value(detection, parameter);
                match parameter.unit {
                    Unit::Minutes => longest = longest.max(value),
                    // Baselines look back, not ledgers.
                    Unit::Days => {}
                    Unit::Count { within } => {
                        let window = policy.value(detection, within);
                        most = most.max(value);
                        shortest = shortest.min(window);
                        if window < DAY_MINUTES {
                            most_of_burst = most_of_burst.max(value);
                        }
                    }
                }
            }
        }
        let count = |most| usize::try_from(most).unwrap_or(NEWEST_MAX);
        let count_whole = |most| usize::try_from(most).unwrap_or(usize::MAX);
        let (most, most_of_burst) = (count(most), count(most_of_burst));
        let windows = longest.div_ceil(DAY_MINUTES);
        Self {
            newest: (2 * most).clamp(32, NEWEST_MAX),
            principals: 64,
            failing_principals: 320,
            turns: most.clamp(16, NEWEST_MAX),
            burst: most_of_burst.clamp(4, NEWEST_MAX),
            news_secs: i64::from(shortest) * 60 / 2,
            operations: 32,
            members: 64,
            of_member: enough_to_alert_alone(policy).map_or(usize::MAX, count_whole),
            alerting: 16,
            seen: 12,
            horizon_days: LATENESS_DAYS + windows.max(LOOK_BACK_DAYS) + 1,
            // Findings of one window are evidence of another's: those of two clouds.
            failures_days: LATENESS_DAYS + 2 * windows,
            work_days: WORK_DAYS,
        }
    }

    /// Half of it, for an item that is too large all the same.
    #[must_use]
    pub fn halved(self) -> Self {
        let half = |count: usize| count.div_ceil(2);
        Self {
            newest: half(self.newest),
            principals: half(self.principals),
            failing_principals: half(self.failing_principals),
            turns: half(self.turns),
            burst: half(self.burst),
            operations: half(self.operations),
            members: half(self.members),
            alerting: half(self.alerting),
            seen: half(self.seen),
            ..self
        }
    }

    /// The first day whose evidence, and all that deciding on it looks back on, is within the
    /// horizon. Earlier days were decided when they were new; deciding them again without their
    /// past could only mistake them.
    pub fn first_whole_day(&self, entries: &[Entry]) -> Option<Day> {
        let newest = newest_day(entries.iter())?;
        Some(before(newest, LATENESS_DAYS))
    }

    /// What to keep of a ledger that a write of at most `added` entries has grown to twice of that,
    /// so that a trim is worth its request. None of any other: of all who write at once, one trims.
    pub fn trimmed(&self, entries: &[Entry], added: usize) -> Option<BTreeSet<Entry>> {
        // No fewer are ever kept of so many.
        let is_large = entries.len() >= 2 * self.newest;
        let kept = is_large.then(|| self.reduce(entries.iter().copied()))?;
        let times = |count: usize| count / (2 * kept.len()).max(1);
        (times(entries.len()) > times(entries.len().saturating_sub(added))).then_some(kept)
    }

    /// Whether evidence may be missing: some day of a kind fills its bound. Its count is then "at
    /// least". Not whether all are known who were seen, or signed in from a network.
    pub fn is_full(&self, entries: &[Entry]) -> bool {
        let is_call = |it: &&Entry| it.kind() != Kind::Seen && wide::sign_ins(it).is_none();
        let counts = counts(entries.iter().filter(is_call));
        counts.into_values().any(|count| count >= self.newest)
    }

    /// Who signs in from a network is told apart from who only failed there, so it is as many.
    fn of_principals(&self, kind: Kind, is_wide: bool) -> usize {
        match kind {
            Kind::LoginFailed => self.failing_principals,
            Kind::LoginSucceeded if is_wide => self.failing_principals,
            _ => self.principals,
        }
    }

    /// The entries to keep, in order.
    pub fn reduce(&self, entries: impl IntoIterator<Item = Entry>) -> BTreeSet<Entry> {
        let entries: BTreeSet<Entry> = entries.into_iter().collect();
        let newest_day = newest_day(entries.iter());
        let mut kept = BTreeSet::new();
        let mut alerting = Alerting::of(self, &entries);
        let last = alerting.last();
        let mut groups: BTreeMap<Group, BTreeSet<Entry>> = BTreeMap::new();
        for entry in entries.into_iter().rev() {
            match alerting.shows(&entry) {
                None => {
                    groups.entry(group(&entry)).or_default().insert(entry);
                }
                Some(true)
                    if newest_day.is_none_or(|day| self.is_within(&entry, day))
                        && wide::deeds(&entry).is_some_and(|deeds| last.contains(&deeds)) =>
                {
                    kept.insert(entry);
                }
                Some(_) => {}
            }
        }
        let mut old: BTreeMap<(Cloud, Kind), BTreeSet<Entry>> = BTreeMap::new();
        for ((cloud, kind, day), entries) in groups {
            if let Some(newest) = newest_day
                && day < self.horizon(kind, newest)
            {
                if day >= before(newest, self.work_days) {
                    let work = entries
                        .into_iter()
                        .filter(|it| it.member().is_none() && view::may_show_work(it));
                    old.entry((cloud, kind)).or_default().extend(work);
                }
                continue;
            }
            let newest_first = || entries.iter().rev().copied();
            let principals = |most, turns| by_turns(newest_first(), Entry::principal, most, turns);
            if kind == Kind::Seen {
                kept.extend(principals(self.seen, 1));
                continue;
            }
            let is_wide = entries.iter().any(|entry| entry.member().is_some());
            kept.extend(newest_first().take(self.newest));
            kept.extend(principals(self.of_principals(kind, is_wide), self.turns));
            let operation = |entry: &Entry| Some(entry.operation());
            kept.extend(by_turns(newest_first(), operation, self.operations, self.turns));
            kept.extend(by_turns(newest_first(), Entry::member, self.members, self.turns));
        }
        // Of each of its days, as many principals were kept while it was within the horizon.
        for ((_, kind), entries) in old {
            let turns = if kind == Kind::Success { OLD_SUCCESSES.min(self.turns) } else { 1 };
            let newest_first = entries.into_iter().rev();
            kept.extend(by_turns(newest_first, Entry::principal, self.seen, turns));
        }
        kept
    }

    /// The samples to keep: those of days within the horizon.
    pub fn reduce_samples(&self, samples: &mut Vec<Sample>, entries: &[Entry]) {
        let Some(newest) = newest_day(entries.iter()) else { return };
        samples.retain(|sample| sample.time.day() >= self.horizon(sample.kind, newest));
    }

    fn is_within(&self, entry: &Entry, newest: Day) -> bool {
        entry.time().day() >= self.horizon(entry.kind(), newest)
    }

    /// Which half of the shortest window an entry is in.
    pub(super) fn half(&self, entry: &Entry) -> i64 {
        entry.time().millis().div_euclid(self.news_secs * 1000)
    }

    /// The first day of which entries of a kind are kept.
    fn horizon(&self, kind: Kind, newest: Day) -> Day {
        let days = match kind {
            Kind::Success | Kind::LoginSucceeded | Kind::Seen | Kind::Origin => self.horizon_days,
            _ => self.failures_days,
        };
        before(newest, days)
    }
}

fn before(day: Day, days: u32) -> Day {
    (0..days).fold(day, |day, _| day.previous())
}

/// What is bounded together.
pub(super) type Group = (Cloud, Kind, Day);

pub(super) fn group(entry: &Entry) -> Group {
    (entry.cloud(), entry.kind(), entry.time().day())
}

fn counts<'a>(entries: impl Iterator<Item = &'a Entry>) -> HashMap<Group, usize> {
    let mut counts = HashMap::new();
    for entry in entries {
        *counts.entry(group(entry)).or_default() += 1;
    }
    counts
}

/// The day of the newest call. A `Seen` entry is none.
fn newest_day<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Day> {
    entries.filter(|entry| entry.kind() != Kind::Seen).map(|entry| entry.time().day()).max()
}

/// So many entries by turns: the newest of each value, then the second newest of each, and so on,
/// for so many turns.
///
/// An entry's place in such an order can only fall when more entries come, and never past one it
/// was before: what a part drops, the whole drops too.
fn by_turns<T: Eq + Hash>(
    newest_first: impl Iterator<Item = Entry>,
    of: impl Fn(&Entry) -> Option<T>,
    most: usize,
    turns_max: usize,
) -> impl Iterator<Item = Entry> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    let mut turns: Vec<(usize, Entry)> = newest_first
        .filter_map(|entry| {
            let count = counts.entry(of(&entry)?).or_default();
            *count += 1;
            (*count <= turns_max).then_some((*count, entry))
        })
        .collect();
    // Stable: within a turn the newest stay first.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().take(most).map(|(_, entry)| entry)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activity::Outcome;
    use crate::evidence::tests::call;

    pub(in crate::ledger) fn entry(
        time: i64,
        principal: u64,
        operation: &str,
        outcome: Outcome,
    ) -> Entry {
        let mut activity = call(&format!("{time}/{principal}/{operation}"), time, outcome);
        activity.operation = operation.to_owned().into();
        activity.actor.uid = Some(principal.to_string().into());
        Entry::of_call(&activity, activity.time.unwrap())
    }

    const SMALL: Bounds = Bounds {
        newest: 4,
        principals: 3,
        failing_principals: 5,
        turns: 2,
        burst: 2,
        news_secs: 300,
        operations: 2,
        members: 2,
        of_member: 2,
        alerting: 2,
        seen: 2,
        horizon_days: 2,
        failures_days: 1,
        work_days: 5,
    };

    fn seen(day: i64, principal: u64) -> Entry {
        let day = entry(day * 86_400_000, 1, "", Outcome::Success).time().day();
        Entry::of_seen(Cloud::Aws, principal, day)
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(
            drawn in proptest::collection::vec((0..700_000_i64, 1..9_u64, 0..5_u8, 0..5_usize), 0..80),
            cut in 0..80_usize,
        ) {
            let outcomes =
                [Outcome::Denied, Outcome::LoginFailed, Outcome::Success, Outcome::LoginSucceeded];
            let entries: Vec<Entry> = drawn
                .iter()
                .map(|(secs, who, what, kind)| match outcomes.get(*kind) {
                    Some(outcome) => entry(secs * 1000, *who, &format!("Op{what}"), *outcome),
                    None => seen(secs / 86_400, *who),
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
        assert_eq!(bounds.trimmed(&kept.into_iter().collect::<Vec<_>>(), usize::MAX), None);
    }

    #[test]
    fn what_is_past_the_horizon_goes() {
        let day = 86_400_000_i64;
        let bounds = Bounds::default();
        let at = |days, outcome| entry(days * day, 1, "ListUsers", outcome);
        let new = at(20, Outcome::Denied);
        assert_eq!((bounds.failures_days, bounds.horizon_days), (3, 5));
        for (days, outcome, is_kept) in [
            (16, Outcome::Denied, false),
            (17, Outcome::Denied, true),
            (14, Outcome::PasswordCorrect, false),
            (11, Outcome::LoginSucceeded, false),
            (12, Outcome::LoginSucceeded, true),
        ] {
            let kept = bounds.reduce([at(days, outcome), new]);
            assert_eq!(kept.len() == 2, is_kept, "{outcome:?} on day {days}");
        }
        let whole = bounds.first_whole_day(&[at(15, Outcome::Denied), new]).unwrap();
        assert_eq!(whole, new.time().day().previous());
    }

    #[test]
    fn who_worked_there_is_known_for_eight_days() {
        let bounds = Bounds::default();
        let new = entry(20 * 86_400_000, 1, "ListUsers", Outcome::Denied);
        let worked = |days: std::ops::RangeInclusive<i64>| -> Vec<Entry> {
            days.flat_map(|day| (0..30).map(move |who| seen(day, who))).collect()
        };
        // What nothing is decided by any more is kept of few, and once of each.
        let kept = bounds.reduce(worked(11..=14).into_iter().chain([new]));
        assert_eq!(kept.len(), 1 + bounds.seen);
        assert!(kept.iter().all(|it| *it == new || it.time().day() == seen(14, 1).time().day()));
        let few = |days: [i64; 3]| days.map(|day| seen(day, u64::try_from(day).unwrap()));
        let kept = bounds.reduce(few([11, 12, 13]).into_iter().chain([new]));
        let expected: BTreeSet<Entry> = few([12, 13, 13]).into_iter().chain([new]).collect();
        assert_eq!(kept, expected);
        // What a thief can do with any credential shows no work.
        let old = |operation| entry(13 * 86_400_000, 2, operation, Outcome::Success);
        let kept = bounds.reduce([old("GetCallerIdentity"), old("ListUsers"), new]);
        assert_eq!(kept, BTreeSet::from([old("ListUsers"), new]));
    }

    /// What went past the horizon with a later day had no part in what was dropped before.
    #[test]
    fn a_day_past_the_horizon_costs_later_ones_nothing() {
        let secs = |secs: i64, who| entry(secs * 1000, who, "ConsoleLogin", Outcome::LoginFailed);
        let old = (0..30_u32).map(|who| secs(who.into(), who.into()));
        let kept: Vec<_> = old.chain((0..4).map(|n: i64| secs(259_200 + n, 40))).collect();
        let late = [entry(345_600_000, 1, "ListUsers", Outcome::Success)];
        let parts = SMALL.reduce(kept.iter().copied()).into_iter().chain(late);
        assert_eq!(SMALL.reduce(parts), SMALL.reduce(kept.into_iter().chain(late)));
    }
}
