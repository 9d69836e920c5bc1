//! The contract of a ledger, run on every implementation there is.

mod baselines;
mod digests;
mod histories;
mod implementations;
mod publication;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_adapters::ledger::DynamoLedger;
use callerwatch_detection::activity::Outcome;
use callerwatch_detection::decide;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::{
    Batch, Bounds, Claim, Ledger, Mark, MemoryLedger, SharedMemoryLedger, SourceLedger, WarmLedger,
};
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_tests::emulator::{Emulator, create_table};
use callerwatch_tests::{START, call};
use pollster::block_on;

use crate::implementations::{Facts, OnRuntime};

/// Runs the whole contract on fresh ledgers that `make` makes, bounded by [`Bounds::default`].
fn contract<L: Facts>(make: impl Fn() -> L) {
    the_answer_is_the_whole_ledger(&make());
    repeats_change_nothing(&make());
    order_does_not_matter(&make(), &make());
    publication::announcements_are_claimed_once(&make());
    publication::a_success_is_claimed_once(&make());
    publication::a_lease_ends(&make());
    publication::marks_come_back_with_the_evidence(&make());
    publication::budgets_are_spent_once(&make());
    publication::alerts_are_amended_by_more(&make());
    a_flood_hides_nothing(&make());
    who_worked_there_is_known_for_eight_days(&make());
    keys_are_apart(&make());
    baselines::keep_the_first(&make(), &make());
    baselines::stay_small(&make());
    baselines::say_who(&make());
    histories::keep_the_newest(&make(), &make());
}

#[test]
fn memory() {
    contract(|| SharedMemoryLedger::new(MemoryLedger::bounded(Bounds::default())));
}

#[test]
fn warm() {
    let bounds = Bounds::default();
    contract(|| WarmLedger::new(SharedMemoryLedger::new(MemoryLedger::bounded(bounds)), bounds));
}

#[test]
fn dynamodb() {
    let Some(emulator) = Emulator::start() else { return };
    let config = emulator.config();
    let client = aws_sdk_dynamodb::Client::new(&config);
    let tables = AtomicUsize::new(0);
    contract(|| {
        let table = format!("contract-{}", tables.fetch_add(1, Ordering::Relaxed));
        emulator.block_on(create_table(&client, &table));
        let ledger = DynamoLedger::new(client.clone(), table, Bounds::default(), 3, 90);
        OnRuntime { ledger, emulator: &emulator }
    });
}

/// Ledgers in DynamoDB lose nothing when many write to one item at once, and grant a claim once.
#[test]
fn dynamodb_at_once() {
    let Some(emulator) = Emulator::start() else { return };
    let client = aws_sdk_dynamodb::Client::new(&emulator.config());
    emulator.block_on(async {
        create_table(&client, "at-once").await;
        let make = || DynamoLedger::new(client.clone(), "at-once", Bounds::default(), 3, 90);
        let ledgers: Vec<DynamoLedger> = (0..8).map(|_| make()).collect();
        let writes = ledgers.iter().enumerate().flat_map(|(n, ledger)| {
            let first = i64::try_from(n).expect("a small number");
            (0..5).map(move |m| async move {
                ledger.observe(&key(), &failures([first + 8 * m])).await.expect("observe")
            })
        });
        futures_util::future::join_all(writes).await;
        let key = key();
        let claims = ledgers.iter().map(|it| it.claim(&key, mark(Severity::High), now(0)));
        let claims = futures_util::future::join_all(claims).await;
        let granted = claims.iter().filter(|claim| matches!(claim, Ok(Claim::Granted)));
        assert_eq!(granted.count(), 1);
        let whole = make().observe(&key, &Batch::default()).await.expect("observe");
        assert_eq!(whole.entries, failures(0..40).entries);
    });
}

