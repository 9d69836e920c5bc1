//! The outbox, whoever dies where.

use callerwatch_detection::timestamp::Timestamp;
use pollster::block_on;

use super::*;
use crate::memory::{Failed, Fuse, MemoryAnnouncer, MemoryStore};
use crate::store::Claim;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(secs)
}

fn change(why: &str) -> Change {
    let network = Some("203.0.113.7/32".parse().unwrap());
    Change { time: at(0), what: "denied", network, target: None, why: why.to_owned() }
}

/// What one holder records, each at once.
fn record(store: &MemoryStore, holder: &str, whys: &[&str]) {
    let claim = block_on(store.claim(holder, at(0), at(60))).unwrap();
    assert_eq!(claim, Claim::Granted);
    for why in whys {
        block_on(store.record(&[change(why)])).unwrap();
    }
    block_on(store.release(holder)).unwrap();
}

fn run(store: &MemoryStore, announcer: &MemoryAnnouncer) -> Announced<Failed> {
    block_on(announce(store, announcer)).unwrap()
}

/// Why, of each message.
fn told(announcer: &MemoryAnnouncer) -> Vec<String> {
    let whys = |it: &Vec<Change>| it.iter().map(|it| it.why.clone()).collect::<Vec<_>>().join(" ");
    announcer.messages().iter().map(whys).collect()
}

fn left(store: &MemoryStore) -> usize {
    block_on(store.outbox()).unwrap().len()
}

#[test]
fn what_one_recorded_is_one_message_once() {
    let (store, announcer) = (MemoryStore::default(), MemoryAnnouncer::default());
    let writes = store.writes();
    let nothing = run(&store, &announcer);
    assert_eq!((nothing.messages, store.writes(), told(&announcer).len()), (0, writes, 0));
    record(&store, "one", &["a", "b"]);
    assert_eq!((run(&store, &announcer).messages, left(&store)), (1, 0));
    run(&store, &announcer);
    assert_eq!(told(&announcer), ["a b"]);
    assert_eq!(store.changes(), announcer.messages().concat());
}

#[test]
fn what_the_dead_left_is_announced_first_and_in_order() {
    let (store, announcer) = (MemoryStore::default(), MemoryAnnouncer::default());
    record(&store, "dead", &["a", "b"]);
    record(&store, "also dead", &["c"]);
    record(&store, "alive", &["d"]);
    run(&store, &announcer);
    assert_eq!((told(&announcer), left(&store)), (vec!["a b".into(), "c".into(), "d".into()], 0));
}

#[test]
fn what_was_not_taken_stays_and_is_announced_later() {
    let (store, announcer) = (MemoryStore::default(), MemoryAnnouncer::default());
    record(&store, "one", &["a"]);
    record(&store, "other", &["b"]);
    announcer.set_fuse(Fuse::after(0, false));
    for _ in 0..3 {
        let out = run(&store, &announcer);
        assert_eq!((out.failed, out.messages), (Some(Failed::World), 0));
        assert_eq!((left(&store), told(&announcer).len()), (2, 0));
    }
    announcer.set_fuse(Fuse::after(1, false));
    assert_eq!((run(&store, &announcer).messages, left(&store)), (1, 1));
    announcer.set_fuse(Fuse::default());
    run(&store, &announcer);
    assert_eq!((told(&announcer), left(&store)), (vec!["a".to_owned(), "b".to_owned()], 0));
}

#[test]
fn who_dies_anywhere_has_nothing_left_out_and_one_message_told_twice_at_most() {
    for calls in 0..10 {
        for is_done in [false, true] {
            let (store, announcer) = (MemoryStore::default(), MemoryAnnouncer::default());
            store.set_fuse(Fuse::after(calls, is_done));
            let died = block_on(async {
                for holder in ["one", "other"] {
                    store.claim(holder, at(0), at(60)).await?;
                    store.record(&[change(holder)]).await?;
                    announce(&store, &announcer).await?;
                    store.release(holder).await?;
                }
                Ok::<_, Failed>(())
            });
            store.set_fuse(Fuse::default());
            run(&store, &announcer);
            let messages = announcer.messages();
            let recorded = store.changes();
            let is_told = |it: &Change| messages.concat().contains(it);
            assert!(recorded.iter().all(is_told), "{calls} {is_done} {died:?}");
            assert!(messages.len() <= recorded.len() + 1, "{calls} {is_done} {messages:?}");
            assert_eq!(left(&store), 0);
        }
    }
}

#[test]
fn what_is_poison_is_counted_and_in_nobodys_way() {
    let (store, announcer) = (MemoryStore::default(), MemoryAnnouncer::default());
    store.spoil_outbox();
    record(&store, "one", &["a", "poison"]);
    record(&store, "other", &["b"]);
    announcer.refuse("poison");
    let out = run(&store, &announcer);
    assert_eq!((out.unreadable.len(), out.refused), (1, vec![Failed::Refused]));
    assert_eq!((out.messages, out.failed), (1, None));
    assert_eq!((told(&announcer), left(&store)), (vec!["b".to_owned()], 0));
}

#[test]
fn of_much_the_oldest_is_announced_at_once() {
    let (store, announcer) = (MemoryStore::default(), MemoryAnnouncer::default());
    let all: Vec<String> = (0..MESSAGES_MAX + 5).map(|n| n.to_string()).collect();
    for it in &all {
        record(&store, it, &[it]);
    }
    assert_eq!((run(&store, &announcer).messages, left(&store)), (MESSAGES_MAX, 5));
    assert_eq!((run(&store, &announcer).messages, left(&store)), (5, 0));
    assert_eq!(told(&announcer), all);
}
