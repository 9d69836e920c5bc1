//! Objects, policy and quarantine against a running S3 and DynamoDB: the emulator that `MINISTACK`
//! names. Skipped, loudly, where it names none.

#![expect(clippy::expect_used, clippy::panic, reason = "what a test cannot do without fails it")]

mod emulator;
mod feeds;
#[path = "../../../../tests/ministack.rs"]
mod ministack;
mod response;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use callerwatch_adapters::objects::{FetchError, InputFault, Objects};
use callerwatch_adapters::policy::{PolicyError, PolicyStore};
use callerwatch_adapters::quarantine::Quarantine;
use serde_json::Value;

use self::emulator::{BUCKET, TABLE, World, at, config, source};

const LIST: &str = "203.0.113.7\n198.51.100.0/24\n";
const POLICY: &str = "\
[[lists]]
path = \"lists/bad.txt\"
category = \"malicious\"
";
const OTHER: &str = "\
critical_assets = [\"prod-*\"]

[[lists]]
path = \"lists/bad.txt\"
category = \"malicious\"
";
const BROKEN: &str = "critical_asset = 7\n";

#[tokio::test]
async fn objects_are_fetched_or_said_to_be_bad() {
    let Some(world) = World::start().await else { return };
    let objects = Objects::bounded(world.s3.clone(), 100_000);
    let key = "AWSLogs/111111111111/a b+\u{e9}.json.gz";
    world.put(key, vec![7; 100_000]).await;
    world.put("large", vec![7; 100_001]).await;
    assert_eq!(objects.fetch(BUCKET, key, None).await.expect("bytes"), vec![7; 100_000]);
    for (bucket, key, expected) in [
        (BUCKET, "large", InputFault::TooLarge(100_000)),
        (BUCKET, "absent", InputFault::NotFound),
        ("no-such-bucket", "absent", InputFault::NotFound),
        (BUCKET, "", InputFault::BadName),
        ("a/b", "c", InputFault::BadName),
    ] {
        match objects.fetch(bucket, key, None).await {
            Err(FetchError::Input { fault, .. }) => assert_eq!(fault, expected, "{bucket} {key}"),
            other => panic!("{bucket} {key}: {other:?}"),
        }
    }
    let elsewhere = Objects::new(aws_sdk_s3::Client::new(&config("http://127.0.0.1:1").await));
    let error = elsewhere.fetch(BUCKET, key, None).await.expect_err("nobody there");
    assert!(!error.is_input(), "{error}");
}

#[tokio::test]
async fn versions_are_fetched() {
    let Some(world) = World::start().await else { return };
    let versioned = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    let put = world.s3.put_bucket_versioning().bucket(BUCKET);
    put.versioning_configuration(versioned).send().await.expect("versions");
    let first = world.s3.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"1"));
    let first = first.send().await.expect("put");
    world.put("k", "2").await;
    let objects = Objects::new(world.s3.clone());
    let version = first.version_id().expect("a version");
    assert_eq!(objects.fetch(BUCKET, "k", Some(version)).await.expect("bytes"), "1");
    assert_eq!(objects.fetch(BUCKET, "k", None).await.expect("bytes"), "2");
}

#[tokio::test]
async fn without_a_policy_the_defaults_hold() {
    let Some(world) = World::start().await else { return };
    let mut store = world.store();
    let loaded = store.current(at(0)).await.expect("a policy");
    assert_eq!((loaded.etag.as_str(), loaded.intelligence.lists().len()), ("", 0));
    assert!(!store.is_refused());
    assert_eq!(store.take_change(), None);
}

