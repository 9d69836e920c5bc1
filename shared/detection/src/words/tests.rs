//! What people are told of alerts that the engine makes of stories.

use super::*;
use crate::activity::Outcome;
use crate::decide;
use crate::detections::check::ledgers;
use crate::intelligence::{AutonomousSystem, Category, Intelligence};
use crate::plain::plain;
use crate::policy::Policy;
use crate::score::Reason;

const LOUD: Escape = |text, most| plain(text, most).to_uppercase();

fn told_by(story: &str) -> Alert {
    told_of(Subject::Source, story)
}

fn told_of(subject: Subject, story: &str) -> Alert {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let ledgers = ledgers(&intelligence, &policy, story).into_iter();
    let (key, ledger) = ledgers.into_iter().find(|(key, _)| key.subject() == subject).unwrap();
    decide(&key, ledger, &intelligence, &policy).pop().unwrap()
}

#[test]
fn whether_anything_succeeded() {
    for (story, expected) in [
        ("12 fail alice", "none of these calls; ordinary calls that succeed are not kept"),
        ("12 fail alice; 1 login alice", "yes, 1 of 13 calls: ListUsers by alice"),
        (
            "12 fail alice; 1 mfa alice",
            "not yet: 1 sign-in gave the correct password and was stopped",
        ),
        (
            "12 fail alice; 2 mfa alice; 1 login alice",
            "yes, 1 of 15 calls: ListUsers by alice; 2 sign-ins gave the correct password and were stopped",
        ),
        ("20 denied alice; 1 priv alice", "yes, 1 of 21 calls: CreateAccessKey by alice"),
    ] {
        assert_eq!(success(&told_by(story), plain), expected, "{story}");
    }
    let mut unsampled = told_by("12 fail alice; 1 login alice");
    unsampled.samples.clear();
    assert_eq!(success(&unsampled, plain), "yes, 1 of 13 calls");
}

/// Nobody is told that none succeeded where it cannot be known.
#[test]
fn whether_anything_succeeded_at_many_addresses() {
    let spray = "1 fail@203.0.113.* a,b,c,d,e every 60s";
    let from_everywhere = "12 fail@203.0.*.7 alice every 60s";
    let guessed = |story: &str| format!("{story}; 1 login@203.0.113.99 alice");
    for (subject, story, expected) in [
        (
            Subject::Network,
            spray,
            "none known; of what succeeds in a network only sign-ins from it are kept here",
        ),
        (Subject::Network, &guessed(spray), "yes, 1 of 6 calls: ListUsers by alice"),
        (
            Subject::Principal,
            from_everywhere,
            "none known; of what succeeds anywhere only the principal's sign-ins are kept here",
        ),
        (Subject::Principal, &guessed(from_everywhere), "yes, 1 of 13 calls: ListUsers by alice"),
    ] {
        assert_eq!(success(&told_of(subject, story), plain), expected, "{story}");
    }
}

#[test]
fn who_did_what() {
    for (story, principals, operations) in [
        ("12 fail alice", "alice", "ListUsers: sign-in failed, among others"),
        (
            "5 denied alice; 15 denied -",
            "alice, and some the cloud hides",
            "Describe0: denied, among others",
        ),
        ("20 denied -", "not told by the cloud", "Describe0: denied, among others"),
        ("1 fail a,b,c,d,e", "a, b, c, d, e", "ListUsers: sign-in failed"),
        (
            "1 fail a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t",
            "a, b, c, d, e, f, g, h, and 12 more",
            "ListUsers: sign-in failed, among others",
        ),
    ] {
        let alert = told_by(story);
        assert_eq!(who(&alert, plain), principals, "{story}");
        assert_eq!(what(&alert, plain), operations, "{story}");
    }
    let mut unsampled = told_by("12 fail alice");
    unsampled.samples.clear();
    assert_eq!(what(&unsampled, plain), NOT_KEPT);
    assert_eq!(who(&unsampled, plain), "1 of whom no call was kept");
}

#[test]
fn what_is_known_of_a_source() {
    let mut alert = told_by("12 fail alice");
    alert.country = "NL".parse().ok();
    let name = Some("Net <example.com>".to_owned());
    alert.autonomous_system = Some(AutonomousSystem { number: 64500, name });
    alert.lists = vec!["tor (exits)".to_owned(), "malicious (ipsum, 6 lists)".to_owned()];
    alert.trusted_network = Some("HQ".to_owned());
    assert_eq!(
        whence(&alert, LOUD),
        [
            "203.0.113.7 · NL · AS64500 NET <EXAMPLE.COM>",
            "TOR (EXITS)",
            "MALICIOUS (IPSUM, 6 LISTS)",
            "in the trusted network HQ"
        ]
    );
    alert.lists = vec!["tor (exits)".to_owned(); NAMED_MAX + 3];
    assert_eq!(whence(&alert, plain)[1 + NAMED_MAX], "and 3 more");
}

