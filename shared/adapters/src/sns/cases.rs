//! Alerts to try the renderings on, made by the engine of made-up calls.

use std::path::Path;
use std::{env, fs};

use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::source::{Source, Subject};
use callerwatch_detection::timestamp::Timestamp;

/// 2026-03-02T08:00:00Z, in milliseconds.
const START: i64 = 1_772_438_400_000;

/// Fails unless a file of `cases/` says this, or writes it where `UPDATE` is set.
pub(crate) fn check(name: &str, told: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sns/cases").join(name);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(&path).unwrap(), "renew cases/{name} with UPDATE=1");
}

/// Seven accounts fail to sign in from one address.
pub(crate) fn spray() -> Alert {
    spray_from("203.0.113.7")
}

/// The same from another address.
pub(crate) fn spray_from(address: &str) -> Alert {
    let calls = (0..7).map(|n| call(n, address, Outcome::LoginFailed));
    alert_of(calls.collect())
}

/// The same from a new address of one network each time.
pub(crate) fn rotating() -> Alert {
    let calls = (0..7).map(|n| call(n, &format!("203.0.113.{}", n + 1), Outcome::LoginFailed));
    alert_about(Subject::Network, calls.collect())
}

/// The same, and then one of them signs in from an address that never failed.
pub(crate) fn guessed() -> Alert {
    let calls = (0..7).map(|n| call(n, &format!("203.0.113.{}", n + 1), Outcome::LoginFailed));
    let success = call(6, "203.0.113.99", Outcome::LoginSucceeded);
    let success = ApiActivity { uid: "event-7".into(), ..success };
    alert_about(Subject::Network, calls.chain([success]).collect())
}

/// A burst of denials from what is no address, with everything in its texts that a reader must not
/// obey; it goes on for a second day.
pub(crate) fn hostile() -> Alert {
    let calls = (0..40).map(|n| {
        let day = if n < 20 { 0 } else { 86_400 };
        let mut call = call(n, "https://evil.example/\u{202e}\u{e9}", Outcome::Denied);
        call.time = call.time.map(|time| time.plus_secs(day));
        call.actor.name = Some("_admin_ <!here> @channel \u{1b}[31mred".into());
        call.actor.uid = Some(format!("mallory-{n}@corp.example").into());
        call.resource = Some("arn:aws:s3:::prod/[x](http://evil.example)\r\nSeverity: Low".into());
        call.user_agent = Some("Mozilla/5.0 `*click*` www.evil.example &lt;b&gt;".into());
        call.account = Some("111111111111\u{202e}".into());
        call.status_code = Some("AccessDenied".into());
        call
    });
    alert_of(calls.collect())
}

fn call(n: i64, address: &str, outcome: Outcome) -> ApiActivity<'static> {
    let is_login = outcome != Outcome::Denied;
    ApiActivity {
        cloud: Cloud::Aws,
        uid: format!("event-{n}").into(),
        time: Timestamp::from_millis(START + 10_000 * n),
        account: Some("111111111111".into()),
        region: Some("eu-west-1".into()),
        source: Source::from_address(address.to_owned(), ""),
        actor: Actor {
            kind: ActorKind::User,
            uid: Some(format!("arn:aws:iam::111111111111:user/user-{n}").into()),
            name: Some(format!("user-{n}").into()),
            credential: None,
        },
        service: if is_login { "signin.amazonaws.com" } else { "iam.amazonaws.com" }.into(),
        operation: if is_login { "ConsoleLogin" } else { "ListUsers" }.into(),
        resource: None,
        user_agent: Some("curl/8.5.0".into()),
        mfa: None,
        outcome,
        status_code: None,
        read_only: !is_login,
        console_session: false,
        workload: false,
    }
}

/// The last alert of the calls, which are of one source.
fn alert_of(calls: Vec<ApiActivity<'_>>) -> Alert {
    alert_about(Subject::Source, calls)
}

fn alert_about(subject: Subject, calls: Vec<ApiActivity<'_>>) -> Alert {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let (mut observer, mut ledger) = (Observer::default(), MemoryLedger::default());
    for call in calls {
        for observation in observer.observe(&call, &intelligence, &policy, None) {
            ledger.add(observation);
        }
    }
    let mut ledgers = ledger.into_sources();
    let (key, of_source) = ledgers.find(|(key, _)| key.subject() == subject).unwrap();
    decide(&key, of_source, &intelligence, &policy).pop().unwrap()
}
