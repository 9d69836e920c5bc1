//! A worker: takes the next input, reads it, keeps its evidence.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_sources::{Buffers, Event, Extent, ReadError, Reading, Rejected, Why};

use super::progress::Progress;
use super::queue::Queue;
use super::summary::Count;
use super::{Input, Summary};
use crate::investigate::{Closeup, Wanted};
use crate::report::shown;
use crate::setup::Setup;

/// Reads inputs until none is left.
pub(super) fn work(
    queue: &Queue<'_, Result<Input, String>>,
    setup: &Setup,
    wanted: Option<&Wanted>,
    progress: &Progress,
) -> Part {
    let Some(first) = queue.next() else { return Part::default() };
    let mut worker = Worker {
        setup,
        observer: Observer::default(),
        ledger: MemoryLedger::of_scan(&setup.policy),
        summary: Summary::default(),
        closeup: wanted.map(|wanted| Closeup::of(wanted.clone())),
        buffers: Buffers::new(),
    };
    let mut next = Some(first);
    while let Some(input) = next {
        match input {
            Ok(input) => worker.take(&input, progress),
            Err(fault) => worker.summary.faults.push(fault),
        }
        next = queue.next();
    }
    let Worker { ledger, summary, closeup, .. } = worker;
    Part { ledger, summary, closeup }
}

/// What one worker kept.
#[derive(Default)]
pub(super) struct Part {
    pub(super) ledger: MemoryLedger,
    pub(super) summary: Summary,
    pub(super) closeup: Option<Closeup>,
}

struct Worker<'a> {
    setup: &'a Setup,
    observer: Observer,
    ledger: MemoryLedger,
    summary: Summary,
    /// Of what is looked at, where it is one.
    closeup: Option<Closeup>,
    buffers: Buffers,
}

/// What came of one input.
#[derive(Default)]
struct Outcome {
    records: u64,
    rejected: BTreeMap<Why, Count>,
}

impl Worker<'_> {
    fn take(&mut self, input: &Input, progress: &Progress) {
        let mut outcome = Outcome::default();
        // A panic while reading is the input's fault too, and must not cost the others.
        let result = catch_unwind(AssertUnwindSafe(|| self.read(input, progress, &mut outcome)));
        let fault = match result {
            Ok(result) if !input.is_meant && is_no_log(&result, &outcome) => {
                self.summary.passed_over.push(shown(&input.path));
                return;
            }
            Ok(Ok(extent)) => {
                self.summary.text_bytes += extent.text_bytes;
                None
            }
            Ok(Err(error)) => Some(describe(&error)),
            Err(_) => {
                self.buffers = Buffers::new();
                Some("reading it failed unexpectedly; please report this".to_owned())
            }
        };
        self.summary.files += 1;
        if fault.is_none() && outcome.rejected.is_empty() {
            return;
        }
        let path = shown(&input.path);
        let broken = broken_records(&outcome.rejected);
        let faults = fault.into_iter().chain(broken);
        self.summary.faults.extend(faults.map(|why| format!("{path}: not wholly read: {why}")));
        let rejected = outcome.rejected.into_iter();
        self.summary.rejected.extend(rejected.map(|(why, count)| ((why, path.clone()), count)));
    }

    fn read(
        &mut self,
        input: &Input,
        progress: &Progress,
        outcome: &mut Outcome,
    ) -> Result<Extent, ReadError> {
        let Self { setup, observer, ledger, summary, closeup, buffers } = self;
        let mut bytes = progress.watch(input.open()?);
        callerwatch_sources::read(&mut bytes, buffers, &mut |event| match event {
            Event::Reading(Reading::Activity(activity)) => {
                outcome.records += 1;
                summary.count(activity);
                if let Some(closeup) = closeup {
                    closeup.take(activity);
                }
                // A scan has no now: logs are read when they are read.
                let observations =
                    observer.observe(activity, &setup.intelligence, &setup.policy, None);
                for observation in observations {
                    ledger.add(observation);
                }
            }
            Event::Reading(Reading::NotACall { what, .. }) => {
                outcome.records += 1;
                *summary.not_calls.entry(*what).or_default() += 1;
            }
            Event::Rejected(Rejected { why, at }) => {
                let slot = outcome.rejected.entry(why);
                slot.or_insert(Count { count: 0, first_at: at }).count += 1;
            }
        })
    }
}

/// Whether an input is text with not one record in it, and so may simply be something else than a
/// log.
fn is_no_log(result: &Result<Extent, ReadError>, outcome: &Outcome) -> bool {
    outcome.records == 0
        && match result {
            Ok(_) => outcome.rejected.contains_key(&Why::NotJson),
            Err(error) => matches!(error, ReadError::NotJson | ReadError::Truncated { .. }),
        }
}

/// Records that could not be parsed are input that was not read. Records of unknown logs were.
fn broken_records(rejected: &BTreeMap<Why, Count>) -> Option<String> {
    let broken = rejected.iter().filter(|(why, _)| **why != Why::UnknownRecord);
    let parts: Vec<String> = broken
        .map(|(why, it)| match it.count {
            1 => format!("a record at byte {} is {why}", it.first_at),
            count => format!("{count} records are {why}, the first at byte {}", it.first_at),
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn describe(error: &ReadError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
