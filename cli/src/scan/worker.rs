//! A worker: takes the next input, reads it, keeps its evidence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_sources::{Buffers, Event, Extent, ReadError, Reading, Why};

use super::progress::Progress;
use super::{Input, Summary};
use crate::setup::Setup;

/// Reads inputs until none is left.
pub(super) fn work(
    inputs: &[Input],
    next: &AtomicUsize,
    setup: &Setup,
    progress: &Progress,
) -> (MemoryLedger, Summary) {
    let mut worker = Worker {
        setup,
        observer: Observer::default(),
        ledger: MemoryLedger::default(),
        summary: Summary::default(),
        buffers: Buffers::new(),
    };
    while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
        worker.take(input, progress);
    }
    (worker.ledger, worker.summary)
}

struct Worker<'a> {
    setup: &'a Setup,
    observer: Observer,
    ledger: MemoryLedger,
    summary: Summary,
    buffers: Buffers,
}

impl Worker<'_> {
    fn take(&mut self, input: &Input, progress: &Progress) {
        let path = input.path.display().to_string();
        self.summary.files += 1;
        // A panic while reading is the input's fault too, and must not cost the others.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.read(input, &path, progress)));
        let fault = match outcome {
            Ok(Ok(extent)) => {
                self.summary.text_bytes += extent.text_bytes;
                None
            }
            Ok(Err(ReadError::NotJson)) if !input.is_meant => {
                self.summary.passed_over.push(path.clone());
                None
            }
            Ok(Err(error)) => Some(describe(&error)),
            Err(_) => {
                self.buffers = Buffers::new();
                Some("reading it failed unexpectedly; please report this".to_owned())
            }
        };
        let broken = self.broken_records(&path);
        let faults = fault.into_iter().chain(broken);
        self.summary.faults.extend(faults.map(|why| format!("{path}: not wholly read: {why}")));
    }

    fn read(&mut self, input: &Input, path: &str, progress: &Progress) -> Result<Extent, ReadError> {
        let Self { setup, observer, ledger, summary, buffers } = self;
        let mut bytes = progress.watch(input.open()?);
        callerwatch_sources::read(&mut bytes, buffers, &mut |event| match event {
            Event::Reading(Reading::Activity(activity)) => {
                summary.count(&activity);
                // A scan has no now: logs are read when they are read.
                let observation =
                    observer.observe(&activity, &setup.intelligence, &setup.policy, None);
                if let Some(observation) = observation {
                    ledger.add(observation);
                }
            }
            Event::Reading(Reading::NotACall { what, .. }) => {
                *summary.not_calls.entry(what).or_default() += 1;
            }
            Event::Rejected(rejected) => summary.reject(path, rejected),
        })
    }

    /// Records that could not be parsed are input that was not read. Records of unknown logs were.
    fn broken_records(&self, path: &str) -> Option<String> {
        let of_path = self.summary.rejected.iter().filter(|((why, its_path), _)| {
            its_path == path && *why != Why::UnknownRecord
        });
        let parts: Vec<String> = of_path
            .map(|((why, _), it)| match it.count {
                1 => format!("a record at byte {} is {why}", it.first_at),
                count => format!("{count} records are {why}, the first at byte {}", it.first_at),
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

fn describe(error: &ReadError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
