//! Reading without writing: many ledgers at once, and who those are that they tell of.
//!
//! What is asked before an address is denied. Promises that what is answered is all that is there:
//! one request an item, since one for many is cut short where there is much, and fails in parts.

use std::collections::{BTreeMap, BTreeSet};

use callerwatch_detection::baseline::Who;
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::source::LedgerKey;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{DynamoLedger, LedgerError, baseline, item};

/// How many items are read at once.
const AT_ONCE: usize = 16;

impl DynamoLedger {
    /// Ledgers as they are now, in any order; empty ones of what is not there.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn look(
        &self,
        keys: &[LedgerKey],
    ) -> Result<Vec<(LedgerKey, SourceLedger)>, LedgerError> {
        let asked = keys.iter().map(|key| async move { Ok((key.clone(), self.whole(key).await?)) });
        stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// A ledger as it is now.
    pub(super) async fn whole(&self, key: &LedgerKey) -> Result<SourceLedger, LedgerError> {
        let mut whole = item::decode(&self.read(key).await?);
        whole.is_full = self.bounds.is_full(&whole.entries);
        Ok(whole)
    }

    /// Who principals are, by fingerprint; without those of whom that is not known. It is known of
    /// those that have a baseline: none has who was met only while `new-origin` was off, or while
    /// there was no database of countries or networks.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn who(&self, principals: &[u64]) -> Result<BTreeMap<u64, Who>, LedgerError> {
        let distinct: BTreeSet<u64> = principals.iter().copied().collect();
        let asked = distinct.into_iter().map(|principal| async move {
            let item = self.read_baseline(principal).await?;
            Ok(baseline::who(&item).map(|who| (principal, who)))
        });
        let known: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(known.into_iter().flatten().collect())
    }
}
