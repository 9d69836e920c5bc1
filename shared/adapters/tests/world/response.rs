//! Denials in the table and the audit trail in the bucket, as several holders meet them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_adapters::clock;
use callerwatch_adapters::objects::Objects;
use callerwatch_adapters::response::{DynamoStore, StoreError};
use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{
    By, Cause, Change, Claim, Denial, Mode, Placed, Settings, State, Store, TargetId, TargetKind,
};
use ipnet::IpNet;
use serde_json::Value;

use crate::emulator::{BUCKET, TABLE, World};

fn store(world: &World) -> DynamoStore {
    DynamoStore::new(world.dynamodb.clone(), world.s3.clone(), TABLE, BUCKET)
}

fn network(text: &str) -> IpNet {
    text.parse().expect("a network")
}

fn policy() -> TargetId {
    let arn = "arn:aws:iam::111111111111:policy/callerwatch-deny".to_owned();
    TargetId { kind: TargetKind::Policy, arn }
}

fn denial(address: &str, now: Timestamp) -> Denial {
    let by = By::Alert("password-spray".to_owned());
    let title = "7 failed sign-ins".to_owned();
    let cause = Cause { since: now, by, title, score: 61, severity: Severity::High };
    Denial {
        network: network(address),
        causes: [("alert-1".to_owned(), cause)].into(),
        since: now,
        until: now.plus_secs(3600),
        states: [(policy(), State::Pending)].into(),
        removed: None,
        let_go: BTreeMap::new(),
    }
}

fn change(why: &str) -> Change {
    Change {
        time: clock::now(),
        what: "denied",
        network: Some(network("203.0.113.7/32")),
        target: Some(policy()),
        why: why.to_owned(),
    }
}

#[tokio::test]
async fn one_at_a_time_changes_what_is_denied() {
    let Some(world) = World::start().await else { return };
    let (one, other) = (store(&world), store(&world));
    let now = clock::now();
    let until = now.plus_secs(60);
    let it = denial("203.0.113.7/32", now);
    assert!(matches!(one.keep(&it).await, Err(StoreError::Lost { .. })), "nobody claimed");
    assert_eq!(one.claim("one", now, until).await.expect("an answer"), Claim::Granted);
    assert_eq!(other.claim("other", now, until).await.expect("an answer"), Claim::Held);
    one.keep(&it).await.expect("kept");
    assert!(matches!(other.keep(&it).await, Err(StoreError::Lost { .. })));
    // Again by the same is no other claim.
    assert_eq!(one.claim("one", now, until).await.expect("an answer"), Claim::Granted);
    other.release("other").await.expect("not its own");
    one.keep(&it).await.expect("kept");
    one.renew(until.plus_secs(60)).await.expect("renewed");
    assert!(matches!(other.renew(until).await, Err(StoreError::Lost { .. })));
    let later = until.plus_secs(59);
    assert_eq!(other.claim("other", later, later).await.expect("an answer"), Claim::Held);
    one.release("one").await.expect("released");
    one.release("one").await.expect("again");
    assert!(matches!(one.renew(until).await, Err(StoreError::Lost { .. })), "given back");
    assert_eq!(other.claim("other", now, until).await.expect("an answer"), Claim::Granted);

    // One who is stopped for longer than the lease lasts changes nothing any more.
    let past = now.plus_secs(-120);
    assert_eq!(other.claim("other", past, past.plus_secs(60)).await.expect("mine"), Claim::Granted);
    let placed = Placed { ours: [it.network].into(), ..Placed::default() };
    for lost in [
        other.forget_all(&[it.network]).await,
        other.place(&policy(), &placed).await,
        other.keep(&it).await,
    ] {
        assert!(matches!(lost, Err(StoreError::Lost { .. })), "{lost:?}");
    }
    assert_eq!(one.claim("one", now, until).await.expect("an answer"), Claim::Granted);
    assert_eq!(one.denials().await.expect("denials"), [it]);
}