#[tokio::test]
async fn a_change_is_in_force_in_a_minute_and_announced_once() {
    let Some(world) = World::start().await else { return };
    world.put("a/lists/bad.txt", LIST).await;
    let (mut one, mut other) = (world.store(), world.store());
    one.current(at(0)).await.expect("a policy");
    other.current(at(0)).await.expect("a policy");
    world.put("a/policy.toml", POLICY).await;
    let loaded = one.current(at(29)).await.expect("a policy");
    assert!(!loaded.intelligence.is_listed(&source("203.0.113.7")));
    let loaded = one.current(at(60)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
    other.current(at(61)).await.expect("a policy");
    let change = one.take_change().expect("a change");
    assert!(change.difference.contains("+path = \"lists/bad.txt\"\n"), "{}", change.difference);
    assert_eq!((one.take_change(), other.take_change()), (None, None));

    // What could not be announced is not forgotten.
    one.put_back(change.clone());
    assert_eq!(one.take_change(), Some(change));

    // All notice at once, and one of them tells.
    world.put("a/policy.toml", OTHER).await;
    let mut cold = world.store();
    let (a, b, c) = tokio::join!(
        async { one.current(at(200)).await.map(|loaded| loaded.text.clone()) },
        async { other.current(at(200)).await.map(|loaded| loaded.text.clone()) },
        async { cold.current(at(200)).await.map(|loaded| loaded.text.clone()) },
    );
    for text in [a, b, c] {
        assert_eq!(text.expect("a policy"), OTHER);
    }
    let changes: Vec<_> = [&mut one, &mut other, &mut cold]
        .into_iter()
        .filter_map(PolicyStore::take_change)
        .collect();
    assert_eq!(changes.len(), 1);
    assert!(changes[0].difference.starts_with("@@ -1,3 +1,5 @@\n+critical_assets"), "{changes:?}");

    // Whoever takes the policy away is told of too.
    world.delete("a/policy.toml").await;
    let loaded = one.current(at(300)).await.expect("a policy");
    assert_eq!(loaded.etag, "");
    assert!(one.take_change().expect("a change").difference.contains("-critical_assets"));
}

#[tokio::test]
async fn a_broken_policy_is_refused_and_the_last_good_one_stays() {
    let Some(world) = World::start().await else { return };
    world.put("a/lists/bad.txt", LIST).await;
    world.put("a/policy.toml", POLICY).await;
    let mut warm = world.store();
    warm.current(at(0)).await.expect("a policy");
    assert!(warm.take_change().is_some());
    world.put("a/policy.toml", BROKEN).await;
    let mut cold = world.store();
    for store in [&mut warm, &mut cold] {
        let loaded = store.current(at(60)).await.expect("a policy");
        assert_eq!(loaded.text, POLICY);
        assert!(loaded.intelligence.is_listed(&source("203.0.113.7")));
        assert!(store.is_refused());
        assert_eq!(store.take_change(), None);
        // It stays refused for as long as it is there.
        store.current(at(120)).await.expect("a policy");
        assert!(store.is_refused());
    }
    world.put("a/policy.toml", OTHER).await;
    let loaded = warm.current(at(180)).await.expect("a policy");
    assert!(loaded.policy.critical_asset("prod-1").is_some());
    assert!(!warm.is_refused());
    assert!(warm.take_change().is_some());
    // Back to what was: it is no longer refused either.
    world.put("a/policy.toml", POLICY).await;
    assert_eq!(cold.current(at(180)).await.expect("a policy").text, POLICY);
    assert!(!cold.is_refused());
}

#[tokio::test]
async fn a_policy_that_was_never_good_leaves_the_defaults() {
    let Some(world) = World::start().await else { return };
    for broken in [BROKEN.as_bytes(), b"\xff", "# \n".repeat(100_000).as_bytes()] {
        world.put("a/policy.toml", broken).await;
        let mut store = world.store();
        let loaded = store.current(at(0)).await.expect("a policy");
        assert_eq!(loaded.etag, "");
        assert!(store.is_refused());
        assert_eq!(store.take_change(), None);
    }
}

#[tokio::test]
async fn lists_count_as_the_policy_does() {
    let Some(world) = World::start().await else { return };
    world.put("a/policy.toml", POLICY).await;
    let mut store = world.store();
    store.current(at(0)).await.expect("a policy");
    assert!(store.is_refused(), "its list is not there");
    world.put("a/lists/bad.txt", "<!doctype html>").await;
    store.current(at(60)).await.expect("a policy");
    assert!(store.is_refused(), "its list is a page");
    world.put("a/lists/bad.txt", LIST).await;
    let loaded = store.current(at(120)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("198.51.100.9")));
    assert!(!store.is_refused());
    assert!(store.take_change().is_some());
    // Another list is no other policy, and is in force all the same.
    world.put("a/lists/bad.txt", "192.0.2.1\n").await;
    let loaded = store.current(at(180)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("192.0.2.1")));
    assert_eq!(store.take_change(), None);
    // A list that breaks leaves the old one to those who have it, and the policy to the others.
    world.delete("a/lists/bad.txt").await;
    let loaded = store.current(at(240)).await.expect("a policy");
    assert!(loaded.intelligence.is_listed(&source("192.0.2.1")));
    assert!(store.is_refused());
    let mut cold = world.store();
    let loaded = cold.current(at(240)).await.expect("a policy");
    assert_eq!((loaded.text.as_str(), loaded.intelligence.lists().len()), (POLICY, 0));
    assert!(cold.is_refused());
}

