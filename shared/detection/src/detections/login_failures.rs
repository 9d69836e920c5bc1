//! Failed sign-ins from one source: many at once, or few at a time over a day.

use super::window::{Calls, Completed, Share, plural, slide};
use super::{Detection, Parameter, Technique, Unit};
use crate::evidence::{Entry, Kind};
use crate::finding::Finding;
use crate::score::{Reason, Severity};
use crate::view::View;

/// Failed sign-ins from one source.
pub(super) static DETECTION: Detection = Detection {
    id: "login-failures",
    title: "Failed sign-ins",
    logic: "At least `failures` sign-ins from one source fail within `window_minutes`; or, slow \
            and low, `slow_failures` within `slow_window_minutes`. Low while under half of the \
            accounts active there only failed, High from 80%; slow and low stays Low, and so does \
            one application alone.",
    score: "A burst by the share of accounts active there that only failed: 20 under half, 40 from \
            half, 60 from 80%. Slow and low, and one application alone, 20.",
    parameters: &[FAILURES, WINDOW, SLOW_FAILURES, SLOW_WINDOW],
    technique: Technique {
        tactic: ("TA0006", "Credential Access"),
        technique: ("T1110", "Brute Force"),
    },
    false_positives: "A phone or a program with a stale password; an office of thousands behind \
                      one address at nine in the morning; a password that expired for everybody at \
                      once.",
    runbook: "See which accounts were tried and whether any of them signed in afterwards from this \
              or another new address. One account and one device failing evenly is a stale \
              password; many accounts, or names that do not exist, are an attack: deny the \
              address, and reset the password of any account that got in.",
    find,
};

pub(super) const FAILURES: Parameter = Parameter {
    name: "failures",
    unit: Unit::Count { within: &WINDOW },
    default: 10,
    meaning: "failed sign-ins that make a burst",
};
pub(super) const WINDOW: Parameter = Parameter {
    name: "window_minutes",
    unit: Unit::Minutes,
    default: 10,
    meaning: "within which they make a burst",
};
const SLOW_FAILURES: Parameter = Parameter {
    name: "slow_failures",
    unit: Unit::Count { within: &SLOW_WINDOW },
    default: 20,
    meaning: "failed sign-ins that count however slow",
};
const SLOW_WINDOW: Parameter = Parameter {
    name: "slow_window_minutes",
    unit: Unit::Minutes,
    default: 24 * 60,
    meaning: "within which slow ones count",
};

fn find(view: &View<'_>) -> Vec<Finding> {
    let windows = |threshold, window| {
        let threshold = view.count(&DETECTION, threshold);
        let secs = view.secs(&DETECTION, window);
        slide(&view.calls, is_failure, secs, Calls::default(), |calls| calls.0 >= threshold)
    };
    let bursts = windows(&FAILURES, &WINDOW).into_iter().map(|burst| of_burst(view, burst));
    let mut findings: Vec<Finding> = bursts.collect();
    for slow in windows(&SLOW_FAILURES, &SLOW_WINDOW) {
        match findings.iter_mut().find(|burst| burst.day == slow.day) {
            // A burst says more of the same day; the slow window may add calls to it.
            Some(burst) => {
                burst.selection.unite(&slow.selection);
                burst.headline = headline(view, &burst.selection);
            }
            None => findings.push(of_slow(view, slow)),
        }
    }
    findings
}

/// Whether a call is a failed sign-in.
pub(super) fn is_failure(_: usize, call: &Entry) -> bool {
    call.kind() == Kind::LoginFailed
}

fn of_burst(view: &View<'_>, burst: Completed) -> Finding {
    if is_one_application(view, &burst) {
        let why = "failed sign-ins of one application, as with a wrong secret";
        return finding(view, burst, Severity::Low, why);
    }
    let share = Share::of(view, &burst.selection, burst.day);
    finding(view, burst, share.severity(), &format!("burst of failed sign-ins: {share}"))
}

/// Secrets of applications are not guessed, and a program with an old one tries for ever.
fn is_one_application(view: &View<'_>, burst: &Completed) -> bool {
    let mut calls = burst.selection.of(&view.calls);
    let first = calls.next().map(Entry::principal);
    let is_it = |call: &Entry| call.traits().is_application() && Some(call.principal()) == first;
    burst.selection.of(&view.calls).all(is_it)
}

fn of_slow(view: &View<'_>, slow: Completed) -> Finding {
    finding(view, slow, Severity::Low, "failed sign-ins, slow and low")
}

fn finding(view: &View<'_>, completed: Completed, severity: Severity, why: &str) -> Finding {
    Finding {
        detection: &DETECTION,
        day: completed.day,
        headline: headline(view, &completed.selection),
        base: Reason::new(severity.points(), why),
        is_of_address: false,
        reasons: Vec::new(),
        weighs_targets: true,
        selection: completed.selection,
    }
}

fn headline(view: &View<'_>, selection: &crate::view::Selection) -> String {
    plural(selection.of(&view.calls).count(), "failed sign-in")
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check};

    #[test]
    fn bursts_and_slow_ones() {
        check(
            "login-failures",
            &[
                // ten in ten minutes, one account that never succeeded
                Row::new("10 fail alice every 60s", "2026-03-02 High 60: 10 failed sign-ins"),
                Row::new("9 fail alice every 60s", ""),
                Row::new("10 fail alice every 70s", ""),
                // the account worked from here the same day
                Row::new(
                    "1 ok alice; after 3600s 10 fail alice every 60s",
                    "2026-03-02 Low 20: 10 failed sign-ins",
                ),
                // half of the accounts only failed
                Row::new(
                    "1 login bob; 10 fail alice every 60s",
                    "2026-03-02 Medium 40: 10 failed sign-ins",
                ),
                Row::new("20 fail alice every 2700s", "2026-03-02 Low 20: 20 failed sign-ins"),
                Row::new("19 fail alice every 2700s", ""),
                Row::new("20 fail alice every 5000s", ""),
                // hidden accounts count as one
                Row::new("12 fail app every 10s", "2026-03-02 Low 20: 12 failed sign-ins"),
                Row::new("12 fail app,alice every 10s", "2026-03-02 High 60: 24 failed sign-ins"),
                Row::new("12 fail - every 10s", "2026-03-02 High 60: 12 failed sign-ins"),
            ],
        );
    }
}
