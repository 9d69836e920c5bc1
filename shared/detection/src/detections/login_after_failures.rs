//! A sign-in that succeeds after failures: from the same source, where a password was guessed, or
//! finally remembered; or from anywhere new, after failures by an attacker who changes the address.

use std::collections::{HashMap, HashSet};

use super::window::{Completed, Share, plural};
use super::{Detection, Parameter, Technique, Unit, login_failures, password_spray};
use crate::evidence::{Entry, Kind};
use crate::finding::{Finding, finding_of_day};
use crate::score::{Reason, Severity};
use crate::source::Subject;
use crate::timestamp::{Day, Timestamp};
use crate::view::{Selection, View};

/// A sign-in that succeeds after failures.
pub(super) static DETECTION: Detection = Detection {
    id: "login-after-failures",
    title: "Sign-in after failures",
    logic: "A principal signs in, or gives a correct password, after at least `failures` failures \
            from the same source within `window_minutes`: Low; Medium where the address is new to \
            the principal, or where the failures were a burst by the thresholds of \
            login-failures. Where both hold, as much as the burst was worth before its accounts \
            were guessed: High from 80% of accounts that only failed. Or any principal does so in \
            or within `window_minutes` after a password spray: High, less where most accounts at \
            the address are healthy or the principal had signed in from it before. Or, for \
            attackers who change the address: a principal does so from any address of a network (IPv4 /24, IPv6 /48) from which it \
            had not signed in within three days, in or within `window_minutes` after a \
            password-spray over that network, or after login-failures of its own from many \
            addresses: what these are worth.",
    score: "After failures of the principal's own: 20, or 40 for an address new to the principal \
            or after a burst; where both hold what the burst was worth until then, at least 40. In \
            or after a spray what the spray is worth, and 20 where the principal is known at the \
            address. After failures from many addresses what they are worth, and 5.",
    subjects: &[Subject::Source, Subject::Network, Subject::Principal],
    parameters: &[FAILURES, WINDOW],
    technique: Technique {
        tactic: ("TA0001", "Initial Access"),
        technique: ("T1078.004", "Valid Accounts: Cloud Accounts"),
    },
    false_positives: "A person who finally remembers the password; a password manager that fills \
                      in the old one first; a new laptop in a hotel. Somebody who signs in from a \
                      new place while a botnet tries their account, as it does with some every \
                      day.",
    runbook: "Ask the account's owner whether it was them. If not: end its sessions, reset the \
              password and its keys, and read everything the account did since the sign-in. \
              Whoever got in from the very network they always use is not told from its owner \
              after failures from elsewhere.",
    find,
};

const FAILURES: Parameter = Parameter {
    name: "failures",
    unit: Unit::Count { within: &WINDOW },
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
    match view.key.subject() {
        Subject::Source => of_source(view),
        Subject::Network => {
            let sprays = password_spray::spread(view).into_iter();
            let weigh = |spray: &Completed| {
                let share = Share::of(view, &spray.selection, spray.day);
                (share.severity(), format!("sign-in in or after a password spray: {share}"))
            };
            let sprays: Vec<_> = sprays.map(|it| (weigh(&it), it)).collect();
            of_newcomers(view, &sprays, is_known)
        }
        Subject::Principal => {
            let spreads = login_failures::spread(view).into_iter();
            let weigh = |spread: &Completed| {
                let (severity, why) = login_failures::weigh_spread(view, spread);
                (severity, format!("sign-in from a network new to the principal, after {why}"))
            };
            let is_known = |view: &View<'_>, success: Entry, before| {
                view.is_known_network_before(&success, before)
            };
            let spreads: Vec<_> = spreads.map(|it| (weigh(&it), it)).collect();
            of_newcomers(view, &spreads, is_known)
        }
    }
}

