//! Converging, with everything that can go wrong between two instructions.

mod property;

use callerwatch_detection::score::Severity;
use pollster::block_on;

use super::*;
use crate::denial::{By, Cause, Effect, ask};
use crate::memory::{Failed, Fuse, MemoryStore, MemoryTarget};
use crate::target::{Room, TargetKind};

const HOUR: i64 = 3600;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(hours * HOUR)
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn target(kind: TargetKind, room: usize) -> MemoryTarget {
    let arn = format!("arn:aws:test::111111111111:{}", kind.as_str());
    MemoryTarget::new(TargetId { kind, arn }, Room::Prefixes(room))
}

fn sets() -> [MemoryTarget; 2] {
    [target(TargetKind::Ipv4Set, 10), target(TargetKind::Policy, 10)]
}

fn cause(score: u8, since: Timestamp) -> Cause {
    let by = By::Alert("password-spray".to_owned());
    Cause { since, by, title: "a spray".to_owned(), score, severity: Severity::High }
}

/// Asks for a denial of an hour count, as the function does.
fn deny(store: &MemoryStore, network: &str, uid: &str, now: Timestamp, hours: i64) -> bool {
    let all = block_on(store.denials()).unwrap();
    let network = net(network);
    let known = all.iter().find(|it| it.network == network);
    match ask(known, network, uid, cause(60, now), now, now.plus_secs(hours * HOUR)) {
        Effect::New(denial) | Effect::Extended(denial) => {
            block_on(store.keep(&denial)).unwrap();
            true
        }
        Effect::Known | Effect::Over => false,
    }
}

fn run(targets: &[MemoryTarget], store: &MemoryStore, now: Timestamp) -> Result<Converged, Failed> {
    let denials = block_on(store.denials()).unwrap();
    block_on(converge(targets, store, denials, Mode::Enforce, now))
}

fn roll_back(targets: &[MemoryTarget], store: &MemoryStore, now: Timestamp) -> Converged {
    let denials = block_on(store.denials()).unwrap();
    block_on(rollback(targets, store, &denials, &removal(now), async || Ok(()))).unwrap()
}

fn removal(now: Timestamp) -> Removal {
    let (by, why) = ("alice".to_owned(), "rolled back".to_owned());
    Removal { time: now, by, why, until: now.plus_secs(24 * HOUR), is_done: false }
}

/// What is denied, and nothing that is remembered alone.
fn denied(store: &MemoryStore) -> Vec<IpNet> {
    let denials = block_on(store.denials()).unwrap();
    denials.iter().filter(|it| !it.is_let_go()).map(|it| it.network).collect()
}

fn holds(target: &MemoryTarget) -> String {
    let networks: Vec<String> = target.networks().iter().map(ToString::to_string).collect();
    networks.join(" ")
}

fn words(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(|change| change.what).collect()
}

#[test]
fn a_repeat_changes_nothing() {
    let (targets, store) = (sets(), MemoryStore::default());
    assert!(deny(&store, "203.0.113.7/32", "a", at(0), 24));
    assert!(deny(&store, "2001:db8:1:2::/64", "b", at(0), 24));
    let first = run(&targets, &store, at(0)).unwrap();
    assert_eq!(words(&first.changes), ["denied", "denied", "denied"]);
    assert_eq!(holds(&targets[0]), "203.0.113.7/32");
    assert_eq!(holds(&targets[1]), "203.0.113.7/32 2001:db8:1:2::/64");
    assert_eq!(store.changes(), first.changes);
    let writes = store.writes();
    assert!(!deny(&store, "203.0.113.7/32", "a", at(1), 24));
    let again = run(&targets, &store, at(1)).unwrap();
    assert_eq!(words(&again.changes), [""; 0]);
    assert_eq!(again.denials, first.denials);
    assert_eq!((store.writes(), targets[0].writes(), targets[1].writes()), (writes, 1, 1));
}

