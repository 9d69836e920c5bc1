//! The short notation in which detections are tested: a story, and what is found in it.
//!
//! A story is a list of `COUNT VERB WHO[,WHO…] [every Ns]`, separated by `;`. It starts at
//! 2026-03-02T08:00:00Z, and after each event the clock moves on by `every` (a second unless said);
//! `after Ns` before a part moves it too, and `from ADDRESS` says where the rest comes from, which
//! is 203.0.113.7 at first. With several names each round is one event of each. `-` is
//! a principal the cloud hides. Verbs: `fail`, `login`, `mfa` (right password, then stopped), `ok`,
//! `priv`, `whoami`, `anonymous`, `foreign`, `throttled`, `denied` and `page` (a console page's read); the last
//! two may say `/OPERATIONSxSERVICES`. `root` is the owner of an account, `app` an
//! application, `workload` one whose credentials were issued to a machine; `ok` and `priv` touch
//! `prod-database`. `azure:` or `gcp:` before a verb names the cloud, and `@ADDRESS` after it the
//! source of this part alone; a `*` in it is the number of the event in its part.

use std::net::Ipv6Addr;

use crate::activity::{ActorKind, ApiActivity, Cloud, Outcome};
use crate::detections::DETECTIONS;
use crate::evidence::tests::call;
use crate::intelligence::{Builder, Category, Intelligence};
use crate::ledger::{MemoryLedger, SourceLedger};
use crate::observe::Observer;
use crate::policy::Policy;
use crate::score::Severity;
use crate::source::{LedgerKey, Source, Subject};
use crate::view::View;

use self::mmdb::{Field, Mmdb};

#[path = "../../../../tests/mmdb.rs"]
#[expect(unreachable_pub, reason = "the test suites have it too")]
mod mmdb;

/// 2026-03-02T08:00:00Z.
const START: i64 = 1_772_438_400_000;

/// A story and what is found in it: `DAY SEVERITY SCORE: HEADLINE`, a line each; empty for nothing.
/// What is found in a wide ledger ends with `from NETWORK` or `of a principal`.
pub(crate) struct Row {
    story: &'static str,
    found: &'static str,
}

impl Row {
    pub(crate) fn new(story: &'static str, found: &'static str) -> Self {
        Self { story, found }
    }
}

/// Checks what one detection finds in each story.
pub(crate) fn check(detection: &str, rows: &[Row]) {
    check_with(detection, &Intelligence::builder().build(), &Policy::default(), rows);
}

/// The same, from an address on a list.
pub(crate) fn check_listed(detection: &str, category: Category, rows: &[Row]) {
    let list = Intelligence::builder().list("list", category, b"203.0.113.0/24\n").unwrap();
    check_with(detection, &list.build(), &Policy::default(), rows);
}

/// The same, with intelligence and policy.
pub(crate) fn check_with(
    detection: &str,
    intelligence: &Intelligence,
    policy: &Policy,
    rows: &[Row],
) {
    for row in rows {
        assert_eq!(found(detection, intelligence, policy, row.story), row.found, "{}", row.story);
    }
}

/// Where the documentation networks lie in stories: 192.0.2.0/24 in DE and AS64500, 198.51.100.0/24
/// in FR and AS64501, 203.0.113.0/25 in BR and AS64502, the other half of it in BR and AS64503, and
/// `2001:db8:1::/48` to `2001:db8:9::/48` in a country each and AS64504.
pub(crate) fn placed() -> Builder {
    let (mut countries, mut networks) = (Mmdb::default(), Mmdb::default());
    for (address, length, country, number) in [
        ("192.0.2.0", 24, "DE", 64_500),
        ("198.51.100.0", 24, "FR", 64_501),
        ("203.0.113.0", 25, "BR", 64_502),
        ("203.0.113.128", 25, "BR", 64_503),
    ] {
        let address = address.parse().unwrap();
        let record = countries.record(&[("country_code", Field::Text(country))]);
        countries.insert(address, length, record);
        let record = networks.record(&[("autonomous_system_number", Field::Number(number))]);
        networks.insert(address, length, record);
    }
    let codes = ["AT", "BE", "CH", "DK", "ES", "FI", "GB", "IT", "JP"];
    for (n, code) in (1..).zip(codes) {
        let address = Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 0).into();
        let record = countries.record(&[("country_code", Field::Text(code))]);
        countries.insert(address, 48, record);
        let record = networks.record(&[("autonomous_system_number", Field::Number(64_504))]);
        networks.insert(address, 48, record);
    }
    let builder = Intelligence::builder().countries(countries.bytes()).unwrap();
    builder.networks(networks.bytes()).unwrap()
}

/// The ledgers that a story makes, wide ones last.
pub(crate) fn ledgers(
    intelligence: &Intelligence,
    policy: &Policy,
    story: &str,
) -> Vec<(LedgerKey, SourceLedger)> {
    let mut ledger = MemoryLedger::default();
    let mut observer = Observer::default();
    for activity in tell(story) {
        for observation in observer.observe(&activity, intelligence, policy, None) {
            ledger.add(observation);
        }
    }
    let mut ledgers: Vec<_> = ledger.into_sources().collect();
    ledgers.sort_by(|(a, _), (b, _)| a.cmp(b));
    ledgers
}

