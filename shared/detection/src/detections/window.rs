//! Sliding windows over event time, and what detections of failures share.

use std::collections::HashMap;
use std::hash::Hash;

use crate::activity::Cloud;
use crate::evidence::Entry;
use crate::score::Severity;
use crate::timestamp::{Day, Timestamp};
use crate::view::{Selection, View};

/// The windows of one day that reached their threshold.
#[derive(Clone, Debug)]
pub(super) struct Completed {
    /// The day in which they were completed.
    pub(super) day: Day,
    /// From the earliest call of a window to its completion; windows that overlap are one.
    runs: Vec<(Timestamp, Timestamp)>,
    /// All calls in them.
    pub(super) selection: Selection,
}

impl Completed {
    /// When the first of the windows began.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.runs.first().map(|(began, _)| *began)
    }

    /// Whether `time` lies in one of the windows or at most `secs` after its completion.
    pub(super) fn reaches(&self, time: Timestamp, secs: i64) -> bool {
        let at = self.runs.partition_point(|(began, _)| *began <= time);
        let last = at.checked_sub(1).and_then(|at| self.runs.get(at));
        last.is_some_and(|(_, completed)| time <= completed.plus_secs(secs))
    }
}

/// Slides a window of `secs` seconds over those calls, in order of time, that `is_of` the kind looked
/// for. A window ends at a call and is completed when `is_complete` says so of what it holds; by day
/// of its end.
///
/// More calls never undo a completion, as long as `is_complete` never does: findings only grow.
pub(super) fn slide<C: Tally>(
    calls: &[Entry],
    is_of: impl Fn(usize, &Entry) -> bool,
    secs: i64,
    mut tally: C,
    is_complete: impl Fn(&C) -> bool,
) -> Vec<Completed> {
    let mut days: Vec<Completed> = Vec::new();
    let (mut oldest, mut selected_to) = (0, 0);
    for (place, call) in calls.iter().enumerate().filter(|(place, call)| is_of(*place, call)) {
        tally.enter(call);
        let since = call.time().plus_secs(-secs);
        // On to the first call of the window that is one of these.
        while let Some(old) = calls.get(oldest)
            && (old.time() < since || !is_of(oldest, old))
        {
            if is_of(oldest, old) {
                tally.leave(old);
            }
            oldest += 1;
        }
        if !is_complete(&tally) {
            continue;
        }
        let day = call.time().day();
        if days.last().is_none_or(|last| last.day != day) {
            selected_to = 0;
            days.push(Completed { day, runs: Vec::new(), selection: Selection::default() });
        }
        let Some(completed) = days.last_mut() else { continue };
        let began = calls.get(oldest).map_or(since, Entry::time);
        match completed.runs.last_mut() {
            Some((_, end)) if began <= *end => *end = call.time(),
            _ => completed.runs.push((began, call.time())),
        }
        for place in oldest.max(selected_to)..=place {
            if calls.get(place).is_some_and(|call| is_of(place, call)) {
                completed.selection.insert(place);
            }
        }
        selected_to = place + 1;
    }
    days
}

/// What a window holds, kept up as calls enter and leave.
pub(super) trait Tally {
    /// A call enters the window.
    fn enter(&mut self, call: &Entry);
    /// A call leaves it.
    fn leave(&mut self, call: &Entry);
}

/// How many calls.
#[derive(Debug, Default)]
pub(super) struct Calls(pub(super) usize);

impl Tally for Calls {
    fn enter(&mut self, _: &Entry) {
        self.0 += 1;
    }
    fn leave(&mut self, _: &Entry) {
        self.0 -= 1;
    }
}

/// How many distinct values of something that a call may have.
pub(super) struct Distinct<T, F> {
    of: F,
    counts: HashMap<T, usize>,
}

impl<T: Eq + Hash, F: Fn(&Entry) -> Option<T>> Distinct<T, F> {
    pub(super) fn new(of: F) -> Self {
        Self { of, counts: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}

impl<T: Eq + Hash, F: Fn(&Entry) -> Option<T>> Tally for Distinct<T, F> {
    fn enter(&mut self, call: &Entry) {
        if let Some(value) = (self.of)(call) {
            *self.counts.entry(value).or_default() += 1;
        }
    }
    fn leave(&mut self, call: &Entry) {
        if let Some(value) = (self.of)(call)
            && let Some(count) = self.counts.get_mut(&value)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&value);
            }
        }
    }
}

impl<A: Tally, B: Tally> Tally for (A, B) {
    fn enter(&mut self, call: &Entry) {
        self.0.enter(call);
        self.1.enter(call);
    }
    fn leave(&mut self, call: &Entry) {
        self.0.leave(call);
        self.1.leave(call);
    }
}

/// How many of the accounts active at a source only failed there: what tells an attacker from an
/// office behind one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Accounts that failed in the windows and never succeeded that day or the day before.
    pub(super) only_failed: usize,
    /// Those, and every account that succeeded.
    pub(super) accounts: usize,
}

impl Share {
    /// Of the failures selected, on their day, among the accounts of the same clouds. Failures whose
    /// account the cloud hides count as one account more that only failed. Accounts that failed
    /// first and succeeded afterwards count on neither side: they may have mistyped, or have been
    /// guessed.
    pub(super) fn of(view: &View<'_>, selection: &Selection, day: Day) -> Self {
        Self::counting(view, selection, day, |_, _, _| false)
    }

    /// The same, where an account that failed first and succeeded afterwards counts as one that only
    /// failed if `is_guessed` says so of the account, the times of its failures and that of its
    /// first success: what an attacker achieves makes its attack no smaller.
    pub(super) fn counting(
        view: &View<'_>,
        selection: &Selection,
        day: Day,
        is_guessed: impl Fn(u64, &[Timestamp], Timestamp) -> bool,
    ) -> Self {
        let mut failing: HashMap<Option<u64>, Vec<Timestamp>> = HashMap::new();
        let mut clouds: Vec<Cloud> = Vec::new();
        for call in selection.of(&view.calls) {
            failing.entry(call.principal()).or_default().push(call.time());
            if !clouds.contains(&call.cloud()) {
                clouds.push(call.cloud());
            }
        }
        let (mut only_failed, mut failed_first) = (0, 0);
        for (principal, failures) in failing {
            let success = principal.and_then(|it| Some((it, view.first_healthy(it, day)?)));
            match (success, failures.first()) {
                (Some((principal, success)), Some(first)) if success >= *first => {
                    failed_first += 1;
                    only_failed += usize::from(is_guessed(principal, &failures, success));
                }
                (Some(_), _) => {}
                (None, _) => only_failed += 1,
            }
        }
        let healthy = view.healthy(day, &clouds).count().saturating_sub(failed_first);
        Self { only_failed, accounts: only_failed + healthy }
    }

    /// Low while under half of the accounts only failed, High from 80%.
    pub(super) fn severity(self) -> Severity {
        if self.only_failed == 0 || self.only_failed * 2 < self.accounts {
            Severity::Low
        } else if self.only_failed * 5 < self.accounts * 4 {
            Severity::Medium
        } else {
            Severity::High
        }
    }
}

/// `3 of 40 accounts here only failed`.
impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} accounts here only failed", self.only_failed, self.accounts)
    }
}

/// `1 call`, `2 calls`.
pub(super) fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
