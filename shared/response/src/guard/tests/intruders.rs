//! Who came with an attack, and protects no address: what is so, and what the guards say of it.

use super::*;

/// A stolen key is used from an address that a list names, and nothing else is known against it.
fn listed(world: &mut World, who: &str) {
    world.alert().detections = vec!["listed-source".to_owned()];
    world.rules.detections.insert("listed-source".to_owned());
    world.calls(who, Outcome::Success, 60, 3);
    world.seen(who, 0);
}

/// A principal that was denied a burst of calls, and then did something privileged.
fn burst(world: &mut World, who: &str, minutes_ago: i64) {
    world.alert().detections = vec!["success-after-denials".to_owned()];
    world.seen(who, 0);
    world.calls(who, Outcome::Denied, minutes_ago, 30);
}

pub(super) const CASES: &[Case] = &[
    (
        "no list of what AWS publishes",
        |w| w.has_ranges = false,
        "[listed] no list of AWS's own addresses is loaded: nobody knows whether it is one",
    ),
    ("a stolen key is used from a malicious address", |w| listed(w, "ci"), "denies 203.0.113.7/32"),
    (
        "a stolen key is used through Tor",
        |w| {
            listed(w, "ci");
            w.accused = Category::Tor;
        },
        "denies 203.0.113.7/32",
    ),
    (
        "a stolen key is used from an address of a list of one's own",
        |w| {
            listed(w, "ci");
            w.accused = Category::Custom;
        },
        "denies 203.0.113.7/32",
    ),
    (
        "somebody works at a malicious address who did on an earlier day",
        |w| {
            listed(w, "alice");
            w.seen("alice", 1);
        },
        "[healthy] would have cut off 1 principal: alice",
    ),
    (
        "somebody came to a malicious address before the day of the alert",
        |w| {
            listed(w, "ci");
            w.seen("alice", 2);
            w.seen("alice", 0);
        },
        "[healthy] would have cut off 1 principal: alice",
    ),
    (
        "the alert began on an earlier day",
        |w| {
            listed(w, "ci");
            w.seen("ci", 1);
            w.alert().first = now().plus_secs(-86_400);
        },
        "denies 203.0.113.7/32",
    ),
    (
        "three are new at a malicious address",
        |w| {
            for who in ["a", "b", "c"] {
                listed(w, who);
            }
        },
        "denies 203.0.113.7/32",
    ),
    (
        "four are new at a malicious address",
        |w| {
            for who in ["a", "b", "c", "d"] {
                listed(w, who);
            }
        },
        "[healthy] would have cut off 4 principals: a, b, c, d",
    ),
    (
        "few say that the address attacked",
        |w| {
            listed(w, "ci");
            w.accused = Category::Reported;
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "the address is a VPN's",
        |w| {
            listed(w, "ci");
            w.accused = Category::Anonymizer;
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "the address is malicious, and the alert is not for that",
        |w| {
            listed(w, "ci");
            w.alert().detections = vec!["password-spray".to_owned()];
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "what we denied ourselves accuses nobody",
        |w| {
            burst(w, "ci", 60);
            w.denied_itself(90, 60);
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "what was denied while AWS still let the denial go accuses nobody",
        |w| {
            burst(w, "ci", 60);
            w.denied_itself(120, 50);
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "what was denied after our own denial had ended",
        |w| {
            burst(w, "ci", 60);
            w.denied_itself(120, 40);
        },
        "denies 203.0.113.7/32",
    ),
    (
        "what was denied before we denied anything",
        |w| {
            burst(w, "ci", 60);
            w.denied_itself(30, 1440);
        },
        "denies 203.0.113.7/32",
    ),
    (
        "our denial of another address excuses nothing",
        |w| {
            burst(w, "ci", 60);
            w.denied(1, 90);
        },
        "denies 203.0.113.7/32",
    ),
];
