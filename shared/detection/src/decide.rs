//! The decide step: a ledger becomes alerts. A pure function of the evidence, the intelligence and
//! the policy, whatever the order and the batches in which the evidence came.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::alert::Alert;
use crate::detections::DETECTIONS;
use crate::evidence::{Entry, Kind};
use crate::finding::Finding;
use crate::intelligence::Intelligence;
use crate::ledger::SourceLedger;
use crate::policy::Policy;
use crate::sample::{Sample, keep_best};
use crate::score::Severity;
use crate::source::{LedgerKey, Subject};
use crate::suppress::suppressed;
use crate::timestamp::Day;
use crate::view::View;

/// The alerts that the evidence of one source, network or principal makes: one a UTC day with findings, by day.
pub fn decide(
    key: &LedgerKey,
    mut ledger: SourceLedger,
    intelligence: &Intelligence,
    policy: &Policy,
) -> Vec<Alert> {
    // Most sources are only ever seen to succeed.
    if ledger.entries.iter().all(|entry| entry.kind() == Kind::Seen) {
        return Vec::new();
    }
    let entries = std::mem::take(&mut ledger.entries);
    let view = View::new(key, entries, &ledger, intelligence, policy);
    let enabled = DETECTIONS
        .iter()
        .filter(|it| it.subjects.contains(&key.subject()) && policy.is_enabled(it));
    let mut findings: Vec<Finding> =
        enabled.flat_map(|detection| (detection.find)(&view)).collect();
    if findings.is_empty() {
        return Vec::new();
    }
    let samples = to_tell_of(&view);
    // The highest of a day leads; among equals the one listed first. The sort is stable.
    findings.sort_by_key(|finding| (finding.day, std::cmp::Reverse(finding.score())));
    let mut alerts: Vec<Alert> = findings
        .chunk_by(|a, b| a.day == b.day)
        .filter_map(|of_day| alert_of_day(&view, of_day, &samples))
        .collect();
    let mut before: Option<(Day, String)> = None;
    for alert in &mut alerts {
        alert.is_at_least = ledger.is_full;
        let earlier = before.replace((alert.day, alert.uid.clone()));
        alert.earlier = earlier.filter(|(day, _)| *day == alert.day.previous()).map(|(_, uid)| uid);
    }
    alerts
}

/// The samples of a ledger to tell of. Of a wide one only those of calls that are looked at: the others
/// may be of members that alert by themselves, and would leave no room for those that do not.
fn to_tell_of<'a>(view: &View<'a>) -> Cow<'a, [Sample]> {
    if view.key.subject() == Subject::Source {
        return Cow::Borrowed(&view.ledger.samples);
    }
    let calls: HashSet<u64> = view.calls.iter().map(Entry::uid).collect();
    let is_looked_at = |sample: &&Sample| calls.contains(&sample.uid_hash());
    let mut samples: Vec<Sample> =
        view.ledger.samples.iter().filter(is_looked_at).cloned().collect();
    keep_best(&mut samples);
    Cow::Owned(samples)
}

