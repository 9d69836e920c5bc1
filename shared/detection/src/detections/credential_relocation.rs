//! Credentials that were issued to a workload within a cloud, used from outside that cloud.

use super::window::plural;
use super::{Detection, Technique};
use crate::activity::{ApiActivity, Cloud};
use crate::evidence::{Entry, Kind};
use crate::finding::{Finding, finding_of_day};
use crate::intelligence::{Category, Hit, Intelligence};
use crate::policy::Policy;
use crate::score::{Reason, Severity};
use crate::source::{LedgerKey, Subject};
use crate::timestamp::Day;
use crate::view::View;

/// Credentials of a workload, used from outside its cloud.
pub(super) static DETECTION: Detection = Detection {
    id: "credential-relocation",
    title: "Workload credentials used elsewhere",
    logic: "Any call is made with credentials issued to a workload (an EC2 instance, ECS task or \
            Lambda function; a VM of Google Cloud; a managed identity of an Azure resource) from \
            a public address that is neither among the published ranges of that cloud nor your \
            own (lists of the category own, trusted networks): High where a call succeeded, \
            Medium where none did. Silent for a cloud whose published ranges are on no list.",
    score: "60 where a call succeeded, 40 where none did. That the address is another cloud's lowers \
            nothing here.",
    subjects: &[Subject::Source],
    parameters: &[],
    technique: Technique {
        tactic: ("TA0006", "Credential Access"),
        technique: ("T1552.005", "Unsecured Credentials: Cloud Instance Metadata API"),
    },
    false_positives: "An egress of your own that no list and no trusted network names: a proxy \
                      outside the cloud, addresses that you brought to it; a person who names a \
                      session of a role like an instance.",
    runbook: "Somebody took the credentials out of the workload. Revoke the sessions of its role \
              or service account, read what was called from this address, then look at how the \
              workload let them go: a request forgery that reached the metadata service, a shell, \
              a log. If the address is your own egress (a proxy outside the cloud, addresses you \
              brought to it), put it on a list of the category own.",
    find,
};

/// Whether a finding says that credentials left their cloud.
pub(crate) fn is_of_relocation(detection: &Detection) -> bool {
    detection.id == DETECTION.id
}

/// Whether a call shows credentials of a workload outside its cloud, so that it is evidence.
pub(crate) fn is_relocated(
    activity: &ApiActivity<'_>,
    key: &LedgerKey,
    intelligence: &Intelligence,
    policy: &Policy,
) -> bool {
    activity.workload
        && is_outside(activity.cloud, key, intelligence)
        && activity.time.is_some_and(|time| !is_trusted(key, time.day(), policy))
}

/// Whether lists are known to name an address neither as a cloud's nor as the user's own.
fn is_outside(cloud: Cloud, key: &LedgerKey, intelligence: &Intelligence) -> bool {
    let explains = |it: Hit<'_>| it.category == Category::Own || it.list.cloud == Some(cloud);
    key.public_address().is_some()
        && intelligence.has_ranges_of(cloud)
        && !intelligence.hits(key).any(explains)
}

fn is_trusted(key: &LedgerKey, day: Day, policy: &Policy) -> bool {
    key.public_address().is_some_and(|ip| policy.trusted_network(ip, day).is_some())
}

/// Whether a call shows that its credentials were good: only those of callers who are who they say
/// are recorded, but for sign-ins.
fn is_use(call: &Entry) -> bool {
    call.traits().is_workload() && call.kind() != Kind::LoginFailed
}

fn find(view: &View<'_>) -> Vec<Finding> {
    let is_outside = |cloud: &Cloud| is_outside(*cloud, view.key, view.intelligence);
    let clouds: Vec<Cloud> = Cloud::ALL.into_iter().filter(is_outside).collect();
    let mut findings: Vec<Finding> = Vec::new();
    let uses = view.calls.iter().enumerate().filter(|(_, call)| is_use(call));
    let is_elsewhere = |call: &Entry| {
        clouds.contains(&call.cloud()) && !is_trusted(view.key, call.time().day(), view.policy)
    };
    for (place, call) in uses.filter(|(_, call)| is_elsewhere(call)) {
        let base = if call.kind().is_success() {
            Reason::new(Severity::High.points(), "credentials of a workload outside its cloud")
        } else {
            let text = "credentials of a workload outside its cloud; nothing they called succeeded";
            Reason::new(Severity::Medium.points(), text)
        };
        let day = call.time().day();
        if let Some(finding) = finding_of_day(&mut findings, &DETECTION, day, base) {
            finding.selection.insert(place);
        }
    }
    for finding in &mut findings {
        finding.headline = headline(finding.selection.of(&view.calls));
    }
    findings
}

