//! Denied calls from one source, from one network, or of one principal from many addresses: somebody
//! trying what a credential can do.

use std::collections::HashSet;

use super::window::{Calls, Completed, Distinct, Share, plural, slide};
use super::{Detection, Parameter, Technique, Unit};
use crate::evidence::{Entry, Kind};
use crate::finding::Finding;
use crate::score::{Reason, Severity};
use crate::source::Subject;
use crate::view::{Selection, View};

/// Denied calls from one source.
pub(super) static DETECTION: Detection = Detection {
    id: "error-burst",
    title: "Denied calls",
    logic: "At least `denials` calls from one source are denied within `window_minutes`: Low. \
            Enumeration (`operations` distinct operations in `services` services, reads of a \
            console page aside) and principals that do no work there each raise it. Or as many \
            from `addresses` addresses of one network (IPv4 /24, IPv6 /48), or of one principal, \
            leaving out addresses that alert by themselves: Low, raised by enumeration (over a \
            network by its operations alone), lowered in a network from which more sign in.",
    score: "20; +15 for enumeration. At a source, where at least half of the denials are of \
            principals that do no work there, by their share of all principals active there: +15 \
            from 80%, +10 from half, nothing below. In a network -10 where under half of the \
            principals active there were denied without having signed in from it.",
    subjects: &[Subject::Source, Subject::Network, Subject::Principal],
    parameters: &[DENIALS, WINDOW, OPERATIONS, SERVICES, ADDRESSES],
    technique: Technique {
        tactic: ("TA0007", "Discovery"),
        technique: ("T1526", "Cloud Service Discovery"),
    },
    false_positives: "A read-only user who opens a console page; a posture scanner; a plan under \
                      an old policy; a role whose permissions were just taken away.",
    runbook: "See whose credential it is and whether its owner is at this address. A scanner or a \
              plan under an old policy repeats the same reads daily: give it the permission or \
              trust its network. Otherwise disable the credential first and ask afterwards.",
    find,
};

pub(super) const DENIALS: Parameter = Parameter {
    name: "denials",
    unit: Unit::Count { within: &WINDOW },
    default: 15,
    meaning: "denied calls that make a burst",
};
const WINDOW: Parameter = Parameter {
    name: "window_minutes",
    unit: Unit::Minutes,
    default: 10,
    meaning: "within which they make a burst",
};
const OPERATIONS: Parameter = Parameter {
    name: "operations",
    unit: Unit::Count { within: &WINDOW },
    default: 10,
    meaning: "distinct denied operations in a burst that make an enumeration",
};
const SERVICES: Parameter = Parameter {
    name: "services",
    unit: Unit::Count { within: &WINDOW },
    default: 3,
    meaning: "distinct services of an enumeration",
};

const ADDRESSES: Parameter = Parameter {
    name: "addresses",
    unit: Unit::Count { within: &WINDOW },
    default: 3,
    meaning: "distinct addresses that a burst over a network or of a principal comes from",
};

/// The windows in which a burst was completed, by day.
pub(super) fn bursts(view: &View<'_>) -> Vec<Completed> {
    let denials = view.count(&DETECTION, &DENIALS);
    let secs = view.secs(&DETECTION, &WINDOW);
    slide(&view.calls, is_denied, secs, Calls::default(), |calls| calls.0 >= denials)
}

/// The same, of bursts over many addresses.
fn spread(view: &View<'_>) -> Vec<Completed> {
    let denials = view.count(&DETECTION, &DENIALS);
    let addresses = view.count(&DETECTION, &ADDRESSES);
    let secs = view.secs(&DETECTION, &WINDOW);
    let tally = (Calls::default(), Distinct::new(Entry::member));
    slide(&view.calls, is_denied, secs, tally, |(calls, of_addresses)| {
        calls.0 >= denials && of_addresses.len() >= addresses
    })
}

fn is_denied(_: usize, call: &Entry) -> bool {
    call.kind() == Kind::Denied
}

/// Whether everything denied was read by console pages, which ask for whatever they could show.
pub(super) fn is_console_page(view: &View<'_>, burst: &Completed) -> bool {
    burst.selection.of(&view.calls).all(|call| call.traits().is_console_read())
}

fn find(view: &View<'_>) -> Vec<Finding> {
    let bursts = match view.key.subject() {
        Subject::Source => bursts(view),
        Subject::Network | Subject::Principal => spread(view),
    };
    bursts.into_iter().map(|burst| of_burst(view, burst)).collect()
}

