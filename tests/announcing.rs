//! Which alerts go out, and as what, while evidence arrives bit by bit: opened once, told again when
//! somebody gets in, and what is left to a digest or suppressed in part is neither lost nor repeated.

use std::convert::Infallible;
use std::sync::Mutex;

use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ledger::{Bounds, MemoryLedger, SharedMemoryLedger, Told, WarmLedger};
use callerwatch_detection::observe::Observer;
use callerwatch_detection::ocsf::Activity;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::score::Severity;
use callerwatch_detection::sink::{AlertSink, Announcement};
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_pipeline::{Intake, Judgement, Settled, settle};
use callerwatch_sources::Buffers;
use callerwatch_tests::START;
use pollster::block_on;

/// What went out: the source, its severity, whether somebody got in, and what it does to what was
/// told before.
type Heard = (String, Severity, bool, Activity);

/// Hears what is told, and refuses the next so many times.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Heard>>,
    refusals: Mutex<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("throttled")]
struct Throttled;

impl AlertSink for Ear {
    type Error = Throttled;

    async fn publish(&self, announcements: &[Announcement<'_>]) -> Vec<Result<(), Throttled>> {
        let publish = |Announcement { alert, activity }: &Announcement<'_>| {
            let mut refusals = self.refusals.lock().expect("not poisoned");
            if *refusals > 0 {
                *refusals -= 1;
                return Err(Throttled);
            }
            let heard = (alert.key.to_string(), alert.severity, alert.has_success, *activity);
            self.heard.lock().expect("not poisoned").push(heard);
            Ok(())
        };
        announcements.iter().map(publish).collect()
    }
}

/// A function that is warm, and what it remembers.
struct Function {
    ledger: WarmLedger<SharedMemoryLedger>,
    ear: Ear,
    observer: Observer,
    intelligence: Intelligence,
    policy: Policy,
    now: Timestamp,
}

type Outcome = Settled<Infallible, Throttled>;

impl Function {
    fn new(policy: &str) -> Self {
        let bounds = Bounds::default();
        let memory = SharedMemoryLedger::new(MemoryLedger::bounded(bounds));
        Self {
            ledger: WarmLedger::new(memory, bounds),
            ear: Ear::default(),
            observer: Observer::default(),
            intelligence: Intelligence::default(),
            policy: Policy::parse(policy).expect("a policy"),
            now: Timestamp::from_millis(START + 3_600_000).expect("a time"),
        }
    }

    /// Invokes it with sign-ins of `who`, a second apart, and as long after as a message that failed
    /// takes to come back.
    fn invoke(
        &mut self,
        address: &str,
        who: &str,
        secs: std::ops::Range<i64>,
        error: &str,
    ) -> Outcome {
        self.now = self.now.plus_secs(61);
        let judgement = Judgement {
            intelligence: &self.intelligence,
            policy: &self.policy,
            bounds: Bounds::default(),
            now: self.now,
        };
        let mut buffers = Buffers::new();
        let mut intake = Intake::new(judgement, &mut self.observer, &mut buffers);
        for n in secs {
            let time = Timestamp::from_millis(START + 1000 * n).expect("a time");
            let answer = if error.is_empty() { "Success" } else { "Failure" };
            let record = format!(
                r#"{{"eventVersion":"1.08","eventID":"{address}-{who}-{n}","eventTime":"{time}",{error}
                "eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin",
                "awsRegion":"us-east-1","sourceIPAddress":"{address}",
                "recipientAccountId":"111111111111","userIdentity":{{"type":"IAMUser",
                "userName":"{who}","accountId":"111111111111"}},
                "responseElements":{{"ConsoleLogin":"{answer}"}}}}"#
            );
            assert_eq!(intake.read(0, &mut record.replace('\n', " ").as_bytes()), []);
        }
        block_on(settle(intake.finish(), judgement, &self.ledger, &self.ear))
    }

    fn fail(&mut self, address: &str, secs: std::ops::Range<i64>) -> Outcome {
        self.invoke(address, "alice", secs, r#""errorMessage":"Failed authentication","#)
    }

    fn sign_in(&mut self, address: &str, secs: i64) -> Outcome {
        self.invoke(address, "alice", secs..secs + 1, "")
    }

    fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.ear.heard.lock().expect("not poisoned"))
    }
}