/// It is no failure of what was written, is never said to be repaired, and is told as long as it lasts.
#[test]
fn what_cannot_be_mended_keeps_nothing_from_being_denied() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    targets[1].spoil_for_good("it is not attached to role gone", "there is none");
    targets[1].spoil("its statement was changed");
    let first = run(&targets, &store, at(0)).unwrap();
    assert_eq!(words(&first.changes), ["denied", "repaired", "denied"]);
    assert_eq!(first.changes[1].why, "its statement was changed");
    let told =
        [(targets[1].id().clone(), "it is not attached to role gone: there is none".to_owned())];
    assert_eq!((first.failed, &first.unmended[..]), (vec![], &told[..]));
    let again = run(&targets, &store, at(1)).unwrap();
    assert_eq!((again.changes, &again.unmended[..]), (vec![], &told[..]));
    let over = roll_back(&targets, &store, at(2));
    assert_eq!((over.failed, holds(&targets[1])), (vec![], String::new()));
}

#[test]
fn a_new_finding_extends_and_time_ends_it() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    run(&targets, &store, at(0)).unwrap();
    assert!(deny(&store, "203.0.113.7/32", "b", at(10), 24));
    let extended = run(&targets, &store, at(25)).unwrap();
    assert_eq!((extended.denials[0].until, extended.denials[0].since), (at(34), at(0)));
    assert_eq!(holds(&targets[0]), "203.0.113.7/32");
    let over = run(&targets, &store, at(34)).unwrap();
    assert_eq!(words(&over.changes), ["removed", "removed", "expired"]);
    assert_eq!((holds(&targets[0]).as_str(), over.denials.len()), ("", 0));
    assert_eq!(block_on(store.denials()).unwrap(), []);
    // What ended is denied anew for another reason.
    assert!(deny(&store, "203.0.113.7/32", "c", at(40), 24));
}

#[test]
fn a_dry_run_writes_nothing() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    targets[0].spoil("its statement was changed");
    let writes = store.writes();
    let denials = block_on(store.denials()).unwrap();
    let dry = block_on(converge(&targets, &store, denials, Mode::DryRun, at(0))).unwrap();
    assert_eq!(words(&dry.changes), ["repaired", "denied", "denied"]);
    assert_eq!((store.writes(), targets[0].writes(), targets[1].writes()), (writes, 0, 0));
    assert_eq!(store.changes(), []);
}

#[test]
fn what_others_do_meanwhile_stays() {
    let (targets, store) = (sets(), MemoryStore::default());
    let set = &targets[..1];
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    deny(&store, "203.0.113.9/32", "b", at(0), 24);
    // The same address, put there by somebody else between reading and writing, is theirs.
    set[0].add_meanwhile(net("203.0.113.7/32"));
    set[0].add_meanwhile(net("198.51.100.0/24"));
    let out = run(set, &store, at(0)).unwrap();
    assert_eq!(holds(&set[0]), "198.51.100.0/24 203.0.113.7/32 203.0.113.9/32");
    assert_eq!(words(&out.changes), ["foreign", "denied"]);
    assert_eq!(out.denials[0].states[set[0].id()], State::Foreign);
    set[0].add(net("198.51.100.7/32"));
    let rolled = roll_back(set, &store, at(1));
    assert_eq!(words(&rolled.changes), ["foreign", "removed", "removed", "removed"]);
    assert_eq!(holds(&set[0]), "198.51.100.0/24 198.51.100.7/32 203.0.113.7/32");
    assert_eq!((denied(&store), rolled.denials), (vec![], vec![]));
    assert_eq!(block_on(store.placed(set[0].id())).unwrap().ours, BTreeSet::new());
}

#[test]
fn drift_is_told_and_repaired() {
    let (targets, store) = (sets(), MemoryStore::default());
    let set = &targets[..1];
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    run(set, &store, at(0)).unwrap();
    set[0].take_out(&net("203.0.113.7/32"));
    set[0].add(net("198.51.100.7/32"));
    set[0].spoil("it is attached to nothing");
    let out = run(set, &store, at(1)).unwrap();
    let told: Vec<String> =
        out.changes.iter().map(|it| format!("{}: {}", it.what, it.why)).collect();
    assert_eq!(
        told,
        [
            "repaired: somebody had taken out 203.0.113.7/32",
            "repaired: it is attached to nothing",
            "foreign: others put there 198.51.100.7/32, which stays",
        ]
    );
    assert_eq!(holds(&set[0]), "198.51.100.7/32 203.0.113.7/32");
    assert_eq!(words(&run(set, &store, at(2)).unwrap().changes), [""; 0]);
    // What others take out again that was theirs alone is theirs to take out; what is still wanted
    // then becomes ours.
    deny(&store, "198.51.100.7/32", "b", at(2), 24);
    let foreign = run(set, &store, at(2)).unwrap();
    assert_eq!(foreign.denials[0].states[set[0].id()], State::Foreign);
    set[0].take_out(&net("198.51.100.7/32"));
    assert_eq!(words(&run(set, &store, at(3)).unwrap().changes), ["denied"]);
    roll_back(set, &store, at(4));
    assert_eq!(holds(&set[0]), "");
}

