//! Ledgers in memory: the executable specification, and what a scan uses.

use std::collections::hash_map::{Entry as Slot, HashMap};
use std::collections::{BTreeMap, BTreeSet, HashSet, btree_map};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use super::publication::LEASE_SECS;
use super::{Batch, Bounds, Claim, Ledger, Mark, Record, SourceLedger, Told};
use crate::activity::Cloud;
use crate::baseline::{Baseline, LEARNING_DAYS_MIN, OfPrincipal, Sightings, Who};
use crate::budget::{Admission, Budget, Taker};
use crate::evidence::Entry;
use crate::history::{self, AccountDay};
use crate::observe::Observation;
use crate::policy::Policy;
use crate::sample::{self, SAMPLES_PER_DAY, Sample};
use crate::score::Severity;
use crate::source::{LedgerKey, Subject};
use crate::timestamp::{Day, Timestamp};

/// Ledgers in memory. Unbounded unless made with bounds: a scan keeps all evidence and decides once,
/// at the end, so that it is exact.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    sources: HashMap<LedgerKey, SourceLedger, foldhash::fast::RandomState>,
    baselines: HashMap<u64, Baseline>,
    /// Who principals are.
    people: HashMap<u64, Who>,
    histories: HashMap<(Cloud, String), BTreeSet<Day>>,
    /// What becomes of baselines when all is read.
    sightings: Sightings,
    leases: HashMap<(LedgerKey, Mark), Timestamp>,
    /// Who took of each.
    budgets: HashMap<String, HashSet<Taker>>,
    records: BTreeMap<(LedgerKey, Mark), Record>,
    bounds: Option<Bounds>,
    /// By which wide ledgers lose what changes nothing.
    thinned: Option<Bounds>,
}

/// Wide ledgers are looked through for that once they have so many entries.
const THINNED_FROM: usize = 1024;

/// Entries are put in order and repeats dropped before a full list grows past this.
const SMALL: usize = 8;

impl MemoryLedger {
    /// Ledgers that keep no more than bounds allow, as deployed ones do.
    pub fn bounded(bounds: Bounds) -> Self {
        Self { bounds: Some(bounds), ..Self::default() }
    }

    /// Ledgers of a scan under a policy, which keep all evidence but what could change nothing: a
    /// flood from one address is kept once, and not three times.
    pub fn of_scan(policy: &Policy) -> Self {
        Self { thinned: Some(Bounds::of(policy)), ..Self::default() }
    }

    /// Adds what one call adds.
    pub fn add(&mut self, observation: Observation) {
        if let Some(sighting) = observation.sighting {
            self.sightings.add(&observation.key, sighting);
        }
        if observation.call.is_none() && observation.seen.is_none() {
            return;
        }
        let keep = keep_for(&observation.key);
        let ledger = self.sources.entry(observation.key).or_default();
        if let Some((entry, sample)) = observation.call {
            let is_full = ledger.entries.len() == ledger.entries.capacity();
            if let Some(bounds) = &self.thinned
                && is_full
                && entry.member().is_some()
                && ledger.entries.len() >= THINNED_FROM
            {
                bounds.thin(&mut ledger.entries);
            }
            push(&mut ledger.entries, entry);
            push_sample(&mut ledger.samples, sample, keep);
        }
        if let Some(seen) = observation.seen {
            push(&mut ledger.entries, seen);
        }
    }

    /// Adds all of another.
    pub fn unite(&mut self, other: Self) {
        self.sightings.unite(other.sightings);
        if self.sources.is_empty() {
            self.sources = other.sources;
            return;
        }
        for (key, ledger) in other.sources {
            let keep = keep_for(&key);
            match self.sources.entry(key) {
                Slot::Occupied(mut own) => {
                    let (own, mut ledger) = (own.get_mut(), ledger);
                    for sample in std::mem::take(&mut ledger.samples) {
                        push_sample(&mut own.samples, sample, keep);
                    }
                    own.unite(ledger);
                }
                Slot::Vacant(slot) => {
                    slot.insert(ledger);
                }
            }
        }
    }

    /// What is known of alerts, by source, but for the findings in full.
    pub fn records(&self) -> &BTreeMap<(LedgerKey, Mark), Record> {
        &self.records
    }

    /// All ledgers, in no order. Wide ones have the best samples of each of their members, since only
    /// deciding shows whose calls are left out.
    pub fn into_sources(mut self) -> impl Iterator<Item = (LedgerKey, SourceLedger)> {
        for (principal, OfPrincipal { baseline, calls, .. }) in self.sightings.into_principals() {
            for (key, entry, sample) in calls {
                // No policy tells it: its sample must not take the place of another.
                if baseline.news(&entry, LEARNING_DAYS_MIN).is_none() {
                    continue;
                }
                let keep = keep_for(&key);
                let ledger = self.sources.entry(key).or_default();
                push(&mut ledger.entries, entry);
                if let Some(sample) = sample {
                    push_sample(&mut ledger.samples, sample, keep);
                }
                ledger.baselines.entry(principal).or_insert_with(|| baseline.clone());
            }
        }
        self.sources.into_iter().map(|(key, mut ledger)| {
            keep_for(&key)(&mut ledger.samples);
            (key, ledger)
        })
    }

