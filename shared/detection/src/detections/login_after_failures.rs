//! A sign-in that succeeds after failures from the same source: a password was guessed, or finally
//! remembered.

use std::collections::{HashMap, HashSet};

use super::window::{Completed, Share, plural};
use super::{Detection, Parameter, Technique, Unit, login_failures, password_spray};
use crate::evidence::{Entry, Kind};
use crate::finding::Finding;
use crate::score::{Reason, Severity};
use crate::timestamp::Timestamp;
use crate::view::{Selection, View};

/// A sign-in that succeeds after failures from the same source.
pub(super) static DETECTION: Detection = Detection {
    id: "login-after-failures",
    title: "Sign-in after failures",
    logic: "A principal signs in, or gives a correct password, after at least `failures` failures \
            from the same source within `window_minutes`: Low; Medium where the address is new to \
            the principal, or where the failures were a burst by the thresholds of \
            login-failures. Or any principal does so in or within `window_minutes` after a \
            password spray: High, less where most accounts at the address are healthy or the \
            principal had signed in from it before.",
    parameters: &[FAILURES, WINDOW],
    technique: Technique {
        tactic: ("TA0001", "Initial Access"),
        technique: ("T1078.004", "Valid Accounts: Cloud Accounts"),
    },
    runbook: "Ask the account's owner whether it was them. If not: end its sessions, reset the \
              password and its keys, and read everything the account did since the sign-in.",
    find,
};

const FAILURES: Parameter = Parameter {
    name: "failures",
    unit: Unit::Count,
    default: 5,
    meaning: "failed sign-ins of the principal before it succeeds",
};
const WINDOW: Parameter = Parameter {
    name: "window_minutes",
    unit: Unit::Minutes,
    default: 60,
    meaning: "from the first failure, or from the spray, to the success",
};

fn find(view: &View<'_>) -> Vec<Finding> {
    let sprays: Vec<_> = password_spray::sprays(view)
        .into_iter()
        .map(|spray| (Share::of(view, &spray.selection, spray.day), spray))
        .collect();
    let failures = by_principal(view.of_kinds(&[Kind::LoginFailed]));
    let mut findings: Vec<Finding> = Vec::new();
    let mut rests_on = HashSet::new();
    for (place, success) in view.of_kinds(&[Kind::LoginSucceeded, Kind::PasswordCorrect]) {
        let own = success.principal().and_then(|principal| failures.get(&principal));
        let guessed = own.and_then(|own| after_failures(view, own, success));
        let sprayed = after_spray(view, &sprays, success);
        let Some(base) =
            guessed.iter().map(|guess| &guess.0).chain(sprayed.iter().map(|it| &it.0)).max()
        else {
            continue;
        };
        let day = success.time().day();
        if findings.last().is_none_or(|finding| finding.day != day) {
            findings.push(Finding {
                detection: &DETECTION,
                day,
                headline: String::new(),
                base: base.clone(),
                adds: false,
                reasons: Vec::new(),
                weighs_targets: true,
                selection: Selection::default(),
            });
        }
        let Some(finding) = findings.last_mut() else { continue };
        finding.base = finding.base.clone().max(base.clone());
        finding.selection.insert(place);
        for (place, _) in guessed.iter().flat_map(|(_, before)| *before) {
            finding.selection.insert(*place);
        }
        if let Some((_, spray)) = sprayed
            && rests_on.insert((day, spray.day))
        {
            finding.selection.unite(&spray.selection);
        }
    }
    for finding in &mut findings {
        finding.headline = headline(view, &finding.selection);
    }
    findings
}

/// Enough failures of the same principal shortly before.
fn after_failures<'a>(
    view: &View<'_>,
    own: &'a [(usize, Entry)],
    success: Entry,
) -> Option<(Reason, &'a [(usize, Entry)])> {
    let since = success.time().plus_secs(-view.secs(&DETECTION, &WINDOW));
    let start = own.partition_point(|(_, failure)| failure.time() < since);
    let end = own.partition_point(|(_, failure)| failure.time() <= success.time());
    let before = own.get(start..end)?;
    if before.len() < view.count(&DETECTION, &FAILURES) {
        return None;
    }
    let (_, first) = before.first()?;
    let failures = plural(before.len(), "failure");
    let reason = if !is_known(view, success, first.time()) {
        let text = format!("sign-in after {failures}, from an address new to the principal");
        Reason::new(Severity::Medium.points(), text)
    } else if has_burst(view, before) {
        Reason::new(Severity::Medium.points(), format!("sign-in after a burst of {failures}"))
    } else {
        let text = format!("sign-in after {failures}, where the principal had signed in before");
        Reason::new(Severity::Low.points(), text)
    };
    Some((reason, before))
}

