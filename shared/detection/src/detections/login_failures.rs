//! Failed sign-ins from one source: many at once, or few at a time over a day. Or of one account, from
//! many sources.

use std::collections::HashSet;

use super::window::{Calls, Completed, Distinct, Share, plural, slide};
use super::{Detection, Parameter, Technique, Unit};
use crate::evidence::{Entry, Kind};
use crate::finding::Finding;
use crate::score::{Reason, Severity};
use crate::source::Subject;
use crate::view::View;
use crate::wide::network_of;

/// Failed sign-ins from one source.
pub(super) static DETECTION: Detection = Detection {
    id: "login-failures",
    title: "Failed sign-ins",
    logic: "At least `failures` sign-ins from one source fail within `window_minutes`; or, slow \
            and low, `slow_failures` within `slow_window_minutes`. Low while under half of the \
            accounts active there only failed, High from 80%; slow and low stays Low, and so does \
            one application alone. Or at least `spread_failures` sign-ins of one account fail \
            from `spread_addresses` addresses within `spread_window_minutes`, leaving out \
            addresses that alert by themselves: Medium; High where they lie in as many networks \
            (IPv4 /24, IPv6 /48), Low where all lie in one and nothing is as fast as a burst.",
    score: "A burst by the share of accounts active there that only failed: 20 under half, 40 from \
            half, 60 from 80%. Slow and low, and one application alone, 20. One account from many \
            addresses: 40, 60 from many networks, 20 from one and no faster than a device.",
    subjects: &[Subject::Source, Subject::Principal],
    parameters: &[
        FAILURES,
        WINDOW,
        SLOW_FAILURES,
        SLOW_WINDOW,
        SPREAD_FAILURES,
        SPREAD_ADDRESSES,
        SPREAD_WINDOW,
    ],
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
              address, and reset the password of any account that got in. One account from many \
              addresses cannot be denied by address: see that it has a second factor and a long \
              password, and whether it signed in.",
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

const SPREAD_FAILURES: Parameter = Parameter {
    name: "spread_failures",
    unit: Unit::Count { within: &SPREAD_WINDOW },
    default: 10,
    meaning: "failed sign-ins of one account from many addresses",
};
const SPREAD_ADDRESSES: Parameter = Parameter {
    name: "spread_addresses",
    unit: Unit::Count { within: &SPREAD_WINDOW },
    default: 5,
    meaning: "distinct addresses they come from",
};
const SPREAD_WINDOW: Parameter = Parameter {
    name: "spread_window_minutes",
    unit: Unit::Minutes,
    default: 60,
    meaning: "within which they count",
};

fn windows(view: &View<'_>, threshold: &Parameter, window: &Parameter) -> Vec<Completed> {
    let threshold = view.count(&DETECTION, threshold);
    let secs = view.secs(&DETECTION, window);
    slide(&view.calls, is_failure, secs, Calls::default(), |calls| calls.0 >= threshold)
}

/// The windows in which a burst was completed, by day.
pub(super) fn bursts(view: &View<'_>) -> Vec<Completed> {
    windows(view, &FAILURES, &WINDOW)
}

fn find(view: &View<'_>) -> Vec<Finding> {
    if view.key.subject() == Subject::Principal {
        return spread(view).into_iter().map(|spread| of_spread(view, spread)).collect();
    }
    let bursts = bursts(view).into_iter().map(|burst| of_burst(view, burst));
    let mut findings: Vec<Finding> = bursts.collect();
    for slow in windows(view, &SLOW_FAILURES, &SLOW_WINDOW) {
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

/// The windows in which enough sign-ins of one account failed from enough addresses, by day.
pub(super) fn spread(view: &View<'_>) -> Vec<Completed> {
    let failures = view.count(&DETECTION, &SPREAD_FAILURES);
    let addresses = view.count(&DETECTION, &SPREAD_ADDRESSES);
    let secs = view.secs(&DETECTION, &SPREAD_WINDOW);
    let tally = (Calls::default(), Distinct::new(Entry::member));
    slide(&view.calls, is_failure, secs, tally, |(calls, of_addresses)| {
        calls.0 >= failures && of_addresses.len() >= addresses
    })
}

fn of_spread(view: &View<'_>, spread: Completed) -> Finding {
    let (severity, why) = weigh_spread(view, &spread);
    finding(view, spread, severity, &why)
}

/// How bad failures of one account from many addresses are, and why.
pub(super) fn weigh_spread(view: &View<'_>, spread: &Completed) -> (Severity, String) {
    if is_one_application(view, spread) {
        let why = "failed sign-ins of one application, as with a wrong secret";
        return (Severity::Low, why.to_owned());
    }
    let networks: HashSet<u64> = spread.selection.of(&view.calls).filter_map(network_of).collect();
    // A device with an old password tries every few minutes, and its provider changes its address.
    let is_fast = || {
        let calls = spread.selection.of(&view.calls).copied().collect();
        !bursts(&view.with_calls(calls)).is_empty()
    };
    let severity = match networks.len() {
        0..=1 if !is_fast() => Severity::Low,
        many if many >= view.count(&DETECTION, &SPREAD_ADDRESSES) => Severity::High,
        _ => Severity::Medium,
    };
    let networks = plural(networks.len(), "network");
    (severity, format!("failed sign-ins of one account from {networks}"))
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

    #[test]
    fn of_one_account() {
        check(
            "login-failures",
            &[
                // a botnet: each address in a network of its own
                Row::new(
                    "12 fail@203.0.*.7 alice every 240s",
                    "2026-03-02 High 60: 12 failed sign-ins of a principal",
                ),
                // a few networks
                Row::new(
                    "6 fail@203.0.113.* alice every 60s; 6 fail@198.51.100.* alice every 60s",
                    "2026-03-02 Medium 40: 12 failed sign-ins of a principal",
                ),
                // a phone with an old password, whose provider changes its address
                Row::new(
                    "12 fail@203.0.113.* alice every 290s",
                    "2026-03-02 Low 20: 12 failed sign-ins of a principal",
                ),
                Row::new(
                    "12 fail@2001:db8:7:*::1 alice every 290s",
                    "2026-03-02 Low 20: 12 failed sign-ins of a principal",
                ),
                // no phone tries as fast
                Row::new(
                    "12 fail@203.0.113.* alice every 10s",
                    "2026-03-02 Medium 40: 12 failed sign-ins of a principal",
                ),
                // a program with an old secret, wherever it runs
                Row::new(
                    "12 fail@203.0.*.7 app every 240s",
                    "2026-03-02 Low 20: 12 failed sign-ins of a principal",
                ),
                // too few failures, too few addresses, too slow, many accounts
                Row::new("9 fail@203.0.*.7 alice every 240s", ""),
                Row::new(
                    "4 fail@203.0.113.* alice; 4 fail@203.0.113.* alice; 4 fail@203.0.113.* alice",
                    "",
                ),
                Row::new("12 fail@203.0.*.7 alice every 420s", ""),
                Row::new("4 fail@203.0.*.7 a,b,c,d every 60s", ""),
                // what an address tells by itself is not told again, and hides nothing else
                Row::new(
                    "10 fail@198.51.100.1 alice; 9 fail@203.0.*.7 alice every 60s",
                    "2026-03-02 High 60: 10 failed sign-ins",
                ),
                Row::new(
                    "10 fail@198.51.100.1 alice; 10 fail@203.0.*.7 alice every 60s",
                    concat!(
                        "2026-03-02 High 60: 10 failed sign-ins\n",
                        "2026-03-02 High 60: 10 failed sign-ins of a principal"
                    ),
                ),
            ],
        );
    }
}
