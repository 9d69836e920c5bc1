//! A storm: a million failing calls from fifty thousand addresses in an hour, each of which is a
//! High alert, and one among them that got in.
//!
//! It is told no more than the budgets and a digest an hour allow, the one that got in at once, and
//! nothing of it is lost. Tests do a fiftieth of it; `make bench` does all.

#![expect(clippy::expect_used, reason = "what a test cannot do without fails it")]
#![expect(clippy::indexing_slicing, reason = "a test fails where its answer is too short")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Mutex;

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
/// Counts what is told at once, and remembers in which something succeeded.
#[derive(Default)]
struct Counter(Mutex<(usize, Vec<(String, String, Timestamp)>)>);

impl AlertSink for Counter {
    type Error = Infallible;

    async fn publish(&self, announcements: &[Announcement<'_>]) -> Vec<Result<(), Infallible>> {
        let mut told = self.0.lock().expect("not poisoned");
        for Announcement { alert, .. } in announcements {
            // The one that got in may have been told of before.
            if alert.has_success {
                told.1.push((alert.key.to_string(), alert.title(), alert.last));
            }
            told.0 += 1;
        }
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
    let (mut evidence, mut told_real) = (0, None);
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
        let observed = intake.finish();
        evidence += observed.counts.evidence;
        let settled = block_on(settle(observed, judgement, &ledger, &sink));
        assert!(settled.failures.is_empty());
        let told = sink.0.lock().expect("not poisoned");
        let is_real =
            |it: &&(String, String, Timestamp)| it.0.starts_with(&format!("{}@", address(real)));
        let got_in = told.1.iter().filter(is_real).next_back();
        if let (None, Some((_, title, last))) = (&told_real, got_in)
            && (real / BATCH, 1) == (batch / ROUNDS, round)
        {
            told_real = Some((title.clone(), now.millis() - last.millis()));
        }
    }
    assert_eq!(evidence, u64::from(addresses * CALLS * ROUNDS));

    let (told, succeeded) = sink.0.into_inner().expect("not poisoned");
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
    let (title, after) = told_real.expect("the one that got in is told at once");
    println!("the one that got in: {title:?}, {} s after it did", after / 1000);
    assert!(after < 20_000);
}
