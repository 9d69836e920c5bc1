//! What was read: the figures above the findings.

use std::collections::BTreeMap;

use callerwatch_detection::activity::{ApiActivity, Cloud};
use callerwatch_detection::source::Source;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_sources::Why;

/// What was read. Counts are of records as delivered, repeats included.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Inputs looked at.
    pub(crate) files: usize,
    /// Bytes of text in them.
    pub(crate) text_bytes: u64,
    /// Calls, by cloud.
    pub(crate) calls: BTreeMap<Cloud, u64>,
    /// Records that are no calls, by what they are.
    pub(crate) not_calls: BTreeMap<&'static str, u64>,
    /// Calls by where they came from.
    pub(crate) sources: Sources,
    /// Calls without a readable time, which can be evidence of nothing.
    pub(crate) without_time: u64,
    /// First and last time of a call.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// Rejected records, by reason and file.
    pub(crate) rejected: BTreeMap<(Why, String), Count>,
    /// Files met in a folder that hold no log.
    pub(crate) passed_over: Vec<String>,
    /// What was not wholly read, and why. Paths are safe to print here and above.
    pub(crate) faults: Vec<String>,
}

/// Calls by where they came from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) public: u64,
    pub(crate) private: u64,
    pub(crate) service: u64,
    pub(crate) unrecognized: u64,
    pub(crate) absent: u64,
}

/// How many, and where the first is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) count: u64,
    pub(crate) first_at: u64,
}

impl Summary {
    /// Counts a call.
    pub(super) fn count(&mut self, activity: &ApiActivity<'_>) {
        *self.calls.entry(activity.cloud).or_default() += 1;
        let sources = &mut self.sources;
        *match activity.source {
            Source::Public(_) => &mut sources.public,
            Source::Private { .. } => &mut sources.private,
            Source::Service(_) => &mut sources.service,
            Source::Unrecognized(_) => &mut sources.unrecognized,
            Source::Absent => &mut sources.absent,
        } += 1;
        match activity.time {
            Some(time) => self.span = Some(widened(self.span, (time, time))),
            None => self.without_time += 1,
        }
    }

    /// How many records were rejected.
    pub(crate) fn rejected_count(&self) -> u64 {
        self.rejected.values().map(|count| count.count).sum()
    }

    /// Adds what another worker read.
    pub(super) fn unite(&mut self, other: Self) {
        self.files += other.files;
        self.text_bytes += other.text_bytes;
        self.without_time += other.without_time;
        for (cloud, count) in other.calls {
            *self.calls.entry(cloud).or_default() += count;
        }
        for (what, count) in other.not_calls {
            *self.not_calls.entry(what).or_default() += count;
        }
        self.sources.public += other.sources.public;
        self.sources.private += other.sources.private;
        self.sources.service += other.sources.service;
        self.sources.unrecognized += other.sources.unrecognized;
        self.sources.absent += other.sources.absent;
        if let Some(span) = other.span {
            self.span = Some(widened(self.span, span));
        }
        // A file is read by one worker, so no key is in both.
        self.rejected.extend(other.rejected);
        self.passed_over.extend(other.passed_over);
        self.passed_over.sort();
        self.faults.extend(other.faults);
    }
}

fn widened(
    span: Option<(Timestamp, Timestamp)>,
    (first, last): (Timestamp, Timestamp),
) -> (Timestamp, Timestamp) {
    span.map_or((first, last), |(from, to)| (from.min(first), to.max(last)))
}
