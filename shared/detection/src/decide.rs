//! The decide step: a ledger becomes alerts. A pure function of the evidence, the intelligence and
//! the policy, whatever the order and the batches in which the evidence came.

use crate::alert::Alert;
use crate::detections::DETECTIONS;
use crate::evidence::Kind;
use crate::finding::Finding;
use crate::intelligence::Intelligence;
use crate::ledger::SourceLedger;
use crate::policy::Policy;
use crate::sample::Sample;
use crate::score::Severity;
use crate::source::LedgerKey;
use crate::suppress::suppressed;
use crate::timestamp::Day;
use crate::view::View;

/// The alerts that one source's evidence makes: one a UTC day with findings, by day.
pub fn decide(
    key: &LedgerKey,
    ledger: SourceLedger,
    intelligence: &Intelligence,
    policy: &Policy,
) -> Vec<Alert> {
    // Most sources are only ever seen to succeed.
    if ledger.entries.iter().all(|entry| entry.kind() == Kind::Seen) {
        return Vec::new();
    }
    let view = View::new(key, ledger.entries, intelligence, policy);
    let enabled = DETECTIONS.iter().filter(|detection| policy.is_enabled(detection));
    let mut findings: Vec<Finding> =
        enabled.flat_map(|detection| (detection.find)(&view)).collect();
    // The highest of a day leads; among equals the one listed first. The sort is stable.
    findings.sort_by_key(|finding| (finding.day, std::cmp::Reverse(finding.score())));
    let mut alerts: Vec<Alert> = findings
        .chunk_by(|a, b| a.day == b.day)
        .filter_map(|of_day| alert_of_day(&view, of_day, &ledger.samples))
        .collect();
    let mut before: Option<(Day, String)> = None;
    for alert in &mut alerts {
        alert.is_at_least = ledger.is_full;
        let earlier = before.replace((alert.day, alert.uid.clone()));
        alert.earlier = earlier.filter(|(day, _)| *day == alert.day.previous()).map(|(_, uid)| uid);
    }
    alerts
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
    use crate::detections::check::ledgers;
    use crate::intelligence::Category;

    /// The alerts of a story: title, score and reasons, findings, calls and how many were sampled.
    fn told(intelligence: &Intelligence, policy: &str, story: &str) -> Vec<String> {
        let policy = Policy::parse(policy).unwrap();
        let ledgers = ledgers(intelligence, &policy, story).into_iter();
        let alerts = ledgers.flat_map(|(key, it)| decide(&key, it, intelligence, &policy));
        alerts
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
            .collect()
    }

    #[test]
    fn a_brute_force_that_succeeds_is_one_alert() {
        assert_eq!(
            told(&Intelligence::default(), "", "12 fail alice every 20s; 1 login alice"),
            [concat!(
                "1 sign-in after 12 failures from 203.0.113.7 | Medium 40 = +40 sign-in after 12 ",
                "failures, and no earlier one of the principal from here | login-after-failures ",
                "login-failures | 13 calls, 4 sampled"
            )]
        );
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
