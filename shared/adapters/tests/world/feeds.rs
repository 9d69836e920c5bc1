//! What feeds were compiled to, as functions read it and as it is written.

use std::time::Instant;

use callerwatch_adapters::feeds::BucketStore;
use callerwatch_detection::feeds::{LISTS, Location};
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::policy::Policy;
use callerwatch_feeds::{Fetcher, Limits, Outcome, Reach, Store, refresh};
use rustls::RootCertStore;

use crate::emulator::{BUCKET, World, at, config, source};
use crate::ministack::PATIENCE;

/// The key of what feeds were compiled to.
fn current() -> String {
    format!("intel/{LISTS}")
}

fn compiled(addresses: &str) -> Vec<u8> {
    let list = Intelligence::builder().list("tor-exits", Category::Tor, addresses.as_bytes());
    list.expect("a list").build().as_bytes().to_vec()
}

#[tokio::test]
async fn another_file_is_in_use_within_a_minute() {
    let Some(world) = World::start().await else { return };
    world.put(&current(), compiled("203.0.113.7\n")).await;
    let mut store = world.store();
    let loaded = store.current(at(0)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
    world.put(&current(), compiled("203.0.113.8\n")).await;
    // A function that is busy judges on, and has it once it is there.
    #[expect(clippy::disallowed_methods, reason = "what is measured here is waiting")]
    let start = Instant::now();
    loop {
        let loaded = store.current(at(30)).await.expect("a policy");
        if loaded.intelligence.is_listed(&source("203.0.113.8")) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "it was not picked up");
        tokio::task::yield_now().await;
    }
    // One that was asleep does not judge by what is old.
    world.put(&current(), compiled("203.0.113.9\n")).await;
    let loaded = store.current(at(90)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.9")));
    assert!(!loaded.intelligence.is_listed(&source("203.0.113.8")));
    // It is no other policy, and nothing to announce.
    assert_eq!(store.take_change(), None);
}

#[tokio::test]
async fn lists_of_the_policy_and_of_feeds_are_in_use_together() {
    let Some(world) = World::start().await else { return };
    world.put(&current(), compiled("203.0.113.7\n")).await;
    world.put("a/bad.txt", "203.0.113.7\n203.0.113.8\n").await;
    world.put("a/policy.toml", "[[lists]]\npath = \"bad.txt\"\ncategory = \"custom\"\n").await;
    let mut store = world.store();
    let loaded = store.current(at(0)).await.expect("a policy");
    let names: Vec<_> = loaded.intelligence.lists().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["tor-exits", "bad"]);
    assert_eq!(loaded.intelligence.hits(&source("203.0.113.7")).count(), 2);
    assert_eq!(loaded.intelligence.hits(&source("203.0.113.8")).count(), 1);
}

#[tokio::test]
async fn a_damaged_file_takes_nothing_away() {
    let Some(world) = World::start().await else { return };
    world.put(&current(), compiled("203.0.113.7\n")).await;
    world.put("a/policy.toml", "critical_assets = [\"prod-*\"]\n").await;
    let mut warm = world.store();
    warm.current(at(0)).await.expect("a policy");
    world.put(&current(), "<html>").await;
    world.put("intel/countries.mmdb", "<html>").await;
    let loaded = warm.current(at(60)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
    assert!(warm.is_damaged() && !warm.is_refused());
    // The policy, and what is healthy, are new all the same.
    world.put("a/bad.txt", "203.0.113.10\n").await;
    let lists =
        "critical_assets = [\"test-*\"]\n[[lists]]\npath = \"bad.txt\"\ncategory = \"custom\"\n";
    world.put("a/policy.toml", lists).await;
    let loaded = warm.current(at(120)).await.expect("a policy");
    assert!(loaded.policy.critical_asset("test-1").is_some());
    let names: Vec<_> = loaded.intelligence.lists().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["tor-exits", "bad"]);
    world.put("a/policy.toml", "critical_assets = [\"prod-*\"]\n").await;
    let loaded = warm.current(at(180)).await.expect("a policy");
    let names: Vec<_> = loaded.intelligence.lists().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["tor-exits"]);
    assert!(warm.is_damaged() && !warm.is_refused());
    // Who has nothing, and nothing to make it of, goes on with the policy.
    let mut cold = world.store();
    let loaded = cold.current(at(60)).await.expect("a policy");
    assert!(loaded.policy.critical_asset("prod-1").is_some());
    assert!(loaded.intelligence.lists().is_empty());
    assert!(cold.is_damaged() && !cold.is_refused());
    world.put(&current(), compiled("203.0.113.8\n")).await;
    world.delete("intel/countries.mmdb").await;
    for store in [&mut warm, &mut cold] {
        let loaded = store.current(at(240)).await.expect("a policy");
        assert!(loaded.intelligence.is_listed(&source("203.0.113.8")));
        assert!(!store.is_damaged());
    }
}

