//! What users rely on, whatever arrives: order, batches and repeats change nothing, and more
//! evidence never withdraws a finding of a source. One of a network or a principal goes only where an
//! address tells of the same sort of calls by itself, or who got in turns out to have been there.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use callerwatch_detection::activity::{ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::evidence::principal_hash;
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ledger::MemoryLedger;
use callerwatch_detection::observe::Observer;
use callerwatch_detection::ocsf::detection_finding;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::source::{LedgerKey, Source, Subject};
use callerwatch_detection::timestamp::Day;
use callerwatch_tests::call;
use callerwatch_tests::mmdb::{Field, Mmdb};
use proptest::prelude::*;

/// Few sources and principals and a narrow time, so that windows fill; some uids collide, so that
/// copies of one event disagree.
fn activity() -> impl Strategy<Value = ApiActivity<'static>> {
    let addresses = prop::sample::select(vec![
        "203.0.113.7",
        "203.0.113.8",
        "203.0.113.9",
        "203.0.113.200",
        "2001:db8:bad::1",
        "2001:db8:bad::2",
        "10.0.0.5",
        "30.*.0.210",
    ]);
    let outcomes = prop::sample::select(vec![
        Outcome::LoginFailed,
        Outcome::LoginFailed,
        Outcome::LoginFailed,
        Outcome::Denied,
        Outcome::Denied,
        Outcome::LoginSucceeded,
        Outcome::PasswordCorrect,
        Outcome::Success,
        Outcome::Throttled,
    ]);
    let clouds = prop::sample::select(vec![Cloud::Aws, Cloud::Aws, Cloud::Azure, Cloud::Gcp]);
    // A burst, or two days.
    let times = prop_oneof![3 => 0..900_i64, 1 => 0..172_800_i64];
    (addresses, outcomes, clouds, times, 0..8_u8, 0..14_u8, any::<bool>(), 0..400_u16).prop_map(
        |(address, outcome, cloud, secs, who, what, flag, uid)| {
            let mut call = call(&format!("e-{uid}"), secs, address, &format!("user{who}"), outcome);
            call.cloud = cloud;
            if outcome == Outcome::Success && flag {
                call.operation = "CreateAccessKey".into();
            }
            if outcome == Outcome::Denied {
                call.operation = format!("Describe{what}").into();
                call.service = format!("service{}", what % 4).into();
                call.console_session = flag && what % 2 == 0;
            }
            if who == 7 {
                call.actor.uid = None;
            }
            if who == 6 && flag {
                call.actor.kind = ActorKind::Root;
            }
            call.workload = who == 5 && what == 0;
            call
        },
    )
}

fn intelligence() -> Intelligence {
    let list = b"203.0.113.128/25\n2001:db8:bad::/48\n";
    let aws = br#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
        {"ip_prefix":"203.0.113.192/26","service":"AMAZON"}]}"#;
    let lists = Intelligence::builder().list("list", Category::Malicious, list);
    lists.and_then(|it| it.list("aws", Category::Cloud, aws)).expect("two lists").build()
}

