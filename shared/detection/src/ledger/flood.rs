//! What of a batch is worth writing, to a ledger of which it is known what it holds.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::alerting::Alerting;
use super::bounds::{Group, group};
use super::{Batch, Bounds};
use crate::evidence::Entry;
use crate::sample::Sample;
use crate::wide;

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
    /// address costs it a write a day, and a principal's sign-ins from a network one; and what it has
    /// no room for, which would be news again whenever it is repeated.
    pub fn news(&self, known: &[Entry], batch: &[Entry]) -> Vec<Entry> {
        let mut flood = Flood::new(self);
        let mut held: BTreeSet<Entry> = known.iter().copied().collect();
        for entry in &held {
            flood.add(entry);
        }
        let mut firsts: Vec<Entry> = held.iter().chain(batch).copied().collect();
        firsts.retain(|entry| wide::sign_ins(entry).is_some());
        firsts.sort_unstable();
        wide::keep_first_sign_ins(&mut firsts);
        let tells = |it: &Entry| wide::sign_ins(it).is_none() || firsts.binary_search(it).is_ok();
        let mut newest_first = batch.to_vec();
        newest_first.retain(tells);
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
    /// be shown: of calls that are left out when deciding, and of sign-ins where nothing fails. Where
    /// it is not known what it holds, something may.
    pub fn shown(&self, known: &[Entry], batch: &Batch) -> Vec<Sample> {
        let all: BTreeSet<Entry> = known.iter().chain(&batch.entries).copied().collect();
        let alerting = Alerting::of(self, &all);
        let is_quiet = !known.is_empty() && !all.iter().any(|it| wide::is_failure(it.kind()));
        let is_left_out =
            |entry: &&Entry| alerting.has(entry) || (is_quiet && wide::sign_ins(entry).is_some());
        let left_out = batch.entries.iter().filter(is_left_out);
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
    fn of_sign_ins_from_a_network_the_first_of_a_day_is_news() {
        let bounds = Bounds::default();
        let at = |secs: i64, who, outcome| entry(secs * 1000, who, "ConsoleLogin", outcome);
        let login = |secs, who| at(secs, who, Outcome::LoginSucceeded).in_network(7);
        let calls = [login(300, 1), login(200, 1), login(250, 2)];
        let mut known = bounds.news(&[], &calls);
        assert_eq!(known, [calls[2], calls[1]]);
        let stopped = at(300, 1, Outcome::PasswordCorrect).in_network(7);
        for (call, is_news) in [
            (login(900, 1), false),
            // another address of the network tells no more
            (at(900, 1, Outcome::LoginSucceeded).in_network(8), false),
            // it came late, and is earlier
            (login(100, 1), true),
            (login(86_500, 1), true),
            (login(900, 3), true),
            (stopped, true),
        ] {
            let news = bounds.news(&known, &[call]);
            assert_eq!(news, if is_news { vec![call] } else { Vec::new() }, "{call:?}");
            known.extend(news);
        }
        // In the ledger of a principal it is the networks of members that count, its upper halves.
        let of_member = |secs, member| at(secs, 1, Outcome::LoginSucceeded).in_principal(member);
        let known = [of_member(100, 1 << 32 | 1)];
        assert_eq!(bounds.news(&known, &[of_member(200, 1 << 32 | 2)]), []);
        let other = of_member(200, 2 << 32 | 1);
        assert_eq!(bounds.news(&known, &[other]), [other]);
        // All sign-ins at an address are news to its own ledger.
        let own = [at(100, 1, Outcome::LoginSucceeded), at(200, 1, Outcome::LoginSucceeded)];
        assert_eq!(bounds.news(&own[..1], &own[1..]), own[1..]);
    }

    #[test]
    fn what_is_never_shown_is_no_sample() {
        let bounds = Bounds::default();
        let told = |n: i64, member: u16, outcome| {
            let activity = call(&format!("e-{n}"), n * 1000, outcome);
            let time = activity.time.unwrap();
            let sample = Sample::of(&activity, time, "203.0.113.7", false);
            (Entry::of_call(&activity, time).in_network(member), sample)
        };
        let call = |n, member| told(n, member, Outcome::LoginFailed);
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
        // A sign-in is shown where something fails.
        let login = batch(vec![told(200, 9, Outcome::LoginSucceeded)]);
        assert_eq!(bounds.shown(&few.entries, &login), login.samples);
        assert_eq!(bounds.shown(&[], &login), login.samples);
        assert_eq!(bounds.shown(&login.entries, &login), []);
        // In the ledger of its source all may be shown.
        let of_source = (0..100_i64).map(|n| call(n, 7).1).collect::<Vec<_>>();
        assert_eq!(
            bounds.shown(&[], &Batch { entries: Vec::new(), samples: of_source }).len(),
            100
        );
    }
}
