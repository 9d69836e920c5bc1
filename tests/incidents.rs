//! An incident for each detection, told with next to nothing or with everything a record can hold.

use std::borrow::Cow;

use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::detections::Detection;
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::source::Source;

use crate::call;
use crate::mmdb::{Field, Mmdb};

/// How much the records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// What no finding comes about without.
    Minimal,
    /// As little, and no call was kept in words.
    Unsampled,
    /// Every field, as people and clouds fill them, from several addresses of a network.
    Maximal,
}

impl Telling {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Minimal, Self::Unsampled, Self::Maximal];
}

/// The alerts of an incident of one detection in one cloud, in which that detection is found.
pub fn alerts(detection: &Detection, cloud: Cloud, telling: Telling) -> Vec<Alert> {
    let mut calls = calls(detection.id, cloud);
    for (n, call) in calls.iter_mut().enumerate() {
        match telling {
            Telling::Minimal | Telling::Unsampled => reduce(call),
            Telling::Maximal => fill(call, n),
        }
    }
    if detection.id == "new-origin" {
        // Three weeks before, from nowhere that tells.
        let call = &mut calls[0];
        call.time = call.time.map(|time| time.plus_secs(-21 * 24 * 3600));
        call.source = Source::from_address("10.0.0.5", "vpce-1");
    }
    let listed = detection.id == "listed-source" || telling == Telling::Maximal;
    let located =
        ["denied-country", "new-origin"].contains(&detection.id) || telling == Telling::Maximal;
    decided(&calls, &intelligence(listed, located), &policy(detection, telling), telling)
}

/// The alerts of calls.
pub fn decided(
    calls: &[ApiActivity<'_>],
    intelligence: &Intelligence,
    policy: &Policy,
    telling: Telling,
) -> Vec<Alert> {
    let (mut observer, mut ledger) = (Observer::default(), MemoryLedger::default());
    for call in calls {
        for observation in observer.observe(call, intelligence, policy, None) {
            ledger.add(observation);
        }
    }
    let sources = ledger.into_sources();
    let alerts = sources.flat_map(|(key, mut source)| {
        if telling == Telling::Unsampled {
            source.samples.clear();
        }
        source.is_full = telling == Telling::Maximal;
        decide(&key, source, intelligence, policy)
    });
    alerts.collect()
}

fn calls(detection: &str, cloud: Cloud) -> Vec<ApiActivity<'static>> {
    let many = |count, verb: fn(usize, Cloud) -> ApiActivity<'static>| -> Vec<_> {
        (0..count).map(|n| verb(n, cloud)).collect()
    };
    let failed = |n, cloud| of(n, cloud, "alice", Outcome::LoginFailed);
    let denied = |n, cloud| of(n, cloud, "alice", Outcome::Denied);
    match detection {
        "listed-source" | "denied-country" | "new-origin" => {
            many(3, |n, cloud| of(n, cloud, "alice", Outcome::Success))
        }
        "login-failures" => many(12, failed),
        "password-spray" => {
            many(12, |n, cloud| of(n, cloud, &format!("user-{n}"), Outcome::LoginFailed))
        }
        "login-after-failures" => {
            let mut calls = many(12, failed);
            calls.push(of(12, cloud, "alice", Outcome::LoginSucceeded));
            calls
        }
        "error-burst" => many(20, denied),
        "success-after-denials" => {
            let mut calls = many(20, denied);
            let mut success = of(20, cloud, "alice", Outcome::Success);
            success.operation = "CreateAccessKey".into();
            calls.push(success);
            calls
        }
        "credential-relocation" => many(3, |n, cloud| {
            let mut call = of(n, cloud, "workload", Outcome::Success);
            call.workload = true;
            call
        }),
        "cross-cloud" => {
            let other = if cloud == Cloud::Gcp { Cloud::Aws } else { Cloud::Gcp };
            let mut calls = many(12, failed);
            calls.extend((12..24).map(|n| of(n, other, "alice", Outcome::LoginFailed)));
            calls
        }
        other => panic!("no incident of `{other}` yet: tell one here"),
    }
}

fn of(n: usize, cloud: Cloud, who: &str, outcome: Outcome) -> ApiActivity<'static> {
    let secs = i64::try_from(n).expect("few calls");
    let mut call = call(&format!("event-{n}"), secs, "203.0.113.7", who, outcome);
    call.cloud = cloud;
    call.service = match cloud {
        Cloud::Aws => call.service,
        Cloud::Azure => "Microsoft.Authorization".into(),
        Cloud::Gcp => "iam.googleapis.com".into(),
    };
    call
}