/// An item that has no room gives up its oldest for what comes, however much comes at once.
#[test]
fn dynamodb_full() {
    let Some(emulator) = Emulator::start() else { return };
    let client = aws_sdk_dynamodb::Client::new(&emulator.config());
    let bounds = Bounds { newest: 20_000, turns: 20_000, ..Bounds::default() };
    emulator.block_on(async {
        create_table(&client, "full").await;
        let ledger = DynamoLedger::new(client.clone(), "full", bounds, 3, 90);
        let old = failures(0..8_000);
        ledger.observe(&key(), &old).await.expect("observe");
        let new = failures(10_000..21_000);
        let answer = ledger.observe(&key(), &new).await.expect("observe");
        let all: Vec<_> = old.entries.iter().chain(&new.entries).copied().collect();
        assert_eq!(BTreeSet::from_iter(answer.entries), BTreeSet::from_iter(all));
        assert_eq!(ledger.take_full(), 0);
        let stored = ledger.observe(&key(), &Batch::default()).await.expect("observe").entries;
        assert!(stored.len() > 1_000, "{} entries", stored.len());
        let newest = &new.entries[new.entries.len() - 1_000..];
        assert!(newest.iter().all(|entry| stored.contains(entry)));
    });
}

/// What another version wrote is not taken away to make room; evidence that finds none is answered
/// with and told, and the next is tried again.
#[test]
fn dynamodb_without_room() {
    let Some(emulator) = Emulator::start() else { return };
    let client = aws_sdk_dynamodb::Client::new(&emulator.config());
    emulator.block_on(async {
        create_table(&client, "no-room").await;
        let pk = AttributeValue::S(format!("source#{}", key()));
        let filler = AttributeValue::B(Blob::new(vec![0; 409_000]));
        let put = client.put_item().table_name("no-room").item("pk", pk);
        let put = put.item("sk", AttributeValue::S("ledger".to_owned())).item("other", filler);
        put.send().await.expect("put");
        let ledger = DynamoLedger::new(client.clone(), "no-room", Bounds::default(), 3, 90);
        let batch = failures(0..40);
        let answer = ledger.observe(&key(), &batch).await.expect("observe");
        assert_eq!(answer.entries, batch.entries);
        assert_eq!((ledger.take_full(), ledger.take_full()), (1, 0));
        let stored = ledger.observe(&key(), &Batch::default()).await.expect("observe");
        assert_eq!(stored, SourceLedger::default());
    });
}

/// An item of a public address stays for as long as is asked who worked there, whatever is written last.
#[test]
fn dynamodb_items_stay() {
    let Some(emulator) = Emulator::start() else { return };
    let client = aws_sdk_dynamodb::Client::new(&emulator.config());
    emulator.block_on(async {
        create_table(&client, "stay").await;
        let (network, _) = key().network().expect("it is public");
        for (ledger_days, of_key, of_network) in [(3, 8, 3), (14, 14, 14)] {
            let bounds = Bounds::default();
            let ledger = DynamoLedger::new(client.clone(), "stay", bounds, ledger_days, 90);
            for (key, days) in [(key(), of_key), (network.clone(), of_network)] {
                let expiry = async || {
                    let get = client.get_item().table_name("stay");
                    let get = get.key("pk", AttributeValue::S(format!("source#{key}")));
                    let get = get.key("sk", AttributeValue::S("ledger".to_owned())).send().await;
                    let item = get.expect("get").item.expect("an item");
                    let secs: i64 =
                        item["expires_at"].as_n().expect("a number").parse().expect("it");
                    secs - callerwatch_adapters::clock::now().millis() / 1000
                };
                let is_about = |secs: i64| (secs - days * 86_400).abs() < 60;
                ledger.observe(&key, &failures([1])).await.expect("observe");
                assert!(is_about(expiry().await), "{key}");
                ledger.mark(&key, mark(Severity::Low), None).await.expect("mark");
                assert!(is_about(expiry().await), "{key}");
            }
        }
    });
}

