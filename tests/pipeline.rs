//! What an invocation promises, whatever the feeds repeat and whatever fails: nothing is lost, and
//! repeats have the uid of what they repeat.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::alert::Alert;
use callerwatch_detection::baseline::{Baseline, Who};
use callerwatch_detection::budget::{Admission, Budget};
use callerwatch_detection::decide;
use callerwatch_detection::history::AccountDay;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::{
    Batch, Bounds, Claim, Ledger, Mark, MemoryLedger, Record, SharedMemoryLedger, SourceLedger,
    WarmLedger,
};
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sink::{AlertSink, Announcement};
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_pipeline::{Intake, Judgement, settle};
use callerwatch_sources::Buffers;
use callerwatch_tests::START;
use pollster::block_on;
use proptest::prelude::*;
use serde_json::json;

/// A record of CloudTrail: a sign-in of `who` that failed or not, or a call that was denied or not.
fn record(n: i64, address: &str, who: &str, what: &str) -> String {
    let time = Timestamp::from_millis(START + 1000 * n).expect("a time").to_string();
    let is_sign_in = !matches!(what, "denied" | "call");
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "accountId": "111111111111",
            "arn": format!("arn:aws:iam::111111111111:user/{who}"),
            "userName": who,
        },
        "eventTime": time,
        "eventSource": if is_sign_in { "signin.amazonaws.com" } else { "iam.amazonaws.com" },
        "eventName": if is_sign_in { "ConsoleLogin" } else { "ListUsers" },
        "awsRegion": "us-east-1",
        "sourceIPAddress": address,
        "eventID": format!("{address}-{who}-{n}"),
        "eventType": if is_sign_in { "AwsConsoleSignIn" } else { "AwsApiCall" },
        "recipientAccountId": "111111111111",
    });
    match what {
        "fail" => {
            record["errorMessage"] = json!("Failed authentication");
            record["responseElements"] = json!({ "ConsoleLogin": "Failure" });
        }
        "login" => record["responseElements"] = json!({ "ConsoleLogin": "Success" }),
        "call" => {}
        _ => record["errorCode"] = json!("AccessDenied"),
    }
    record.to_string()
}

/// A password that is guessed, a spray, and an enumeration, each from an address of its own.
fn incident() -> Vec<String> {
    let guessed = (0..12).map(|n| record(n * 20, "203.0.113.7", "alice", "fail"));
    let opened = [record(250, "203.0.113.7", "alice", "login")];
    let sprayed = (0..8).map(|n| record(n * 30, "198.51.100.9", &format!("user{n}"), "fail"));
    let denied = (0..20).map(|n| record(n * 5, "192.0.2.4", "mallory", "denied"));
    guessed.chain(opened).chain(sprayed).chain(denied).collect()
}

fn judgement<'a>(intelligence: &'a Intelligence, policy: &'a Policy) -> Judgement<'a> {
    let now = Timestamp::from_millis(START + 3_600_000).expect("a time");
    Judgement { intelligence, policy, bounds: Bounds::default(), now }
}

/// What one clean pass finds, as uid, what it is announced as, and calls.
fn expected(records: &[String]) -> BTreeMap<String, (Mark, usize)> {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let ledger = SharedMemoryLedger::default();
    let sink = Told::default();
    let (mut observer, mut buffers) = (Observer::default(), Buffers::new());
    let judgement = judgement(&intelligence, &policy);
    let mut intake = Intake::new(judgement, &mut observer, &mut buffers);
    assert_eq!(intake.read(0, &mut records.join("\n").as_bytes()), []);
    let settled = block_on(settle(intake.finish(), judgement, &ledger, &sink));
    assert!(settled.failed.is_empty());
    sink.last()
}

/// Remembers what it was told, and refuses where it is told to.
#[derive(Default)]
struct Told {
    told: Mutex<Vec<(String, Mark, usize)>>,
    faults: Faults,
}

impl Told {
    /// The last of each uid.
    fn last(&self) -> BTreeMap<String, (Mark, usize)> {
        let told = self.told.lock().expect("not poisoned");
        told.iter().map(|(uid, mark, calls)| (uid.clone(), (*mark, *calls))).collect()
    }
}

impl AlertSink for Told {
    type Error = Refused;

