//! Reading without writing: many ledgers at once, and who those are that they tell of.
//!
//! What is asked before an address is denied.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use callerwatch_detection::baseline::Who;
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::source::LedgerKey;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{DynamoLedger, LedgerError, baseline, item};

/// How many items one request may ask for.
const ASKED_MAX: usize = 100;
/// How many ledgers are read at once.
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
        // One by one: a request for many is cut short at 16 MB, which a few dozen may have.
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
        let distinct: Vec<u64> =
            principals.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut known = BTreeMap::new();
        for asked in distinct.chunks(ASKED_MAX) {
            let unanswered = self.ask_who(asked, &mut known).await?;
            // The SDK asks again where a request fails, and not where a part of it is left over.
            for principal in unanswered {
                let item = self.read_baseline(principal).await?;
                known.extend(baseline::who(&item).map(|who| (principal, who)));
            }
        }
        Ok(known)
    }

    /// Asks of so many as one request may, and answers with those of whom nothing was said.
    async fn ask_who(
        &self,
        asked: &[u64],
        known: &mut BTreeMap<u64, Who>,
    ) -> Result<Vec<u64>, LedgerError> {
        let by_key: BTreeMap<String, u64> =
            asked.iter().map(|it| (baseline::partition_key(*it), *it)).collect();
        let of = |item: &super::Item| {
            item.get("pk").and_then(|pk| pk.as_s().ok()).and_then(|pk| by_key.get(pk)).copied()
        };
        let failed = |error: aws_sdk_dynamodb::Error| {
            let first = asked.first().copied().unwrap_or_default();
            self.baseline_error("reading the baselines, and first that", first, error)
        };
        let keys = asked.iter().map(|it| baseline::key_map(*it)).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build();
        let keys = keys.map_err(|error| failed(error.into()))?;
        let sent = self.client.batch_get_item().request_items(&self.table, keys).send().await;
        let answer = sent.map_err(|error| failed(error.into()))?;
        let items = answer.responses().and_then(|all| all.get(&self.table)).into_iter().flatten();
        known.extend(items.filter_map(|item| Some((of(item)?, baseline::who(item)?))));
        let left = answer.unprocessed_keys().and_then(|all| all.get(&self.table));
        Ok(left.into_iter().flat_map(|left| left.keys()).filter_map(of).collect())
    }
}
