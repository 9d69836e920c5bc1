//! One source in a deployed table.

use anyhow::bail;
use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::ledger::DynamoLedger;
use callerwatch_detection::ledger::Bounds;

use super::closeup::Words;
use super::dossier::Dossier;
use super::wanted::Wanted;
use crate::setup::Setup;

/// Reads its ledger, and from where those call usually who may be new there.
pub(super) fn look(wanted: &Wanted, table: &str, setup: &Setup) -> anyhow::Result<Dossier> {
    let Wanted::One(key) = wanted else {
        bail!(
            "a private address means something in one scope only: give it with the VPC endpoint or \
             account it was seen in, as ADDRESS@SCOPE"
        );
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ledger: anyhow::Result<_> = runtime.block_on(async {
        let client = Clients::load().await.dynamodb;
        // Nothing is added, so nothing is written, and how long it would be kept is of no account.
        let ledgers = DynamoLedger::new(client, table, Bounds::of(&setup.policy), 0, 0);
        let found = ledgers.look(std::slice::from_ref(key)).await?;
        let mut ledger = found.into_iter().next().map(|(_, ledger)| ledger).unwrap_or_default();
        for principal in ledger.newcomers() {
            ledger.baselines.insert(principal, ledgers.baseline(principal).await?);
        }
        Ok(ledger)
    });
    let ledger = ledger?;
    let words = Words::of(&ledger.samples);
    Ok(Dossier::of(key.clone(), ledger, None, words, setup))
}
