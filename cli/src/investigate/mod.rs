//! `callerwatch investigate`: all that is known of one source, in logs or in a deployed table.
//!
//! What is known of the address, and the policy to judge by, are those of whoever asks.

mod closeup;
mod dossier;
mod json;
#[cfg(feature = "aws")]
mod stored;
mod text;
mod wanted;

use std::collections::BTreeMap;

use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::source::LedgerKey;

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
    let (sources, closeup, faults) = scan::look(&options.paths, options.threads, &wanted, &setup);
    let mut ledgers: BTreeMap<LedgerKey, SourceLedger> = sources.into_iter().collect();
    for key in closeup.calls.keys() {
        ledgers.entry(key.clone()).or_default();
    }
    if ledgers.is_empty() {
        ledgers.insert(wanted.key(), SourceLedger::default());
    }
    for (key, ledger) in ledgers {
        let calls = closeup.calls.get(&key).cloned().unwrap_or_default();
        let dossier = Dossier::of(key, ledger, Some(calls), closeup.words.clone(), &setup);
        tell(&dossier, options.format, &setup)?;
    }
    scan::tell(&faults)?;
    Ok(if faults.is_empty() { 0 } else { EXIT_FAULT })
}

fn tell(dossier: &Dossier, format: Format, setup: &Setup) -> std::io::Result<()> {
    match format {
        Format::Text => text::text(dossier, setup),
        Format::Json => json::json(dossier, setup),
    }
}
