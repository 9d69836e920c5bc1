//! `callerwatch scan`: files in, alerts out.
//!
//! Workers read inputs side by side, as a walk of the folders meets them, each with an observer and a
//! ledger of its own. Ledgers are sets that only grow, so uniting them at the end gives what one
//! worker would have: neither the order of files nor the number of threads changes a byte of the
//! findings.

mod inputs;
mod progress;
mod queue;
mod summary;
mod worker;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;

pub(crate) use self::inputs::Input;
use self::inputs::Named;
use self::progress::Progress;
use self::queue::Queue;
pub(crate) use self::summary::Summary;
use self::worker::Part;
use crate::args::{Format, ScanOptions};
use crate::investigate::{Closeup, Wanted};
use crate::report::{self, Survey};
use crate::setup::{self, Setup};
use crate::{EXIT_FAULT, is_closed_pipe};

/// Runs the command; the exit status, or why nothing could be scanned.
pub(crate) fn run(options: &ScanOptions) -> anyhow::Result<u8> {
    let setup = setup::load(&options.judging)?;
    let threads = options.threads;
    let Part { ledger, summary, .. } = read(&options.paths, threads, None, &setup);
    let (alerts, reported) = match &options.report {
        None => (decide_all(ledger.into_sources(), threads, &setup), Ok(())),
        Some(file) => {
            let mut sources: Vec<_> = ledger.into_sources().collect();
            let mut survey = Survey::of(&mut sources, &setup.intelligence);
            let alerts = decide_all(sources.into_iter(), threads, &setup);
            survey.add(&alerts);
            // Its failure is told last: the alerts are printed all the same.
            let reported = report::html(file, &summary, &alerts, &survey, &setup);
            (alerts, reported)
        }
    };
    let printed = match options.format {
        Format::Text => report::text(&summary, &alerts, &setup),
        Format::Json => report::json(&alerts),
    };
    // Whoever has read enough of it has not read the exit status.
    let printed = printed.map_err(anyhow::Error::from).or_else(unless_closed);
    tell(&summary).map_err(anyhow::Error::from).or_else(unless_closed)?;
    printed?;
    reported?;
    Ok(status(&summary, &alerts, options.fail_on))
}

/// Reads all inputs: all ledgers, the calls of whom is wanted, and what was read.
///
/// No ledger stands alone: a network's and a principal's hold calls of a source too, and whether a
/// call comes from a new place is told by those that its principal made elsewhere.
pub(crate) fn look(
    paths: &[PathBuf],
    threads: Option<NonZeroUsize>,
    wanted: &Wanted,
    setup: &Setup,
) -> (BTreeMap<LedgerKey, SourceLedger>, Closeup, Summary) {
    let Part { ledger, summary, closeup } = read(paths, threads, Some(wanted), setup);
    let sources = ledger.into_sources().collect();
    let closeup = closeup.unwrap_or_else(|| Closeup::of(wanted.clone()));
    (sources, closeup, summary)
}

/// Reads all inputs, with as many workers as [`workers`] says.
fn read(
    paths: &[PathBuf],
    threads: Option<NonZeroUsize>,
    wanted: Option<&Wanted>,
    setup: &Setup,
) -> Part {
    let named = Named::of(paths);
    let threads = workers(threads);
    let threads = named.count().map_or(threads, |count| threads.min(count.max(1)));
    let progress = Progress::new();
    let queue = Queue::new(named.inputs());
    let work = || worker::work(&queue, setup, wanted, &progress);
    let parts = thread::scope(|scope| {
        if progress.is_shown() {
            scope.spawn(|| progress.expect(named.inputs().filter_map(Result::ok)));
        }
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|_| lost()));
        let parts: Vec<Part> = std::iter::once(own).chain(others).collect();
        progress.finish();
        parts
    });
    let mut whole = Part::default();
    for part in parts {
        whole.ledger.unite(part.ledger);
        whole.summary.unite(part.summary);
        match (&mut whole.closeup, part.closeup) {
            (Some(own), Some(other)) => own.unite(other),
            (own @ None, other) => *own = other,
            _ => {}
        }
    }
    whole.summary.faults.extend(setup.faults.iter().cloned());
    whole.summary.faults.sort();
    whole
}

/// What is left of a worker that died: that it did.
fn lost() -> Part {
    let fault = "a worker failed unexpectedly, and what it read is lost; please report this";
    let summary = Summary { faults: vec![fault.to_owned()], ..Summary::default() };
    Part { summary, ..Part::default() }
}

/// So many workers as were asked for, or as there are cores.
fn workers(threads: Option<NonZeroUsize>) -> usize {
    let threads = threads.map_or_else(thread::available_parallelism, Ok);
    threads.map_or(1, NonZeroUsize::get)
}

/// All alerts, the highest score first. Workers decide side by side, each on a few at a time: no
/// ledger needs another.
fn decide_all(
    sources: impl Iterator<Item = (LedgerKey, SourceLedger)> + Send,
    threads: Option<NonZeroUsize>,
    setup: &Setup,
) -> Vec<Alert> {
    let queue = Queue::new(sources);
    let decided = |(key, ledger)| decide(&key, ledger, &setup.intelligence, &setup.policy);
    let work = || {
        let few = std::iter::repeat_with(|| queue.few()).take_while(|few| !few.is_empty());
        few.flatten().flat_map(decided).collect::<Vec<Alert>>()
    };
    let mut alerts = thread::scope(|scope| {
        let others: Vec<_> = (1..workers(threads)).map(|_| scope.spawn(work)).collect();
        let mut alerts = work();
        for other in others {
            alerts.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        alerts
    });
    alerts.sort_by(|a, b| (b.score, a.day, &a.key).cmp(&(a.score, b.day, &b.key)));
    alerts
}

fn unless_closed(error: anyhow::Error) -> anyhow::Result<()> {
    if is_closed_pipe(&error) { Ok(()) } else { Err(error) }
}

/// What was not wholly read, to whoever watches; and that nothing was there to read, since nothing
/// found in nothing is no good news.
pub(crate) fn tell(summary: &Summary) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    for fault in &summary.faults {
        writeln!(stderr, "callerwatch: {fault}")?;
    }
    if summary.faults.is_empty() && summary.calls.is_empty() {
        let files = summary.files;
        let noun = if files == 1 { "file" } else { "files" };
        writeln!(stderr, "callerwatch: not one call was found, in {files} {noun}")?;
    }
    Ok(())
}

fn status(summary: &Summary, alerts: &[Alert], fail_on: Option<Severity>) -> u8 {
    let counts = |alert: &Alert, least| !alert.is_suppressed() && alert.severity >= least;
    let is_met = fail_on.is_some_and(|least| alerts.iter().any(|alert| counts(alert, least)));
    match (summary.faults.is_empty(), is_met) {
        (false, _) => EXIT_FAULT,
        (true, true) => 1,
        (true, false) => 0,
    }
}
