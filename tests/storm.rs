//! A storm: a million failing calls from fifty thousand addresses in an hour, each of which is a
//! High alert, and one among them that got in.
//!
//! It is told no more than the budgets and a digest an hour allow, the one that got in at once, and
//! nothing of it is lost. Tests do a fiftieth of it; `make bench` does all.

#![expect(clippy::expect_used, reason = "what a test cannot do without fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::{Bounds, MemoryLedger, SharedMemoryLedger, Told, WarmLedger};
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sink::{AlertSink, Announcement};
use callerwatch_detection::timestamp::{Hour, Timestamp};
use callerwatch_pipeline::{Intake, Judgement, settle};
use callerwatch_sources::Buffers;
use callerwatch_tests::START;
use pollster::block_on;

/// Calls of an address in a batch, and such batches of it.
const CALLS: u32 = 10;
const ROUNDS: u32 = 2;
/// Addresses in a batch.
const BATCH: u32 = 100;
/// Half an hour into an hour of the clock, so that it reaches into the next.
const BEGINS: i64 = START + 1_800_000;
/// What is told at once.
#[derive(Default)]
struct Counter {
    told: AtomicUsize,
    /// The title of each in which something succeeded, and when that was.
    succeeded: Mutex<Vec<(String, Timestamp)>>,
}

impl AlertSink for Counter {
    type Error = Infallible;

    async fn publish(&self, announcements: &[Announcement<'_>]) -> Vec<Result<(), Infallible>> {
        self.told.fetch_add(announcements.len(), Ordering::Relaxed);
        let alerts = announcements.iter().map(|it| it.alert).filter(|alert| alert.has_success);
        let succeeded = alerts.map(|alert| (alert.title(), alert.last));
        self.succeeded.lock().expect("not poisoned").extend(succeeded);
        announcements.iter().map(|_| Ok(())).collect()
    }
}

fn address(n: u32) -> Ipv4Addr {
    // Of a network that nobody has: there are not as many addresses for documentation.
    Ipv4Addr::from_bits(u32::from_be_bytes([10, 0, 0, 0]) + n)
}

/// Sign-ins of an address, of an account each, a second apart.
fn sign_ins(text: &mut String, n: u32, round: u32, start: i64, gets_in: bool) {
    for call in 0..CALLS {
        let time = Timestamp::from_millis(start + 1000 * i64::from(call)).expect("a time");
        let (error, answer) = if gets_in && call + 1 == CALLS {
            ("", "Success")
        } else {
            (r#""errorMessage":"Failed authentication","#, "Failure")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            r#"{{"eventVersion":"1.08","eventID":"{n}-{round}-{call}","eventTime":"{time}",{error}
            "eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1",
            "sourceIPAddress":"{}","recipientAccountId":"111111111111",
            "userIdentity":{{"type":"IAMUser","userName":"user{call}","accountId":"111111111111"}},
            "responseElements":{{"ConsoleLogin":"{answer}"}}}}"#,
            address(n)
        );
    }
}

#[test]
fn a_storm_is_told_within_budgets_and_hides_nothing() {
    storm(1_000);
}

#[test]
#[ignore = "a million calls take too long where nothing is optimized"]
fn a_storm_of_a_million_calls() {
    storm(50_000);
}

fn storm(addresses: u32) {
    // In the midst of it.
    let real = addresses / 2 + addresses / 7;
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let bounds = Bounds::default();
    let ledger = WarmLedger::new(SharedMemoryLedger::new(MemoryLedger::bounded(bounds)), bounds);
    let sink = Counter::default();
    let (mut observer, mut buffers) = (Observer::default(), Buffers::new());
    let batches = addresses / BATCH * ROUNDS;
    let (mut evidence, mut got_in) = (0, None);
    for batch in 0..batches {
        let start = BEGINS + i64::from(batch) * 3_590_000 / i64::from(batches);
        let now = Timestamp::from_millis(start + 20_000).expect("a time");
        let (round, first) = (batch % ROUNDS, batch / ROUNDS * BATCH);
        let mut text = String::new();
        for n in first..first + BATCH {
            sign_ins(&mut text, n, round, start, n == real && round == 1);
        }
        let judgement = Judgement { intelligence: &intelligence, policy: &policy, bounds, now };
        let mut intake = Intake::new(judgement, &mut observer, &mut buffers);
        assert_eq!(intake.read(0, &mut text.as_bytes()), []);
        let taken_in = intake.finish();
        evidence += taken_in.counts.evidence;
        let settled = block_on(settle(taken_in, judgement, &ledger, &sink));
        assert!(settled.failures.is_empty());
        let succeeded = sink.succeeded.lock().expect("not poisoned");
        if let (None, Some((title, time))) = (&got_in, succeeded.first()) {
            got_in = Some((title.clone(), now.millis() - time.millis()));
        }
    }
    assert_eq!(evidence, u64::from(addresses * CALLS * ROUNDS));

    let told = sink.told.into_inner();
    let succeeded = sink.succeeded.into_inner().expect("not poisoned");
    let ledger = ledger.into_inner().into_inner();
    let (mut alone, mut digests): (usize, BTreeMap<Hour, usize>) = (0, BTreeMap::new());
    let mut known = BTreeSet::new();
    for ((key, _), record) in ledger.records() {
        known.insert(key.clone());
        match record.told {
            Told::Alone => alone += 1,
            Told::InDigest(hour) => *digests.entry(hour).or_default() += 1,
            _ => panic!("{key} was told {:?}", record.told),
        }
    }
    println!(
        "{evidence} evidence events of {addresses} addresses: {} told at once, {} digests of {} \
         alerts",
        told,
        digests.len(),
        digests.values().sum::<usize>()
    );
    // Half of the budget of High alerts is for those that only failed; the other is left.
    assert_eq!((told, alone, succeeded.len()), (26, 26, 1));
    // One an hour of the clock.
    assert_eq!(digests.len(), 2);
    // Each address is an alert, known and told in one way or the other.
    assert_eq!(known.len(), usize::try_from(addresses).expect("it fits"));
    let (title, after) = got_in.expect("the one that got in is told at once");
    println!("the one that got in: {title:?}, {} s after it did", after / 1000);
    assert!(title.contains(&address(real).to_string()), "{title}");
    assert!(after < 20_000);
}
