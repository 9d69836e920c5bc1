//! Runs over a target and a store in memory.

use callerwatch_detection::intelligence::Category;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;
use pollster::block_on;

use super::*;
use crate::memory::{Fuse, MemoryAnnouncer, MemoryStore, MemoryTarget};
use crate::outbox::announce;
use crate::target::{Room, TargetKind};

const ACCOUNT: &str = "111111111111";

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_773_135_000_000).unwrap().plus_secs(hours * 3600)
}

/// An alert of an address of which nobody knows anything good.
fn case(uid: &str, address: &str) -> Case {
    let days = (1..7).map(|back| at(-24 * back).day()).collect();
    let alert = AlertFacts {
        uid: uid.to_owned(),
        key: LedgerKey::of_public(address.parse().unwrap()),
        detections: vec!["password-spray".to_owned()],
        severity: Severity::High,
        accounts: [ACCOUNT.to_owned()].into(),
        first: at(-1),
        last: at(-1),
        decided: None,
    };
    let histories = [(ACCOUNT.to_owned(), days)].into();
    let known = Known { is_whole: true, histories, ..Known::default() };
    Case { alert, title: format!("a spray from {address}"), score: 61, known }
}

/// What AWS publishes, of which nothing is in these tests.
fn intelligence() -> Intelligence {
    let aws = br#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
        {"ip_prefix":"192.0.2.128/25","region":"eu-west-1","service":"AMAZON"}]}"#;
    Intelligence::builder().list("aws", Category::Cloud, aws).unwrap().build()
}

fn set() -> MemoryTarget {
    let arn = "arn:aws:test::111111111111:set".to_owned();
    MemoryTarget::new(TargetId { kind: TargetKind::Ipv4Set, arn }, Room::Prefixes(10))
}

fn run(
    policy: &str,
    cases: &[Case],
    set: &MemoryTarget,
    store: &MemoryStore,
    mode: Mode,
    now: Timestamp,
) -> Responded {
    let policy = Policy::parse(policy).unwrap();
    let intelligence = intelligence();
    let grounds = Grounds::new(&policy, &intelligence, ACCOUNT, &[], now);
    block_on(respond(cases, &grounds, std::slice::from_ref(set), store, mode)).unwrap()
}

fn words(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(|change| change.what).collect()
}

#[test]
fn an_alert_is_denied_for_extended_and_let_go() {
    let (set, store) = (set(), MemoryStore::default());
    let enforce = |cases: &[Case], hours| run("", cases, &set, &store, Mode::Enforce, at(hours));
    let cases = [case("1", "203.0.113.7"), case("2", "203.0.113.8")];
    let ran = enforce(&cases, 0);
    assert!(ran.outcomes.iter().all(|it| matches!(it, Outcome::Denied(_))), "{ran:?}");
    assert_eq!((words(&ran.changes), set.networks().len()), (vec!["denied", "denied"], 2));
    // The same again changes nothing at all.
    let writes = (store.writes(), set.writes());
    let ran = enforce(&cases, 1);
    assert!(ran.outcomes.iter().all(|it| matches!(it, Outcome::Known(_))), "{ran:?}");
    assert_eq!((ran.changes, (store.writes(), set.writes())), (vec![], writes));
    // Another alert of the same address is one reason more, and a later end.
    let ran = enforce(&[case("3", "203.0.113.7")], 20);
    assert_eq!(words(&ran.changes), ["extended"]);
    assert_eq!(words(&enforce(&[], 25).changes), ["removed", "expired"]);
    assert_eq!(set.networks(), ["203.0.113.7/32".parse().unwrap()].into());
    assert_eq!(words(&enforce(&[], 44).changes), ["removed", "expired"]);
    assert!(set.networks().is_empty() && block_on(store.denials()).unwrap().is_empty());
    let told = ["denied", "denied", "extended", "removed", "expired", "removed", "expired"];
    assert_eq!(words(&store.changes()), told);
    // All that a run says it changed is announced.
    let announcer = MemoryAnnouncer::default();
    block_on(announce(&store, &announcer)).unwrap();
    assert_eq!(announcer.messages().concat(), store.changes());
}

#[test]
fn a_refusal_is_told_where_somebody_may_decide_on_it() {
    let policy = "[[trusted_networks]]\nname = \"office\"\nnetworks = [\"203.0.113.0/24\"]\n";
    let mut low = case("2", "198.51.100.7");
    low.alert.severity = Severity::Low;
    let mut network = case("3", "198.51.100.8");
    network.alert.key = LedgerKey::Network("198.51.100.0".parse().unwrap());
    let mut unknown = case("4", "198.51.100.9");
    unknown.known = Known { is_whole: true, ..Known::default() };
    let cases = [case("1", "203.0.113.7"), low, network, unknown];
    for mode in [Mode::DryRun, Mode::Enforce] {
        let (set, store) = (set(), MemoryStore::default());
        let ran = run(policy, &cases, &set, &store, mode, at(0));
        assert!(ran.outcomes.iter().all(|it| matches!(it, Outcome::Refused(_))), "{ran:?}");
        assert_eq!(words(&ran.changes), ["refused", "refused"]);
        assert!(ran.changes[0].why.contains("trusted network office"), "{ran:?}");
        assert!(ran.changes[1].why.contains("nobody knows who works there"), "{ran:?}");
        assert!(set.networks().is_empty() && block_on(store.denials()).unwrap().is_empty());
    }
}

