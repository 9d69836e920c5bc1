//! What the steps of an alert are filled with, and that no caller has a word in them.

use super::*;
use crate::decide;
use crate::evidence::tests::call;
use crate::intelligence::{Category, Intelligence};
use crate::ledger::MemoryLedger;
use crate::observe::Observer;
use crate::policy::Policy;
use crate::source::Source;
use crate::{activity::ApiActivity, activity::Outcome};

fn in_all_clouds() -> Alert {
    denials(|call, n| {
        call.cloud = Cloud::ALL[n % 3];
        call.region = Some("eu-west-1".into());
        call.account = Some("example-project".into());
        call.operation = format!("List{n}").into();
    })
}

/// The alert of denials, changed as a caller or a cloud may.
fn denials(change: impl Fn(&mut ApiActivity<'static>, usize)) -> Alert {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let (mut observer, mut ledger) = (Observer::default(), MemoryLedger::default());
    for n in 0..20 {
        let time = 1_772_438_400_000 + i64::try_from(n).unwrap();
        let mut call = call(&format!("e-{n}"), time, Outcome::Denied);
        change(&mut call, n);
        // That of its source comes first.
        let mut observations = observer.observe(&call, &intelligence, &policy, None);
        ledger.add(observations.swap_remove(0));
    }
    let (key, ledger) = ledger.into_sources().next().unwrap();
    decide(&key, ledger, &intelligence, &policy).pop().unwrap()
}

fn text_of(alert: &Alert, cloud: Cloud, action: Action) -> String {
    let mut steps = steps(alert).into_iter();
    let step = steps.find(|step| (step.cloud, step.action) == (cloud, action));
    step.map_or(String::new(), |step| step.text)
}

#[test]
fn every_cloud_has_every_step() {
    for cloud in Cloud::ALL {
        let mut actions: Vec<Action> = templates(cloud).map(|(action, ..)| action).collect();
        actions.dedup();
        assert_eq!(actions, [Action::See, Action::Query, Action::Deny], "{cloud}");
    }
    let steps = steps(&in_all_clouds());
    assert_eq!(steps.len(), 9);
    for Step { text, .. } in steps {
        assert!(!NAMES.iter().any(|name| text.contains(&format!("{{{name}}}"))), "{text}");
        assert!(!text.contains('\n'));
    }
}

#[test]
fn what_is_filled_in() {
    let alert = in_all_clouds();
    for (cloud, action, expected) in [
        (
            Cloud::Aws,
            Action::See,
            "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events/e-9",
        ),
        (Cloud::Aws, Action::Query, "sourceIPAddress IN ('203.0.113.7') AND"),
        (
            Cloud::Aws,
            Action::Query,
            ">= '2026-03-01 00:00:00' AND eventTime < '2026-03-04 00:00:00'",
        ),
        (Cloud::Aws, Action::Deny, "--name callerwatch-deny-203-0-113-7-32 "),
        (Cloud::Aws, Action::Deny, r#"{"IpAddress":{"aws:SourceIp":"203.0.113.7/32"},"#),
        (Cloud::Azure, Action::Query, r#"CallerIpAddress in ("203.0.113.7")"#),
        (Cloud::Azure, Action::Deny, "#microsoft.graph.iPv4CidrRange"),
        (
            Cloud::Gcp,
            Action::See,
            "query;query=protoPayload.requestMetadata.callerIp%3D%28%22203.0.113.7%22%29%20AND%20",
        ),
        (Cloud::Gcp, Action::See, "%22?project=example-project"),
        (Cloud::Gcp, Action::Deny, "levels create callerwatch_deny_203_0_113_7_32 "),
    ] {
        let text = text_of(&alert, cloud, action);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_is_denied_without_an_alert_is_denied_by_the_same_commands() {
    let clouds = [Cloud::Aws, Cloud::Azure, Cloud::Gcp];
    let told = denying(&"203.0.113.7/32".parse().unwrap(), &clouds);
    let of_alert = steps(&in_all_clouds());
    let of_alert: Vec<Step> =
        of_alert.into_iter().filter(|step| step.action == Action::Deny).collect();
    assert_eq!(told, of_alert);
    let told = denying(&"2001:db8:7::/48".parse().unwrap(), &[Cloud::Azure]);
    assert!(told[0].text.contains(r#"iPv6CidrRange","cidrAddress":"2001:db8:7::/48""#), "{told:?}");
}

#[test]
fn a_network_of_ipv6() {
    let alert = denials(|call, n| {
        call.source = Source::from_address(format!("2001:db8::{}", n % 2 + 1), "");
    });
    let query = text_of(&alert, Cloud::Aws, Action::Query);
    assert!(query.contains("IN ('2001:db8::1', '2001:db8::2')"), "{query}");
    let deny = text_of(&alert, Cloud::Aws, Action::Deny);
    assert!(deny.contains(r#""aws:SourceIp":"2001:db8::/64""#), "{deny}");
    // Of a network of which no address is known nothing can be asked.
    let mut unsampled = alert;
    unsampled.samples.clear();
    let actions: Vec<Action> = steps(&unsampled).into_iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Deny]);
}

#[test]
fn what_is_no_address_of_the_internet() {
    let private = denials(|call, _| call.source = Source::from_address("10.0.0.5", "vpce-1"));
    let actions: Vec<Action> = steps(&private).into_iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Query]);
    let odd = denials(|call, _| call.source = Source::from_address("' OR 1=1 --", ""));
    assert_eq!(steps(&odd), []);
}

#[test]
fn nobody_is_told_to_cut_themselves_off() {
    let list = |category| {
        let lists = Intelligence::builder().list("list", category, b"203.0.113.0/28\n");
        lists.unwrap().build()
    };
    let denials = |intelligence: &Intelligence, trusted: &str, story: &str| {
        let policy = format!("[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"{trusted}\"]");
        let policy = Policy::parse(&policy).unwrap();
        let ledgers = crate::detections::check::ledgers(intelligence, &policy, story).into_iter();
        let mut alerts = ledgers.flat_map(|(key, it)| decide(&key, it, intelligence, &policy));
        steps(&alerts.next().unwrap()).iter().filter(|step| step.action == Action::Deny).count()
    };
    let burst = "12 fail alice every 1s";
    let spray = "1 fail@203.0.113.* a,b,c,d,e every 60s";
    let none = Intelligence::default();
    for (intelligence, trusted, story, expected) in [
        (&none, "192.0.2.0/24", burst, 1),
        (&none, "203.0.113.0/28", burst, 0),
        (&list(Category::Own), "192.0.2.0/24", burst, 0),
        (&list(Category::Trusted), "192.0.2.0/24", burst, 0),
        (&list(Category::Cloud), "192.0.2.0/24", burst, 1),
        (&none, "192.0.2.0/24", spray, 1),
        (&none, "203.0.113.200/32", spray, 0),
        (&none, "203.0.0.0/16", spray, 0),
        (&list(Category::Own), "192.0.2.0/24", spray, 0),
    ] {
        assert_eq!(denials(intelligence, trusted, story), expected, "{trusted} {story}");
    }
}

#[test]
fn the_key_that_succeeded_is_made_inactive() {
    let with = |key: &'static str, uid: &'static str, outcome: Outcome| {
        let alert = denials(move |call, n| {
            if n > 17 {
                (call.operation, call.outcome) = ("CreateAccessKey".into(), outcome);
            }
            (call.actor.uid, call.actor.credential) = (Some(uid.into()), Some(key.into()));
            if n == 18 {
                call.actor.credential = Some("AKIAI44QH8DHBEXAMPLE".into());
            }
        });
        text_of(&alert, Cloud::Aws, Action::Deny)
    };
    let alice = "arn:aws:iam::111111111111:user/alice";
    let last = "AKIAIOSFODNN7EXAMPLE";
    assert_eq!(
        with(last, alice, Outcome::Success),
        format!(
            "aws iam update-access-key --access-key-id {last} --status Inactive --user-name USER"
        )
    );
    for (key, uid, outcome) in
        [(last, alice, Outcome::Denied), (last, "arn:aws:iam::111111111111:root", Outcome::Success)]
    {
        let text = with(key, uid, outcome);
        assert!(text.starts_with("aws organizations "), "{uid} {outcome:?}: {text}");
    }
}

#[test]
fn no_text_of_a_caller_is_in_a_step() {
    let alert = denials(|call, n| {
        call.cloud = Cloud::ALL[n % 3];
        call.uid = format!("e-{n}/../?x=<b>").into();
        call.region = Some("evil.example/".into());
        call.account = Some("p&x='; rm -rf".into());
        call.actor.uid = Some("mallory'\"`$(id):user/".into());
        call.actor.credential = Some("AKIA`mallory`".into());
        if n > 14 {
            (call.operation, call.outcome) = ("CreateAccessKey".into(), Outcome::Success);
        }
        call.resource = Some("mallory".into());
    });
    let all = steps(&alert);
    assert_eq!(all.iter().filter(|step| step.action == Action::See).count(), 2);
    for Step { text, .. } in all {
        for word in ["evil", "mallory", "rm -rf", "e-1", "<b>", "?project"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

/// A network can be denied as a whole, and a principal's addresses be looked for.
#[test]
fn wide_alerts() {
    let (intelligence, policy) = (Intelligence::default(), Policy::default());
    let told = |story: &str| {
        let ledgers = crate::detections::check::ledgers(&intelligence, &policy, story).into_iter();
        let mut alerts = ledgers.flat_map(|(key, it)| decide(&key, it, &intelligence, &policy));
        alerts.next().unwrap()
    };
    let network = told("1 fail@203.0.113.* a,b,c,d,e every 60s");
    assert!(text_of(&network, Cloud::Aws, Action::Deny).contains("\"203.0.113.0/24\""));
    let query = text_of(&network, Cloud::Aws, Action::Query);
    assert!(query.contains("IN ('203.0.113.1', '203.0.113.2', "), "{query}");
    let principal = told("12 fail@203.0.*.7 alice every 240s");
    assert_eq!(text_of(&principal, Cloud::Aws, Action::Deny), "");
    let query = text_of(&principal, Cloud::Aws, Action::Query);
    assert!(query.contains("IN ('203.0.1.7', '203.0.2.7', "), "{query}");
}
