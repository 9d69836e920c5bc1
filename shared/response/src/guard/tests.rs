//! The guards, a row a case: each refused or allowed, for the reason that is printed.

mod ground;
mod intruders;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::evidence::{Entry, principal_hash};
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::{LedgerKey, Source};
use callerwatch_detection::timestamp::{Day, Timestamp};

use super::*;
use crate::denial::{By, Cause, Denial};
use crate::target::{TargetId, TargetKind};

const ACCOUNT: &str = "111111111111";
/// As AWS publishes its own.
const AWS: &str = r#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
    {"ip_prefix":"203.0.113.128/27","region":"eu-west-1","service":"AMAZON"}]}"#;

/// 2026-03-10, half past nine.
fn now() -> Timestamp {
    Timestamp::from_millis(1_773_135_000_000).unwrap()
}

/// What is known, to be changed at will.
struct World {
    asked: Asked,
    rules: Rules,
    trusted: Vec<Trusted>,
    ledger: SourceLedger,
    is_whole: bool,
    names: BTreeMap<u64, String>,
    histories: BTreeMap<String, BTreeSet<Day>>,
    denials: Vec<Denial>,
    callers: Vec<IpAddr>,
    break_glass: Vec<String>,
    room: Vec<(TargetId, bool)>,
    /// Whether what AWS publishes is loaded.
    has_ranges: bool,
    /// What the list says of the attacker's address that names it.
    accused: Category,
}

impl World {
    /// A severe alert of an address of which nobody knows anything good.
    fn new() -> Self {
        let days =
            |back: &[i64]| back.iter().map(|it| now().plus_secs(-it * 86_400).day()).collect();
        Self {
            asked: Asked::Alert(AlertFacts {
                uid: "cw-1".to_owned(),
                key: LedgerKey::of_public("203.0.113.7".parse().unwrap()),
                detections: vec!["password-spray".to_owned()],
                severity: Severity::High,
                accounts: BTreeSet::from([ACCOUNT.to_owned()]),
                first: now().plus_secs(-5400),
                last: now().plus_secs(-600),
                decided: None,
            }),
            rules: Rules {
                detections: ["password-spray", "login-after-failures", "success-after-denials"]
                    .map(str::to_owned)
                    .into(),
                severity: Severity::High,
                hours: 24,
                new_an_hour: 20,
            },
            trusted: vec![
                trusted("HQ", "198.51.100.16/28", None),
                trusted("branch", "2001:db8:aaaa::/56", None),
                trusted("old office", "198.51.100.64/28", Some(now().plus_secs(-86_400))),
                trusted("pop-up", "198.51.100.96/28", Some(now().plus_secs(86_400))),
            ],
            ledger: SourceLedger::default(),
            is_whole: true,
            names: BTreeMap::new(),
            histories: BTreeMap::from([(ACCOUNT.to_owned(), days(&[0, 1, 2]))]),
            denials: Vec::new(),
            callers: vec!["203.0.113.200".parse().unwrap(), "2001:db8:5:5::1".parse().unwrap()],
            break_glass: vec!["break-*".to_owned()],
            room: Vec::new(),
            has_ranges: true,
            accused: Category::Malicious,
        }
    }

    fn alert(&mut self) -> &mut AlertFacts {
        match &mut self.asked {
            Asked::Alert(alert) => alert,
            Asked::Person { .. } => panic!("a person asks"),
        }
    }

    fn person(&mut self, address: &str, cut_off: &[&str]) {
        let cut_off = cut_off.iter().map(|it| (*it).to_owned()).collect();
        self.asked = Asked::Person { address: address.to_owned(), cut_off };
    }