#[test]
fn a_target_that_fails_leaves_others_and_is_told() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    targets[0].set_down(true);
    let out = run(&targets, &store, at(0)).unwrap();
    assert_eq!(words(&out.changes), ["failed", "denied"]);
    assert_eq!(out.failed, [(targets[0].id().clone(), "the world failed".to_owned())]);
    let failed = State::Failed("the world failed".to_owned());
    assert_eq!(out.denials[0].states[targets[0].id()], failed);
    assert_eq!((holds(&targets[0]).as_str(), holds(&targets[1]).as_str()), ("", "203.0.113.7/32"));
    // It is told once, and tried again each time.
    let again = run(&targets, &store, at(1)).unwrap();
    assert_eq!((words(&again.changes), again.failed.len()), (vec![], 1));
    targets[0].set_down(false);
    assert_eq!(words(&run(&targets, &store, at(1)).unwrap().changes), ["denied"]);
    // While it fails, what ended is not forgotten.
    targets[0].set_down(true);
    let over = run(&targets, &store, at(30)).unwrap();
    assert_eq!((words(&over.changes), over.denials.len()), (vec!["removed"], 1));
    targets[0].set_down(false);
    let over = run(&targets, &store, at(31)).unwrap();
    assert_eq!((words(&over.changes), over.denials.len()), (vec!["removed", "expired"], 0));
    assert_eq!(holds(&targets[0]), "");
}

#[test]
fn what_has_no_room_is_told() {
    let store = MemoryStore::default();
    let targets = [target(TargetKind::Ipv4Set, 1)];
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    run(&targets, &store, at(0)).unwrap();
    let mut worse = cause(90, at(0));
    worse.title = "worse".to_owned();
    let Effect::New(denial) = ask(None, net("198.51.100.9/32"), "b", worse, at(0), at(24)) else {
        panic!("not new")
    };
    block_on(store.keep(&denial)).unwrap();
    let out = run(&targets, &store, at(0)).unwrap();
    let told: Vec<String> =
        out.changes.iter().map(|it| format!("{} {}", it.what, it.network.unwrap())).collect();
    assert_eq!(told, ["denied 198.51.100.9/32", "no room 203.0.113.7/32"]);
    assert_eq!(holds(&targets[0]), "198.51.100.9/32");
}

/// Dying at any instruction loses nothing, and takes nothing of others.
#[test]
fn dying_anywhere_is_made_up_for() {
    for is_done in [false, true] {
        for calls in 0..8 {
            for of_target in [false, true] {
                let (targets, store) = (sets(), MemoryStore::default());
                let set = &targets[..1];
                set[0].add(net("198.51.100.0/24"));
                deny(&store, "203.0.113.7/32", "a", at(0), 24);
                run(set, &store, at(0)).unwrap();
                deny(&store, "203.0.113.8/32", "b", at(1), 24);
                let fuse = Fuse::after(calls, is_done);
                if of_target {
                    set[0].set_fuse(fuse);
                } else {
                    store.set_fuse(fuse);
                }
                let _ = run(set, &store, at(1));
                set[0].set_fuse(Fuse::default());
                store.set_fuse(Fuse::default());
                set[0].add(net("198.51.100.9/32"));
                let out = run(set, &store, at(2)).unwrap();
                let case = format!("after {calls} calls of the target {of_target}, done {is_done}");
                let states: Vec<&State> =
                    out.denials.iter().map(|it| &it.states[set[0].id()]).collect();
                assert_eq!(states, [&State::Denied, &State::Denied], "{case}");
                let all = "198.51.100.0/24 198.51.100.9/32 203.0.113.7/32 203.0.113.8/32";
                assert_eq!(holds(&set[0]), all, "{case}");
                let denied = store.changes();
                let denied = denied.iter().filter(|it| it.network == Some(net("203.0.113.8/32")));
                assert!(denied.clone().any(|it| it.what == "denied"), "{case}");
                roll_back(set, &store, at(3));
                assert_eq!(holds(&set[0]), "198.51.100.0/24 198.51.100.9/32", "{case}");
            }
        }
    }
}

