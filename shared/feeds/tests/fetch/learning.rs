//! What accounts told: kept while they are silent, dropped when they say so, and nobody accused.

use std::collections::{BTreeMap, BTreeSet};

use callerwatch_detection::feeds::LISTS;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_feeds::Store;
use callerwatch_feeds::egress::{Answer, Fault, Published, UNKNOWN, learn, publish};

use crate::refreshing::{Memory, Test, at, policy, told};

const ONE: &str = "111111111111";
const OTHER: &str = "arn:aws:iam::222222222222:role/egress";
const DAY: i64 = 24 * 60;

fn fault(message: &str, is_denied: bool) -> Fault {
    Fault { message: message.to_owned(), is_denied }
}

/// An account's regions; one whose addresses are `late` or `denied` does not tell.
fn account(name: &str, regions: &[(&str, &str)]) -> Answer {
    let of_region = |(region, text): &(&str, &str)| {
        let told: Result<BTreeSet<_>, _> = match *text {
            "late" | "denied" => Err(fault(&format!("{region}: {text}"), *text == "denied")),
            text => Ok(text.split_whitespace().map(|ip| ip.parse().unwrap()).collect()),
        };
        ((*region).to_owned(), told)
    };
    let regions: BTreeMap<_, _> = regions.iter().map(of_region).collect();
    Answer { account: name.to_owned(), regions: Ok(regions) }
}

fn silent(name: &str) -> Answer {
    Answer { account: name.to_owned(), regions: Err(fault("assuming the role: denied", true)) }
}

/// Learns; says what is told of each account, and what is in the list.
async fn learned(store: &Memory, minutes: i64, answers: Vec<Answer>) -> (String, String) {
    let reports = learn(answers, store, at(minutes)).await.unwrap();
    publish(store).await.unwrap();
    let line =
        |it: &callerwatch_feeds::egress::AccountReport| format!("{it}, {} min", it.age_secs / 60);
    let lists = Intelligence::load(store.read(LISTS).await.unwrap().unwrap()).unwrap();
    let named = (0..=255).map(|last| format!("203.0.113.{last}"));
    let named = named.chain(["2001:db8::7".to_owned()]);
    let named = named.filter(|ip| !lists.named(ip.parse().unwrap()).is_empty());
    let named: Vec<_> = named.map(|ip| ip.replace("203.0.113.", "")).collect();
    (reports.iter().map(line).collect::<Vec<_>>().join(" | "), named.join(" "))
}

#[tokio::test]
async fn what_an_account_told_stays_until_it_says_otherwise() {
    let store = Memory::default();
    for (minutes, answers, report, list) in [
        (
            0,
            vec![
                account(
                    ONE,
                    &[("a", "203.0.113.1 2001:db8::7"), ("b", "203.0.113.2"), ("c", "denied")],
                ),
                account(OTHER, &[("a", "203.0.113.3")]),
            ],
            "3 addresses in 2 regions, 1 are closed, 0 min | 1 addresses in 1 regions, 0 min",
            "1 2 3 2001:db8::7",
        ),
        // What fails stays, of a region and of an account; the rest is as it is told.
        (
            60,
            vec![account(ONE, &[("a", "203.0.113.4"), ("b", "late")]), silent(OTHER)],
            "2 addresses in 2 regions; not learned: b: late, 60 min | \
             1 addresses in 1 regions; not learned: assuming the role: denied, 60 min",
            "2 3 4",
        ),
        // Where no region may be asked, it is not the regions that are closed.
        (
            120,
            vec![account(ONE, &[("a", "denied"), ("b", "denied")]), account(OTHER, &[("a", "")])],
            "2 addresses in 2 regions; not learned: a: denied; not learned: b: denied, 120 min | \
             0 addresses in 1 regions, 0 min",
            "2 4",
        ),
        // Whose credentials these are is not known, so nobody is forgotten.
        (
            130,
            vec![silent(UNKNOWN)],
            "0 addresses in 0 regions; not learned: assuming the role: denied, 0 min",
            "2 4",
        ),
        // A region that is switched off has nothing, and who is not asked is forgotten.
        (140, vec![account(ONE, &[("b", "203.0.113.5")])], "1 addresses in 1 regions, 0 min", "5"),
        (
            140 + 30 * DAY,
            vec![silent(ONE)],
            "1 addresses in 1 regions; not learned: assuming the role: denied, 43200 min",
            "5",
        ),
        // Nobody knows whose it is by now.
        (
            141 + 30 * DAY,
            vec![silent(ONE)],
            "0 addresses in 1 regions; not learned: assuming the role: denied, 43201 min",
            "",
        ),
        (141 + 30 * DAY, Vec::new(), "", ""),
    ] {
        let told = learned(&store, minutes, answers).await;
        assert_eq!(told, (report.to_owned(), list.to_owned()), "at {minutes} min");
    }
}

