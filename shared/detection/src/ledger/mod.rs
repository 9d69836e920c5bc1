//! The ledger: a source's evidence, as a set that only grows.
//!
//! Every feed delivers at least once, late and in any order. Adding to a set makes a repeat change
//! nothing and order irrelevant, so every write is idempotent and commutes with every other, with no
//! transaction and no marker. A ledger is bounded ([`Bounds`]) in a way that neither a flood of one
//! kind nor of one account can hide another.
//!
//! [`Ledger`] is the port. [`MemoryLedger`] is its executable specification and what a scan uses.
//! [`WarmLedger`] spares another the writes that would add nothing.

mod alerting;
mod bounds;
mod flood;
mod memory;
mod publication;
mod warm;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

pub use bounds::Bounds;
pub use memory::{MemoryLedger, SharedMemoryLedger};
pub use publication::{Claim, LEASE_SECS, Mark, Record, Told};
pub use warm::WarmLedger;

use crate::baseline::{Baseline, Who};
use crate::budget::{Admission, Budget};
use crate::evidence::{Entry, Kind};
use crate::history::AccountDay;
use crate::sample::{self, Sample};
use crate::source::LedgerKey;
use crate::timestamp::Timestamp;

/// Everything kept of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLedger {
    /// The evidence. A set; repeats are allowed here and mean nothing.
    pub entries: Vec<Entry>,
    /// The best samples of each day.
    pub samples: Vec<Sample>,
    /// What was announced by itself, or with the day before.
    pub marks: BTreeSet<Mark>,
    /// What was left to a digest: nobody was told of it alone.
    pub deferred: BTreeSet<Mark>,
    /// What is known of those of its principals whose calls may be the first from somewhere. Kept
    /// elsewhere, and put here to be decided on.
    pub baselines: BTreeMap<u64, Baseline>,
    /// Whether evidence may be missing, since there was more than its bounds keep: counts are then
    /// "at least".
    pub is_full: bool,
}

impl SourceLedger {
    /// The principals whose calls may be the first from somewhere: those whose baselines are to be
    /// put here before deciding.
    pub fn newcomers(&self) -> BTreeSet<u64> {
        let new = self.entries.iter().filter(|entry| entry.kind() == Kind::Origin);
        new.filter_map(Entry::principal).collect()
    }

    /// Adds all of another. What was there already changes nothing.
    pub fn unite(&mut self, other: Self) {
        if self.entries.is_empty() {
            self.entries = other.entries;
        } else {
            self.entries.extend(other.entries);
        }
        if self.samples.is_empty() {
            self.samples = other.samples;
        } else if !other.samples.is_empty() {
            self.samples.extend(other.samples);
            sample::keep_best(&mut self.samples);
        }
        self.marks.extend(other.marks);
        self.deferred.extend(other.deferred);
        for (principal, baseline) in other.baselines {
            self.baselines.entry(principal).or_default().unite(&baseline);
        }
        self.is_full |= other.is_full;
    }
}

/// Evidence of one source to be added at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The evidence.
    pub entries: Vec<Entry>,
    /// Samples of it.
    pub samples: Vec<Sample>,
}

/// Where ledgers and baselines are kept, and what was announced.
///
/// All of it may be called again, in any order and by several at once, with the same result.
pub trait Ledger {
    /// What can go wrong with the world.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Adds evidence to the ledger of a source and answers with the whole of it.
    fn observe(
        &self,
        key: &LedgerKey,
        batch: &Batch,
    ) -> impl Future<Output = Result<SourceLedger, Self::Error>> + Send;

    /// Adds to the baseline of a principal and answers with the whole of it. Nothing is written
    /// where nothing is new. Who it is is kept with it, as it was said first: nothing depends on it.
    fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> impl Future<Output = Result<Baseline, Self::Error>> + Send;

    /// Adds to the history of an account, of which the newest [`DAYS`](crate::history::DAYS) are
    /// kept.
    fn keep_day(&self, day: &AccountDay) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Claims the right to announce `mark`, until the lease ends.
    fn claim(
        &self,
        key: &LedgerKey,
        mark: Mark,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, Self::Error>> + Send;

    /// Takes an announcement of a budget for `mark`: the same one, however often it is asked for.
    fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> impl Future<Output = Result<Admission, Self::Error>> + Send;

    /// Keeps what is known of an alert that was announced before, or is suppressed, and announces
    /// nothing. Whether that is more than was known here.
    fn amend(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Says that `mark` was announced or left to a digest, and in which words.
    fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl<L: Ledger + Sync> Ledger for &L {
    type Error = L::Error;

    async fn observe(&self, key: &LedgerKey, batch: &Batch) -> Result<SourceLedger, L::Error> {
        (**self).observe(key, batch).await
    }

    async fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, L::Error> {
        (**self).learn(principal, learned, who).await
    }

    async fn keep_day(&self, day: &AccountDay) -> Result<(), L::Error> {
        (**self).keep_day(day).await
    }

    async fn claim(&self, key: &LedgerKey, mark: Mark, now: Timestamp) -> Result<Claim, L::Error> {
        (**self).claim(key, mark, now).await
    }

    async fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, L::Error> {
        (**self).admit(budget, key, mark).await
    }

    async fn amend(&self, key: &LedgerKey, mark: Mark, record: &Record) -> Result<bool, L::Error> {
        (**self).amend(key, mark, record).await
    }

    async fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> Result<(), L::Error> {
        (**self).mark(key, mark, record).await
    }
}
