//! Alerts, and who works at an address: what is so, and what the guards say of it.

use super::*;

/// An attacker who guesses a password: failures of that principal, a sign-in, and work.
fn guessed(world: &mut World, who: &str) {
    world.alert().detections = vec!["login-after-failures".to_owned(), "password-spray".to_owned()];
    world.calls(who, Outcome::LoginFailed, 60, 10);
    world.calls(who, Outcome::LoginSucceeded, 40, 1);
    world.seen(who, 0);
}

pub(super) const CASES: &[Case] = &[
    (
        "a detection that the policy does not name",
        |w| w.alert().detections = vec!["new-origin".to_owned(), "password-spray".to_owned()],
        "[detection] the policy denies nothing for new-origin",
    ),
    (
        "less severe than the policy asks for",
        |w| w.alert().severity = Severity::Medium,
        "[severity] the alert is Medium, and the policy denies from High on",
    ),
    (
        "an alert that a person closed",
        |w| w.alert().decided = Some("it was our scanner".to_owned()),
        "[closed] a person decided on the alert: it was our scanner",
    ),
    (
        "an old alert",
        |w| w.alert().last = now().plus_secs(-86_400),
        "[stale] the last call was at 2026-03-09T09:30:00Z, longer ago than the 24 h a denial \
         lasts",
    ),
    (
        "the limit of an hour is reached",
        |w| w.denied(20, 30),
        "[hour] 20 addresses were denied within the hour, and 20 an hour is the limit",
    ),
    ("the limit was reached longer ago", |w| w.denied(20, 61), "denies 203.0.113.7/32"),
    (
        "the limit is reached, and it is denied already",
        |w| {
            w.denied(20, 30);
            key(w, "198.51.101.3");
        },
        "denies 198.51.101.3/32",
    ),
    (
        "by hand, the limit holds too",
        |w| {
            w.denied(20, 30);
            w.person("203.0.113.7", &["20"]);
        },
        "[hour] 20 addresses were denied within the hour, and 20 an hour is the limit",
    ),
    (
        "no target has room",
        |w| w.room = vec![(target(TargetKind::Policy), false)],
        "[room] no target has room for it: they deny others of a higher score",
    ),
    (
        "one of two targets has room",
        |w| w.room = vec![(target(TargetKind::Policy), false), (target(TargetKind::Ipv4Set), true)],
        "denies 203.0.113.7/32",
    ),
    (
        "no history at all",
        |w| w.histories.clear(),
        "[history] nobody knows who works there: of 111111111111 no ordinary call was seen on \
         any of the seven days before today",
    ),
    (
        "history of today alone",
        |w| {
            let days = BTreeSet::from([now().day()]);
            w.histories.insert(ACCOUNT.to_owned(), days);
        },
        "[history] nobody knows who works there: of 111111111111 no ordinary call was seen on \
         any of the seven days before today",
    ),
    (
        "history that is too old",
        |w| {
            let days = BTreeSet::from([now().plus_secs(-8 * 86_400).day()]);
            w.histories.insert(ACCOUNT.to_owned(), days);
        },
        "[history] nobody knows who works there: of 111111111111 no ordinary call was seen on \
         any of the seven days before today",
    ),
    (
        "no history of another account that the alert names",
        |w| {
            w.alert().accounts.insert("222222222222".to_owned());
        },
        "[history] nobody knows who works there: of 222222222222 no ordinary call was seen on \
         any of the seven days before today",
    ),
    (
        "by hand, an account without history is named",
        |w| {
            w.histories.clear();
            w.person("203.0.113.7", &[ACCOUNT]);
        },
        "denies 203.0.113.7/32; overridden: nobody knows who works there: of 111111111111 no \
         ordinary call was seen on any of the seven days before today",
    ),
    (
        "people work there",
        |w| {
            w.seen("alice", 0);
            w.seen("bob", 1);
            w.calls("carol", Outcome::LoginSucceeded, 90, 1);
        },
        "[healthy] would have cut off 3 principals: alice, bob, carol",
    ),
    ("somebody worked there longer ago", |w| w.seen("alice", 9), "denies 203.0.113.7/32"),
    (
        "somebody whose name is not known",
        |w| {
            w.seen("alice", 1);
            w.names.clear();
        },
        "[healthy] would have cut off 1 principal: 8bae16b4a37b5e90",
    ),
    (
        "a dozen people",
        |w| {
            for who in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
                w.seen(who, 1);
            }
        },
        "[healthy] would have cut off 12 principals: a, b, c, d, e, f, g, h, i, j and 2 more",
    ),
    (
        "by hand, some of them are named",
        |w| {
            w.seen("alice", 0);
            w.seen("bob", 1);
            w.person("203.0.113.7", &["alice"]);
        },
        "[healthy] would have cut off 2 principals: alice, bob",
    ),
    (
        "by hand, all of them are named",
        |w| {
            w.seen("alice", 0);
            w.seen("bob", 1);
            w.person("203.0.113.7", &["alice", "bob"]);
        },
        "denies 203.0.113.7/32; overridden: would have cut off 2 principals: alice, bob",
    ),
    (
        "an attacker fails sign-ins through a gateway of healthy people",
        |w| {
            w.calls("bob", Outcome::LoginFailed, 60, 40);
            w.seen("alice", 0);
            w.seen("bob", 1);
        },
        "[healthy] would have cut off 2 principals: alice, bob",
    ),
    ("a password was guessed", |w| guessed(w, "bob"), "denies 203.0.113.7/32"),
    (
        "a password was guessed behind a gateway",
        |w| {
            guessed(w, "bob");
            w.seen("alice", 0);
        },
        "[healthy] would have cut off 1 principal: alice",
    ),
    (
        "an attacker fails as somebody who then signs in where they worked yesterday",
        |w| {
            guessed(w, "bob");
            w.seen("bob", 1);
        },
        "[healthy] would have cut off 1 principal: bob",
    ),
    (
        "an attacker fails as somebody who had signed in there this morning",
        |w| {
            w.calls("bob", Outcome::LoginSucceeded, 120, 1);
            guessed(w, "bob");
        },
        "[healthy] would have cut off 1 principal: bob",
    ),
    (
        "an attacker fails as all who come to a new gateway",
        |w| {
            for who in ["alice", "bob", "carol", "dave"] {
                guessed(w, who);
            }
        },
        "[healthy] would have cut off 4 principals: alice, bob, carol, dave",
    ),
    (
        "a spray, and somebody signs in who never failed",
        |w| {
            w.alert().detections = vec!["login-after-failures".to_owned()];
            w.calls("mallory", Outcome::LoginFailed, 60, 20);
            w.calls("bob", Outcome::LoginSucceeded, 30, 1);
        },
        "[healthy] would have cut off 1 principal: bob",
    ),
    (
        "a stolen key is tried out, and then used",
        |w| {
            w.alert().detections = vec!["success-after-denials".to_owned()];
            w.seen("ci", 0);
            w.calls("ci", Outcome::Denied, 60, 30);
            w.calls("ci", Outcome::Success, 50, 3);
        },
        "denies 203.0.113.7/32",
    ),
    (
        "a key is denied where it worked yesterday",
        |w| {
            w.alert().detections = vec!["success-after-denials".to_owned()];
            w.seen("ci", 1);
            w.calls("ci", Outcome::Denied, 60, 30);
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "few denials accuse nobody",
        |w| {
            w.alert().detections = vec!["success-after-denials".to_owned()];
            w.calls("eve", Outcome::Denied, 60, 30);
            w.calls("ci", Outcome::Denied, 60, 3);
            w.seen("ci", 0);
        },
        "[healthy] would have cut off 1 principal: ci",
    ),
    (
        "privileged operations alone are no work",
        |w| w.calls("thief", Outcome::Success, 60, 3),
        "denies 203.0.113.7/32",
    ),
    (
        "break-glass works there",
        |w| w.seen("break-1", 0),
        "[break-glass] break-glass works from there: break-1; [healthy] would have cut off 1 \
         principal: break-1",
    ),
    (
        "break-glass works there, by fingerprint and without its path",
        |w| {
            w.seen("ops", 1);
            w.names.clear();
            w.break_glass = vec!["arn:aws:iam::111111111111:user/emergency/ops".to_owned()];
        },
        "[break-glass] break-glass works from there: e4190c9e061e3778; [healthy] would have cut off 1 \
         principal: e4190c9e061e3778",
    ),
    (
        "break-glass fails there, as anybody can",
        |w| w.calls("break-1", Outcome::LoginFailed, 60, 3),
        "denies 203.0.113.7/32",
    ),
    (
        "by hand, break-glass is named",
        |w| {
            w.seen("break-1", 0);
            w.person("203.0.113.7", &["break-1"]);
        },
        "[break-glass] break-glass works from there: break-1; overridden: would have cut off \
         1 principal: break-1",
    ),
    (
        "by hand, a /48 is too large to be read",
        |w| {
            w.is_whole = false;
            w.person("2001:db8:1::/48", &[]);
        },
        "[history] nobody knows who works from all of 2001:db8:1::/48: it is too large to be \
         read",
    ),
    (
        "by hand, a /48 that is named",
        |w| {
            w.is_whole = false;
            w.person("2001:db8:1::/48", &["2001:db8:1::/48"]);
        },
        "denies 2001:db8:1::/48; overridden: nobody knows who works from all of \
         2001:db8:1::/48: it is too large to be read",
    ),
    (
        "everything speaks against it",
        |w| {
            key(w, "198.51.100.17");
            w.alert().severity = Severity::Low;
            w.alert().decided = Some("noise".to_owned());
            w.seen("alice", 0);
            w.histories.clear();
        },
        "[severity] the alert is Low, and the policy denies from High on; [closed] a person \
         decided on the alert: noise; [trusted] 198.51.100.17/32 lies in 198.51.100.16/28 of \
         the trusted network HQ; [healthy] would have cut off 1 principal: alice; [history] \
         nobody knows who works there: of 111111111111 no ordinary call was seen on any of \
         the seven days before today",
    ),
];
