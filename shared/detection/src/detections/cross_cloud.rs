//! One source that is found by other detections in two clouds.

use super::{DETECTIONS, Detection, Parameter, Technique, Unit, new_origin};
use crate::activity::Cloud;
use crate::finding::Finding;
use crate::score::{Reason, Severity};
use crate::source::Subject;
use crate::timestamp::Timestamp;
use crate::view::{Selection, View};

/// One source that is found by other detections in two clouds.
pub(super) static DETECTION: Detection = Detection {
    id: "cross-cloud",
    title: "Findings in two clouds",
    logic: "One source earns a finding of another detection (but new-origin) from each of two clouds' evidence \
            alone, within `window_minutes`. It raises the alert: +20 where both are Medium or \
            higher, else +5.",
    score: "+20 to the alert where a finding of each cloud is Medium or higher by itself, else +5.",
    subjects: &[Subject::Source],
    parameters: &[WINDOW],
    technique: Technique {
        tactic: ("TA0007", "Discovery"),
        technique: ("T1580", "Cloud Infrastructure Discovery"),
    },
    false_positives: "An office or a VPN gateway whose staff mistype in two clouds.",
    runbook: "One actor works against several of your clouds: look for one leaked secret store or \
              one person with accounts in all of them, and rotate everything kept there.",
    find,
};

const WINDOW: Parameter = Parameter {
    name: "window_minutes",
    unit: Unit::Minutes,
    default: 24 * 60,
    meaning: "between the findings of the two clouds",
};

/// A finding of one cloud's evidence alone, as places in the whole view.
struct Alone {
    cloud: Cloud,
    finding: Finding,
    first: Timestamp,
    last: Timestamp,
}

fn find(view: &View<'_>) -> Vec<Finding> {
    let mut alone: Vec<Alone> = Vec::new();
    let clouds =
        Cloud::ALL.into_iter().filter(|cloud| view.calls.iter().any(|it| it.cloud() == *cloud));
    let clouds: Vec<Cloud> = clouds.collect();
    if clouds.len() < 2 {
        return Vec::new();
    }
    for cloud in clouds {
        alone.extend(of_cloud_alone(view, cloud));
    }
    let secs = view.secs(&DETECTION, &WINDOW);
    let mut findings: Vec<Finding> = Vec::new();
    for a in &alone {
        for b in alone.iter().filter(|b| a.cloud < b.cloud && are_within(a, b, secs)) {
            merge(&mut findings, of_pair(a, b));
        }
    }
    findings.sort_by_key(|finding| finding.day);
    findings
}

fn of_cloud_alone(view: &View<'_>, cloud: Cloud) -> Vec<Alone> {
    let part = view.of_cloud(cloud);
    let places: Vec<usize> = (0..view.calls.len())
        .filter(|at| view.calls.get(*at).is_some_and(|it| it.cloud() == cloud))
        .collect();
    // Whoever travels is new in all of their clouds.
    let counts = |it: &Detection| ![DETECTION.id, new_origin::DETECTION.id].contains(&it.id);
    let others = DETECTIONS.iter().filter(|it| counts(it) && view.policy.is_enabled(it));
    others
        .flat_map(|detection| (detection.find)(&part))
        .filter_map(|mut finding| {
            let first = finding.selection.of(&part.calls).next()?.time();
            let last = finding.selection.of(&part.calls).last()?.time();
            let in_part = std::mem::take(&mut finding.selection);
            let chosen = places.iter().enumerate().filter(|(at, _)| in_part.contains(*at));
            finding.selection = chosen.map(|(_, place)| *place).collect();
            Some(Alone { cloud, finding, first, last })
        })
        .collect()
}

/// Whether the evidence of two findings comes within `secs` of each other.
fn are_within(a: &Alone, b: &Alone, secs: i64) -> bool {
    a.first <= b.last.plus_secs(secs) && b.first <= a.last.plus_secs(secs)
}

fn of_pair(a: &Alone, b: &Alone) -> Finding {
    let are_serious = |it: &Alone| Severity::of_score(it.finding.score()) >= Severity::Medium;
    let points = if are_serious(a) && are_serious(b) { 20 } else { 5 };
    let text = format!("findings in two clouds: {} and {}", a.cloud, b.cloud);
    let mut selection = Selection::default();
    selection.unite(&a.finding.selection);
    selection.unite(&b.finding.selection);
    Finding {
        detection: &DETECTION,
        day: a.finding.day.max(b.finding.day),
        headline: format!("Findings in {} and {}", a.cloud, b.cloud),
        base: Reason::new(points, text),
        is_of_address: true,
        reasons: Vec::new(),
        weighs_targets: false,
        selection,
    }
}

/// One finding a day: the strongest pair names it, and all evidence is kept.
fn merge(findings: &mut Vec<Finding>, pair: Finding) {
    match findings.iter_mut().find(|finding| finding.day == pair.day) {
        Some(finding) => {
            finding.selection.unite(&pair.selection);
            if pair.base.points > finding.base.points {
                finding.base = pair.base;
                finding.headline = pair.headline;
            }
        }
        None => findings.push(pair),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check};

    #[test]
    fn two_clouds() {
        check(
            "cross-cloud",
            &[
                Row::new(
                    "10 fail alice every 1s; 10 azure:fail bob every 1s",
                    "2026-03-02 Low 20: Findings in AWS and Azure",
                ),
                Row::new(
                    "10 fail alice every 1s; after 80000s 10 gcp:fail bob every 1s",
                    "2026-03-03 Low 20: Findings in AWS and GCP",
                ),
                Row::new("10 fail alice every 1s; after 90000s 10 gcp:fail bob every 1s", ""),
                Row::new("5 fail alice every 1s; 5 azure:fail bob every 1s", ""),
                // staff who mistype in both clouds
                Row::new(
                    "1 login alice; 10 fail alice every 1s; 1 azure:login bob; 10 azure:fail bob every 1s",
                    "2026-03-02 Informational 5: Findings in AWS and Azure",
                ),
            ],
        );
    }
}