/// Decides over the activities, observed by as many observers as there are parts.
fn alerts(parts: &[Vec<ApiActivity<'_>>]) -> Vec<Alert> {
    alerts_by(&intelligence(), parts)
}

fn alerts_by(intelligence: &Intelligence, parts: &[Vec<ApiActivity<'_>>]) -> Vec<Alert> {
    let policy = Policy::default();
    let mut whole = MemoryLedger::default();
    for part in parts {
        let (mut observer, mut ledger) = (Observer::default(), MemoryLedger::default());
        for activity in part {
            for it in observer.observe(activity, intelligence, &policy, None) {
                ledger.add(it);
            }
        }
        whole.unite(ledger);
    }
    let sources = whole.into_sources();
    let decided = sources.flat_map(|(key, ledger)| decide(&key, ledger, intelligence, &policy));
    let mut alerts: Vec<Alert> = decided.collect();
    alerts.sort_by(|a, b| (&a.key, a.day).cmp(&(&b.key, b.day)));
    alerts
}

fn json(alerts: &[Alert]) -> Vec<String> {
    alerts.iter().map(|alert| detection_finding(alert).to_string()).collect()
}

/// What a finding is, whatever it rests on.
type Found = (LedgerKey, Day, &'static str);

fn findings(alerts: &[Alert]) -> BTreeSet<Found> {
    let of_alert = |alert: &Alert| {
        let (key, day) = (alert.key.clone(), alert.day);
        let ids = alert.findings.iter().map(|finding| finding.detection.id);
        ids.map(|id| (key.clone(), day, id)).collect::<Vec<_>>()
    };
    alerts.iter().flat_map(of_alert).collect()
}

/// Whether a finding may be withdrawn: one that is of a network or a principal, where an address
/// that may be a member has one of its own by calls of the same kind, that day or, since windows
/// reach back, the day before.
fn is_withheld((key, day, id): &Found, among: &BTreeSet<Found>) -> bool {
    let is_member = |source: &LedgerKey| match key.subject() {
        Subject::Source => false,
        Subject::Network => source.network().is_some_and(|(network, _)| network == *key),
        Subject::Principal => source.is_public(),
    };
    let is_same = |of_member: &str| match *id {
        "error-burst" => of_member == "error-burst",
        _ => matches!(of_member, "login-failures" | "password-spray"),
    };
    let days = [*day, day.previous()];
    among.iter().any(|(source, on, of)| is_member(source) && days.contains(on) && is_same(of))
}

/// Whether a finding is that somebody signed in from where they were not known, and one of these
/// calls, that came to be known later, may show that they were.
fn is_of_known((key, _, id): &Found, later: &[ApiActivity<'_>]) -> bool {
    let is_sign_in = |it: Outcome| matches!(it, Outcome::LoginSucceeded | Outcome::PasswordCorrect);
    let may_be_there = |call: &ApiActivity<'_>| {
        let source = call.source.ledger_key().filter(LedgerKey::is_public);
        source.is_some_and(|source| match key {
            LedgerKey::Network(_) => source.network().is_some_and(|(network, _)| network == *key),
            LedgerKey::Principal { hash, .. } => {
                principal_hash(call.cloud, call.actor.uid.as_deref()) == Some(*hash)
            }
            _ => false,
        })
    };
    *id == "login-after-failures"
        && later.iter().any(|call| is_sign_in(call.outcome) && may_be_there(call))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn order_batches_and_repeats_change_nothing(
        activities in prop::collection::vec(activity(), 0..250),
        shuffled in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        repeated in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let expected = json(&alerts(std::slice::from_ref(&activities)));
        let mut other = activities.clone();
        if !activities.is_empty() {
            other.extend(repeated.iter().map(|at| activities[at.index(activities.len())].clone()));
            // A rotation and a stride make an order unlike the first.
            let len = other.len();
            other.rotate_left(shuffled.index(len));
            let stride = (1..len).rev().find(|n| gcd(*n, len) == 1).unwrap_or(1).max((len / 3) | 1);
            if gcd(stride, len) == 1 {
                other = (0..len).map(|n| other[n * stride % len].clone()).collect();
            }
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(other.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        for cut in cuts.into_iter().rev() {
            parts.push(other.split_off(cut));
        }
        parts.push(other);
        prop_assert_eq!(expected, json(&alerts(&parts)));
    }

    #[test]
    fn more_evidence_withdraws_nothing(
        activities in prop::collection::vec(activity(), 0..250),
        more in prop::collection::vec(activity(), 0..100),
    ) {
        // Copies of one event that disagree replace each other; that is not more evidence.
        let more = more.into_iter().map(|mut call| {
            call.uid = format!("more-{}", call.uid).into();
            call
        });
        let more: Vec<_> = more.collect();
        let few = findings(&alerts(std::slice::from_ref(&activities)));
        let many = activities.into_iter().chain(more.iter().cloned()).collect();
        let many = findings(&alerts(&[many]));
        let withdrawn: Vec<_> = few
            .difference(&many)
            .filter(|found| !is_withheld(found, &many) && !is_of_known(found, &more))
            .collect();
        prop_assert!(withdrawn.is_empty(), "{withdrawn:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever one address of a network does, the rest is reported as if it were not there.
    #[test]
    fn a_noisy_address_hides_no_others(
        activities in prop::collection::vec(activity(), 0..120),
        noise in prop::collection::vec(activity(), 0..120),
    ) {
        let noise = noise.into_iter().map(|mut call| {
            call.uid = format!("noise-{}", call.uid).into();
            call.source = Source::from_address("203.0.113.66", "");
            call
        });
        let noise: Vec<_> = noise.collect();
        let quiet = findings(&alerts(std::slice::from_ref(&activities)));
        let loud = activities.into_iter().chain(noise.iter().cloned()).collect();
        let loud = findings(&alerts(&[loud]));
        let hidden: Vec<_> =
            quiet.difference(&loud).filter(|found| !is_of_known(found, &noise)).collect();
        prop_assert!(hidden.is_empty(), "{hidden:?}");
    }
}

/// Calls of three people over 60 days from a dozen countries, most of which succeed; of some events
/// there are copies that disagree.
fn travel() -> impl Strategy<Value = ApiActivity<'static>> {
    let outcomes = prop::sample::select(vec![
        Outcome::Success,
        Outcome::Success,
        Outcome::LoginSucceeded,
        Outcome::LoginFailed,
    ]);
    // Hours, so that some are equal.
    let hours = 0..60 * 24_i64;
    (0..12_u8, outcomes, hours, 0..3_u8, any::<bool>(), 0..300_u16).prop_map(
        |(place, outcome, hours, who, flag, uid)| {
            let address = match place {
                0 => "10.0.0.5".to_owned(),
                1 => "198.51.100.1".to_owned(),
                _ => format!("203.0.113.{}", 10 * place),
            };
            let uid = format!("e-{uid}");
            let mut call = call(&uid, 3600 * hours, &address, &format!("user{who}"), outcome);
            if outcome == Outcome::Success && flag {
                call.operation = "CreateAccessKey".into();
            }
            call
        },
    )
}

/// Of 203.0.113.0/24 each ten addresses are a country.
fn places() -> Intelligence {
    let codes = ["AT", "BE", "BR", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IT", "JP"];
    let mut countries = Mmdb::default();
    for n in 0..=255_u8 {
        let code = codes[usize::from(n / 10) % codes.len()];
        let record = countries.record(&[("country_code", Field::Text(code))]);
        countries.insert([203, 0, 113, n].into(), 32, record);
    }
    let builder = Intelligence::builder().countries(countries.bytes()).expect("a database");
    builder.build()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What baselines learn, and what is told of it.
    #[test]
    fn origins_are_learned_in_any_order(
        activities in prop::collection::vec(travel(), 0..120),
        order in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        static PLACES: LazyLock<Intelligence> = LazyLock::new(places);
        let expected = json(&alerts_by(&PLACES, std::slice::from_ref(&activities)));
        let mut other = activities.clone();
        other.reverse();
        if !other.is_empty() {
            other.rotate_left(order.index(activities.len()));
            other.extend_from_slice(&activities[..order.index(activities.len())]);
        }
        let rest = other.split_off(cut.index(other.len() + 1));
        prop_assert_eq!(expected, json(&alerts_by(&PLACES, &[rest, other])));
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
