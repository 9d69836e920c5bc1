//! A sign-in that succeeds after failures: from the same source, where a password was guessed, or
//! finally remembered; or from anywhere new, after failures by an attacker who changes the address.

use std::collections::HashSet;

use super::failures::{Failures, Recent};
use super::window::{Completed, Share, plural};
use super::{Detection, Parameter, Technique, Unit, login_failures, password_spray};
use crate::evidence::{Entry, Kind};
use crate::finding::{Finding, finding_of_day};
use crate::score::{Reason, Severity};
use crate::source::Subject;
use crate::timestamp::Timestamp;
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
    let mut failures = Failures::by_principal(view, SUCCESSES);
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

/// Enough failures of the same principal shortly before: how bad that is, and the places of those
/// that no earlier success of the day rested on.
fn after_failures(
    view: &View<'_>,
    own: &mut Failures,
    bursts: &[(Share, Completed)],
    success: Entry,
) -> Option<(Reason, Vec<usize>)> {
    let secs = view.secs(&DETECTION, &WINDOW);
    let Recent { count, first, is_burst, new } =
        own.before(success, secs, view.count(&DETECTION, &FAILURES))?;
    let failures = plural(count, "failure");
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
    } else if is_burst {
        (Severity::Medium, format!("sign-in after a burst of {failures}"))
    } else {
        let text = "where the principal had signed in before";
        (Severity::Low, format!("sign-in after {failures}, {text}"))
    };
    Some((Reason::new(severity.points(), text), new))
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
                // a burst is worth no less once it succeeds, and no more
                Row::new(
                    "12 fail alice every 20s; 1 login alice",
                    "2026-03-02 High 60: 1 sign-in after 12 failures",
                ),
                Row::new(
                    "12 fail alice every 20s; 1 login alice; 1 ok alice",
                    "2026-03-02 High 60: 1 sign-in after 12 failures",
                ),
                Row::new(
                    "6 fail a,b every 20s; 1 login a,b",
                    "2026-03-02 High 60: 2 sign-ins after 12 failures",
                ),
                Row::new(
                    "1 login bob; 12 fail alice every 20s; 1 login alice",
                    "2026-03-02 Medium 40: 1 sign-in after 12 failures",
                ),
                Row::new(
                    "12 fail bob every 20s; after 4000s 5 fail alice every 35s; 1 login alice",
                    "2026-03-02 Medium 40: 1 sign-in after 5 failures",
                ),
                Row::new("1 login alice; 5 fail alice every 35s", ""),
                // each success counts the failures before it, and each failure counts once
                Row::new(
                    "5 fail alice every 35s; 1 login alice; 3 fail alice every 35s; 1 login alice",
                    "2026-03-02 Medium 40: 2 sign-ins after 8 failures",
                ),
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

    #[test]
    fn after_a_spray_over_a_network() {
        check(
            "login-after-failures",
            &[
                // whoever was guessed signs in from an address that never failed
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s; after 600s 1 login@203.0.113.99 c",
                    "2026-03-02 High 65: 1 sign-in after 5 failures from 203.0.113.0/24",
                ),
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s; after 600s 1 mfa@203.0.113.99 f",
                    "2026-03-02 High 65: 1 correct password after 5 failures from 203.0.113.0/24",
                ),
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s; after 3700s 1 login@203.0.113.99 c",
                    "",
                ),
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s; after 600s 1 login@198.51.100.9 c",
                    "",
                ),
                // it was there before, at whichever address
                Row::new(
                    "1 login@203.0.113.200 c; after 80000s 1 fail@203.0.113.* a,b,c,d,e every 60s; \
                     after 600s 1 login@203.0.113.99 c",
                    "",
                ),
                // an office behind a pool of addresses, on its first day and on its second
                Row::new(
                    "1 fail@203.0.113.* a,b,c,d,e every 60s; \
                     1 login@203.0.113.* a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t every 1s",
                    "2026-03-02 Low 25: 20 sign-ins after 5 failures from 203.0.113.0/24",
                ),
                Row::new(
                    "1 login@203.0.113.* a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t every 1s; \
                     after 86400s 1 fail@203.0.113.* a,b,c,d,e every 60s; \
                     1 login@203.0.113.* a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t every 1s",
                    "",
                ),
            ],
        );
    }

    #[test]
    fn after_failures_of_one_account_from_many_addresses() {
        check(
            "login-after-failures",
            &[
                // a botnet whose thirteenth address gets in
                Row::new(
                    "12 fail@203.0.*.7 alice every 60s; 1 login@198.51.100.9 alice",
                    "2026-03-02 High 65: 1 sign-in after 12 failures of a principal",
                ),
                Row::new(
                    "12 fail@203.0.*.7 alice every 60s; after 3000s 1 mfa@198.51.100.9 alice",
                    "2026-03-02 High 65: 1 correct password after 12 failures of a principal",
                ),
                Row::new(
                    "12 fail@203.0.*.7 alice every 60s; after 3700s 1 login@198.51.100.9 alice",
                    "",
                ),
                Row::new("12 fail@203.0.*.7 alice every 60s; 1 login@198.51.100.9 bob", ""),
                // at home, meanwhile
                Row::new(
                    "1 login@198.51.100.1 alice; 12 fail@203.0.*.7 alice every 60s; \
                     1 login@198.51.100.9 alice",
                    "",
                ),
                // at home, and then whoever guessed it
                Row::new(
                    "1 login@198.51.100.1 alice; 12 fail@203.0.*.7 alice every 60s; \
                     1 login@198.51.100.9 alice; 1 login@192.0.2.1 alice",
                    "2026-03-02 High 65: 1 sign-in after 12 failures of a principal",
                ),
                // the phone with an old password is given the new one
                Row::new(
                    "12 fail@203.0.113.* alice every 290s; 1 login@203.0.113.99 alice",
                    "2026-03-02 Low 25: 1 sign-in after 12 failures of a principal",
                ),
                // nobody fails from enough addresses
                Row::new("9 fail@203.0.*.7 alice every 60s; 1 login@198.51.100.9 alice", ""),
            ],
        );
    }
}
