//! The failed sign-ins of each principal at a source, and which of them a success rests on.

use std::collections::HashMap;

use super::login_failures;
use crate::evidence::{Entry, Kind};
use crate::timestamp::{Day, Timestamp};
use crate::view::View;

/// The failures of one principal, by time.
#[derive(Default)]
pub(super) struct Failures {
    calls: Vec<(usize, Timestamp)>,
    /// For each, where among them the last burst began that was over by then: a burst by the
    /// thresholds of login-failures, which a device with an old password that tries every few
    /// minutes does not make.
    last_burst: Vec<Option<usize>>,
    /// The day of the last success that rested on some of them, and up to where.
    taken: Option<(Day, usize)>,
}

/// Failures shortly before a success.
pub(super) struct Recent {
    /// How many.
    pub(super) count: usize,
    /// When the first of them was.
    pub(super) first: Timestamp,
    /// Whether there is a burst among them.
    pub(super) is_burst: bool,
    /// The places of those that no earlier success of the day rested on.
    pub(super) new: Vec<usize>,
}

impl Failures {
    /// Of the principals that succeeded at all, in calls of these kinds.
    pub(super) fn by_principal(view: &View<'_>, successes: &[Kind]) -> HashMap<u64, Self> {
        let succeeded = view.of_kinds(successes).filter_map(|(_, success)| success.principal());
        let mut failures: HashMap<u64, Self> =
            succeeded.map(|principal| (principal, Self::default())).collect();
        for (place, failure) in view.of_kinds(&[Kind::LoginFailed]) {
            let own = failure.principal().and_then(|principal| failures.get_mut(&principal));
            if let Some(own) = own {
                own.calls.push((place, failure.time()));
            }
        }
        let threshold = view.count(&login_failures::DETECTION, &login_failures::FAILURES);
        let secs = view.secs(&login_failures::DETECTION, &login_failures::WINDOW);
        for own in failures.values_mut() {
            let mut last = None;
            for (end, (_, time)) in own.calls.iter().enumerate() {
                let began = (end + 1).checked_sub(threshold);
                let first = began.and_then(|began| own.calls.get(began));
                if first.is_some_and(|(_, first)| *time <= first.plus_secs(secs)) {
                    last = began;
                }
                own.last_burst.push(last);
            }
        }
        failures
    }

    /// Those within `secs` before a success, if there are `least` at least. The success then rests on
    /// them.
    pub(super) fn before(&mut self, success: Entry, secs: i64, least: usize) -> Option<Recent> {
        let since = success.time().plus_secs(-secs);
        let start = self.calls.partition_point(|(_, time)| *time < since);
        let end = self.calls.partition_point(|(_, time)| *time <= success.time());
        let count = end.saturating_sub(start);
        if count < least {
            return None;
        }
        let (_, first) = *self.calls.get(start)?;
        let last_burst = self.last_burst.get(end.checked_sub(1)?).copied().flatten();
        let day = success.time().day();
        let taken = self.taken.filter(|(of_day, _)| *of_day == day).map_or(start, |(_, to)| to);
        self.taken = Some((day, end));
        let new = self.calls.get(taken.max(start)..end).unwrap_or_default();
        Some(Recent {
            count,
            first,
            is_burst: last_burst.is_some_and(|began| began >= start),
            new: new.iter().map(|(place, _)| *place).collect(),
        })
    }
}