    fn observe(&mut self, key: &LedgerKey, batch: &Batch) -> SourceLedger {
        let ledger = self.sources.entry(key.clone()).or_default();
        ledger.entries.extend(&batch.entries);
        ledger.entries.sort_unstable();
        ledger.entries.dedup();
        ledger.samples.extend_from_slice(&batch.samples);
        sample::keep_best(&mut ledger.samples);
        let mut whole = ledger.clone();
        if let Some(bounds) = self.bounds {
            whole.is_full = bounds.is_full(&whole.entries);
            bounds.reduce_samples(&mut ledger.samples, &ledger.entries);
            if let Some(kept) = bounds.trimmed(&ledger.entries, batch.entries.len()) {
                ledger.entries = kept.into_iter().collect();
            }
        }
        whole
    }

    fn learn(&mut self, principal: u64, learned: &Baseline, who: Option<&Who>) -> Baseline {
        if let Some(who) = who {
            self.people.entry(principal).or_insert_with(|| who.clone());
        }
        let baseline = self.baselines.entry(principal).or_default();
        baseline.unite(learned);
        baseline.clone()
    }

    fn keep_day(&mut self, AccountDay { cloud, account, day }: &AccountDay) {
        let days = self.histories.entry((*cloud, account.clone())).or_default();
        days.insert(*day);
        history::keep_newest(days);
    }

    fn claim(&mut self, key: &LedgerKey, mark: Mark, now: Timestamp) -> Claim {
        // What was left to a digest while nothing had succeeded may be claimed again.
        let marks = self.sources.get(key).into_iter().flat_map(|ledger| {
            let for_good = ledger.deferred.iter().filter(|mark| mark.has_success);
            ledger.marks.iter().chain(for_good)
        });
        if !mark.is_news(marks) {
            return Claim::Announced;
        }
        match self.leases.entry((key.clone(), mark)) {
            Slot::Occupied(lease) if *lease.get() > now => Claim::Held,
            slot => {
                slot.insert_entry(now.plus_secs(LEASE_SECS));
                Claim::Granted
            }
        }
    }

    fn admit(&mut self, budget: &Budget, key: &LedgerKey, mark: Mark) -> Admission {
        let places = self.budgets.entry(budget.name.clone()).or_default();
        let own = Taker::of(key, mark);
        if places.contains(&own) || places.len() < budget.most {
            places.insert(own);
            return Admission::Admitted;
        }
        Admission::Spent(Arc::new(places.clone()))
    }

    fn amend(&mut self, key: &LedgerKey, mark: Mark, record: &Record) -> bool {
        let record = Record { finding: String::new(), ..record.clone() };
        match self.records.entry((key.clone(), mark)) {
            btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if (known.last, known.calls) > (record.last, record.calls) || *known == record {
                    return false;
                }
                let told = match &record.told {
                    Told::Unchanged => known.told.clone(),
                    told => told.clone(),
                };
                *known = Record { told, ..record };
                true
            }
            btree_map::Entry::Vacant(slot) => {
                slot.insert(record);
                true
            }
        }
    }

    fn mark(&mut self, key: &LedgerKey, mark: Mark, record: Option<&Record>) {
        let source = self.sources.entry(key.clone()).or_default();
        let is_deferred = record.is_some_and(Record::is_deferred);
        if is_deferred { &mut source.deferred } else { &mut source.marks }.insert(mark);
        self.leases.remove(&(key.clone(), mark));
        let Some(record) = record else { return };
        if record.told == Told::Alone {
            // It is due in no digest any more.
            let of_alert = |(of, other): &(LedgerKey, Mark)| of == key && other.day == mark.day;
            let first = Mark { severity: Severity::Informational, has_success: false, ..mark };
            let due = self.records.range((key.clone(), first)..).take_while(|(it, _)| of_alert(it));
            let due = due.filter(|(_, it)| it.is_deferred()).map(|(it, _)| it.clone());
            for it in due.collect::<Vec<_>>() {
                self.records.remove(&it);
            }
        }
        let record = Record { finding: String::new(), ..record.clone() };
        self.records.insert((key.clone(), mark), record);
    }
}

/// Adds an entry, and before growing drops repeats, so that a log delivered twice needs the room of
/// one. Grows by a quarter: doubling would leave up to half of the room unused.
fn push(entries: &mut Vec<Entry>, entry: Entry) {
    if entries.len() == entries.capacity() {
        if entries.len() >= SMALL {
            // All but the newest are in order, of which this sort makes use.
            entries.sort();
            entries.dedup();
        }
        if entries.len() * 8 >= entries.capacity() * 7 {
            entries.reserve_exact((entries.len() / 4).max(entries.len().clamp(1, 4)));
        }
    }
    entries.push(entry);
}