    async fn publish(&self, announcements: &[Announcement<'_>]) -> Vec<Result<(), Refused>> {
        let publish = |alert: &Alert| {
            self.faults.before()?;
            let told = (alert.uid.clone(), Mark::of(alert), alert.calls);
            self.told.lock().expect("not poisoned").push(told);
            self.faults.after()
        };
        announcements.iter().map(|it| publish(it.alert)).collect()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

/// Which of the coming requests fail: before they do anything, or having done it.
#[derive(Default)]
struct Faults(Mutex<Vec<u8>>);

impl Faults {
    fn before(&self) -> Result<(), Refused> {
        let mut coming = self.0.lock().expect("not poisoned");
        if coming.last() == Some(&1) {
            coming.pop();
            return Err(Refused);
        }
        Ok(())
    }

    fn after(&self) -> Result<(), Refused> {
        if self.next() == Some(2) { Err(Refused) } else { Ok(()) }
    }

    fn next(&self) -> Option<u8> {
        self.0.lock().expect("not poisoned").pop()
    }
}

/// A ledger that fails where it is told to.
struct Failing<L> {
    ledger: L,
    faults: Faults,
}

impl<L: Ledger + Sync> Failing<L> {
    async fn with<T>(
        &self,
        act: impl Future<Output = Result<T, L::Error>> + Send,
    ) -> Result<T, Refused> {
        self.faults.before()?;
        let answer = act.await.map_err(|_| Refused)?;
        self.faults.after()?;
        Ok(answer)
    }
}

impl<L: Ledger + Sync> Ledger for Failing<L> {
    type Error = Refused;

    async fn observe(&self, key: &LedgerKey, batch: &Batch) -> Result<SourceLedger, Refused> {
        self.with(self.ledger.observe(key, batch)).await
    }

    async fn learn(
        &self,
        principal: u64,
        learned: &Baseline,
        who: Option<&Who>,
    ) -> Result<Baseline, Refused> {
        self.with(self.ledger.learn(principal, learned, who)).await
    }

    async fn keep_day(&self, day: &AccountDay) -> Result<(), Refused> {
        self.with(self.ledger.keep_day(day)).await
    }

    async fn claim(&self, key: &LedgerKey, mark: Mark, now: Timestamp) -> Result<Claim, Refused> {
        self.with(self.ledger.claim(key, mark, now)).await
    }

    async fn admit(
        &self,
        budget: &Budget,
        key: &LedgerKey,
        mark: Mark,
    ) -> Result<Admission, Refused> {
        self.with(self.ledger.admit(budget, key, mark)).await
    }

    async fn amend(&self, key: &LedgerKey, mark: Mark, record: &Record) -> Result<bool, Refused> {
        self.with(self.ledger.amend(key, mark, record)).await
    }

    async fn mark(
        &self,
        key: &LedgerKey,
        mark: Mark,
        record: Option<&Record>,
    ) -> Result<(), Refused> {
        self.with(self.ledger.mark(key, mark, record)).await
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Delivered three times, shuffled and split anew, with requests that fail at random and are
    /// delivered again, to two functions: known and told is what one clean pass knows and tells.
    #[test]
    fn nothing_is_lost_and_nothing_told_twice(
        order in Just((0..3 * incident().len()).collect::<Vec<_>>()).prop_shuffle(),
        sizes in proptest::collection::vec(1..12_usize, 200),
        ledger_faults in proptest::collection::vec(0..3_u8, 0..60),
        sink_faults in proptest::collection::vec(0..3_u8, 0..6),
    ) {
        let records = incident();
        let expected = expected(&records);
        prop_assert_eq!(expected.len(), 3);
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let bounds = Bounds::default();
        let has_faults = !ledger_faults.is_empty() || !sink_faults.is_empty();
        let memory = SharedMemoryLedger::new(MemoryLedger::bounded(bounds));
        let failing = Failing { ledger: memory, faults: Faults(Mutex::new(ledger_faults)) };
        // Two functions at once, each warm by itself.
        let ledgers = [WarmLedger::new(&failing, bounds), WarmLedger::new(&failing, bounds)];
        let sink = Told { faults: Faults(Mutex::new(sink_faults)), ..Told::default() };
        let mut observers = [Observer::default(), Observer::default()];
        let mut buffers = Buffers::new();
        let mut judgement = judgement(&intelligence, &policy);

        let mut queue: Vec<usize> = order.iter().map(|place| place % records.len()).collect();
        let turn = Cell::new(0);
        while !queue.is_empty() {
            turn.set(turn.get() + 1);
            prop_assert!(turn.get() < 2_000, "messages come back for ever");
            let which = turn.get() % 2;
            let size = sizes[turn.get() % sizes.len()].min(queue.len());
            let messages: Vec<usize> = queue.drain(..size).collect();
            let mut intake = Intake::new(judgement, &mut observers[which], &mut buffers);
            for (place, message) in messages.iter().enumerate() {
                let bad = intake.read(place, &mut records[*message].as_bytes());
                prop_assert_eq!(bad, []);
            }
            let observed = intake.finish();
            let settled = block_on(settle(observed, judgement, &ledgers[which], &sink));
            if !settled.failures.is_empty() {
                observers[which] = Observer::default();
            }
            queue.extend(settled.failed.iter().map(|place| messages[*place]));
            // A message comes back later than a lease lasts.
            judgement.now = judgement.now.plus_secs(61);
        }
        // What is known in the end is what a clean pass knows.
        let addresses = ["203.0.113.7", "198.51.100.9", "192.0.2.4"];
        let keys = addresses.map(|ip| LedgerKey::of_public(ip.parse().expect("an address")));
        let mut known = BTreeMap::new();
        for key in &keys {
            let whole = block_on(failing.ledger.observe(key, &Batch::default())).expect("observe");
            let alerts = decide(key, whole, &intelligence, &policy);
            known.extend(alerts.iter().map(|it| (it.uid.clone(), (Mark::of(it), it.calls))));
        }
        prop_assert_eq!(&known, &expected);
        // Each was told, under its uid, at its severity (more evidence may have lowered it), and that
        // somebody got in.
        let told = sink.told.lock().expect("not poisoned").clone();
        let distinct: BTreeSet<_> = told.iter().map(|(uid, mark, _)| (uid, mark)).collect();
        for (uid, (mark, _)) in &expected {
            let of_uid = told.iter().filter(|(told, ..)| told == uid).map(|(_, mark, _)| mark);
            prop_assert!(!mark.is_news(of_uid), "{uid} in {told:?}");
        }
        prop_assert!(told.iter().all(|(uid, ..)| expected.contains_key(uid)));
        if !has_faults {
            prop_assert_eq!(told.len(), distinct.len(), "told twice: {:?}", &told);
        }
    }
}

/// The day is kept once, by however many calls; where that failed, no message comes back, and the
/// next call says it again.
#[test]
fn an_account_has_a_history() {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let bounds = Bounds::default();
    let memory = SharedMemoryLedger::new(MemoryLedger::bounded(bounds));
    let failing = Failing { ledger: memory, faults: Faults::default() };
    let ledger = WarmLedger::new(&failing, bounds);
    let (sink, mut buffers) = (Told::default(), Buffers::new());
    let judgement = judgement(&intelligence, &policy);
    // The fault that comes first is the last.
    let mut deliver = |faults: &[u8], records: &[String]| {
        failing.faults.0.lock().expect("not poisoned").extend(faults);
        let mut observer = Observer::default();
        let mut intake = Intake::new(judgement, &mut observer, &mut buffers);
        assert_eq!(intake.read(0, &mut records.join("\n").as_bytes()), []);
        let settled = block_on(settle(intake.finish(), judgement, &ledger, &sink));
        assert!(settled.failed.is_empty());
        let history = failing.ledger.history(Cloud::Aws, "111111111111");
        (settled.failures.iter().map(ToString::to_string).collect::<Vec<_>>(), history.len())
    };
    let call = |n, who| record(n, "192.0.2.4", who, "call");
    let failed = [record(1, "192.0.2.5", "alice", "fail"), record(2, "192.0.2.5", "bob", "denied")];
    assert_eq!(deliver(&[], &failed), (vec![], 0));
    assert_eq!(deliver(&[], &[call(-11 * 86_400, "alice")]), (vec![], 0));
    let why = "keeping the history of the AWS account 111111111111".to_owned();
    assert_eq!(deliver(&[1, 0], &[call(1, "alice")]), (vec![why], 0));
    assert_eq!(deliver(&[], &[call(1, "alice"), call(2, "bob")]), (vec![], 1));
    // Nothing is asked that could fail.
    assert_eq!(deliver(&[1], &[call(3, "alice"), call(4, "bob")]), (vec![], 1));
}

#[test]
fn bad_input_costs_no_neighbor_anything() {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let judgement = judgement(&intelligence, &policy);
    let (mut observer, mut buffers) = (Observer::default(), Buffers::new());
    let mut intake = Intake::new(judgement, &mut observer, &mut buffers);
    let ahead = record(5_000, "203.0.113.7", "alice", "fail");
    let good = record(1, "203.0.113.7", "alice", "fail");
    let mixed = format!("{good}\n{{\"a\":1}}\n{{broken\n{ahead}\n");
    let why = |bad: Vec<callerwatch_pipeline::BadInput>| -> Vec<(String, u64)> {
        bad.into_iter().map(|it| (it.why, it.records)).collect()
    };
    assert_eq!(
        why(intake.read(0, &mut mixed.as_bytes())),
        [
            ("dated more than 15 minutes ahead".to_owned(), 1),
            ("not JSON".to_owned(), 1),
            ("not a record of a known log".to_owned(), 1)
        ]
    );
    assert_eq!(
        why(intake.read(1, &mut [0_u8, 159, 146, 150].as_slice())),
        [("binary data, or text that is not UTF-8".to_owned(), 0)]
    );
    assert_eq!(why(intake.read(2, &mut good.as_bytes())), []);
    let counts = intake.finish().counts;
    assert_eq!((counts.events, counts.evidence, counts.rejected), (3, 2, 3));
    assert_eq!(counts.newest, Timestamp::from_millis(START + 1000));
}
