//! What is due in digests out of DynamoDB: the highest first, once, and however late.

use aws_sdk_dynamodb::Client;
use callerwatch_adapters::ledger::{Digests, DynamoLedger};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::digest::Digest;
use callerwatch_detection::ledger::{Bounds, Ledger, Record, Told};
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_tests::emulator::{Emulator, create_table};

use crate::{mark, now, success};

/// What is left to digests is told once, the highest first, and however late the digest is.
#[test]
fn they_are_told_once_the_highest_first() {
    let Some(emulator) = Emulator::start() else { return };
    let client = Client::new(&emulator.config());
    emulator.block_on(async {
        create_table(&client, "digests").await;
        let ledger = DynamoLedger::new(client.clone(), "digests", Bounds::default(), 3, 90);
        let digests = Digests::new(client.clone(), "digests");
        let hours = async |at: i64| digests.claim(now(at)).await.expect("claim");
        let leave = async |n: u8, severity, score, hour: Timestamp| {
            let key = LedgerKey::of_public([203, 0, 113, n].into());
            let told = Told::InDigest(hour.hour());
            let record = Record { title: format!("alert {n}"), score, told, ..Record::default() };
            for _ in 0..2 {
                ledger.mark(&key, mark(severity), Some(&record)).await.expect("mark");
            }
        };
        // From 08:00 on.
        leave(1, Severity::Low, 20, now(60)).await;
        leave(2, Severity::High, 61, now(120)).await;
        leave(3, Severity::High, 75, now(3_700)).await;
        assert_eq!(hours(3_700).await.map(|(_, last)| last), Some(now(-1).hour()), "not over yet");
        let told = async |at: i64| {
            let (first, last) = hours(at).await?;
            let digest = digests.due(first, last).await.expect("due");
            Some((digest.shown.iter().map(|due| due.title.clone()).collect::<Vec<_>>(), last))
        };
        let (titles, last) = told(3_900).await.expect("a digest");
        assert_eq!(
            (titles, last),
            (vec!["alert 2".to_owned(), "alert 1".to_owned()], now(0).hour())
        );
        // It died before it said so: nobody else tells it before the lease ends.
        assert_eq!(told(3_930).await, None);
        let (titles, last) = told(7_500).await.expect("a digest");
        assert_eq!(titles, ["alert 3", "alert 2", "alert 1"]);
        digests.finish(last).await.expect("finish");
        digests.finish(last.back(1)).await.expect("finish");
        assert_eq!(told(7_600).await, None);
        let (titles, _) = told(11_100).await.expect("an hour");
        assert_eq!(titles, [""; 0]);
    });
}

/// What was told by itself since is due no more; an outage of days loses nothing; and a digest says
/// whose it is.
#[test]
fn they_lose_nothing_after_a_while() {
    let Some(emulator) = Emulator::start() else { return };
    let client = Client::new(&emulator.config());
    emulator.block_on(async {
        create_table(&client, "late").await;
        let ledger = DynamoLedger::new(client.clone(), "late", Bounds::default(), 3, 90);
        let digests = Digests::new(client.clone(), "late");
        let key = |n: u8| LedgerKey::of_public([203, 0, 113, n].into());
        let record = |n: u8, told| Record {
            title: format!("alert {n}"),
            score: 60,
            told,
            clouds: vec![Cloud::Azure],
            accounts: vec![format!("account {n}"), "shared".to_owned()],
            ..Record::default()
        };
        let left = |at: i64| Told::InDigest(now(at).hour());
        let mark_of = async |n, mark, told| {
            ledger.mark(&key(n), mark, Some(&record(n, told))).await.expect("mark");
        };
        let hours_before = |hours: i64| -3_600 * hours;
        // Left to the digests of several hours, the first of them 13 days ago.
        mark_of(1, mark(Severity::High), left(hours_before(13 * 24))).await;
        mark_of(2, mark(Severity::Low), left(hours_before(2))).await;
        mark_of(2, mark(Severity::High), left(hours_before(1))).await;
        mark_of(3, mark(Severity::High), left(hours_before(1))).await;
        let (first, last) = digests.claim(now(3_900)).await.expect("claim").expect("hours");
        let digest = digests.due(first, last).await.expect("due");
        let titles = |digest: &Digest| {
            let mut titles: Vec<_> = digest.shown.iter().map(|due| due.title.clone()).collect();
            titles.sort_unstable();
            titles
        };
        assert_eq!(titles(&digest), ["alert 1", "alert 2", "alert 3"]);
        assert_eq!(digest.counts, [(Severity::High, 3)].into());
        assert!(!digest.is_at_least);
        assert_eq!(digest.clouds, [Cloud::Azure].into());
        let accounts = ["account 1", "account 2", "account 3", "shared"].map(str::to_owned);
        assert_eq!(digest.accounts, accounts.into());
        // Somebody got in, and it is told.
        mark_of(2, success(Severity::High), Told::Alone).await;
        assert_eq!(titles(&digests.due(first, last).await.expect("due")), ["alert 1", "alert 3"]);
        // What is left again is due again.
        mark_of(2, success(Severity::Critical), left(hours_before(1))).await;
        let digest = digests.due(first, last).await.expect("due");
        assert_eq!(titles(&digest), ["alert 1", "alert 2", "alert 3"]);
    });
}