/// What is read is what is there, each under its key, however much it is.
#[test]
fn dynamodb_looks() {
    let Some(emulator) = Emulator::start() else { return };
    let client = aws_sdk_dynamodb::Client::new(&emulator.config());
    emulator.block_on(async {
        create_table(&client, "looks").await;
        let ledger = DynamoLedger::new(client.clone(), "looks", Bounds::default(), 3, 90);
        let keys: Vec<LedgerKey> =
            (0..=255).map(|n| LedgerKey::of_public([198, 51, 100, n].into())).collect();
        let there = &keys[40..43];
        for (key, n) in there.iter().zip(0..) {
            ledger.observe(key, &failures(n..10)).await.expect("observe");
        }
        let before = client.scan().table_name("looks").send().await.expect("scan");
        let found = ledger.look(&keys).await.expect("look");
        assert_eq!(found.len(), keys.len());
        let found: BTreeMap<_, _> = found.into_iter().collect();
        for key in &keys {
            let at = there.iter().position(|it| it == key);
            let expected = at.map_or(0, |n| 10 - n);
            assert_eq!(found[key].entries.len(), expected, "{key}");
        }
        let after = client.scan().table_name("looks").send().await.expect("scan");
        assert_eq!(after.items(), before.items());
    });
}

fn key() -> LedgerKey {
    LedgerKey::of_public("203.0.113.7".parse().expect("an address"))
}

/// One failed sign-in of `account<n>` at second n, for each n.
fn failures(numbers: impl IntoIterator<Item = i64>) -> Batch {
    batch(numbers.into_iter().map(|n| (n, format!("account{n}"), Outcome::LoginFailed)))
}

fn batch(events: impl IntoIterator<Item = (i64, String, Outcome)>) -> Batch {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let mut observer = Observer::default();
    let mut batch = Batch::default();
    for (secs, who, outcome) in events {
        let activity = call(&format!("{who}-{secs}"), secs, "203.0.113.7", &who, outcome);
        for observation in observer.observe(&activity, &intelligence, &policy, None) {
            if observation.key != key() {
                continue;
            }
            batch.entries.extend(observation.seen);
            if let Some((entry, sample)) = observation.call {
                batch.entries.push(entry);
                batch.samples.push(sample);
            }
        }
    }
    batch
}

/// What is found, as uid, score and leading detection.
fn found(ledger: &SourceLedger) -> Vec<(String, u8, &'static str)> {
    decide(&key(), ledger.clone(), &Intelligence::default(), &Policy::default())
        .into_iter()
        .map(|alert| (alert.uid, alert.score, alert.findings[0].detection.id))
        .collect()
}

fn observe<L: Ledger>(ledger: &L, batch: &Batch) -> SourceLedger {
    let mut whole = block_on(ledger.observe(&key(), batch)).expect("observe");
    whole.entries.sort_unstable();
    whole.entries.dedup();
    whole
}

fn the_answer_is_the_whole_ledger<L: Ledger>(ledger: &L) {
    let first = observe(ledger, &failures([1, 2]));
    assert_eq!(first.entries, failures([1, 2]).entries);
    let second = observe(ledger, &failures([3]));
    assert_eq!(second.entries, failures([1, 2, 3]).entries);
    assert_eq!(second.samples.len(), 3);
}

/// Who denies an address asks who worked there, which is longer than anything else is kept.
fn who_worked_there_is_known_for_eight_days<L: Ledger>(ledger: &L) {
    const DAY: i64 = 86_400;
    // In batches that are apart, so that a ledger grows and is trimmed.
    let flood = |day: i64| {
        for part in 0..12 {
            let bob = |n| (day * DAY + part * 400 + n, "bob".to_owned(), Outcome::LoginFailed);
            observe(ledger, &batch((0..60).map(bob)));
        }
        observe(ledger, &failures([day * DAY + 6_000])).entries
    };
    let worked = batch([(0, "alice".to_owned(), Outcome::LoginSucceeded)]).entries;
    observe(ledger, &batch([(0, "alice".to_owned(), Outcome::LoginSucceeded)]));
    observe(ledger, &batch([(1, "alice".to_owned(), Outcome::LoginFailed)]));
    let kept = flood(7);
    assert!(worked.iter().all(|entry| kept.contains(entry)));
    assert!(kept.iter().all(|it| worked.contains(it) || it.time() > now(DAY)));
    assert!(flood(9).iter().all(|it| !worked.contains(it)));
}

