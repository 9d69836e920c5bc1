//! One source, network or principal in a deployed table.

use anyhow::bail;
use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::ledger::DynamoLedger;
use callerwatch_detection::ledger::{Bounds, SourceLedger};
use callerwatch_detection::source::LedgerKey;

use super::around::{Others, neighbors};
use super::closeup::Words;
use super::dossier::Dossier;
use super::wanted::Wanted;
use crate::setup::Setup;

/// Reads its ledger and those around it, and from where those call usually who may be new there.
pub(super) fn look(wanted: &Wanted, table: &str, setup: &Setup) -> anyhow::Result<Dossier> {
    let Wanted::One(key) = wanted else {
        bail!(
            "a private address means something in one scope only: give it with the VPC endpoint or \
             account it was seen in, as ADDRESS@SCOPE"
        );
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let read: anyhow::Result<_> = runtime.block_on(async {
        let client = Clients::load().await.dynamodb;
        // Nothing is added, so nothing is written, and how long it would be kept is of no account.
        let ledgers = DynamoLedger::new(client, table, Bounds::of(&setup.policy), 0, 0);
        let own = whole(&ledgers, std::slice::from_ref(key)).await?;
        let ledger = own.into_iter().next().map(|(_, ledger)| ledger).unwrap_or_default();
        let around: Vec<LedgerKey> = neighbors(key, &ledger).into_iter().collect();
        Ok((ledger, whole(&ledgers, &around).await?))
    });
    let (ledger, around) = read?;
    let others = Others::of(key, around, setup);
    let words = Words::of(&ledger.samples);
    Ok(Dossier { others, ..Dossier::of(key.clone(), ledger, None, words, setup) })
}

/// Ledgers with all that they are decided by.
async fn whole(
    ledgers: &DynamoLedger,
    keys: &[LedgerKey],
) -> anyhow::Result<Vec<(LedgerKey, SourceLedger)>> {
    let mut found = ledgers.look(keys).await?;
    for (_, ledger) in &mut found {
        for principal in ledger.newcomers() {
            ledger.baselines.insert(principal, ledgers.baseline(principal).await?);
        }
    }
    Ok(found)
}