/// The findings of a day as one alert. Those that are suppressed are left out of it, or else all of
/// it is; a Critical one only by what the policy says of Critical ones.
fn alert_of_day(view: &View<'_>, findings: &[Finding], samples: &[Sample]) -> Option<Alert> {
    let whole = Alert::of(view, findings.to_vec(), samples)?;
    let is_critical = whole.severity == Severity::Critical;
    let is_suppressed = |it: &Finding| suppressed(view, it, samples, is_critical);
    let silent: Vec<_> = findings.iter().filter_map(is_suppressed).collect();
    let speaks = |it: &&Finding| silent.iter().all(|other| other.detection != it.detection.id);
    let speaking: Vec<Finding> = findings.iter().filter(speaks).cloned().collect();
    let mut alert = if silent.is_empty() || speaking.is_empty() {
        whole
    } else {
        Alert::of(view, speaking, samples)?
    };
    alert.suppressed = silent;
    Some(alert)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Outcome;
    use crate::detections::check::ledgers;
    use crate::evidence::tests::call;
    use crate::intelligence::Category;
    use crate::ledger::MemoryLedger;
    use crate::observe::Observer;
    use crate::ocsf::detection_finding;

    /// The alerts of a story: title, score and reasons, findings, calls and how many were sampled.
    fn told(intelligence: &Intelligence, policy: &str, story: &str) -> Vec<String> {
        let policy = Policy::parse(policy).unwrap();
        let ledgers = ledgers(intelligence, &policy, story).into_iter();
        let alerts = ledgers.flat_map(|(key, it)| decide(&key, it, intelligence, &policy));
        let mut told: Vec<String> = alerts
            .map(|alert| {
                let reasons: Vec<_> = alert.reasons.iter().map(ToString::to_string).collect();
                let ids: Vec<_> = alert.findings.iter().map(|it| it.detection.id).collect();
                format!(
                    "{} | {} {} = {} | {} | {} calls, {} sampled",
                    alert.title(),
                    alert.severity,
                    alert.score,
                    reasons.join(", "),
                    ids.join(" "),
                    alert.calls,
                    alert.samples.len()
                )
            })
            .collect();
        told.sort_unstable();
        told
    }

    #[test]
    fn a_brute_force_that_succeeds_is_one_alert() {
        assert_eq!(
            told(&Intelligence::default(), "", "12 fail alice every 20s; 1 login alice"),
            [concat!(
                "1 sign-in after 12 failures from 203.0.113.7 | High 60 = +60 sign-in after 12 ",
                "failures, and no earlier one of the principal from here; until then 1 of 1 ",
                "accounts here only failed | login-after-failures login-failures | 13 calls, 4 ",
                "sampled"
            )]
        );
    }

    #[test]
    fn who_changes_the_address() {
        let policy = "[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"203.0.113.0/29\"]";
        assert_eq!(
            told(&Intelligence::default(), policy, "1 fail@203.0.113.* a,b,c,d,e every 60s"),
            [concat!(
                "5 failed sign-ins of 5 accounts from 203.0.113.0/24 (5 addresses) | Low 30 = +60 ",
                "password spray on 5 accounts: 5 of 5 accounts here only failed, -30 trusted ",
                "network HQ | password-spray | 5 calls, 5 sampled"
            )]
        );
        let ended = format!("{policy}\nuntil = 2020-01-01");
        let spray = "1 fail@203.0.113.* a,b,c,d,e every 60s";
        assert_eq!(
            told(&Intelligence::default(), &ended, spray),
            told(&Intelligence::default(), "", spray)
        );
        let own = b"203.0.113.0/29\n";
        let own = Intelligence::builder().list("egress", Category::Own, own).unwrap().build();
        assert_eq!(
            told(&own, "", "12 fail@203.0.113.* alice every 10s; 15 denied@203.0.113.* bob"),
            [
                concat!(
                    "12 failed sign-ins of principal alice from 12 addresses | Medium 40 = +40 ",
                    "failed sign-ins of one account from 1 network | login-failures | 12 calls, ",
                    "12 sampled"
                ),
                concat!(
                    "15 denied API calls from 203.0.113.0/24 (15 addresses) | Low 20 = +20 burst ",
                    "of denied calls, +0 1 of 1 denied principals did not sign in here | ",
                    "error-burst | 15 calls, 6 sampled"
                ),
                concat!(
                    "15 denied API calls of principal bob from 15 addresses | Low 20 = +20 burst ",
                    "of denied calls | error-burst | 15 calls, 12 sampled"
                ),
            ]
        );
        assert_eq!(
            told(&own, "", "1 fail@203.0.113.* a,b,c,d,e every 60s"),
            [concat!(
                "5 failed sign-ins of 5 accounts from 203.0.113.0/24 (5 addresses) | Low 30 = +60 ",
                "password spray on 5 accounts: 5 of 5 accounts here only failed, -30 own address ",
                "(egress) | password-spray | 5 calls, 5 sampled"
            )]
        );
        // One member is in no trusted network.
        let spray = "1 fail@203.0.113.* a,b,c,d,e,f,g,root every 60s";
        assert_eq!(
            told(&Intelligence::default(), policy, spray),
            [concat!(
                "8 failed sign-ins of 8 accounts from 203.0.113.0/24 (8 addresses) | High 75 = +60 ",
                "password spray on 8 accounts: 8 of 8 accounts here only failed, +15 root | ",
                "password-spray | 8 calls, 8 sampled"
            )]
        );
        assert_eq!(
            told(&Intelligence::default(), "", "12 fail@203.0.*.7 alice every 240s"),
            [concat!(
                "12 failed sign-ins of principal alice from 12 addresses | High 60 = +60 failed ",
                "sign-ins of one account from 12 networks | login-failures | 12 calls, 12 sampled"
            )]
        );
        let guesses = "12 fail@203.0.*.7 alice every 240s; 1 login@198.51.100.9 alice";
        assert_eq!(
            told(&Intelligence::default(), "", guesses),
            [concat!(
                "1 sign-in after 12 failures of principal alice from 13 addresses | High 65 = +60 ",
                "sign-in from a network new to the principal, after failed sign-ins of one account ",
                "from 12 networks, +5 a password was correct | login-after-failures login-failures | 13 calls, 12 sampled"
            )]
        );
        assert_eq!(
            told(&Intelligence::default(), "", "1 fail@2001:db8:7:*::1 a,b,c,d,e every 60s"),
            [concat!(
                "5 failed sign-ins of 5 accounts from 2001:db8:7::/48 (5 of its /64s) | High 60 = ",
                "+60 password spray on 5 accounts: 5 of 5 accounts here only failed | ",
                "password-spray | 5 calls, 5 sampled"
            )]
        );
    }

    #[test]
    fn who_alerts_by_itself_takes_no_room_from_its_network() {
        let noise = "1 fail@203.0.113.200 a,b,c,d,e,f,g,h,i,j,k,l every 10s";
        let story = format!("{noise}; after 25200s 1 fail@203.0.113.* m,n,o,p,q every 60s");
        let told = told(&Intelligence::default(), "", &story);
        let of_network: Vec<_> = told.iter().filter(|it| it.contains("/24")).collect();
        let [of_network] = of_network.as_slice() else { panic!("{told:?}") };
        assert!(of_network.contains("5 failed sign-ins of 5 accounts"), "{of_network}");
        assert!(of_network.ends_with("5 calls, 5 sampled"), "{of_network}");
    }

    #[test]
    fn networks_name_their_members_without_samples() {
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        for (story, addresses, first) in [
            ("1 fail@203.0.113.* a,b,c,d,e every 60s", 5, "203.0.113.1"),
            ("1 fail@2001:db8:7:*::1 a,b,c,d,e every 60s", 0, "2001:db8:7:1::/64"),
        ] {
            let ledgers = ledgers(&intelligence, &policy, story).into_iter();
            let of_network = ledgers.filter(|(key, _)| key.subject() == Subject::Network);
            let alerts: Vec<Alert> = of_network
                .flat_map(|(key, it)| {
                    let ledger = SourceLedger { samples: Vec::new(), ..it };
                    decide(&key, ledger, &intelligence, &policy)
                })
                .collect();
            let [alert] = alerts.as_slice() else { panic!("one alert of {story}") };
            assert_eq!((alert.members, alert.addresses().len()), (5, addresses), "{story}");
            let finding = detection_finding(alert);
            let evidences = finding["evidences"].as_array().unwrap();
            assert_eq!(evidences.len(), 5, "{story}");
            let endpoint = &evidences[0]["src_endpoint"];
            let named = endpoint.get("ip").or(endpoint.get("name")).unwrap();
            assert_eq!(named, first, "{story}");
            let observables = finding["observables"].as_array().unwrap();
            let ips = observables.iter().filter(|it| it["type_id"] == 2).count();
            assert_eq!(ips, addresses, "{story}");
        }
    }

    #[test]
    fn lists_name_members() {
        let list = b"203.0.1.7\n203.0.2.7\n";
        let lists = Intelligence::builder().list("bad", Category::Malicious, list).unwrap().build();
        let policy = Policy::default();
        let ledgers = ledgers(&lists, &policy, "12 fail@203.0.*.7 alice every 240s").into_iter();
        let of_principal = ledgers.filter(|(key, _)| key.subject() == Subject::Principal);
        let alerts: Vec<Alert> =
            of_principal.flat_map(|(key, it)| decide(&key, it, &lists, &policy)).collect();
        let [alert] = alerts.as_slice() else { panic!("one alert") };
        assert_eq!(alert.lists, ["malicious (bad)"]);
        assert_eq!((alert.members, alert.addresses().len()), (12, 12));
        assert_eq!((alert.country, alert.autonomous_system.clone()), (None, None));
    }

    #[test]
    fn what_is_known_of_the_address_adds_up() {
        let list = b"203.0.113.0/24\t6\n";
        let lists =
            Intelligence::builder().list("ipsum", Category::Malicious, list).unwrap().build();
        let policy = "critical_assets = [\"prod-*\"]\n[[trusted_networks]]\nname = \"HQ\"\nnetworks \
                      = [\"203.0.113.0/24\"]";
        assert_eq!(
            told(&lists, policy, "10 fail alice every 1s; 1 ok root"),
            [concat!(
                "11 AWS API calls from a malicious IP address (203.0.113.7) | Critical 100 = +40 ",
                "burst of failed sign-ins: 1 of 2 accounts here only failed, +40 listed: malicious ",
                "(ipsum, 6 lists), +25 a call succeeded, +20 critical asset prod-*, +15 root, -30 ",
                "trusted network HQ | listed-source login-failures | 11 calls, 4 sampled"
            )]
        );
        assert_eq!(
            told(&lists, policy, "1 fail root"),
            [concat!(
                "1 AWS API call from a malicious IP address (203.0.113.7) | Informational 0 = +10 ",
                "listed: malicious (ipsum, 6 lists); nothing it called succeeded, -30 trusted ",
                "network HQ | listed-source | 1 calls, 1 sampled"
            )]
        );
    }

    #[test]
    fn critical_assets_of_long_names_are_weighed() {
        let long = "g".repeat(250);
        for (name, pattern, expected) in [
            (format!("/groups/{long}/servers/prod-db"), "*/prod-db", "critical asset */prod-db"),
            (format!("/groups/{long}/servers/prod-db"), "/GROUPS/*", "critical asset /GROUPS/*"),
            (format!("/{long}/pay/{long}/db"), "*/pay/*", "critical asset of a long name"),
            (format!("/{long}/paid/{long}/db"), "*/pay/*", ""),
        ] {
            let policy = Policy::parse(&format!("critical_assets = [\"{pattern}\"]")).unwrap();
            let intelligence = Intelligence::default();
            let mut ledger = MemoryLedger::of_scan(&policy);
            let mut observer = Observer::default();
            for n in 0..10 {
                let mut failed = call(&format!("e-{n}"), n * 1000, Outcome::LoginFailed);
                failed.resource = Some(name.clone().into());
                for observation in observer.observe(&failed, &intelligence, &policy, None) {
                    ledger.add(observation);
                }
            }
            let sources = ledger.into_sources();
            let alerts: Vec<Alert> = sources
                .flat_map(|(key, it)| decide(&key, it, &intelligence, &policy))
                .filter(|alert| alert.key.subject() == Subject::Source)
                .collect();
            let [alert] = alerts.as_slice() else { panic!("one alert of {name}") };
            let reason = alert.reasons.iter().find(|it| it.text.starts_with("critical"));
            assert_eq!(reason.map_or("", |it| &it.text), expected, "{name}");
        }
    }

    #[test]
    fn what_is_said_on_both_sides_of_midnight_counts_once() {
        let story = "after 57000s 15 denied/10x3 eve every 1s; after 900s 20 denied/12x3 eve every \
                     1s; 1 priv eve";
        let told = told(&Intelligence::default(), "", story);
        let after: Vec<_> = told.iter().filter(|it| it.contains("privileged call")).collect();
        let [after] = after.as_slice() else { panic!("{told:?}") };
        assert_eq!(after.matches("+15 enumeration").count(), 1, "{after}");
        assert!(after.contains("| High 70 = +40 privileged success"), "{after}");
    }

    #[test]
    fn lists_explain_an_address_once_and_silence_nothing() {
        let lists = |categories: &[Category]| {
            let mut lists = Intelligence::builder();
            for category in categories {
                let name = format!("{category}-list");
                lists = lists.list(name, *category, b"203.0.113.0/24\n").unwrap();
            }
            lists.build()
        };
        let reasons = |categories: &[Category]| {
            let told = told(&lists(categories), "", "10 fail alice every 1s");
            told[0].split(" | ").nth(1).unwrap().to_owned()
        };
        let burst = "+60 burst of failed sign-ins: 1 of 1 accounts here only failed";
        for (categories, score, explanation) in [
            (&[Category::Own][..], "Low 30", "-30 own address (own-list)"),
            (&[Category::Trusted], "Low 30", "-30 trusted address (trusted-list)"),
            (&[Category::Cloud], "Medium 50", "-10 address of a cloud (cloud-list)"),
            (&[Category::Cloud, Category::Own], "Low 30", "-30 own address (own-list)"),
        ] {
            assert_eq!(reasons(categories), format!("{score} = {burst}, {explanation}"));
        }
    }

    #[test]
    fn another_cloud_is_no_explanation_of_credentials_that_left_theirs() {
        let aws = br#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
            {"ip_prefix":"198.51.100.0/24","service":"AMAZON"}]}"#;
        let lists = Intelligence::builder()
            .list("aws", Category::Cloud, aws)
            .and_then(|it| it.list("other", Category::Cloud, b"203.0.113.0/24\n"))
            .unwrap()
            .build();
        assert_eq!(
            told(&lists, "", "3 ok workload; 10 fail alice every 1s"),
            [concat!(
                "3 calls with credentials of a workload's role outside AWS from 203.0.113.7 | High ",
                "60 = +60 credentials of a workload outside its cloud | credential-relocation ",
                "login-failures | 13 calls, 6 sampled"
            )]
        );
    }

    #[test]
    fn each_day_is_an_alert_of_its_own() {
        let story = "10 fail alice every 1s; after 80000s 10 fail alice every 1s";
        let uids = |story| {
            let policy = Policy::default();
            let intelligence = Intelligence::default();
            let ledgers = ledgers(&intelligence, &policy, story).into_iter();
            let alerts = ledgers.flat_map(|(key, it)| decide(&key, it, &intelligence, &policy));
            alerts.map(|alert| (alert.day.to_string(), alert.uid)).collect::<Vec<_>>()
        };
        let both = uids(story);
        assert_eq!(both.len(), 2);
        assert_ne!(both[0].1, both[1].1);
        assert_eq!(uids("10 fail alice every 1s"), both[..1]);
    }

    #[test]
    fn detections_can_be_switched_off() {
        let off = "[detections.login-failures]\nenabled = false";
        assert_eq!(told(&Intelligence::default(), off, "10 fail alice every 1s"), [""; 0]);
        let higher = "[detections.login-failures]\nfailures = 11";
        assert_eq!(told(&Intelligence::default(), higher, "10 fail alice every 1s"), [""; 0]);
    }

    #[test]
    fn nothing_to_tell() {
        for story in ["", "100 ok a,b,c every 1s", "4 fail alice every 1s; 1 login alice"] {
            assert_eq!(told(&Intelligence::default(), "", story), [""; 0], "{story}");
        }
    }
}
