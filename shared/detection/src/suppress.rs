//! Suppression: which findings a policy calls nothing.
//!
//! Promises that nobody hides behind a suppression that was written for somebody else. Entries know
//! principals by hashes alone, so a finding is suppressed by who called only where a sample tells of
//! each of its principals; where one is not told, it speaks.

use std::collections::BTreeMap;

use crate::activity::Cloud;
use crate::evidence::Entry;
use crate::finding::Finding;
use crate::policy::Suppression;
use crate::sample::Sample;
use crate::timestamp::Day;
use crate::view::View;

/// A finding that the policy calls nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// The detection that found it.
    pub detection: &'static str,
    /// The last day on which it is suppressed.
    pub until: Day,
    /// Why, as the policy says.
    pub reason: String,
}

/// The suppression that a finding falls under. It ends by the day of the evidence and not by the
/// clock, so that a scan of old logs says what was said then.
pub(crate) fn suppressed(
    view: &View<'_>,
    finding: &Finding,
    samples: &[Sample],
    is_critical: bool,
) -> Option<Suppressed> {
    let holds = |it: &&Suppression| {
        it.until >= finding.day
            && it.detection.is_none_or(|id| id == finding.detection.id)
            && (it.is_for_critical || !is_critical)
            && it.is_of_source(view.key)
            && (!it.asks_who() || is_of_all(it, view, finding, samples))
    };
    let suppression = view.policy.suppressions().iter().find(holds)?;
    Some(Suppressed {
        detection: finding.detection.id,
        until: suppression.until,
        reason: suppression.reason.clone(),
    })
}

/// Whether all that is known of each principal of a finding is what a suppression names.
fn is_of_all(
    suppression: &Suppression,
    view: &View<'_>,
    finding: &Finding,
    samples: &[Sample],
) -> bool {
    // By principal, whether every sample of its calls is; false where there is none.
    let mut principals: BTreeMap<(Cloud, Option<u64>), Option<bool>> = BTreeMap::new();
    let samples: BTreeMap<u64, Vec<&Sample>> =
        samples.iter().fold(BTreeMap::new(), |mut by_event, sample| {
            by_event.entry(sample.uid_hash()).or_default().push(sample);
            by_event
        });
    let told = |call: &Entry| samples.get(&call.uid()).into_iter().flatten();
    for call in finding.selection.of(&view.calls) {
        let is_named = principals.entry((call.cloud(), call.principal())).or_default();
        for sample in told(call).filter(|sample| sample.tells(call, view.key)) {
            let identities = [sample.principal(), sample.name()];
            let is_of = suppression.is_of(identities, sample.account());
            *is_named = Some(is_named.unwrap_or(true) && is_of);
        }
    }
    principals.into_values().all(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use crate::decide;
    use crate::detections::check::ledgers;
    use crate::intelligence::{Category, Intelligence};
    use crate::ocsf;
    use crate::policy::Policy;

    /// What is said of a story under suppressions: findings that speak, and those that do not.
    fn told(intelligence: &Intelligence, suppression: &str, story: &str) -> Vec<String> {
        let text = format!("[[suppressions]]\nreason = \"known\"\n{suppression}\n");
        let until = if text.contains("until") { "" } else { "until = 2026-12-31\n" };
        let policy = Policy::parse(&format!("{text}{until}")).unwrap();
        let ledgers = ledgers(intelligence, &policy, story).into_iter();
        let alerts = ledgers.flat_map(|(key, it)| decide(&key, it, intelligence, &policy));
        alerts
            .map(|alert| {
                let speak: Vec<_> = alert.findings.iter().map(|it| it.detection.id).collect();
                let silent: Vec<_> = alert.suppressed.iter().map(|it| it.detection).collect();
                let state = ocsf::detection_finding(&alert)["status_id"].to_string();
                let (speak, silent) = (speak.join(" "), silent.join(" "));
                format!("{} {}: {speak} / {silent}, {state}", alert.severity, alert.score)
            })
            .collect()
    }

    fn plain(suppression: &str, story: &str) -> String {
        told(&Intelligence::default(), suppression, story).join("; ")
    }

    const BURST: &str = "10 fail alice every 1s";
    const SPEAKS: &str = "High 60: login-failures / , 1";
    const IS_SILENT: &str = "High 60: login-failures / login-failures, 3";

    #[test]
    fn all_that_is_named_must_hold() {
        let high = "10 fail alice,bob every 1s";
        for (suppression, is_silent) in [
            ("detection = \"login-failures\"", true),
            ("detection = \"password-spray\"", false),
            ("source = \"203.0.113.0/24\"", true),
            ("source = \"203.0.113.7\"", true),
            ("source = \"203.0.113.8\"", false),
            ("principal = \"*alice\"", false),
            ("principal = \"*alice*\"\nsource = \"198.51.100.0/24\"", false),
            ("account = \"1111*\"", true),
            ("account = \"2*\"", false),
            ("account = \"1111*\"\ndetection = \"error-burst\"", false),
            ("source = \"203.0.113.7\"\nuntil = 2026-03-01", false),
            ("source = \"203.0.113.7\"\nuntil = 2026-03-02", true),
        ] {
            let told = plain(suppression, high);
            assert_eq!(told.ends_with(", 3"), is_silent, "{suppression}: {told}");
            assert_eq!(told.contains("/ login-failures"), is_silent, "{suppression}: {told}");
        }
        assert_eq!(plain("principal = \"alice\"", BURST), IS_SILENT);
        assert_eq!(plain("principal = \"bob\"", BURST), SPEAKS);
    }

    #[test]
    fn nobody_hides_behind_another() {
        // More principals than samples, of which one is another; and one that the cloud hides.
        for story in ["1 fail bob; 30 fail alice every 1s", "1 fail -; 10 fail alice every 1s"] {
            let told = plain("principal = \"alice\"", story);
            assert!(told.ends_with(" / , 1"), "{told}");
        }
        let names: Vec<String> = (0..40).map(|n| format!("scan{n}")).collect();
        let story = format!("1 fail {} every 1s", names.join(","));
        let told = plain("principal = \"scan*\"\ndetection = \"login-failures\"", &story);
        assert!(told.ends_with(" / , 1"), "not all are told of: {told}");
    }

    #[test]
    fn what_is_not_suppressed_speaks_for_itself() {
        let story = "12 fail alice every 20s; 1 login alice";
        assert_eq!(
            plain("detection = \"login-failures\"", story),
            "High 60: login-after-failures / login-failures, 1"
        );
        assert_eq!(
            plain("detection = \"login-after-failures\"", story),
            "Low 20: login-failures / login-after-failures, 1"
        );
    }

    #[test]
    fn critical_alerts_are_announced_unless_it_says_so() {
        let list = b"203.0.113.0/24\t6\n";
        let lists =
            Intelligence::builder().list("ipsum", Category::Malicious, list).unwrap().build();
        let story = "10 fail alice every 1s; 1 ok root";
        let of = |suppression: &str| told(&lists, suppression, story).join("; ");
        let source = "source = \"203.0.113.7\"";
        assert!(of(source).ends_with("listed-source login-failures / , 1"), "{}", of(source));
        let all = of(&format!("{source}\ncritical = true"));
        assert!(all.ends_with("/ listed-source login-failures, 3"), "{all}");
    }
}
