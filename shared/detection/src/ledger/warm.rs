//! A ledger that remembers what others answered, and spares them the writes that add nothing.
//!
//! What a warm function remembers may be behind: others write too. So it is used only to leave out
//! what is stored already, drowns in a flood ([`Bounds::news`]), or asks of a budget that is spent;
//! claims and marks always go through. Forgetting costs a write that changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Batch, Bounds, Claim, Ledger, Mark, Record, SourceLedger};
use crate::alert;
use crate::baseline::{Baseline, Who};
use crate::budget::{Admission, Budget, Taker};
use crate::history::AccountDay;
use crate::sample;
use crate::source::LedgerKey;
use crate::timestamp::Timestamp;

/// The most entries remembered, of all sources together: 8 MB.
const ENTRIES_MAX: usize = 1 << 18;
/// The most sources remembered, since each costs more than its entries.
const SOURCES_MAX: usize = 10_000;
/// The most alerts remembered, and the most budgets: more are forgotten, all at once.
const GISTS_MAX: usize = 20_000;
const SPENT_MAX: usize = 1_000;
/// The same of days of accounts.
const ACCOUNT_DAYS_MAX: usize = 10_000;

/// The most baselines remembered, twice over: of 10,000 principals that call from a few countries
/// and networks 3 MB.
const BASELINES_MAX: usize = 5_000;

/// A ledger behind a memory of its own answers.
#[derive(Debug)]
pub struct WarmLedger<L> {
    inner: L,
    bounds: Bounds,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    sources: HashMap<LedgerKey, (u64, SourceLedger)>,
    /// The sources by last use, the longest unused first.
    by_use: BTreeMap<u64, LedgerKey>,
    uses: u64,
    entries: usize,
    /// What was last kept of alerts, by their uids.
    gists: HashMap<String, u64>,
    /// Budgets of which all is taken, with who took it: nobody takes of them any more, and whoever
    /// did asks again when it was not told.
    spent: HashMap<Budget, Arc<HashSet<Taker>>>,
    /// Of principals: those asked for lately, and those asked for before.
    baselines: HashMap<u64, Baseline>,
    older_baselines: HashMap<u64, Baseline>,
    /// Those that are kept for sure.
    account_days: HashSet<AccountDay>,
}

impl<L> WarmLedger<L> {
    /// Remembers the answers of `inner`, which keeps what `bounds` allow.
    pub fn new(inner: L, bounds: Bounds) -> Self {
        Self { inner, bounds, memory: Mutex::default() }
    }

    /// The ledger behind.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// The ledger behind, to be changed.
    pub fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    /// The ledger behind, without what was remembered.
    pub fn into_inner(self) -> L {
        self.inner
    }

    /// Bounds that another policy asks for. What is remembered stays true.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a batch adds to what is remembered, and the whole of both; none of a source that is not
    /// remembered.
    fn news(&self, key: &LedgerKey, batch: &Batch) -> Option<(Batch, SourceLedger)> {
        self.with(|memory| {
            let (_, known) = memory.sources.get(key)?;
            let entries = self.bounds.news(&known.entries, &batch.entries);
            let mut whole = known.clone();
            whole.is_full |=
                entries.len() < batch.entries.len() && self.bounds.is_full(&whole.entries);
            whole.samples.extend(self.bounds.shown(&known.entries, batch));
            sample::keep_best(&mut whole.samples);
            let samples = whole.samples.iter().filter(|it| !known.samples.contains(it)).cloned();
            let news = Batch { entries, samples: samples.collect() };
            whole.entries.extend(&batch.entries);
            whole.entries.sort_unstable();
            whole.entries.dedup();
            Some((news, whole))
        })
    }
}

impl Memory {
    fn remember(&mut self, key: &LedgerKey, ledger: &SourceLedger) {
        self.forget(key);
        self.uses += 1;
        self.entries += ledger.entries.len();
        self.by_use.insert(self.uses, key.clone());
        self.sources.insert(key.clone(), (self.uses, ledger.clone()));
        while self.entries > ENTRIES_MAX || self.sources.len() > SOURCES_MAX {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            self.forget(&oldest);
        }
    }

    fn keep(&mut self, uid: String, gist: u64) {
        if self.gists.len() >= GISTS_MAX {
            self.gists.clear();
        }
        self.gists.insert(uid, gist);
    }

    fn spend(&mut self, budget: &Budget, takers: Arc<HashSet<Taker>>) {
        if self.spent.len() >= SPENT_MAX {
            self.spent.clear();
        }
        self.spent.insert(budget.clone(), takers);
    }