#[test]
fn lists_are_told_with_their_age() {
    let policy = Policy::default();
    for (dated, expected) in [
        (None, "tor (exits)"),
        (Some("2026-03-02"), "tor (exits), as of 2026-03-02"),
        (Some("2026-03-01"), "tor (exits), as of 2026-03-01"),
        (Some("2026-02-20"), "tor (exits), as of 2026-02-20, 10 days before these calls"),
        (Some("2026-04-01"), "tor (exits), as of 2026-04-01, 30 days after these calls"),
    ] {
        let builder = Intelligence::builder();
        let mut builder = builder.list("exits", Category::Tor, b"203.0.113.7\n").unwrap();
        if let Some(day) = dated {
            let instant: jiff::Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
            builder = builder.dated(u64::try_from(instant.as_second()).unwrap());
        }
        let intelligence = builder.build();
        let (key, ledger) = ledgers(&intelligence, &policy, "1 ok alice").remove(0);
        let alert = decide(&key, ledger, &intelligence, &policy).pop().unwrap();
        assert_eq!(alert.lists, [expected]);
    }
}

#[test]
fn a_sum_that_is_not_the_score_is_told() {
    let mut alert = told_by("12 fail alice");
    alert.reasons = vec![Reason::new(20, "a"), Reason::new(-30, "trusted network b")];
    alert.score = 0;
    let expected = ["+20 A", "-30 TRUSTED NETWORK B", "-10 in all, kept within 0 to 100"];
    assert_eq!(reasons(&alert, LOUD), expected);
}

#[test]
fn a_call_in_words() {
    let alert = told_by("20 denied -");
    assert_eq!(
        call(&alert, &alert.samples[0], plain),
        "2026-03-02T08:00:00Z Describe0: denied, by somebody the cloud does not tell, in service-0"
    );
}

#[test]
fn samples_say_how_many_they_are_of() {
    let mut alert = told_by("20 denied alice");
    assert_eq!(over_samples(&alert, 1), "1 of 20 calls");
    alert.is_at_least = true;
    assert_eq!(over_samples(&alert, 20), "20 of at least 20 calls");
    alert.is_at_least = false;
    assert_eq!(over_samples(&alert, 20), "calls");
    assert_eq!(over_samples(&alert, 0), "calls not kept: too much else happened that day");
}

#[test]
fn a_field_has_a_line_and_a_short_label() {
    for story in ["20 denied -", "12 fail alice; 1 login alice", "1 fail a,b,c,d,e,f"] {
        let mut alert = told_by(story);
        for _ in 0..2 {
            for field in fields(&alert, plain) {
                assert!(field.label.len() <= 8, "{field:?}");
                assert!(!field.lines.is_empty(), "{field:?}");
                assert!(field.lines.iter().all(|line| !line.is_empty()), "{field:?}");
            }
            alert.samples.clear();
        }
    }
}

/// An alert of a network or a principal tells its members with the calls, and a name of any length
/// leaves room for the rest of its title.
#[test]
fn members_are_told() {
    let wide = |story: &str| {
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let ledgers = ledgers(&intelligence, &policy, story).into_iter();
        let mut alerts = ledgers.flat_map(|(key, it)| decide(&key, it, &intelligence, &policy));
        alerts.next().unwrap()
    };
    let alert = wide("1 fail@203.0.113.* a,b,c,d,e every 60s");
    assert_eq!(
        whence(&alert, plain),
        [concat!(
            "203.0.113.0/24 (5 addresses) \u{b7} 203.0.113.1, 203.0.113.2, 203.0.113.3, ",
            "203.0.113.4, 203.0.113.5"
        )]
    );
    assert!(call(&alert, &alert.samples[0], plain).ends_with(", from 203.0.113.1"));
    let name = "x".repeat(300);
    let alert = wide(&format!("12 fail@203.0.*.7 {name} every 240s"));
    assert!(whence(&alert, plain)[0].starts_with("12 addresses \u{b7} 203.0.1.7, "));
    assert_eq!(alert.principals, 1);
    let told = headline(&alert, plain);
    let expected = format!("High: 12 failed sign-ins of principal {}\u{2026}", "x".repeat(64));
    assert_eq!(told, format!("{expected} from 12 addresses"));
}

/// Only what works until somebody ends it is worth a word, and only where it was of use.
#[test]
fn a_lasting_key_that_succeeded_is_told() {
    let alert = told_by("12 fail alice");
    let told = |key: &'static str, outcome: Outcome| {
        let mut activity = crate::evidence::tests::call("e-1", 0, outcome);
        activity.actor.credential = Some(key.into());
        let sample = Sample::of(&activity, activity.time.unwrap(), "203.0.113.7", false);
        call(&alert, &sample, plain)
    };
    let by = "by alice (arn:aws:iam::111111111111:user/alice)";
    for (key, outcome, expected) in [
        (
            "AKIAIOSFODNN7EXAMPLE",
            Outcome::Success,
            " with the long-term access key AKIAIOSFODNN7EXAMPLE",
        ),
        ("AKIAIOSFODNN7EXAMPLE", Outcome::Denied, ""),
        ("ASIAIOSFODNN7EXAMPLE", Outcome::Success, ""),
    ] {
        let told = told(key, outcome);
        assert!(told.contains(&format!(", {by}{expected}, in iam.amazonaws.com")), "{told}");
    }
}
