//! `callerwatch investigate`: all that is known of one source, network or principal, in logs or in a
//! deployed table.
//!
//! What is known of the address, and the policy to judge by, are those of whoever asks.

mod around;
mod closeup;
mod dossier;
mod json;
#[cfg(feature = "aws")]
mod stored;
mod text;
mod wanted;

use std::collections::BTreeSet;

use callerwatch_detection::source::LedgerKey;

use self::around::{Others, neighbors};
pub(crate) use self::closeup::Closeup;
use self::dossier::Dossier;
pub(crate) use self::wanted::Wanted;
use crate::args::{Format, InvestigateOptions};
use crate::setup::{self, Setup};
use crate::{EXIT_FAULT, scan};

/// Runs the command.
pub(crate) fn run(options: &InvestigateOptions) -> anyhow::Result<u8> {
    let wanted = Wanted::parse(&options.address)?;
    let setup = setup::load(&options.judging)?;
    #[cfg(feature = "aws")]
    if let Some(table) = &options.table {
        tell(&stored::look(&wanted, table, &setup)?, options.format, &setup)?;
        return Ok(0);
    }
    let (ledgers, closeup, summary) = scan::look(&options.paths, options.threads, &wanted, &setup);
    let known = ledgers.keys().filter(|key| wanted.is(key));
    let mut keys: BTreeSet<LedgerKey> = known.chain(closeup.calls.keys()).cloned().collect();
    if keys.is_empty() {
        keys.insert(wanted.key());
    }
    for key in keys {
        let ledger = ledgers.get(&key).cloned().unwrap_or_default();
        let calls = closeup.calls.get(&key).cloned().unwrap_or_default();
        let around = neighbors(&key, &ledger).into_iter();
        let around = around.filter_map(|it| ledgers.get(&it).map(|ledger| (it, ledger.clone())));
        let others = Others::of(&key, around, &setup);
        let dossier = Dossier::of(key, ledger, Some(calls), closeup.words.clone(), &setup);
        tell(&Dossier { others, ..dossier }, options.format, &setup)?;
    }
    scan::tell(&summary)?;
    Ok(if summary.faults.is_empty() { 0 } else { EXIT_FAULT })
}

fn tell(dossier: &Dossier, format: Format, setup: &Setup) -> std::io::Result<()> {
    match format {
        Format::Text => text::text(dossier, setup),
        Format::Json => json::json(dossier, setup),
    }
}
