//! What of a batch is worth writing, to a ledger of which it is known what it holds.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::alerting::Alerting;
use super::bounds::{Group, group};
use super::{Batch, Bounds};
use crate::evidence::Entry;
use crate::sample::Sample;

impl Bounds {
    /// The entries of a batch that are worth writing to a ledger that holds `known`.
    ///
    /// What is known already is not. Neither is one more call in the middle of a flood: of a cloud
    /// and kind, where the same half of the shortest window (five minutes by default) holds as many
    /// entries as are kept already, or as are ever counted in one window once the day is full; and
    /// as many of this principal; and its operation. So any window around what is left out is
    /// complete without it, and a flood of any size costs a few writes each five minutes and warm
    /// function: each knows only what it was answered.
    ///
    /// Of a wide ledger nothing is left out but what would be when deciding, so a flood from one
    /// address costs it a write a day; and what it has no room for, which would be news again
    /// whenever it is repeated.
    pub fn news(&self, known: &[Entry], batch: &[Entry]) -> Vec<Entry> {
        let mut flood = Flood::new(self);
        let mut held: BTreeSet<Entry> = known.iter().copied().collect();
        for entry in &held {
            flood.add(entry);
        }
        let mut newest_first = batch.to_vec();
        newest_first.sort_unstable_by(|a, b| b.cmp(a));
        newest_first.retain(|entry| {
            let is_news = !held.contains(entry) && !flood.drowns(entry);
            if is_news {
                flood.add(entry);
                held.insert(*entry);
            }
            is_news
        });
        if newest_first.iter().any(|entry| entry.member().is_some()) {
            let kept = self.reduce(held);
            newest_first.retain(|entry| kept.contains(entry));
        }
        newest_first
    }

    /// The samples of a batch for a ledger that holds `known`, but those of a wide one that will never
    /// be shown: of calls that are left out when deciding.
    pub fn shown(&self, known: &[Entry], batch: &Batch) -> Vec<Sample> {
        let all: BTreeSet<Entry> = known.iter().chain(&batch.entries).copied().collect();
        let alerting = Alerting::of(self, &all);
        let left_out = batch.entries.iter().filter(|entry| alerting.has(entry));
        let left_out: HashSet<u64> = left_out.map(Entry::uid).collect();
        let samples = batch.samples.iter();
        samples.filter(|sample| !left_out.contains(&sample.uid_hash())).cloned().collect()
    }
}

/// How much there is of each day, and of each half of the shortest window.
struct Flood<'a> {
    bounds: &'a Bounds,
    alerting: Alerting<'a>,
    of_days: HashMap<Group, usize>,
    calls: HashMap<Slot, usize>,
    of_principals: HashMap<(Slot, Option<u64>), usize>,
    of_operations: HashSet<(Slot, u32)>,
}

/// Half of the shortest window, of what is bounded together.
type Slot = (Group, i64);

impl<'a> Flood<'a> {
    fn new(bounds: &'a Bounds) -> Self {
        let (of_days, calls) = (HashMap::new(), HashMap::new());
        Self {
            bounds,
            alerting: Alerting::new(bounds),
            of_days,
            calls,
            of_principals: HashMap::new(),
            of_operations: HashSet::new(),
        }
    }

    fn slot(&self, entry: &Entry) -> Slot {
        (group(entry), self.bounds.half(entry))
    }

    fn add(&mut self, entry: &Entry) {
        if entry.member().is_some() {
            self.alerting.add(entry);
            return;
        }
        *self.of_days.entry(group(entry)).or_default() += 1;
        let slot = self.slot(entry);
        *self.calls.entry(slot).or_default() += 1;
        *self.of_principals.entry((slot, entry.principal())).or_default() += 1;
        self.of_operations.insert((slot, entry.operation()));
    }