#[test]
fn what_was_rolled_back_is_not_denied_again_for_the_same_alert() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    deny(&store, "2001:db8:1:2::/64", "b", at(0), 48);
    run(&targets, &store, at(0)).unwrap();
    let rolled = roll_back(&targets, &store, at(1));
    let told = words(&rolled.changes);
    assert_eq!(told, ["removed", "removed", "removed", "removed", "removed"]);
    assert_eq!((holds(&targets[0]).as_str(), holds(&targets[1]).as_str()), ("", ""));
    assert_eq!((rolled.denials, denied(&store)), (vec![], vec![]));
    // It is remembered, told once, and brings nothing back.
    assert!(!deny(&store, "203.0.113.7/32", "a", at(20), 24));
    let writes = store.writes();
    for hours in [2, 20] {
        let again = run(&targets, &store, at(hours)).unwrap();
        assert_eq!((again.changes, again.denials), (vec![], vec![]));
    }
    assert_eq!((holds(&targets[0]).as_str(), holds(&targets[1]).as_str()), ("", ""));
    // All that was written is that nothing was taken out lately.
    assert_eq!(store.writes(), writes + 2);
    assert_eq!(roll_back(&targets, &store, at(21)).changes, []);
    // A day after it ended, or when it would have ended, whichever is later, it is forgotten.
    run(&targets, &store, at(25)).unwrap();
    let left: Vec<IpNet> = block_on(store.denials()).unwrap().iter().map(|it| it.network).collect();
    assert_eq!(left, [net("2001:db8:1:2::/64")]);
    let last = run(&targets, &store, at(48)).unwrap();
    assert_eq!((last.changes, block_on(store.denials()).unwrap()), (vec![], vec![]));
}

#[test]
fn a_write_whose_answer_was_lost_is_ours() {
    let (targets, store) = (sets(), MemoryStore::default());
    let set = &targets[..1];
    set[0].add(net("198.51.100.0/24"));
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    set[0].lose_answer();
    let out = run(set, &store, at(0)).unwrap();
    assert_eq!(words(&out.changes), ["foreign", "denied"]);
    assert_eq!(out.denials[0].states[set[0].id()], State::Denied);
    // So it is when it repairs something, and when it takes something out.
    set[0].take_out(&net("203.0.113.7/32"));
    set[0].lose_answer();
    assert_eq!(words(&run(set, &store, at(1)).unwrap().changes), ["repaired"]);
    set[0].lose_answer();
    assert_eq!(words(&roll_back(set, &store, at(2)).changes), ["removed", "removed"]);
    assert_eq!((holds(&set[0]).as_str(), set[0].writes()), ("198.51.100.0/24", 3));
    assert_eq!(block_on(store.placed(set[0].id())).unwrap().ours, BTreeSet::new());
}

#[test]
fn what_is_read_as_of_a_while_ago_is_not_taken_for_anothers() {
    let (targets, store) = (sets(), MemoryStore::default());
    let set = &targets[..1];
    let address = net("203.0.113.7/32");
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    run(set, &store, at(0)).unwrap();
    roll_back(set, &store, at(1));
    let soon = at(1).plus_secs(60);
    set[0].read_stale([address].into());
    deny(&store, "203.0.113.8/32", "b", soon, 24);
    assert_eq!(words(&run(set, &store, soon).unwrap().changes), ["denied"]);
    assert_eq!(holds(&set[0]), "203.0.113.8/32");
    assert_eq!(words(&run(set, &store, soon).unwrap().changes), [""; 0]);
    assert_eq!(block_on(store.placed(set[0].id())).unwrap().foreign, BTreeSet::new());
    // Who puts it there later has put it there.
    set[0].add(address);
    let out = run(set, &store, soon.plus_secs(121)).unwrap();
    assert_eq!(words(&out.changes), ["foreign"]);
    roll_back(set, &store, at(2));
    assert_eq!(holds(&set[0]), "203.0.113.7/32");
}