fn reduce(call: &mut ApiActivity<'_>) {
    call.account = None;
    call.region = None;
    call.resource = None;
    call.user_agent = None;
    call.status_code = None;
    call.actor.name = None;
    call.actor.kind = ActorKind::Unknown;
    call.service = Cow::Borrowed("");
    if call.operation != "CreateAccessKey" {
        call.operation = Cow::Borrowed("");
    }
}

fn fill(call: &mut ApiActivity<'_>, n: usize) {
    // Longer than is kept, with everything that stands in texts of callers.
    let text = |what: &str| {
        format!("{what} \u{1b}[31m \u{202e}\u{1F512} <b> \"é\n{}", "long ".repeat(1000))
    };
    call.account = Some("111111111111".into());
    call.region = Some("eu-west-1".into());
    call.resource = Some(format!("arn:aws:s3:::prod-{n}/{}", text("object")).into());
    call.user_agent = Some(text("agent").into());
    call.status_code = Some(text("code").into());
    call.mfa = Some(n.is_multiple_of(2));
    call.source = Source::from_address(format!("2001:db8::{:x}", n + 1), "vpce-1");
    let uid = call.actor.uid.take().unwrap_or_default();
    call.actor = Actor {
        kind: if n == 0 { ActorKind::Root } else { ActorKind::User },
        name: Some(text(&uid).into()),
        uid: Some(uid),
        credential: Some("AKIAIOSFODNN7EXAMPLE".into()),
    };
}

fn policy(detection: &Detection, telling: Telling) -> Policy {
    let countries = "[countries]\ndeny = [\"NL\"]\n";
    let more = "critical_assets = [\"*prod-*\"]\n";
    let network = "[[trusted_networks]]\nname = \"HQ <b>\"\nnetworks = [\"2001:db8::/32\"]\n";
    let text = match telling {
        Telling::Minimal | Telling::Unsampled => countries.to_owned(),
        // A trusted network is one's own, where credentials may be, and teaches nobody's origin.
        Telling::Maximal if ["credential-relocation", "new-origin"].contains(&detection.id) => {
            more.to_owned() + countries
        }
        Telling::Maximal => format!("{more}{countries}{network}"),
    };
    Policy::parse(&text).expect("a policy")
}

/// What AWS, Azure and Google publish: none of the addresses of incidents.
const PUBLISHED: [(&str, &str); 3] = [
    (
        "aws",
        r#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
            {"ip_prefix":"198.51.100.0/26","service":"AMAZON"}]}"#,
    ),
    (
        "azure",
        r#"{"changeNumber":9,"cloud":"Public","values":[{"name":"AzureCloud",
            "properties":{"addressPrefixes":["198.51.100.64/26"]}}]}"#,
    ),
    (
        "google",
        r#"{"syncToken":"1","creationTime":"2026-03-02T08:00:00","prefixes":[
            {"ipv4Prefix":"198.51.100.128/26"}]}"#,
    ),
];

/// What is known of the addresses of incidents.
pub fn intelligence(listed: bool, located: bool) -> Intelligence {
    let mut builder = Intelligence::builder();
    for (name, ranges) in PUBLISHED {
        builder = builder.list(name, Category::Cloud, ranges.as_bytes()).expect("ranges");
    }
    if listed {
        let list = b"203.0.113.7\t6\n2001:db8::/32\t6\n";
        builder = builder.list("ipsum", Category::Malicious, list).expect("a list").dated(DATED);
        builder = builder.list("tor-exits", Category::Tor, list).expect("a list");
    }
    if located {
        let (mut countries, mut networks) = (Mmdb::default(), Mmdb::default());
        let country = countries.record(&[("country_code", Field::Text("NL"))]);
        let name = Field::Text("Example <b> Hosting");
        let network = networks.record(&[
            ("autonomous_system_number", Field::Number(64500)),
            ("autonomous_system_organization", name),
        ]);
        for (prefix, length) in [("203.0.113.0", 24), ("2001:db8::", 32)] {
            let prefix = prefix.parse().expect("a prefix");
            countries.insert(prefix, length, country);
            networks.insert(prefix, length, network);
        }
        builder = builder.countries(countries.bytes()).expect("countries");
        builder = builder.networks(networks.bytes()).expect("networks");
    }
    builder.build()
}

/// 2026-03-01T20:00:00Z, in seconds: twelve hours before incidents begin.
const DATED: u64 = 1_772_395_200;
