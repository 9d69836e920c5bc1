//! The decide step: a ledger becomes alerts. A pure function of the evidence, the intelligence and
//! the policy, whatever the order and the batches in which the evidence came.

use crate::alert::Alert;
use crate::detections::DETECTIONS;
use crate::evidence::Kind;
use crate::finding::Finding;
use crate::intelligence::Intelligence;
use crate::ledger::SourceLedger;
use crate::policy::Policy;
use crate::source::LedgerKey;
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
    findings
        .chunk_by(|a, b| a.day == b.day)
        .filter_map(|of_day| Alert::of(&view, of_day.to_vec(), &ledger.samples))
        .collect()
}