#[tokio::test]
async fn of_many_who_claim_one_is_granted() {
    let Some(world) = World::start().await else { return };
    let now = clock::now();
    let holders: Vec<String> = (0..12).map(|n| format!("holder-{n}")).collect();
    let claims = holders.iter().map(|holder| {
        let store = store(&world);
        async move { store.claim(holder, now, now.plus_secs(60)).await.expect("an answer") }
    });
    let claims = futures_util::future::join_all(claims).await;
    assert_eq!(claims.iter().filter(|it| **it == Claim::Granted).count(), 1);
}

#[tokio::test]
async fn denials_are_kept_and_forgotten_however_many_they_are() {
    let Some(world) = World::start().await else { return };
    let store = store(&world);
    let now = clock::now();
    store.claim("one", now, now.plus_secs(600)).await.expect("a claim");
    assert_eq!(store.denials().await.expect("denials"), []);
    // More than a page of a query holds.
    let mut wanted = Vec::new();
    let mut all = Vec::new();
    for n in 0..120 {
        let mut it = denial(&format!("198.51.100.{n}/32"), now);
        let cause = it.causes.pop_first().expect("a cause").1;
        let cause = Cause { title: "\u{202e}".repeat(500), ..cause };
        it.causes = (0..20).map(|n| (format!("{n:032}"), cause.clone())).collect();
        wanted.push(it.network);
        all.push(it);
    }
    store.keep_all(&all).await.expect("kept");
    let read: Vec<IpNet> =
        store.denials().await.expect("denials").iter().map(|it| it.network).collect();
    assert_eq!(BTreeSet::from_iter(&read), BTreeSet::from_iter(&wanted));
    assert_eq!(read.len(), 120);

    let mut longer = denial("198.51.100.7/32", now);
    longer.until = now.plus_secs(7200);
    store.keep(&longer).await.expect("kept");
    store.forget_all(&[network("198.51.100.8/32")]).await.expect("forgotten");
    store.forget_all(&[network("198.51.100.8/32")]).await.expect("again");
    let read = store.denials().await.expect("denials");
    assert_eq!(read.len(), 119);
    assert!(read.contains(&longer));

    // What cannot be read is passed over, and keeps nobody from the rest.
    let put = world.dynamodb.put_item().table_name(TABLE);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = put.item("pk", text("denials")).item("sk", text("?")).item("denial", text("?"));
    put.send().await.expect("put");
    assert_eq!(store.denials().await.expect("denials").len(), 119);
    store.forget_all(&wanted).await.expect("forgotten");
    assert_eq!(store.denials().await.expect("denials"), []);
    // Who lost the claim writes none of many.
    store.release("one").await.expect("released");
    assert!(matches!(store.keep_all(&all).await, Err(StoreError::Lost { .. })));
    assert_eq!(store.denials().await.expect("denials"), []);
}

#[tokio::test]
async fn settings_and_what_was_put_are_remembered() {
    let Some(world) = World::start().await else { return };
    let store = store(&world);
    let now = clock::now();
    assert_eq!(store.settings().await.expect("an answer"), None);
    assert_eq!(store.placed(&policy()).await.expect("an answer"), Placed::default());
    store.claim("one", now, now.plus_secs(60)).await.expect("a claim");
    let placed = Placed {
        ours: [network("203.0.113.7/32"), network("2001:db8:7::/64")].into(),
        foreign: [network("192.0.2.0/25")].into(),
        taken_out: [(network("203.0.113.8/32"), now)].into(),
    };
    store.place(&policy(), &placed).await.expect("placed");
    assert_eq!(store.placed(&policy()).await.expect("an answer"), placed);
    let settings = Settings {
        mode: Mode::Enforce,
        targets: vec![policy()],
        attached_to: vec!["arn:aws:iam::111111111111:group/people".to_owned()],
        break_glass: Vec::new(),
        account: "111111111111".to_owned(),
        state_bucket: BUCKET.to_owned(),
        topic_arn: "arn:aws:sns:us-east-1:111111111111:alerts".to_owned(),
        revoked_roles: Vec::new(),
    };
    store.say(&settings).await.expect("said");
    assert_eq!(store.settings().await.expect("an answer"), Some(settings.clone()));
    store.release("one").await.expect("released");
    // It is written where it is another alone.
    store.say(&settings).await.expect("nothing to say");
    let other = Settings { mode: Mode::DryRun, ..settings };
    assert!(matches!(store.say(&other).await, Err(StoreError::Lost { .. })));
}

