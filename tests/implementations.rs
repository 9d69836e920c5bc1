//! The ledgers that the contract is run on, each asked in one way.

use std::collections::{BTreeMap, BTreeSet};

use callerwatch_adapters::ledger::{DynamoLedger, LedgerError};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::baseline::{Baseline, Who};
use callerwatch_detection::budget::{Admission, Budget};
use callerwatch_detection::history::AccountDay;
use callerwatch_detection::ledger::{
    Batch, Claim, Ledger, Mark, Record, SharedMemoryLedger, SourceLedger, WarmLedger,
};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::{Day, Timestamp};
use callerwatch_tests::emulator::Emulator;

/// What a ledger tells besides, of what nothing is decided on.
pub(crate) trait Facts: Ledger {
    fn who(&self, principals: &[u64]) -> BTreeMap<u64, Who>;
    fn history(&self, cloud: Cloud, account: &str) -> BTreeSet<Day>;
}

impl Facts for SharedMemoryLedger {
    fn who(&self, principals: &[u64]) -> BTreeMap<u64, Who> {
        self.who(principals)
    }

    fn history(&self, cloud: Cloud, account: &str) -> BTreeSet<Day> {
        self.history(cloud, account)
    }
}

impl<L: Facts + Sync> Facts for WarmLedger<L> {
    fn who(&self, principals: &[u64]) -> BTreeMap<u64, Who> {
        self.inner().who(principals)
    }

    fn history(&self, cloud: Cloud, account: &str) -> BTreeSet<Day> {
        self.inner().history(cloud, account)
    }
}

impl Facts for OnRuntime<'_> {
    fn who(&self, principals: &[u64]) -> BTreeMap<u64, Who> {
        self.emulator.block_on(self.ledger.who(principals)).expect("who")
    }

    fn history(&self, cloud: Cloud, account: &str) -> BTreeSet<Day> {
        self.emulator.block_on(self.ledger.history(cloud, account)).expect("a history")
    }
}

/// A ledger whose requests run on the emulator's runtime, whoever asks.
pub(crate) struct OnRuntime<'a> {
    pub(crate) ledger: DynamoLedger,
    pub(crate) emulator: &'a Emulator,
}

impl Ledger for OnRuntime<'_> {
    type Error = LedgerError;

    async fn observe(&self, key: &LedgerKey, batch: &Batch) -> Result<SourceLedger, LedgerError> {
        self.emulator.block_on(self.ledger.observe(key, batch))
    }

    async fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, LedgerError> {
        self.emulator.block_on(self.ledger.learn(principal, learned, who))
    }

    async fn keep_day(&self, day: &AccountDay) -> Result<(), LedgerError> {
        self.emulator.block_on(self.ledger.keep_day(day))
    }

    async fn claim(
        &self,
        key: &LedgerKey,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Claim, LedgerError> {
        self.emulator.block_on(self.ledger.claim(key, mark, now))
    }

    async fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, LedgerError> {
        self.emulator.block_on(self.ledger.admit(budget, key, mark))
    }

    async fn amend(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: &Record,
    ) -> Result<bool, LedgerError> {
        self.emulator.block_on(self.ledger.amend(key, mark, record))
    }

    async fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> Result<(), LedgerError> {
        self.emulator.block_on(self.ledger.mark(key, mark, record))
    }
}