    /// Calls of a principal, so many minutes ago, one after another.
    fn calls(&mut self, who: &str, outcome: Outcome, minutes_ago: i64, count: usize) {
        let actor = actor(who);
        let hash = principal_hash(Cloud::Aws, actor.uid.as_deref()).unwrap();
        self.names.insert(hash, who.to_owned());
        for nth in 0..count {
            let place = self.ledger.entries.len();
            let at = now().plus_secs(-minutes_ago * 60 + i64::try_from(nth).unwrap());
            let activity = ApiActivity {
                cloud: Cloud::Aws,
                uid: format!("e-{place}").into(),
                time: Some(at),
                account: Some(ACCOUNT.into()),
                region: None,
                source: Source::from_address("203.0.113.7", ""),
                actor: actor.clone(),
                service: "s3.amazonaws.com".into(),
                operation: if who.starts_with("thief") { "CreateAccessKey" } else { "ListBuckets" }
                    .into(),
                resource: None,
                user_agent: None,
                mfa: None,
                outcome,
                status_code: None,
                read_only: false,
                console_session: false,
                workload: who.starts_with("workload"),
            };
            self.ledger.entries.push(Entry::of_call(&activity, at));
        }
    }

    /// That a principal did ordinary work there so many days ago.
    fn seen(&mut self, who: &str, days_ago: i64) {
        let hash = principal_hash(Cloud::Aws, actor(who).uid.as_deref()).unwrap();
        self.names.insert(hash, who.to_owned());
        let day = now().plus_secs(-days_ago * 86_400).day();
        self.ledger.entries.push(Entry::of_seen(Cloud::Aws, hash, day));
    }

    fn denied(&mut self, count: u8, minutes_ago: i64) {
        let cause = Cause {
            since: now().plus_secs(-minutes_ago * 60),
            by: By::Alert("password-spray".to_owned()),
            title: String::new(),
            score: 60,
            severity: Severity::High,
        };
        for low in 0..count {
            self.denials.push(Denial {
                network: format!("198.51.101.{low}/32").parse().unwrap(),
                causes: BTreeMap::from([("cw-0".to_owned(), cause.clone())]),
                since: now().plus_secs(-minutes_ago * 60),
                until: now().plus_secs(86_400),
                states: BTreeMap::new(),
                removed: None,
                let_go: BTreeMap::new(),
            });
        }
    }

    /// That the address itself was denied so many minutes ago, and for how long.
    fn denied_itself(&mut self, minutes_ago: i64, minutes: i64) {
        self.denied(1, minutes_ago);
        let Some(denial) = self.denials.last_mut() else { panic!("one was denied") };
        denial.network = "203.0.113.7/32".parse().unwrap();
        denial.until = denial.since.plus_secs(minutes * 60);
    }

    fn judge(&self) -> Verdict {
        let list = |category, text: &str| (category, text.as_bytes().to_vec());
        let aws = if self.has_ranges { AWS } else { "203.0.113.128/27\n" };
        let lists = [
            ("elastic", list(Category::Own, "198.51.100.200\n2001:db8:cccc:1::/64\n")),
            ("aws", list(Category::Cloud, aws)),
            ("partner", list(Category::Trusted, "2001:db8:bbbb:7::9\n203.0.113.64/32\n")),
            ("bad", list(self.accused, "198.51.100.0/24\n203.0.113.7\n")),
        ];
        let mut builder = Intelligence::builder();
        for (name, (category, text)) in lists {
            builder = builder.list(name, category, &text).unwrap();
        }
        let intelligence = builder.build();
        let policy = Policy::default();
        let candidate = Candidate { asked: self.asked.clone() };
        judge(
            &candidate,
            &Facts {
                now: now(),
                policy: &policy,
                rules: &self.rules,
                trusted: &self.trusted,
                intelligence: &intelligence,
                ledgers: std::slice::from_ref(&self.ledger),
                is_whole: self.is_whole,
                names: &self.names,
                histories: &self.histories,
                denials: &self.denials,
                callers: &self.callers,
                account: ACCOUNT,
                break_glass: &self.break_glass,
                room: &self.room,
            },
        )
    }
}

/// What it is about, what is so, and what the guards say of it.
type Case = (&'static str, fn(&mut World), &'static str);

/// An alert of another address.
fn key(world: &mut World, address: &str) {
    world.alert().key = LedgerKey::of_public(address.parse::<IpAddr>().unwrap().to_canonical());
}

fn trusted(name: &str, network: &str, until: Option<Timestamp>) -> Trusted {
    Trusted { name: name.to_owned(), network: network.parse().unwrap(), until }
}