#[tokio::test]
async fn what_was_changed_is_appended_and_never_overwritten() {
    let Some(world) = World::start().await else { return };
    let (one, other) = (store(&world), store(&world));
    let now = clock::now();
    one.claim("one", now, now.plus_secs(60)).await.expect("a claim");
    one.record(&[]).await.expect("nothing to say");
    assert!(world.keys().await.is_empty());
    // Within a millisecond, and by another process that has the same name.
    for store in [&one, &one, &other] {
        store.record(&[change("an alert"), change("\u{1b}[31m\n")]).await.expect("appended");
    }
    let keys = world.keys().await;
    assert_eq!(keys.len(), 3);
    let day = now.day().to_string().replace('-', "/");
    for key in &keys {
        assert!(key.starts_with(&format!("responses/{day}/")), "{key}");
        let told = Objects::new(world.s3.clone()).fetch(BUCKET, key, None).await.expect("bytes");
        assert!(told.iter().all(|byte| *byte >= b' '));
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        let first = &told["changes"][0];
        assert_eq!((&first["what"], &first["why"]), (&"denied".into(), &"an alert".into()));
        assert_eq!(first["network"], "203.0.113.7/32");
        assert_eq!(first["target"], policy().to_string());
    }
    let elsewhere =
        DynamoStore::new(world.dynamodb.clone(), world.s3.clone(), TABLE, "no-such-bucket");
    let lost = elsewhere.record(&[change("an alert")]).await;
    assert!(matches!(lost, Err(StoreError::Trail { is_answered: true, .. })), "{lost:?}");
    // What was not recorded is not announced.
    assert_eq!(one.outbox().await.expect("entries").len(), 3);
}

#[tokio::test]
async fn what_is_recorded_is_in_the_outbox_until_it_is_taken_out() {
    let Some(world) = World::start().await else { return };
    let (one, other) = (store(&world), store(&world));
    let now = clock::now();
    assert_eq!(one.outbox().await.expect("entries"), []);
    one.claim("one", now, now.plus_secs(60)).await.expect("a claim");
    let changes = [change("a"), change("b")];
    for it in &changes {
        one.record(std::slice::from_ref(it)).await.expect("recorded");
    }
    // More than an item holds, and more than a page of a query.
    let many = vec![change(&"x".repeat(1000)); 2000];
    one.record(&many).await.expect("recorded");
    // What this version cannot read is in nobody's way.
    let put = world.dynamodb.put_item().table_name(TABLE);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put =
        put.item("pk", text("response")).item("sk", text("outbox#0")).item("changes", text("?"));
    put.send().await.expect("put");

    // Another reads it, in the order of time.
    let entries = other.outbox().await.expect("entries");
    assert_eq!((entries[0].id.as_str(), &entries[0].changes), ("0", &None));
    assert!(entries.len() > 8, "{}", entries.len());
    assert!(entries.iter().skip(1).all(|it| it.holder == "one"));
    let read: Vec<Change> = entries.iter().filter_map(|it| it.changes.clone()).flatten().collect();
    assert_eq!(read, [changes.to_vec(), many].concat());
    let item = world.dynamodb.get_item().table_name(TABLE).key("pk", text("response"));
    let item = item.key("sk", text(&format!("outbox#{}", entries[1].id))).send().await;
    let item = item.expect("an answer").item.expect("an item");
    let expiry: i64 = item["expires_at"].as_n().expect("a number").parse().expect("seconds");
    assert_eq!(expiry / 3600, now.plus_secs(8 * 24 * 3600).millis() / 3_600_000);

    let ids: Vec<String> = entries.into_iter().map(|it| it.id).collect();
    other.take_out(&ids[..2]).await.expect("taken out");
    other.take_out(&ids[..2]).await.expect("again");
    assert_eq!(one.outbox().await.expect("entries").len(), ids.len() - 2);
    other.take_out(&ids).await.expect("taken out");
    assert_eq!(one.outbox().await.expect("entries"), []);
}
