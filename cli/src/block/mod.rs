//! `callerwatch block`: what a deployed stack denies, for whoever looks after it.
//!
//! Promises that the same guards judge as in the function, that all who change anything do it one
//! after another, and that what was changed is in the audit trail and told.

mod add;
mod deployment;
mod explain;
mod facts;
mod list;
mod prospect;
mod remove;

use std::io::{self, Write};

use anyhow::bail;
use callerwatch_adapters::clock;
use callerwatch_response::{Change, Converged, Mode};
use ipnet::IpNet;

use self::deployment::Deployment;
use crate::EXIT_FAULT;
use crate::args::BlockCommand;
use crate::report::{brief, plain};

/// Longer is no reason but a report.
const REASON_MAX_CHARS: usize = 200;

/// Runs one of the commands.
pub(crate) fn run(command: &BlockCommand) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            BlockCommand::List { table, format } => {
                list::list(&Deployment::open(table).await?, *format).await
            }
            BlockCommand::Explain(options) => explain::explain(options).await,
            BlockCommand::Add(options) => {
                let reason = options.reason.trim();
                if reason.is_empty() || reason.chars().count() > REASON_MAX_CHARS {
                    bail!("the reason must have 1 to {REASON_MAX_CHARS} characters");
                }
                add::add(&Deployment::open(&options.table).await?, options, reason).await
            }
            BlockCommand::Remove { address, table } => {
                remove::remove(&Deployment::open(table).await?, address).await
            }
            BlockCommand::Rollback { table, yes } => {
                remove::rollback(&Deployment::open(table).await?, *yes).await
            }
        }
    })
}

/// One IPv4 address without the length of its prefix.
fn shown(network: &IpNet) -> String {
    match network {
        IpNet::V4(one) if one.prefix_len() == 32 => one.addr().to_string(),
        other => other.to_string(),
    }
}

/// `203.0.113.7 denied in policy arn:…: a reason`.
fn told(change: &Change) -> String {
    let network = change.network.as_ref().map(|it| format!("{} ", shown(it))).unwrap_or_default();
    let target = change.target.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
    format!("{network}{}{}: {}", change.what, plain(&target), brief(&change.why))
}

/// Says what became of a change, and whether it was announced; answers with the exit status.
fn finish(
    extended: Vec<Change>,
    converged: &Converged,
    mode: Mode,
    announced: anyhow::Result<()>,
) -> anyhow::Result<u8> {
    let mut changes = extended;
    changes.extend(converged.changes.iter().cloned());
    let mut out = io::stdout();
    if mode == Mode::DryRun {
        writeln!(out, "a dry run: nothing was changed; it would be:")?;
    }
    for change in &changes {
        writeln!(out, "{}", told(change))?;
    }
    for (target, why) in converged.failed.iter().chain(&converged.unmended) {
        writeln!(io::stderr(), "callerwatch: {}: {}", plain(&target.to_string()), plain(why))?;
    }
    announced?;
    Ok(if converged.failed.is_empty() { 0 } else { EXIT_FAULT })
}

/// The present, by which one command judges all.
fn now() -> callerwatch_detection::timestamp::Timestamp {
    clock::now()
}