/// Which samples of a ledger are kept.
type Keep = fn(&mut Vec<Sample>);

fn keep_for(key: &LedgerKey) -> Keep {
    match key.subject() {
        Subject::Source => sample::keep_best,
        Subject::Network | Subject::Principal => sample::keep_best_of_each,
    }
}

/// Adds a sample, and before growing drops those that would not be kept anyway. Grows to twice of
/// what was kept, so that dropping is rare however many days there are.
fn push_sample(samples: &mut Vec<Sample>, sample: Sample, keep: Keep) {
    if samples.len() == samples.capacity() {
        if samples.len() >= SAMPLES_PER_DAY {
            keep(samples);
        }
        if samples.len() * 2 > samples.capacity() {
            samples.reserve_exact(samples.len().max(1));
        }
    }
    samples.push(sample);
}

/// A memory ledger several may use at once.
#[derive(Debug, Default)]
pub struct SharedMemoryLedger(Mutex<MemoryLedger>);

impl SharedMemoryLedger {
    /// Shares a ledger.
    pub fn new(ledger: MemoryLedger) -> Self {
        Self(Mutex::new(ledger))
    }

    /// The ledger, once nobody shares it any more.
    pub fn into_inner(self) -> MemoryLedger {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who principals are, those of whom that is known.
    pub fn who(&self, principals: &[u64]) -> BTreeMap<u64, Who> {
        let who = |ledger: &MemoryLedger, it: &u64| Some((*it, ledger.people.get(it)?.clone()));
        self.with(|ledger| principals.iter().filter_map(|it| who(ledger, it)).collect())
    }

    /// The days on which ordinary calls of an account were seen to succeed, the newest ones.
    pub fn history(&self, cloud: Cloud, account: &str) -> BTreeSet<Day> {
        let of = (cloud, account.to_owned());
        self.with(|ledger| ledger.histories.get(&of).cloned().unwrap_or_default())
    }

    fn with<T>(&self, act: impl FnOnce(&mut MemoryLedger) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ledger for SharedMemoryLedger {
    type Error = Infallible;

    async fn observe(&self, key: &LedgerKey, batch: &Batch) -> Result<SourceLedger, Infallible> {
        Ok(self.with(|ledger| ledger.observe(key, batch)))
    }

    async fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, Infallible> {
        Ok(self.with(|ledger| ledger.learn(principal, learned, who)))
    }

    async fn keep_day(&self, day: &AccountDay) -> Result<(), Infallible> {
        self.with(|ledger| ledger.keep_day(day));
        Ok(())
    }

    async fn claim(
        &self,
        key: &LedgerKey,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Claim, Infallible> {
        Ok(self.with(|ledger| ledger.claim(key, mark, now)))
    }

    async fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, Infallible> {
        Ok(self.with(|ledger| ledger.admit(budget, key, mark)))
    }

    async fn amend(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> Result<bool, Infallible> {
        Ok(self.with(|ledger| ledger.amend(key, mark, record)))
    }

    async fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> Result<(), Infallible> {
        self.with(|ledger| ledger.mark(key, mark, record));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Cloud, Outcome};
    use crate::decide;
    use crate::evidence::tests::call;
    use crate::intelligence::Intelligence;
    use crate::observe::Observer;
    use crate::ocsf::detection_finding;
    use crate::source::Source;

    /// What is told, and how many entries networks and principals have.
    fn told(mut ledger: MemoryLedger) -> (Vec<String>, usize) {
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let mut observer = Observer::default();
        for n in 0..6_000_i64 {
            let mut activity = call(&format!("e-{n}"), n * 2_000, Outcome::LoginFailed);
            activity.cloud = Cloud::Azure;
            // Three others fail too, once every five minutes each.
            let is_flood = n % 50 != 0;
            let member = if is_flood { 200 } else { n / 50 % 3 };
            activity.source = Source::from_address(format!("203.0.113.{member}"), "");
            let who = if is_flood { 100 } else { n / 50 % 9 };
            activity.actor.uid = Some(format!("user-{who}").into());
            for observation in observer.observe(&activity, &intelligence, &policy, None) {
                ledger.add(observation);
            }
        }
        let mut told = Vec::new();
        let mut wide = 0;
        for (key, ledger) in ledger.into_sources() {
            if key.subject() != Subject::Source {
                wide += ledger.entries.len();
            }
            let alerts = decide(&key, ledger, &intelligence, &policy);
            told.extend(alerts.iter().map(|alert| detection_finding(alert).to_string()));
        }
        told.sort_unstable();
        (told, wide)
    }

    #[test]
    fn a_flood_is_kept_once_and_nothing_else_is_lost() {
        let (expected, all) = told(MemoryLedger::default());
        let (found, kept) = told(MemoryLedger::of_scan(&Policy::default()));
        assert_eq!(found, expected);
        assert!(found.iter().any(|it| it.contains("from 203.0.113.0/24 (3 addresses)")));
        assert_eq!(all, 12_000);
        assert!(kept < 6_000, "{kept} entries");
    }
}