fn actor(name: &str) -> Actor<'static> {
    Actor {
        kind: ActorKind::User,
        uid: Some(format!("arn:aws:iam::111111111111:user/{name}").into()),
        name: Some(name.to_owned().into()),
        credential: None,
    }
}

fn target(kind: TargetKind) -> TargetId {
    TargetId { kind, arn: format!("arn:aws:test::{ACCOUNT}:x") }
}

/// What is asked, in short.
fn asked(asked: &Asked) -> String {
    match asked {
        Asked::Alert(alert) => alert.key.to_string(),
        Asked::Person { address, cut_off } if cut_off.is_empty() => format!("by hand {address}"),
        Asked::Person { address, cut_off } => {
            let named: Vec<&str> = cut_off.iter().map(String::as_str).collect();
            format!("by hand {address}, cutting off {}", named.join(", "))
        }
    }
}

fn said(verdict: &Verdict) -> String {
    let refused = verdict.refusals.iter().map(|it| format!("[{}] {}", it.guard, it.reason));
    let refused = refused.collect::<Vec<_>>().join("; ");
    let mut text = verdict.allowed().map_or(refused, |network| format!("denies {network}"));
    for it in &verdict.overridden {
        text = format!("{text}; overridden: {}", it.reason);
    }
    text
}

#[test]
fn every_case_is_refused_or_allowed_for_its_reason() {
    let mut count = 0;
    let all = ground::CASES.iter().chain(people::CASES).chain(intruders::CASES);
    for (name, change, expected) in all {
        let mut world = World::new();
        change(&mut world);
        let verdict = world.judge();
        println!("{:>3}  {name}\n       {}: {}", count + 1, asked(&world.asked), said(&verdict));
        assert_eq!(said(&verdict), *expected, "{name}");
        count += 1;
    }
    println!("{count} cases");
    assert!(count >= 80);
}

#[test]
fn notes_speak_neither_for_nor_against() {
    let mut world = World::new();
    world.person("198.51.100.70", &[]);
    world.room = vec![(target(TargetKind::Policy), false), (target(TargetKind::Ipv4Set), true)];
    let verdict = world.judge();
    assert_eq!(verdict.allowed(), Some("198.51.100.70/32".parse().unwrap()));
    assert_eq!(
        verdict.notes,
        [
            "198.51.100.64/28 of the trusted network old office was trusted until 2026-03-09",
            "policy arn:aws:test::111111111111:x has no room for it: it denies others of a higher score",
        ]
    );
}

#[test]
fn a_person_is_told_that_ranges_are_not_known() {
    let mut world = World::new();
    world.has_ranges = false;
    world.person("203.0.113.7", &[]);
    let verdict = world.judge();
    assert_eq!(said(&verdict), "denies 203.0.113.7/32");
    let note = "no list of AWS's own addresses is loaded: nobody knows whether it is one";
    assert_eq!(verdict.notes, [note]);
}

#[test]
fn networks_are_read_as_they_are_denied() {
    for (text, expected) in [
        ("203.0.113.7", "203.0.113.7/32"),
        (" 203.0.113.0/24 ", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::/80", "2001:db8:1:2::/64"),
        ("2001:db8:1::/48", "2001:db8:1::/48"),
        (
            "203.0.113.7/24",
            "203.0.113.7/24 has bits set behind its prefix; did you mean 203.0.113.0/24?",
        ),
        ("203.0.113.07", "`203.0.113.07` is neither an address nor a prefix"),
        ("\u{1b}[2J", "`\\u{1b}[2J` is neither an address nor a prefix"),
    ] {
        let read = network_of_text(text).map_or_else(|why| why, |network| network.to_string());
        assert_eq!(read, expected, "{text}");
    }
    let count = |text: &str| keys(text.parse().unwrap()).map(|keys| keys.len());
    assert_eq!(count("203.0.113.0/24"), Some(256));
    assert_eq!(count("2001:db8:1:2::/64"), Some(1));
    assert_eq!((count("2001:db8:1::/48"), count("203.0.112.0/23")), (None, None));
    let last = keys("203.0.113.254/31".parse().unwrap()).unwrap();
    assert_eq!(
        last.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["203.0.113.254", "203.0.113.255"]
    );
}