/// Whether the failures came as fast as somebody guessing, and not as a device with an old password
/// that tries every few minutes.
fn has_burst(view: &View<'_>, failures: &[(usize, Entry)]) -> bool {
    let threshold = view.count(&login_failures::DETECTION, &login_failures::FAILURES);
    let secs = view.secs(&login_failures::DETECTION, &login_failures::WINDOW);
    failures.windows(threshold).any(|window| match window {
        [(_, first), .., (_, last)] => last.time() <= first.time().plus_secs(secs),
        _ => true,
    })
}

/// A spray from the same source at that time or shortly before. The principal need not have failed:
/// a spray tries each account once, and the one it guesses never fails.
fn after_spray<'a>(
    view: &View<'_>,
    sprays: &'a [(Share, Completed)],
    success: Entry,
) -> Option<(Reason, &'a Completed)> {
    let secs = view.secs(&DETECTION, &WINDOW);
    let (share, spray) = sprays.iter().find(|(_, spray)| spray.reaches(success.time(), secs))?;
    let began = spray.began().unwrap_or(success.time());
    let severity = if is_known(view, success, began) { Severity::Low } else { share.severity() };
    let text = format!("sign-in in or after a password spray: {share}");
    Some((Reason::new(severity.points(), text), spray))
}

fn is_known(view: &View<'_>, success: Entry, before: Timestamp) -> bool {
    success.principal().is_some_and(|principal| view.is_known_before(principal, before))
}

fn by_principal(
    failures: impl Iterator<Item = (usize, Entry)>,
) -> HashMap<u64, Vec<(usize, Entry)>> {
    let mut by_principal: HashMap<u64, Vec<(usize, Entry)>> = HashMap::new();
    for (place, failure) in failures {
        if let Some(principal) = failure.principal() {
            by_principal.entry(principal).or_default().push((place, failure));
        }
    }
    by_principal
}

/// `2 sign-ins after 31 failures`, or what of it there is.
fn headline(view: &View<'_>, selection: &Selection) -> String {
    let count = |kind| selection.of(&view.calls).filter(|call| call.kind() == kind).count();
    let failures = plural(count(Kind::LoginFailed), "failure");
    match (count(Kind::LoginSucceeded), count(Kind::PasswordCorrect)) {
        (0, correct) => format!("{} after {failures}", plural(correct, "correct password")),
        (logins, _) => format!("{} after {failures}", plural(logins, "sign-in")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check};

    #[test]
    fn guessed_or_remembered() {
        check(
            "login-after-failures",
            &[
                Row::new(
                    "5 fail alice every 35s; 1 login alice",
                    "2026-03-02 Medium 40: 1 sign-in after 5 failures",
                ),
                Row::new("4 fail alice every 35s; 1 login alice", ""),
                Row::new("5 fail alice every 35s; 1 login bob", ""),
                Row::new(
                    "5 fail alice every 35s; 1 mfa alice",
                    "2026-03-02 Medium 40: 1 correct password after 5 failures",
                ),
                Row::new("5 fail alice every 35s; after 3600s 1 login alice", ""),
                Row::new(
                    "1 login alice; 5 fail alice every 35s; 1 login alice",
                    "2026-03-02 Low 20: 1 sign-in after 5 failures",
                ),
                // a phone with an old password, where its user signs in again
                Row::new(
                    "1 login alice; 12 fail alice every 290s; 1 login alice",
                    "2026-03-02 Low 20: 1 sign-in after 12 failures",
                ),
                // the same, guessing fast
                Row::new(
                    "1 login alice; 12 fail alice every 30s; 1 login alice",
                    "2026-03-02 Medium 40: 1 sign-in after 12 failures",
                ),
                Row::new("1 login alice; 5 fail alice every 35s", ""),
            ],
        );
    }

    #[test]
    fn after_a_spray() {
        check(
            "login-after-failures",
            &[
                Row::new(
                    "1 fail a,b,c,d,e every 60s; after 600s 1 login f",
                    "2026-03-02 High 60: 1 sign-in after 5 failures",
                ),
                Row::new(
                    "1 fail a,b,c,d,e every 60s; after 600s 1 mfa a",
                    "2026-03-02 High 60: 1 correct password after 5 failures",
                ),
                Row::new("1 fail a,b,c,d,e every 60s; after 3700s 1 login f", ""),
                // an office at nine in the morning
                Row::new(
                    "1 fail a,b,c,d,e every 60s; after 5s 1 login a,b,c,d,e every 1s",
                    "2026-03-02 Low 20: 5 sign-ins after 5 failures",
                ),
                Row::new(
                    "1 login a; 1 fail a,b,c,d,e every 60s; 1 login a",
                    "2026-03-02 Low 20: 1 sign-in after 5 failures",
                ),
            ],
        );
    }
}