/// What a detection finds in a story, under the default policy and with nothing known.
pub(crate) fn found_by_default(detection: &str, story: &str) -> String {
    found(detection, &Intelligence::builder().build(), &Policy::default(), story)
}

fn found(detection: &str, intelligence: &Intelligence, policy: &Policy, story: &str) -> String {
    let detection = DETECTIONS.iter().find(|it| it.id == detection).unwrap();
    let mut lines = Vec::new();
    for (key, mut ledger) in ledgers(intelligence, policy, story) {
        if !detection.subjects.contains(&key.subject()) {
            continue;
        }
        let of = match key.subject() {
            Subject::Source => String::new(),
            Subject::Network => format!(" from {key}"),
            Subject::Principal => " of a principal".to_owned(),
        };
        let entries = std::mem::take(&mut ledger.entries);
        let view = View::new(&key, entries, &ledger, intelligence, policy);
        for finding in (detection.find)(&view) {
            let score = finding.score();
            let severity = Severity::of_score(score);
            lines.push(format!("{} {severity} {score}: {}{of}", finding.day, finding.headline));
        }
    }
    lines.sort_unstable();
    lines.join("\n")
}

/// The calls of a story.
fn tell(story: &str) -> Vec<ApiActivity<'static>> {
    let (mut now, mut address) = (START, "203.0.113.7");
    let mut activities = Vec::new();
    for part in story.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let mut words = part.split_whitespace().peekable();
        if words.next_if_eq(&"after").is_some() {
            now += 1000 * secs(words.next().unwrap());
        }
        if words.next_if_eq(&"from").is_some() {
            address = words.next().unwrap();
        }
        let count: usize = words.next().unwrap().parse().unwrap();
        let (verb, who) = (words.next().unwrap(), words.next().unwrap());
        let every = 1000 * words.nth(1).map_or(1, secs);
        let (verb, address) = verb.split_once('@').unwrap_or((verb, address));
        let mut number = 0;
        for round in 0..count {
            for name in who.split(',') {
                number += 1;
                let mut activity = event(verb, name, round, activities.len(), now);
                let address = address.replace('*', &number.to_string());
                activity.source = Source::from_address(address, "vpce-1");
                activities.push(activity);
                now += every;
            }
        }
    }
    activities
}

fn secs(word: &str) -> i64 {
    word.strip_suffix('s').unwrap().parse().unwrap()
}

fn event(verb: &str, name: &str, round: usize, uid: usize, time: i64) -> ApiActivity<'static> {
    let (cloud, verb) = match verb.split_once(':') {
        Some(("azure", verb)) => (Cloud::Azure, verb),
        Some(("gcp", verb)) => (Cloud::Gcp, verb),
        _ => (Cloud::Aws, verb),
    };
    let (verb, variety) = verb.split_once('/').unwrap_or((verb, "1x1"));
    let (operations, services) = variety.split_once('x').unwrap();
    let (operations, services): (usize, usize) =
        (operations.parse().unwrap(), services.parse().unwrap());
    let outcome = match verb {
        "fail" => Outcome::LoginFailed,
        "login" => Outcome::LoginSucceeded,
        "mfa" => Outcome::PasswordCorrect,
        "ok" | "priv" | "whoami" | "anonymous" | "foreign" => Outcome::Success,
        "throttled" => Outcome::Throttled,
        "denied" | "page" => Outcome::Denied,
        _ => panic!("no such verb: {verb}"),
    };
    let mut activity = call(&format!("e-{uid}"), time, outcome);
    activity.cloud = cloud;
    activity.actor.uid = (name != "-").then(|| name.to_owned().into());
    activity.actor.name = activity.actor.uid.clone();
    let operation = round % operations;
    activity.operation = match verb {
        "priv" => "CreateAccessKey".into(),
        "whoami" => "GetCallerIdentity".into(),
        "denied" | "page" => format!("Describe{operation}").into(),
        "ok" => "DescribeInstances".into(),
        _ => activity.operation,
    };
    if matches!(verb, "denied" | "page") {
        activity.service = format!("service-{}", operation % services).into();
    }
    activity.read_only = matches!(verb, "denied" | "page");
    activity.console_session = verb == "page";
    activity.workload = name == "workload";
    activity.actor.kind = match name {
        "root" => ActorKind::Root,
        "app" => ActorKind::Application,
        _ => ActorKind::User,
    };
    activity.resource = matches!(verb, "ok" | "priv").then(|| "prod-database".into());
    match verb {
        "anonymous" => activity.actor.kind = ActorKind::Anonymous,
        "foreign" => activity.actor.kind = ActorKind::Foreign,
        _ => {}
    }
    activity
}