/// What makes a burst worse.
pub(super) fn reasons(view: &View<'_>, burst: &Completed) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some((operations, services)) = enumeration(view, &burst.selection) {
        let of_services = services.map(|count| format!(" in {count} services")).unwrap_or_default();
        reasons.push(Reason::new(15, format!("enumeration: {operations} operations{of_services}")));
    }
    reasons.extend(strangeness(view, burst));
    reasons
}

fn of_burst(view: &View<'_>, burst: Completed) -> Finding {
    let denied = burst.selection.of(&view.calls).count();
    Finding {
        detection: &DETECTION,
        day: burst.day,
        headline: plural(denied, "denied API call"),
        base: Reason::new(Severity::Low.points(), "burst of denied calls"),
        is_of_address: false,
        reasons: reasons(view, &burst),
        weighs_targets: true,
        selection: burst.selection,
    }
}

/// Distinct operations and services in one window, where they are enough. The ledger of a network
/// knows no services.
fn enumeration(view: &View<'_>, selection: &Selection) -> Option<(usize, Option<usize>)> {
    let knows_services = view.key.subject() != Subject::Network;
    let operations = view.count(&DETECTION, &OPERATIONS);
    let services = if knows_services { view.count(&DETECTION, &SERVICES) } else { 0 };
    let is_asked =
        |place, call: &Entry| selection.contains(place) && !call.traits().is_console_read();
    let tally =
        (Distinct::new(|call: &Entry| Some(call.operation())), Distinct::new(Entry::service));
    let most = std::cell::Cell::new((0, 0));
    let secs = view.secs(&DETECTION, &WINDOW);
    slide(&view.calls, is_asked, secs, tally, |(of_operations, of_services)| {
        let found = (of_operations.len(), of_services.len());
        let is_enough = found.0 >= operations && found.1 >= services;
        if is_enough {
            most.set(most.get().max(found));
        }
        is_enough
    });
    let (operations, services) = most.get();
    (operations > 0).then_some((operations, Some(services).filter(|_| knows_services)))
}