#[tokio::test]
async fn a_bucket_or_table_that_fails_changes_nothing() {
    let Some(world) = World::start().await else { return };
    world.put("a/policy.toml", "critical_assets = [\"prod-*\"]\n").await;
    let nowhere = config("http://127.0.0.1:1").await;
    let mut lost = PolicyStore::new(
        aws_sdk_s3::Client::new(&nowhere),
        world.dynamodb.clone(),
        BUCKET,
        "k",
        TABLE,
    );
    assert!(matches!(lost.current(at(0)).await, Err(PolicyError::Bucket(_))));

    // A table that fails keeps nobody from the policy; the change is announced when it is back.
    let dynamodb = world.dynamodb.clone();
    let mut put_off =
        PolicyStore::new(world.s3.clone(), dynamodb, BUCKET, "a/policy.toml", "later");
    let loaded = put_off.current(at(0)).await.expect("a policy");
    assert!(loaded.policy.critical_asset("prod-1").is_some());
    assert_eq!(put_off.take_change(), None);
    world.create_table("later").await;
    put_off.current(at(1)).await.expect("a policy");
    assert!(put_off.take_change().is_some());

    let mut store = world.store();
    store.current(at(0)).await.expect("a policy");
    assert!(store.take_change().is_some());
    drop(world);
    let loaded = store.current(at(60)).await.expect("the last one");
    assert!(loaded.policy.critical_asset("prod-1").is_some());
    assert!(!store.is_refused());
}

#[tokio::test]
async fn the_table_holds_the_last_good_policy() {
    let Some(world) = World::start().await else { return };
    world.put("a/policy.toml", "critical_assets = []\n").await;
    let mut store = world.store();
    let etag = store.current(at(0)).await.expect("a policy").etag.clone();
    let get = world.dynamodb.get_item().table_name(TABLE);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let item = get.key("pk", text("policy")).key("sk", text("policy")).send().await;
    let item = item.expect("an answer").item.expect("an item");
    assert_eq!(item.get("etag"), Some(&text(&etag)));
    assert_eq!(item.get("text"), Some(&text("critical_assets = []\n")));
    assert_eq!(item.get("announced_at"), Some(&text("2026-03-02T09:25:00Z")));
}

#[tokio::test]
async fn bad_input_is_kept_once_and_not_without_end() {
    let Some(world) = World::start().await else { return };
    let mut quarantine = Quarantine::new(world.s3.clone(), BUCKET);
    assert!(quarantine.store("not JSON", b"<a>", at(0)).await);
    assert!(quarantine.store("not JSON", b"<a>", at(1)).await);
    let keys = world.keys().await;
    assert_eq!(keys.len(), 1);
    let key = keys.first().expect("a key");
    assert!(key.starts_with("quarantine/2026-03-02/not-json-"), "{key}");
    let kept = Objects::new(world.s3.clone()).fetch(BUCKET, key, None).await.expect("bytes");
    let kept: Value = serde_json::from_slice(&kept).expect("JSON");
    assert_eq!((&kept["size"], &kept["content"]), (&Value::from(3), &Value::from("PGE+")));

    for n in 2..100 {
        assert!(quarantine.store("not JSON", format!("{n}").as_bytes(), at(2)).await);
    }
    assert!(!quarantine.store("not JSON", b"one more", at(3)).await);
    assert_eq!(world.keys().await.len(), 99);
    assert!(quarantine.store("not JSON", b"one more", at(3600)).await);

    let mut elsewhere = Quarantine::new(world.s3.clone(), "no-such-bucket");
    assert!(!elsewhere.store("not JSON", b"<a>", at(0)).await);
}