/// Those who sign in from where they are not known, in or shortly after failures from many addresses.
/// Whoever is known there does what it does every day: an office is told nothing, and neither is
/// somebody at home whose account is tried from everywhere.
fn of_newcomers(
    view: &View<'_>,
    attacks: &[((Severity, String), Completed)],
    is_known: impl Fn(&View<'_>, Entry, Timestamp) -> bool,
) -> Vec<Finding> {
    let secs = view.secs(&DETECTION, &WINDOW);
    let mut findings: Vec<Finding> = Vec::new();
    for (place, success) in view.of_kinds(SUCCESSES) {
        let is_after = |attack: &Completed| {
            let began = attack.began().unwrap_or(success.time());
            attack.reaches(success.time(), secs) && !is_known(view, success, began)
        };
        let reached = attacks.iter().filter(|(_, attack)| is_after(attack));
        let Some(((severity, why), attack)) = reached.max_by_key(|(weighed, _)| weighed.0) else {
            continue;
        };
        let (day, base) = (success.time().day(), Reason::new(severity.points(), why.as_str()));
        let Some(finding) = finding_of_day(&mut findings, &DETECTION, day, base) else { continue };
        finding.selection.insert(place);
        finding.selection.unite(&attack.selection);
        if finding.reasons.is_empty() {
            finding.reasons.push(Reason::new(GOT_IN_POINTS, "a password was correct"));
        }
    }
    for finding in &mut findings {
        finding.headline = headline(view, &finding.selection);
    }
    findings
}

fn of_source(view: &View<'_>) -> Vec<Finding> {
    let sprays: Vec<_> = password_spray::sprays(view)
        .into_iter()
        .map(|spray| (Share::of(view, &spray.selection, spray.day), spray))
        .collect();
    let bursts: Vec<_> = login_failures::bursts(view)
        .into_iter()
        .map(|burst| (share_before(view, &burst), burst))
        .collect();
    let mut failures = Failures::by_principal(view);
    let mut findings: Vec<Finding> = Vec::new();
    let mut rests_on = HashSet::new();
    for (place, success) in view.of_kinds(SUCCESSES) {
        let day = success.time().day();
        let own = success.principal().and_then(|principal| failures.get_mut(&principal));
        let guessed = own.and_then(|own| after_failures(view, own, &bursts, success));
        let sprayed = after_spray(view, &sprays, success);
        let reasons = guessed.iter().map(|it| &it.0).chain(sprayed.iter().map(|it| &it.0));
        let Some(base) = reasons.max_by_key(|reason| reason.points).cloned() else { continue };
        let Some(finding) = finding_of_day(&mut findings, &DETECTION, day, base) else { continue };
        finding.selection.insert(place);
        for place in guessed.into_iter().flat_map(|(_, new)| new) {
            finding.selection.insert(place);
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

/// So that it leads the alert, and not the failures that it is worth as much as.
const GOT_IN_POINTS: i32 = 5;

const SUCCESSES: &[Kind] = &[Kind::LoginSucceeded, Kind::PasswordCorrect];

/// The failures of one principal, by time.
#[derive(Default)]
struct Failures {
    calls: Vec<(usize, Timestamp)>,
    /// For each, where among them the last burst began that was over by then: a burst by the
    /// thresholds of login-failures, which a device with an old password that tries every few
    /// minutes does not make.
    last_burst: Vec<Option<usize>>,
    /// The day of the last success that rested on some of them, and up to where.
    taken: Option<(Day, usize)>,
}

impl Failures {
    /// Of the principals that succeeded at all.
    fn by_principal(view: &View<'_>) -> HashMap<u64, Self> {
        let succeeded = view.of_kinds(SUCCESSES).filter_map(|(_, success)| success.principal());
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
}

/// Enough failures of the same principal shortly before: how bad that is, and the places of those
/// that no earlier success of the day rested on.
fn after_failures(
    view: &View<'_>,
    own: &mut Failures,
    bursts: &[(Share, Completed)],
    success: Entry,
) -> Option<(Reason, Vec<usize>)> {
    let secs = view.secs(&DETECTION, &WINDOW);
    let since = success.time().plus_secs(-secs);
    let start = own.calls.partition_point(|(_, time)| *time < since);
    let end = own.calls.partition_point(|(_, time)| *time <= success.time());
    let count = end.saturating_sub(start);
    if count < view.count(&DETECTION, &FAILURES) {
        return None;
    }
    let (_, first) = *own.calls.get(start)?;
    let failures = plural(count, "failure");
    let last_burst = own.last_burst.get(end.checked_sub(1)?).copied().flatten();
    let (severity, text) = if !is_known(view, success, first) {
        let text = "and no earlier one of the principal from here";
        let text = format!("sign-in after {failures}, {text}");
        let reached = bursts.iter().filter(|(_, burst)| burst.reaches(success.time(), secs));
        match reached.map(|(share, _)| *share).max_by_key(|share| share.severity()) {
            Some(share) if share.severity() > Severity::Medium => {
                (share.severity(), format!("{text}; until then {share}"))
            }
            _ => (Severity::Medium, text),
        }
    } else if last_burst.is_some_and(|began| began >= start) {
        (Severity::Medium, format!("sign-in after a burst of {failures}"))
    } else {
        let text = "where the principal had signed in before";
        (Severity::Low, format!("sign-in after {failures}, {text}"))
    };
    let day = success.time().day();
    let taken = own.taken.filter(|(of_day, _)| *of_day == day).map_or(start, |(_, to)| to);
    own.taken = Some((day, end));
    let new = own.calls.get(taken.max(start)..end).unwrap_or_default();
    let places = new.iter().map(|(place, _)| *place).collect();
    Some((Reason::new(severity.points(), text), places))
}

/// Of a burst, as it was before accounts were guessed in it: what the attacker achieves must not make
/// its failures look like an owner's mistakes.
fn share_before(view: &View<'_>, burst: &Completed) -> Share {
    let secs = view.secs(&DETECTION, &WINDOW);
    let is_guessed = |principal: u64, failures: &[Timestamp], success: Timestamp| {
        let since = success.plus_secs(-secs);
        let mut before = failures.iter().filter(|it| (since..=success).contains(it));
        let first = before.next();
        let count = before.count() + usize::from(first.is_some());
        count >= view.count(&DETECTION, &FAILURES)
            && first.is_some_and(|first| !view.is_known_before(principal, *first))
    };
    Share::counting(view, &burst.selection, burst.day, is_guessed)
}

/// A spray from the same source at that time or shortly before, the worst if there are several. The
/// principal need not have failed: a spray tries each account once, and the one it guesses never
/// fails.
fn after_spray<'a>(
    view: &View<'_>,
    sprays: &'a [(Share, Completed)],
    success: Entry,
) -> Option<(Reason, &'a Completed)> {
    let secs = view.secs(&DETECTION, &WINDOW);
    let reached = sprays.iter().filter(|(_, spray)| spray.reaches(success.time(), secs));
    let (share, spray) = reached.max_by_key(|(share, _)| share.severity())?;
    let began = spray.began().unwrap_or(success.time());
    let severity = if is_known(view, success, began) { Severity::Low } else { share.severity() };
    let text = format!("sign-in in or after a password spray: {share}");
    Some((Reason::new(severity.points(), text), spray))
}

fn is_known(view: &View<'_>, success: Entry, before: Timestamp) -> bool {
    success.principal().is_some_and(|principal| view.is_known_before(principal, before))
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
mod tests;