/// How many of the denied principals are strange here, among all that are not: what tells a thief of
/// credentials from a gateway of many people. Principals the cloud hides say neither.
///
/// Of a source it is known who did ordinary work there, on the day or the day before. Of a network only
/// who signed in from it, which programs never do: that can excuse, and accuses nobody.
fn strangeness(view: &View<'_>, burst: &Completed) -> Option<Reason> {
    let is_source = match view.key.subject() {
        Subject::Source => true,
        Subject::Network => false,
        Subject::Principal => return None,
    };
    let belongs = |principal: u64| {
        if is_source {
            view.works_here(principal, burst.day)
        } else {
            view.first_healthy(principal, burst.day).is_some()
        }
    };
    let (mut strange, mut at_home) = (HashSet::new(), HashSet::new());
    let (mut calls_of_strange, mut denials) = (0_usize, 0_usize);
    let mut clouds = Vec::new();
    for call in burst.selection.of(&view.calls) {
        let Some(principal) = call.principal() else { continue };
        denials += 1;
        if at_home.contains(&principal) || belongs(principal) {
            at_home.insert(principal);
        } else {
            strange.insert(principal);
            calls_of_strange += 1;
        }
        if !clouds.contains(&call.cloud()) {
            clouds.push(call.cloud());
        }
    }
    let (only_failed, denied) = (strange.len(), strange.len() + at_home.len());
    let others = view.healthy(burst.day, &clouds).filter(|it| belongs(*it)).count();
    let share = Share { only_failed, accounts: only_failed + others }.severity();
    let points = match share {
        Severity::Low if is_source || others == 0 => 0,
        Severity::Low => -10,
        _ if !is_source || calls_of_strange * 2 < denials => 0,
        Severity::Medium => 10,
        _ => 15,
    };
    if denied == 0 || (is_source && only_failed == 0) {
        return None;
    }
    let (lack, have) = if is_source { ("do no work", "do") } else { ("did not sign in", "did") };
    let told = format!("{only_failed} of {denied} denied principals {lack} here");
    Some(Reason::new(
        points,
        match others {
            0 => told,
            others => format!("{told}; {} {have}", plural(others, "principal")),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check};

    #[test]
    fn bursts() {
        check(
            "error-burst",
            &[
                // somebody new, asking the same thing
                Row::new("15 denied alice every 40s", "2026-03-02 Low 35: 15 denied API calls"),
                Row::new("14 denied alice every 10s", ""),
                Row::new("15 denied alice every 43s", ""),
                // enumeration
                Row::new(
                    "15 denied/10x3 alice every 10s",
                    "2026-03-02 Medium 50: 15 denied API calls",
                ),
                Row::new("15 denied/9x3 alice every 10s", "2026-03-02 Low 35: 15 denied API calls"),
                Row::new(
                    "15 denied/10x2 alice every 10s",
                    "2026-03-02 Low 35: 15 denied API calls",
                ),
                // somebody who works here
                Row::new(
                    "1 ok alice; 15 denied/10x3 alice every 10s",
                    "2026-03-02 Low 35: 15 denied API calls",
                ),
                // among so many who work here, a new one is likelier a colleague
                Row::new(
                    "1 ok bob; 15 denied/10x3 alice every 10s",
                    "2026-03-02 Medium 45: 15 denied API calls",
                ),
                Row::new(
                    "1 ok bob,carol; 15 denied/10x3 alice every 10s",
                    "2026-03-02 Low 35: 15 denied API calls",
                ),
                Row::new(
                    "1 ok bob; 15 denied/10x3 alice,dave,eve,mallory every 5s",
                    "2026-03-02 Medium 50: 60 denied API calls",
                ),
                // one who works here is denied most
                Row::new(
                    "1 ok bob; 15 denied/10x3 bob every 10s; 1 denied alice",
                    "2026-03-02 Low 35: 16 denied API calls",
                ),
                // who am I proves nothing
                Row::new(
                    "1 whoami alice; 15 denied/10x3 alice every 10s",
                    "2026-03-02 Medium 50: 15 denied API calls",
                ),
                // a console page, before anything else succeeds
                Row::new("30 page/20x8 alice every 1s", "2026-03-02 Low 35: 30 denied API calls"),
                Row::new(
                    "30 page/20x8 alice every 1s; 1 ok alice",
                    "2026-03-02 Low 20: 30 denied API calls",
                ),
                // Google hides who was denied a read
                Row::new("15 denied/10x3 - every 10s", "2026-03-02 Low 35: 15 denied API calls"),
                // failures of other kinds are no denials
                Row::new("200 throttled alice every 1s; 50 fail alice every 1s", ""),
            ],
        );
    }

    #[test]
    fn over_addresses() {
        check(
            "error-burst",
            &[
                // one principal of one network is in both
                Row::new(
                    "15 denied@203.0.113.* alice every 10s",
                    concat!(
                        "2026-03-02 Low 20: 15 denied API calls from 203.0.113.0/24\n",
                        "2026-03-02 Low 20: 15 denied API calls of a principal"
                    ),
                ),
                Row::new(
                    "15 denied/10x3@203.0.113.* alice every 10s",
                    concat!(
                        "2026-03-02 Low 35: 15 denied API calls from 203.0.113.0/24\n",
                        "2026-03-02 Low 35: 15 denied API calls of a principal"
                    ),
                ),
                // many networks, many principals
                Row::new(
                    "15 denied@203.0.*.7 alice every 10s",
                    "2026-03-02 Low 20: 15 denied API calls of a principal",
                ),
                Row::new(
                    "5 denied@203.0.113.* a,b,c every 10s",
                    "2026-03-02 Low 20: 15 denied API calls from 203.0.113.0/24",
                ),
                // a service of each operation is known of the principal alone
                Row::new(
                    "15 denied/10x1@203.0.*.7 alice every 10s",
                    "2026-03-02 Low 20: 15 denied API calls of a principal",
                ),
                Row::new("14 denied@203.0.113.* alice every 10s", ""),
                Row::new("15 denied@203.0.113.* alice every 43s", ""),
                // people who sign in from there
                Row::new(
                    "1 login@203.0.113.* x,y,z,v; 5 denied@203.0.113.* a,b,c every 10s",
                    "2026-03-02 Informational 10: 15 denied API calls from 203.0.113.0/24",
                ),
                Row::new(
                    "1 login@203.0.113.* x,y,z; 5 denied@203.0.113.* a,b,c every 10s",
                    "2026-03-02 Low 20: 15 denied API calls from 203.0.113.0/24",
                ),
                // strangers are no principals
                Row::new("15 denied@203.0.*.7 - every 10s", ""),
                // what addresses tell by themselves
                Row::new(
                    "15 denied@203.0.113.1 alice; 14 denied@203.0.113.* alice",
                    "2026-03-02 Low 35: 16 denied API calls",
                ),
            ],
        );
    }
}
