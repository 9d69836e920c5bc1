//! A privileged operation that succeeds after a burst of denials: the right one was found.

use std::collections::HashSet;

use super::window::{Completed, plural};
use super::{Detection, Parameter, Technique, Unit, error_burst};
use crate::evidence::{Entry, Kind};
use crate::finding::{Finding, finding_of_day};
use crate::score::{self, Reason, Severity};
use crate::source::Subject;
use crate::view::View;

/// A privileged operation that succeeds after a burst of denials.
pub(super) static DETECTION: Detection = Detection {
    id: "success-after-denials",
    title: "Privileged success after denials",
    logic: "A privileged operation succeeds in or within `window_minutes` after a burst of denied \
            calls (error-burst) from the same source: Medium; Low where the principal worked \
            there on an earlier day, or where only console pages were denied.",
    score: "40, or 20 where the principal worked there on an earlier day or only console pages \
            were denied; and what the burst of denials adds.",
    subjects: &[Subject::Source],
    parameters: &[WINDOW],
    technique: Technique {
        tactic: ("TA0004", "Privilege Escalation"),
        technique: ("T1098", "Account Manipulation"),
    },
    false_positives: "A plan and apply of an infrastructure pipeline with a role that may write \
                      and not read everything; an administrator who tries, grants himself the \
                      permission and goes on.",
    runbook: "Read the privileged call: what it created or changed may outlive the credential. \
              Undo it, disable the credential that made it, then look for further calls of both.",
    find,
};

const WINDOW: Parameter = Parameter {
    name: "window_minutes",
    unit: Unit::Minutes,
    default: 60,
    meaning: "from the burst to the success",
};

fn find(view: &View<'_>) -> Vec<Finding> {
    let bursts: Vec<Burst> =
        error_burst::bursts(view).into_iter().map(|completed| Burst::of(view, completed)).collect();
    let secs = view.secs(&DETECTION, &WINDOW);
    let mut findings: Vec<Finding> = Vec::new();
    let mut rests_on = HashSet::new();
    for (place, success) in view.of_kinds(&[Kind::Success]) {
        if !view.policy.is_privileged(success.operation()) {
            continue;
        }
        // Each day has a burst of its own, and noise before midnight must not hide the one after it.
        let reached = bursts.iter().filter(|burst| burst.completed.reaches(success.time(), secs));
        let judged = reached.map(|burst| (burst.base(view, &success), burst));
        // Of equal ones the earliest.
        let worst = judged.rev().max_by_key(|(base, burst)| (base.points, burst.points));
        let Some((base, burst)) = worst else { continue };
        let day = success.time().day();
        let Some(finding) = finding_of_day(&mut findings, &DETECTION, day, base) else { continue };
        finding.selection.insert(place);
        if rests_on.insert((day, burst.completed.day)) {
            finding.selection.unite(&burst.completed.selection);
            finding.reasons.extend(burst.reasons.iter().cloned());
        }
    }
    for finding in &mut findings {
        let of_kind = |kind| move |call: &&Entry| call.kind() == kind;
        let calls = || finding.selection.of(&view.calls);
        let (successes, denials) = (
            calls().filter(of_kind(Kind::Success)).count(),
            calls().filter(of_kind(Kind::Denied)).count(),
        );
        finding.headline =
            format!("{} after {}", plural(successes, "privileged call"), plural(denials, "denial"));
    }
    findings
}

/// The bursts of one day.
struct Burst {
    completed: Completed,
    /// Whether console pages made all of it.
    is_page: bool,
    /// What makes it worse, and the sum of that.
    reasons: Vec<Reason>,
    points: u8,
}

impl Burst {
    fn of(view: &View<'_>, completed: Completed) -> Self {
        let reasons = error_burst::reasons(view, &completed);
        let is_page = error_burst::is_console_page(view, &completed);
        Self { points: score::total(&reasons), completed, is_page, reasons }
    }

    /// What a success after it is worth.
    fn base(&self, view: &View<'_>, success: &Entry) -> Reason {
        // On an earlier day: whoever stole a credential this morning could do something harmless first.
        let today = self.completed.began().unwrap_or(success.time()).day().start();
        let knows = success.principal().is_some_and(|it| view.is_known_before(it, today));
        if self.is_page {
            Reason::new(Severity::Low.points(), "privileged success after denied console pages")
        } else if knows {
            let text = "privileged success after denials, by a principal known here";
            Reason::new(Severity::Low.points(), text)
        } else {
            Reason::new(Severity::Medium.points(), "privileged success after a burst of denials")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check};

    #[test]
    fn privileged_after_a_burst() {
        check(
            "success-after-denials",
            &[
                Row::new(
                    "15 denied alice every 10s; after 600s 1 priv alice",
                    "2026-03-02 Medium 55: 1 privileged call after 15 denials",
                ),
                Row::new(
                    "15 denied alice every 10s; after 600s 1 priv bob",
                    "2026-03-02 Medium 55: 1 privileged call after 15 denials",
                ),
                Row::new("15 denied alice every 10s; after 3601s 1 priv alice", ""),
                Row::new("15 denied alice every 10s; after 600s 1 ok alice", ""),
                Row::new("14 denied alice every 10s; 1 priv alice", ""),
                Row::new("1 priv alice; 15 denied alice every 10s", ""),
                Row::new(
                    "1 priv alice; 15 denied alice every 10s; 1 priv alice",
                    "2026-03-02 Medium 55: 1 privileged call after 15 denials",
                ),
                // a pipeline: it plans, and applies
                Row::new(
                    "1 ok ci; after 86400s 15 denied ci every 10s; 1 ok ci; 1 priv ci",
                    "2026-03-03 Low 20: 1 privileged call after 15 denials",
                ),
                Row::new(
                    "30 page/20x8 alice every 1s; 1 priv alice",
                    "2026-03-02 Low 35: 1 privileged call after 30 denials",
                ),
                // pages before midnight, and a burst after it
                Row::new(
                    "after 55800s 30 page/20x8 alice every 1s; after 1800s 15 denied/10x3 eve every 1s; 1 priv eve",
                    "2026-03-03 High 70: 1 privileged call after 15 denials",
                ),
            ],
        );
    }
}