#[tokio::test]
async fn only_addresses_of_the_internet_are_learned() {
    let store = Memory::default();
    let told = "203.0.113.1 10.0.0.1 100.64.0.1 127.0.0.1 169.254.1.1 224.0.0.1 0.0.0.0 255.255.255.255 \
                fd00::1 fe80::1 ff02::1 ::1 :: ::ffff:203.0.113.9 2001:db8::7";
    let (report, list) = learned(&store, 0, vec![account(ONE, &[("a", told)])]).await;
    assert_eq!(report, "2 addresses in 1 regions, 0 min");
    assert_eq!(list, "1 2001:db8::7");
    let lists = Intelligence::load(store.read(LISTS).await.unwrap().unwrap()).unwrap();
    assert_eq!((lists.lists()[0].name.as_str(), lists.lists()[0].prefixes), ("egress", 2));
    // Nothing becomes another without another address.
    let dated = lists.lists()[0].dated_secs;
    learned(&store, 60, vec![account(ONE, &[("a", told)])]).await;
    let lists = Intelligence::load(store.read(LISTS).await.unwrap().unwrap()).unwrap();
    assert_eq!(lists.lists()[0].dated_secs, dated);
}

#[tokio::test]
async fn a_feed_that_accuses_what_was_learned_is_refused() {
    let test = Test::new().await;
    learn(vec![account(ONE, &[("a", "203.0.113.7")])], &test.store, at(0)).await.unwrap();
    let feeds = policy(&test.server, &[("bad", "malicious", "/list".to_owned())]);
    let done = test.refresh(&feeds, 0).await;
    let refused = "refused: it accuses 203.0.113.7/32, which is your own: egress";
    assert_eq!(told(&done), [format!("bad {refused}, 0 min, not in use")]);
    assert_eq!(test.store.in_use(), "egress 1");
    // Once it is released, it may be accused.
    learn(vec![account(ONE, &[("a", "203.0.113.8")])], &test.store, at(60)).await.unwrap();
    let done = test.refresh(&feeds, 60).await;
    assert_eq!(told(&done), ["bad new, 0 min"]);
    assert!(test.store.in_use().contains("egress 1"), "{}", test.store.in_use());
    // By itself, learning leaves feeds as they are.
    learn(vec![account(ONE, &[("a", "203.0.113.9")])], &test.store, at(70)).await.unwrap();
    let before = test.store.in_use();
    assert_eq!(publish(&test.store).await.unwrap(), Published::New);
    assert_eq!(test.store.in_use(), before);
    assert_eq!(publish(&test.store).await.unwrap(), Published::Unchanged);
}

#[tokio::test]
async fn a_copy_in_use_accuses_nothing_that_is_learned_later() {
    let test = Test::new().await;
    let feeds = policy(&test.server, &[("bad", "malicious", "/list".to_owned())]);
    test.server.put("/list", "203.0.113.7\n203.0.113.9\n");
    test.refresh(&feeds, 0).await;
    learn(vec![account(ONE, &[("a", "203.0.113.7")])], &test.store, at(60)).await.unwrap();
    let done = test.refresh(&feeds, 60).await;
    let refused = "refused: it accuses 203.0.113.7/32, which is your own: egress";
    assert_eq!(told(&done), [format!("bad {refused}, 60 min")]);
    assert_eq!(test.store.in_use(), "bad 1, egress 1");
    assert_eq!(done.intelligence.lists()[0].spared, 1);
}

#[tokio::test]
async fn what_is_learned_is_never_all_that_is_known() {
    let test = Test::new().await;
    let feeds = policy(&test.server, &[("bad", "malicious", "/list".to_owned())]);
    test.refresh(&feeds, 0).await;
    learn(vec![account(ONE, &[("a", "203.0.113.200")])], &test.store, at(1)).await.unwrap();
    let missing = test.store.files.lock().unwrap().remove(LISTS);
    assert_eq!(publish(&test.store).await.unwrap(), Published::Unusable);
    assert!(!test.store.files.lock().unwrap().contains_key(LISTS));
    let damaged = missing.unwrap().slice(1..);
    test.store.files.lock().unwrap().insert(LISTS.to_owned(), damaged);
    assert_eq!(publish(&test.store).await.unwrap(), Published::Unusable);
    test.refresh(&feeds, 2).await;
    assert_eq!(test.store.in_use(), "bad 2, egress 1");
}