#[test]
fn so_many_an_hour_and_no_more() {
    let (set, store) = (set(), MemoryStore::default());
    let policy = "[response]\nnew_an_hour = 3\n";
    let cases: Vec<Case> =
        (0..5).map(|n| case(&n.to_string(), &format!("203.0.113.{n}"))).collect();
    let ran = run(policy, &cases, &set, &store, Mode::Enforce, at(0));
    assert_eq!(set.networks().len(), 3);
    let refused = ran.outcomes.iter().filter(|it| matches!(it, Outcome::Refused(_))).count();
    assert_eq!(refused, 2);
    let ran = run(policy, &cases, &set, &store, Mode::Enforce, at(2));
    assert_eq!((ran.outcomes.len(), set.networks().len()), (5, 5));
}

#[test]
fn a_dry_run_writes_nothing_and_tells_of_its_alerts_alone() {
    let (set, store) = (set(), MemoryStore::default());
    run("", &[case("1", "203.0.113.7")], &set, &store, Mode::Enforce, at(0));
    set.take_out(&"203.0.113.7/32".parse().unwrap());
    let writes = (store.writes(), set.writes());
    let cases = [case("2", "203.0.113.8")];
    let ran = run("", &cases, &set, &store, Mode::DryRun, at(1));
    assert_eq!(ran.outcomes, [Outcome::Denied("203.0.113.8/32".parse().unwrap())]);
    assert_eq!(words(&ran.changes), ["denied"]);
    assert!(words(&ran.converged.changes).contains(&"repaired"));
    assert!(run("", &[], &set, &store, Mode::DryRun, at(1)).changes.is_empty());
    assert_eq!((store.writes(), set.writes()), writes);
    assert!(set.networks().is_empty());
    assert_eq!(block_on(store.outbox()).unwrap().len(), 1, "of the run that was none");
}

#[test]
fn what_failed_comes_again() {
    let (set, store) = (set(), MemoryStore::default());
    let cases = [case("1", "203.0.113.7"), case("2", "2001:db8::7")];
    set.set_down(true);
    let ran = run("", &cases, &set, &store, Mode::Enforce, at(0));
    // The set takes no IPv6, so nothing failed of it.
    assert_eq!(ran.unsettled().collect::<Vec<_>>(), [0]);
    assert!(words(&ran.changes).contains(&"failed"));
    let ran = run("", &cases, &set, &store, Mode::Enforce, at(0));
    assert_eq!(ran.unsettled().collect::<Vec<_>>(), [0]);
    set.set_down(false);
    let ran = run("", &cases, &set, &store, Mode::Enforce, at(0));
    assert_eq!((ran.unsettled().count(), set.networks().len()), (0, 1));
}

#[test]
fn one_who_dies_anywhere_leaves_the_rest_to_the_next() {
    for calls in 0..12 {
        for is_done in [false, true] {
            let (set, store) = (set(), MemoryStore::default());
            store.set_fuse(Fuse::after(calls, is_done));
            let policy = Policy::default();
            let intelligence = intelligence();
            let grounds = Grounds::new(&policy, &intelligence, ACCOUNT, &[], at(0));
            let cases = [case("1", "203.0.113.7")];
            let targets = std::slice::from_ref(&set);
            let died = block_on(respond(&cases, &grounds, targets, &store, Mode::Enforce));
            store.set_fuse(Fuse::default());
            run("", &cases, &set, &store, Mode::Enforce, at(0));
            assert_eq!(set.networks().len(), 1, "{calls} {is_done} {died:?}");
            run("", &[], &set, &store, Mode::Enforce, at(25));
            assert!(set.networks().is_empty(), "{calls} {is_done}");
            let announcer = MemoryAnnouncer::default();
            block_on(announce(&store, &announcer)).unwrap();
            let told = announcer.messages().concat();
            assert!(store.changes().iter().all(|it| told.contains(it)), "{calls} {is_done}");
        }
    }
}