#[tokio::test]
async fn feeds_are_kept_in_the_bucket() {
    let Some(world) = World::start().await else { return };
    let text = "[feeds]\nshipped = false\n\
                [feeds.ours]\npath = \"lists/bad.txt\"\ncategory = \"custom\"\n\
                [feeds.theirs]\nurl = \"s3://callerwatch-state/elsewhere\"\ncategory = \"tor\"\n";
    let policy = Policy::parse(text).expect("a policy");
    let store = BucketStore::new(world.s3.clone(), BUCKET, "a/policy.toml");
    let fetcher = Fetcher::with(RootCertStore::empty(), Limits::default(), Reach::Internet);
    let fetcher = fetcher.expect("TLS");
    world.put("a/lists/bad.txt", "203.0.113.7\n").await;
    let known = Intelligence::default();
    let done = refresh(&policy, &known, &store, &fetcher, at(0), false).await.expect("done");
    let [ours, theirs] = &done.reports[..] else { panic!("{done:?}") };
    assert!(matches!(ours.outcome, Outcome::New), "{ours:?}");
    assert!(matches!(theirs.outcome, Outcome::Failed(_)), "{theirs:?}");
    assert_eq!(done.replaced, [LISTS]);
    let mut warm = world.store();
    let loaded = warm.current(at(0)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
    world.put("elsewhere", "203.0.113.8\n").await;
    let done = refresh(&policy, &known, &store, &fetcher, at(1), false).await.expect("done");
    assert!(done.reports.iter().all(|it| it.is_in_use), "{done:?}");
    let keys: Vec<String> = world.keys().await.into_iter().collect();
    let expected = [
        "a/lists/bad.txt",
        "elsewhere",
        &current(),
        "intel/feeds.json",
        "intel/feeds/ours",
        "intel/feeds/theirs",
    ];
    assert_eq!(keys, expected);
    let done = refresh(&policy, &known, &store, &fetcher, at(2), false).await.expect("done");
    assert_eq!(done.replaced, [""; 0]);

    let nowhere = aws_sdk_s3::Client::new(&config("http://127.0.0.1:1").await);
    let lost = BucketStore::new(nowhere, BUCKET, "a/policy.toml");
    assert!(lost.read(LISTS).await.is_err());
    assert!(lost.write(LISTS, "x".into()).await.is_err());
    assert!(lost.fetch(&Location::File("/etc/passwd".to_owned())).await.is_err());
}

/// As after a change of the format, to a newer version or back to an older one.
#[tokio::test]
async fn who_starts_without_a_file_has_the_last_good_copies() {
    let Some(world) = World::start().await else { return };
    let text = "[feeds]\nshipped = false\n\
                [feeds.ours]\npath = \"bad.txt\"\ncategory = \"custom\"\n";
    world.put("a/policy.toml", text).await;
    world.put("a/bad.txt", "203.0.113.7\n").await;
    let policy = Policy::parse(text).expect("a policy");
    let store = BucketStore::new(world.s3.clone(), BUCKET, "a/policy.toml");
    let fetcher = Fetcher::with(RootCertStore::empty(), Limits::default(), Reach::Internet);
    let (known, fetcher) = (Intelligence::default(), fetcher.expect("TLS"));
    refresh(&policy, &known, &store, &fetcher, at(0), false).await.expect("done");
    world.delete(&current()).await;
    let mut cold = world.store();
    let loaded = cold.current(at(0)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
    assert!(!cold.is_damaged());
    world.put(&current(), "<html>").await;
    for mut store in [cold, world.store()] {
        let loaded = store.current(at(60)).await.expect("a policy");
        assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
        assert!(store.is_damaged());
    }
}

#[tokio::test]
async fn a_first_policy_with_faults_costs_no_feed() {
    let Some(world) = World::start().await else { return };
    world.put(&current(), compiled("203.0.113.7\n")).await;
    world.put("a/policy.toml", "nonsense = 1\n").await;
    let mut store = world.store();
    let loaded = store.current(at(0)).await.expect("the defaults");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
    assert!(store.is_refused());
}

#[tokio::test]
async fn what_is_too_large_to_be_read_is_written_anew() {
    let Some(world) = World::start().await else { return };
    let store = BucketStore::new(world.s3.clone(), BUCKET, "a/policy.toml");
    world.put(&current(), vec![0; (64 << 20) + 1]).await;
    assert_eq!(store.read(LISTS).await.expect("an answer"), None);
}