    fn admission(&self, budget: &Budget, taker: Taker) -> Option<Admission> {
        let takers = self.spent.get(budget)?;
        let is_taken = takers.contains(&taker);
        Some(if is_taken { Admission::Admitted } else { Admission::Spent(takers.clone()) })
    }

    fn remember_day(&mut self, day: &AccountDay) {
        if self.account_days.len() >= ACCOUNT_DAYS_MAX {
            self.account_days.clear();
        }
        self.account_days.insert(day.clone());
    }

    fn baseline(&mut self, principal: u64) -> Option<Baseline> {
        if let Some(older) = self.older_baselines.remove(&principal) {
            self.remember_baseline(principal, older);
        }
        self.baselines.get(&principal).cloned()
    }

    fn remember_baseline(&mut self, principal: u64, baseline: Baseline) {
        if self.baselines.len() >= BASELINES_MAX {
            self.older_baselines = std::mem::take(&mut self.baselines);
        }
        self.baselines.insert(principal, baseline);
    }

    fn forget(&mut self, key: &LedgerKey) {
        if let Some((used, ledger)) = self.sources.remove(key) {
            self.by_use.remove(&used);
            self.entries -= ledger.entries.len();
        }
    }
}

impl<L: Ledger + Sync> Ledger for WarmLedger<L> {
    type Error = L::Error;

    async fn observe(&self, key: &LedgerKey, batch: &Batch) -> Result<SourceLedger, L::Error> {
        let mut batch = batch.clone();
        sample::keep_best(&mut batch.samples);
        let (news, known) = match self.news(key, &batch) {
            // What is remembered of a sample alone, which another call of the same was in words, is
            // not worth a write.
            Some((news, whole)) if news.entries.is_empty() => return Ok(whole),
            Some((news, whole)) => (news, whole),
            None => {
                let entries = self.bounds.news(&[], &batch.entries);
                let whole = SourceLedger { entries: batch.entries.clone(), ..Default::default() };
                let samples = self.bounds.shown(&[], &batch);
                (Batch { entries, samples }, whole)
            }
        };
        match self.inner.observe(key, &news).await {
            Ok(mut ledger) => {
                self.with(|memory| memory.remember(key, &ledger));
                // Decided on is the batch too, whether or not all of it was written.
                ledger.entries.extend(known.entries);
                ledger.entries.sort_unstable();
                ledger.entries.dedup();
                Ok(ledger)
            }
            Err(error) => {
                self.with(|memory| memory.forget(key));
                Err(error)
            }
        }
    }

    async fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, L::Error> {
        let known = self.with(|memory| memory.baseline(principal));
        if let Some(known) = known.filter(|known| known.lacks(learned).is_empty()) {
            return Ok(known);
        }
        let baseline = self.inner.learn(principal, learned, who).await?;
        self.with(|memory| memory.remember_baseline(principal, baseline.clone()));
        Ok(baseline)
    }

    async fn keep_day(&self, day: &AccountDay) -> Result<(), L::Error> {
        if self.with(|memory| memory.account_days.contains(day)) {
            return Ok(());
        }
        self.inner.keep_day(day).await?;
        self.with(|memory| memory.remember_day(day));
        Ok(())
    }

    async fn claim(&self, key: &LedgerKey, mark: Mark, now: Timestamp) -> Result<Claim, L::Error> {
        self.inner.claim(key, mark, now).await
    }

    async fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, L::Error> {
        let known = self.with(|memory| memory.admission(budget, Taker::of(key, mark)));
        if let Some(known) = known {
            return Ok(known);
        }
        let admission = self.inner.admit(budget, key, mark).await?;
        if let Admission::Spent(takers) = &admission {
            self.with(|memory| memory.spend(budget, takers.clone()));
        }
        Ok(admission)
    }

    async fn amend(&self, key: &LedgerKey, mark: Mark, record: &Record) -> Result<bool, L::Error> {
        let uid = alert::uid(key, mark.day);
        if self.with(|memory| memory.gists.get(&uid) == Some(&record.gist)) {
            return Ok(false);
        }
        let is_more = self.inner.amend(key, mark, record).await?;
        self.with(|memory| memory.keep(uid, record.gist));
        Ok(is_more)
    }

    async fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> Result<(), L::Error> {
        self.inner.mark(key, mark, record).await?;
        self.with(|memory| {
            if let Some(record) = record {
                memory.keep(alert::uid(key, mark.day), record.gist);
            }
            if let Some((_, ledger)) = memory.sources.get_mut(key) {
                let is_deferred = record.is_some_and(Record::is_deferred);
                if is_deferred { &mut ledger.deferred } else { &mut ledger.marks }.insert(mark);
            }
        });
        Ok(())
    }
}