const ADDRESS: &str = "203.0.113.7";

#[test]
fn who_gets_in_after_the_failures_were_told_is_told_once() {
    let mut function = Function::new("");
    function.fail(ADDRESS, 0..12);
    let address = ADDRESS.to_owned();
    assert_eq!(function.heard(), [(address.clone(), Severity::High, false, Activity::Create)]);
    function.sign_in(ADDRESS, 30);
    assert_eq!(function.heard(), [(address, Severity::High, true, Activity::Update)]);
    function.sign_in(ADDRESS, 40);
    function.fail(ADDRESS, 50..54);
    assert_eq!(function.heard(), []);
}

#[test]
fn failures_that_arrive_after_the_success_are_told_with_it() {
    let mut function = Function::new("");
    function.sign_in(ADDRESS, 30);
    assert_eq!(function.heard(), []);
    function.fail(ADDRESS, 0..12);
    let expected = (ADDRESS.to_owned(), Severity::High, true, Activity::Create);
    assert_eq!(function.heard(), [expected]);
    function.fail(ADDRESS, 12..20);
    assert_eq!(function.heard(), []);
}

#[test]
fn what_was_left_to_a_digest_is_opened_when_it_is_told() {
    // One place of High for each half.
    let mut function = Function::new("[announcements]\nhigh = 2");
    function.fail("198.51.100.1", 0..12);
    assert_eq!(function.heard().len(), 1);
    assert_eq!(function.fail(ADDRESS, 0..12).deferred, 1);
    assert_eq!(function.heard(), []);
    function.sign_in(ADDRESS, 30);
    let expected = (ADDRESS.to_owned(), Severity::High, true, Activity::Create);
    assert_eq!(function.heard(), [expected]);
    // It is due in no digest any more.
    let ledger = function.ledger.into_inner().into_inner();
    let of_address = ledger.records().iter().filter(|((key, _), _)| key.to_string() == ADDRESS);
    assert_eq!(of_address.map(|(_, it)| it.told.clone()).collect::<Vec<_>>(), [Told::Alone]);
}

#[test]
fn who_has_a_place_keeps_it_when_the_topic_refuses() {
    let mut function = Function::new("[announcements]\nhigh = 2");
    *function.ear.refusals.lock().expect("not poisoned") = 1;
    assert_eq!(function.fail("198.51.100.1", 0..12).failed.len(), 1);
    // Another finds the budget spent meanwhile.
    assert_eq!(function.fail(ADDRESS, 0..12).deferred, 1);
    let again = function.fail("198.51.100.1", 0..12);
    assert_eq!((again.published, again.deferred), (1, 0));
}

#[test]
fn one_stolen_key_leaves_room_for_other_takeovers() {
    let mut function = Function::new("[announcements]\nhigh = 16");
    // Eight are kept for successes, of which one account has two.
    let mut told = 0;
    for n in 0..20 {
        let address = format!("198.51.{n}.1");
        function.invoke(&address, "alice", 0..12, r#""errorMessage":"Failed authentication","#);
        told += function.invoke(&address, "alice", 30..31, "").published;
    }
    assert_eq!(told, 2);
    let other = "192.0.2.4";
    function.invoke(other, "bob", 0..12, r#""errorMessage":"Failed authentication","#);
    function.heard();
    function.invoke(other, "bob", 30..31, "");
    assert!(function.heard().iter().any(|(source, _, got_in, _)| source == other && *got_in));
}

#[test]
fn what_is_suppressed_in_part_is_counted() {
    let suppression = "[[suppressions]]\ndetection = \"login-failures\"\nuntil = 2026-12-31\n\
                       reason = \"a drill\"\n";
    let mut function = Function::new(suppression);
    let list = b"203.0.113.0/24\n";
    let list = Intelligence::builder().list("known-bad", Category::Malicious, list);
    function.intelligence = list.expect("a list").build();
    let settled = function.fail(ADDRESS, 0..12);
    assert_eq!((settled.published, settled.suppressed), (1, 1));
    // Nothing new, and then something.
    assert_eq!(function.fail(ADDRESS, 0..12).suppressed, 0);
    assert_eq!(function.fail(ADDRESS, 12..110).suppressed, 1);
}