#[test]
fn what_somebody_let_go_is_not_denied_for_the_same_alert() {
    let (set, store) = (set(), MemoryStore::default());
    let enforce = |case: Case, hours| run("", &[case], &set, &store, Mode::Enforce, at(hours));
    enforce(case("1", "203.0.113.7"), 0);
    let denials = block_on(store.denials()).unwrap();
    let (by, why) = ("alice".to_owned(), "it was our scanner".to_owned());
    let removal = Removal { time: at(1), by, why, until: at(25), is_done: false };
    let sets = std::slice::from_ref(&set);
    block_on(crate::rollback(sets, &store, &denials, &removal, async || Ok(()))).unwrap();
    let network: IpNet = "203.0.113.7/32".parse().unwrap();
    // The same message again, and one whose score rose for what happened before.
    let mut worse = case("1", "203.0.113.7");
    worse.score = 90;
    for case in [case("1", "203.0.113.7"), worse.clone()] {
        let ran = enforce(case, 2);
        assert_eq!(
            (ran.outcomes.as_slice(), ran.changes.len()),
            (&[Outcome::Over(network)][..], 0)
        );
        assert_eq!((ran.unsettled().count(), ran.converged.denials.len()), (0, 0));
        assert_eq!(ran.denied_since(&network, "1", at(2)), None);
        assert!(set.networks().is_empty());
    }
    // What happened since is another matter.
    worse.alert.last = at(2);
    let ran = enforce(worse, 3);
    assert_eq!(ran.outcomes, [Outcome::Denied(network)]);
    assert_eq!(ran.denied_since(&network, "1", at(3)), Some(at(3)));
}

#[test]
fn what_was_let_go_does_not_count_to_the_hour() {
    let (set, store) = (set(), MemoryStore::default());
    let policy = "[response]\nnew_an_hour = 1\n";
    run(policy, &[case("1", "203.0.113.7")], &set, &store, Mode::Enforce, at(0));
    let denials = block_on(store.denials()).unwrap();
    let (by, why) = ("alice".to_owned(), "rolled back".to_owned());
    let removal = Removal { time: at(0), by, why, until: at(24), is_done: false };
    let sets = std::slice::from_ref(&set);
    block_on(crate::rollback(sets, &store, &denials, &removal, async || Ok(()))).unwrap();
    let ran = run(policy, &[case("2", "203.0.113.8")], &set, &store, Mode::Enforce, at(0));
    assert!(matches!(ran.outcomes[0], Outcome::Denied(_)), "{ran:?}");
}

#[test]
fn each_alert_has_the_time_at_which_it_was_denied_for() {
    let (set, store) = (set(), MemoryStore::default());
    let network: IpNet = "203.0.113.7/32".parse().unwrap();
    let enforce = |uid, hours| {
        let case = case(uid, "203.0.113.7");
        let ran = run("", &[case], &set, &store, Mode::Enforce, at(hours));
        (ran.outcomes[0].clone(), ran.denied_since(&network, uid, at(hours)))
    };
    assert_eq!(enforce("1", 0), (Outcome::Denied(network), Some(at(0))));
    assert_eq!(enforce("2", 7), (Outcome::Extended(network), Some(at(7))));
    // Again it is the same, so that a repeat changes nothing.
    assert_eq!(enforce("2", 9), (Outcome::Known(network), Some(at(7))));
    assert_eq!(enforce("1", 9), (Outcome::Known(network), Some(at(0))));
}

#[test]
fn what_lies_on_ground_that_is_never_denied_by_now_is_let_go() {
    let (set, store) = (set(), MemoryStore::default());
    let cases = [case("1", "203.0.113.7"), case("2", "198.51.100.7")];
    run("", &cases, &set, &store, Mode::Enforce, at(0));
    assert_eq!(set.networks().len(), 2);
    let policy = "[[trusted_networks]]\nname = \"office\"\nnetworks = [\"203.0.113.0/24\"]\n";
    // Where it is not known what is trusted, nothing is judged.
    let sets = std::slice::from_ref(&set);
    let ran = block_on(look_after(sets, &store, Mode::Enforce, at(1))).unwrap();
    assert_eq!((ran.changes.len(), set.networks().len()), (0, 2));
    let dry = run(policy, &[], &set, &store, Mode::DryRun, at(1));
    assert_eq!((dry.changes.len(), set.networks().len()), (0, 2));
    let ran = run(policy, &[], &set, &store, Mode::Enforce, at(1));
    assert_eq!(words(&ran.changes), ["removed", "removed"]);
    let why = "203.0.113.7/32 lies in 203.0.113.0/24 of the trusted network office";
    assert_eq!(ran.changes[1].why, why);
    assert_eq!(set.networks(), ["198.51.100.7/32".parse().unwrap()].into());
    assert_eq!(ran.converged.denials.len(), 1);
    // It is not repaired, and not denied again for the same alert.
    let ran = run(policy, &cases[..1], &set, &store, Mode::Enforce, at(2));
    assert!(matches!(ran.outcomes[0], Outcome::Over(_)), "{ran:?}");
    assert_eq!((ran.changes.len(), set.networks().len()), (0, 1));
}