    fn drowns(&self, entry: &Entry) -> bool {
        if entry.member().is_some() {
            return self.alerting.has(entry);
        }
        let bounds = self.bounds;
        let is_full = self.of_days.get(&group(entry)).is_some_and(|count| *count >= bounds.newest);
        let enough = if is_full { bounds.burst } else { bounds.newest };
        let slot = self.slot(entry);
        let of_principal = self.of_principals.get(&(slot, entry.principal()));
        self.calls.get(&slot).is_some_and(|count| *count >= enough)
            && of_principal.is_some_and(|count| *count >= enough.min(bounds.turns))
            && self.of_operations.contains(&(slot, entry.operation()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Outcome;
    use crate::evidence::tests::call;
    use crate::ledger::bounds::tests::entry;

    #[test]
    fn a_flood_is_no_news_for_long() {
        let bounds = Bounds::default();
        let mut known = Vec::new();
        let mut written = Vec::new();
        for batch in 0..1000 {
            let calls = (0..100)
                .map(|n| entry((batch * 100 + n) * 36, 1, "ConsoleLogin", Outcome::LoginFailed));
            let news = bounds.news(&known, &calls.collect::<Vec<_>>());
            if !news.is_empty() {
                written.push(news.len());
            }
            known.extend(news);
        }
        // An hour has twelve times five minutes: the first fills the day, and of the others as many
        // are written as are ever counted.
        assert_eq!(written.iter().sum::<usize>(), bounds.newest + 11 * bounds.burst);
        assert_eq!(bounds.news(&known, &known), []);
        let flooded = known.last().unwrap().time().millis();
        for (who, operation, outcome) in [
            (2, "ConsoleLogin", Outcome::LoginFailed),
            (1, "Other", Outcome::LoginFailed),
            (1, "ConsoleLogin", Outcome::LoginSucceeded),
        ] {
            let other = entry(flooded, who, operation, outcome);
            assert_eq!(bounds.news(&known, &[other]), [other]);
        }
    }

    #[test]
    fn a_repeat_is_no_news_to_a_full_wide_ledger() {
        let bounds = Bounds::default();
        let calls = (0..900_i64).map(|n| {
            let call = entry(n * 1000, 1, "ConsoleLogin", Outcome::LoginFailed);
            call.in_network(u16::try_from(n % 150).unwrap())
        });
        let calls: Vec<Entry> = calls.collect();
        let stored: Vec<Entry> = bounds.reduce(calls.iter().copied()).into_iter().collect();
        assert!(stored.len() < 200, "{} entries", stored.len());
        assert_eq!(bounds.news(&stored, &calls), []);
        assert_eq!(bounds.news(&[], &calls).len(), stored.len());
        let other = entry(1_000_000, 1, "ConsoleLogin", Outcome::LoginFailed).in_network(151);
        assert_eq!(bounds.news(&stored, &[other]), [other]);
    }

    #[test]
    fn what_is_never_shown_is_no_sample() {
        let bounds = Bounds::default();
        let call = |n: i64, member: u16| {
            let activity = call(&format!("e-{n}"), n * 1000, Outcome::LoginFailed);
            let time = activity.time.unwrap();
            let sample = Sample::of(&activity, time, "203.0.113.7", false);
            (Entry::of_call(&activity, time).in_network(member), sample)
        };
        let batch = |calls: Vec<(Entry, Sample)>| {
            let (entries, samples) = calls.into_iter().unzip();
            Batch { entries, samples }
        };
        let flood = batch((0..100).map(|n| call(n, 7)).collect());
        let few = batch((100..105).map(|n| call(n, 8)).collect());
        let more = batch((105..115).map(|n| call(n, 8)).collect());
        assert_eq!(bounds.shown(&[], &flood), []);
        assert_eq!(bounds.shown(&flood.entries, &few), few.samples);
        assert_eq!(bounds.shown(&few.entries, &more), []);
        // In the ledger of its source all may be shown.
        let of_source = (0..100_i64).map(|n| call(n, 7).1).collect::<Vec<_>>();
        assert_eq!(
            bounds.shown(&[], &Batch { entries: Vec::new(), samples: of_source }).len(),
            100
        );
    }
}