/// `3 calls with credentials of a workload's role outside AWS`.
fn headline<'a>(calls: impl Iterator<Item = &'a Entry>) -> String {
    let mut clouds: Vec<Cloud> = calls.map(Entry::cloud).collect();
    let calls = plural(clouds.len(), "call");
    clouds.sort_unstable();
    clouds.dedup();
    let whose = match clouds.as_slice() {
        [Cloud::Aws] => "a workload's role outside AWS",
        [Cloud::Azure] => "a managed identity outside Azure",
        [Cloud::Gcp] => "a VM's service account outside GCP",
        _ => "workloads outside their clouds",
    };
    format!("{calls} with credentials of {whose}")
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check_with, ledgers};
    use super::*;
    use crate::activity::{ActorKind, Outcome};
    use crate::evidence::tests::call;
    use crate::ledger::SourceLedger;

    const AWS: &str = r#"{"syncToken":"1","createDate":"2026-03-02-08-00-00","prefixes":[
        {"ip_prefix":"RANGE","service":"AMAZON"}]}"#;
    const GOOGLE: &str = r#"{"syncToken":"1","creationTime":"2026-03-02T08:00:00","prefixes":[
        {"ipv4Prefix":"RANGE"}]}"#;
    const ELSEWHERE: &str = "198.51.100.0/24";
    const AROUND: &str = "203.0.113.0/24";

    /// Ranges that AWS and Google publish, and a list of addresses.
    fn lists(aws: &str, google: &str, category: Category, listed: &str) -> Intelligence {
        let aws = AWS.replace("RANGE", aws);
        let google = GOOGLE.replace("RANGE", google);
        Intelligence::builder()
            .list("aws", Category::Cloud, aws.as_bytes())
            .and_then(|it| it.list("google", Category::Cloud, google.as_bytes()))
            .and_then(|it| it.list("listed", category, listed.as_bytes()))
            .unwrap()
            .build()
    }

    fn rows(intelligence: &Intelligence, policy: &str, rows: &[Row]) {
        let policy = Policy::parse(policy).unwrap();
        check_with("credential-relocation", intelligence, &policy, rows);
    }

    const STORY: &str = "2 ok workload; 1 denied workload";
    const FOUND: &str =
        "2026-03-02 High 60: 3 calls with credentials of a workload's role outside AWS";

    #[test]
    fn by_cloud_and_outcome() {
        let outside = lists(ELSEWHERE, ELSEWHERE, Category::Own, ELSEWHERE);
        rows(
            &outside,
            "",
            &[
                Row::new(STORY, FOUND),
                Row::new(
                    "1 denied workload; 1 throttled workload",
                    "2026-03-02 Medium 40: 2 calls with credentials of a workload's role outside AWS",
                ),
                Row::new("1 denied workload; after 3600s 2 ok workload", FOUND),
                Row::new(
                    "1 gcp:ok workload",
                    "2026-03-02 High 60: 1 call with credentials of a VM's service account outside GCP",
                ),
                Row::new(
                    "1 gcp:ok workload; 1 ok workload",
                    "2026-03-02 High 60: 2 calls with credentials of workloads outside their clouds",
                ),
                Row::new(
                    "1 denied workload; after 86400s 1 priv workload",
                    "2026-03-02 Medium 40: 1 call with credentials of a workload's role outside AWS\n\
                     2026-03-03 High 60: 1 call with credentials of a workload's role outside AWS",
                ),
                // nobody told where Azure is
                Row::new("5 azure:ok workload", ""),
                Row::new("1 fail workload", ""),
                Row::new("5 ok alice,app,root", ""),
            ],
        );
    }

    #[test]
    fn inside_or_unknown_is_silent() {
        for (intelligence, policy, found) in [
            (lists(AROUND, ELSEWHERE, Category::Own, ELSEWHERE), "", ""),
            (lists(ELSEWHERE, ELSEWHERE, Category::Own, AROUND), "", ""),
            (
                lists(ELSEWHERE, ELSEWHERE, Category::Own, ELSEWHERE),
                "[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"203.0.113.0/24\"]",
                "",
            ),
            // trusted once
            (
                lists(ELSEWHERE, ELSEWHERE, Category::Own, ELSEWHERE),
                "[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"203.0.113.0/24\"]\n\
                 until = 2020-01-01",
                FOUND,
            ),
            // another cloud, a partner, and whoever it is are outside
            (lists(ELSEWHERE, AROUND, Category::Own, ELSEWHERE), "", FOUND),
            (lists(ELSEWHERE, ELSEWHERE, Category::Trusted, AROUND), "", FOUND),
            (lists(ELSEWHERE, ELSEWHERE, Category::Cloud, AROUND), "", FOUND),
        ] {
            rows(&intelligence, policy, &[Row::new(STORY, found)]);
        }
        let unknown = Intelligence::builder().list("c", Category::Cloud, b"198.51.100.0/24\n");
        rows(&unknown.unwrap().build(), "", &[Row::new(STORY, "")]);
        rows(&Intelligence::default(), "", &[Row::new(STORY, "")]);
    }

    /// Evidence is what was outside when it came.
    #[test]
    fn without_ground_nothing_is_kept() {
        let outside = lists(ELSEWHERE, ELSEWHERE, Category::Own, ELSEWHERE);
        for (intelligence, story, expected) in [
            (&outside, "1 ok workload", Kind::Success),
            (&outside, "1 throttled workload", Kind::Throttled),
            (&outside, "1 ok alice", Kind::Seen),
            (&Intelligence::default(), "1 ok workload", Kind::Seen),
        ] {
            let ledgers = ledgers(intelligence, &Policy::default(), story);
            let kinds = ledgers.iter().flat_map(|(_, it)| &it.entries).map(Entry::kind);
            assert_eq!(kinds.collect::<Vec<_>>(), [expected], "{story}");
        }
        assert!(
            ledgers(&Intelligence::default(), &Policy::default(), "1 throttled workload")
                .is_empty()
        );
    }

    /// The account that was called into has a copy of the event, and knows no workload.
    #[test]
    fn a_copy_that_knows_less_withdraws_nothing() {
        let outside = lists(ELSEWHERE, ELSEWHERE, Category::Own, ELSEWHERE);
        let mut own = call("e-1", 1_772_438_400_000, Outcome::Success);
        own.actor.kind = ActorKind::Role;
        own.workload = true;
        let mut copy = own.clone();
        (copy.workload, copy.actor.kind) = (false, ActorKind::Foreign);
        let time = own.time.unwrap();
        let entries = [&copy, &own, &copy].map(|it| Entry::of_call(it, time)).to_vec();
        let key = own.source.ledger_key().unwrap();
        let policy = Policy::default();
        let ledger = SourceLedger::default();
        let view = View::new(&key, entries, &ledger, &outside, &policy);
        assert_eq!((find(&view).len(), view.calls.len()), (1, 1));
    }

    #[test]
    fn only_public_addresses_are_outside() {
        let outside = lists(ELSEWHERE, ELSEWHERE, Category::Own, ELSEWHERE);
        let private = LedgerKey::Private { ip: [10, 0, 0, 1].into(), scope: "vpce-1".into() };
        for (key, expected) in [
            (LedgerKey::of_public("203.0.113.7".parse().unwrap()), true),
            (LedgerKey::of_public("2001:db8::7".parse().unwrap()), true),
            (private, false),
            (LedgerKey::Unrecognized("203.0.113.07".into()), false),
        ] {
            let found = is_outside(Cloud::Aws, &key, &outside);
            assert_eq!(found, expected, "{key}");
        }
    }
}
