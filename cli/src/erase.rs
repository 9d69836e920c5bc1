//! The `erase` command: a principal is erased from a deployed stack.

use std::io::{self, Write};

use callerwatch_adapters::clients;
use callerwatch_adapters::ledger::{Erased, erase};

use crate::args::EraseOptions;

pub(crate) fn run(options: &EraseOptions) -> anyhow::Result<u8> {
    let EraseOptions { principal, table, dry_run } = options;
    anyhow::ensure!(!principal.trim().is_empty(), "the principal is empty: name one");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let erased = runtime.block_on(async {
        let config = clients::load().await;
        erase(&config, table, principal, *dry_run).await
    })?;
    let Erased { ledgers, entries, samples, alerts, baselines } = erased;
    let mut out = io::stdout();
    let did = if *dry_run { "would erase" } else { "erased" };
    writeln!(
        out,
        "{did} {entries} entries and {samples} samples of {ledgers} sources, {alerts} alerts, and \
         {baselines} baselines"
    )?;
    Ok(0)
}