/// What was seen of one target is told, though whoever saw it died at another.
#[test]
fn what_changed_in_one_target_is_recorded_before_another_fails() {
    let mut seen = 0;
    for calls in 0..8 {
        let (targets, store) = (sets(), MemoryStore::default());
        deny(&store, "203.0.113.7/32", "a", at(0), 24);
        run(&targets, &store, at(0)).unwrap();
        targets[0].take_out(&net("203.0.113.7/32"));
        targets[0].add(net("198.51.100.9/32"));
        targets[1].add(net("198.51.100.10/32"));
        store.set_fuse(Fuse::after(calls, false));
        let died = run(&targets, &store, at(1));
        store.set_fuse(Fuse::default());
        run(&targets, &store, at(2)).unwrap();
        let told = |what| store.changes().iter().filter(|it| it.what == what).count();
        assert!(told("foreign") >= 2, "{calls} {died:?}");
        // Between writing and recording nobody can know it.
        if died.is_err() && told("repaired") > 0 {
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn what_a_target_holds_that_no_parameter_names_any_more_is_told_once() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    run(&targets, &store, at(0)).unwrap();
    let (named, left) = (&targets[..1], &targets[1]);
    let out = run(named, &store, at(24)).unwrap();
    assert_eq!(words(&out.changes), ["removed", "left"]);
    assert_eq!(out.denials[0].states, [(left.id().clone(), State::Left)].into());
    assert_eq!(run(named, &store, at(25)).unwrap().changes, []);
    assert_eq!((denied(&store), holds(left)), (vec![net("203.0.113.7/32")], holds(left)));
    let rolled = roll_back(&targets, &store, at(26));
    assert_eq!(words(&rolled.changes), ["removed", "expired"]);
    assert_eq!((holds(left).as_str(), block_on(store.denials()).unwrap()), ("", vec![]));
}

#[test]
fn a_target_that_was_deleted_is_nothing_to_a_rollback() {
    let (targets, store) = (sets(), MemoryStore::default());
    deny(&store, "203.0.113.7/32", "a", at(0), 24);
    run(&targets, &store, at(0)).unwrap();
    targets[1].set_missing(true);
    // A run is told of it: it is to deny there.
    let failed = run(&targets, &store, at(1)).unwrap().failed;
    assert_eq!(failed, [(targets[1].id().clone(), "there is no such target".to_owned())]);
    let rolled = roll_back(&targets, &store, at(2));
    assert_eq!((rolled.failed, rolled.denials), (vec![], vec![]));
    assert_eq!(words(&rolled.changes), ["removed", "removed", "removed"]);
    assert_eq!(block_on(store.placed(targets[1].id())).unwrap().ours, BTreeSet::new());
}

#[test]
fn a_rollback_keeps_many_at_once_and_its_claim() {
    let (targets, store) = ([target(TargetKind::Ipv4Set, 10_000)], MemoryStore::default());
    for n in 0..5_u8 {
        for low in 0..200_u8 {
            deny(&store, &format!("203.0.{n}.{low}/32"), &format!("{n} {low}"), at(0), 24);
        }
    }
    run(&targets, &store, at(0)).unwrap();
    let (writes, renewed) = (store.writes(), std::cell::Cell::new(0));
    let renew = async || {
        renewed.set(renewed.get() + 1);
        Ok(())
    };
    let denials = block_on(store.denials()).unwrap();
    let rolled = block_on(rollback(&targets, &store, &denials, &removal(at(1)), renew)).unwrap();
    assert_eq!((rolled.denials.len(), holds(&targets[0]).as_str()), (0, ""));
    // Twenty times fifty before and after the target, which is said once, and recorded twice by way of
    // the outbox.
    assert_eq!(store.writes() - writes, 20 + 20 + 1 + 4);
    assert_eq!(renewed.get(), 20 + 20 + 1);
}