fn repeats_change_nothing<L: Ledger>(ledger: &L) {
    let once = observe(ledger, &failures(0..10));
    let thrice = {
        observe(ledger, &failures(5..10));
        observe(ledger, &failures((0..10).rev()))
    };
    assert_eq!(once, thrice);
    assert_eq!(found(&once).len(), 1);
}

fn order_does_not_matter<L: Ledger>(forward: &L, backward: &L) {
    let batches: Vec<Batch> = (0..20).map(|n| failures([n, n + 7])).collect();
    let last_forward = batches.iter().map(|batch| observe(forward, batch)).last();
    let last_backward = batches.iter().rev().map(|batch| observe(backward, batch)).last();
    assert_eq!(last_forward, last_backward);
}

fn mark(severity: Severity) -> Mark {
    Mark { day: now(0).day(), severity, has_success: false }
}

fn success(severity: Severity) -> Mark {
    Mark { has_success: true, ..mark(severity) }
}

fn now(secs: i64) -> Timestamp {
    Timestamp::from_millis(START + 1000 * secs).expect("a time")
}

fn claim<L: Ledger>(ledger: &L, severity: Severity, secs: i64) -> Claim {
    claim_of(ledger, mark(severity), secs)
}

fn claim_of<L: Ledger>(ledger: &L, mark: Mark, secs: i64) -> Claim {
    block_on(ledger.claim(&key(), mark, now(secs))).expect("claim")
}

/// Ten thousand failures of one account, in batches, before and after a spray and a sign-in: what
/// was found with little evidence is found with much.
fn a_flood_hides_nothing<L: Ledger>(ledger: &L) {
    let one = |n: i64| (n, "flooded".to_owned(), Outcome::LoginFailed);
    let story = failures(2_000..2_006);
    let success = batch([(2_100, "account2003".to_owned(), Outcome::LoginSucceeded)]);
    let alone = {
        let mut alone = SourceLedger { entries: story.entries.clone(), ..SourceLedger::default() };
        alone.entries.extend(&success.entries);
        found(&alone)
    };
    let (uid, ..) = &alone[0];
    observe(ledger, &batch((0..2_000).map(one)));
    observe(ledger, &story);
    observe(ledger, &success);
    let mut last = SourceLedger::default();
    for start in (2_200..12_200).step_by(500) {
        last = observe(ledger, &batch((start..start + 500).map(one)));
    }
    let after = decide(&key(), last.clone(), &Intelligence::default(), &Policy::default());
    assert_eq!(&after[0].uid, uid);
    let ids: Vec<_> = after[0].findings.iter().map(|finding| finding.detection.id).collect();
    assert!(ids.contains(&"password-spray"), "{ids:?}");
    assert!(ids.contains(&"login-after-failures"), "{ids:?}");
    let bounds = Bounds::default();
    // Trimmed once at twice the bound, and the answer has the last batch.
    let most = 2 * (bounds.newest + bounds.failing_principals + bounds.operations) + 600;
    assert!(last.entries.len() < most, "{} entries", last.entries.len());
    assert!(last.samples.len() <= 12);
}

fn keys_are_apart<L: Ledger>(ledger: &L) {
    observe(ledger, &failures(0..10));
    let other = LedgerKey::of_public("203.0.113.8".parse().expect("an address"));
    let empty = block_on(ledger.observe(&other, &Batch::default())).expect("observe");
    assert_eq!(empty, SourceLedger::default());
    let granted = block_on(ledger.claim(&other, mark(Severity::Low), now(0))).expect("claim");
    assert_eq!(granted, Claim::Granted);
    assert_eq!(claim(ledger, Severity::Low, 0), Claim::Granted);
}
