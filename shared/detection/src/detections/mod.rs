//! The catalogue of detections.
//!
//! One file a detection: what it is, when it fires, its defaults, its score, its tests. Adding one
//! touches its file and [`DETECTIONS`].

mod credential_relocation;
mod cross_cloud;
mod denied_country;
mod error_burst;
mod failures;
mod listed_source;
mod login_after_failures;
mod login_failures;
pub(crate) mod new_origin;
mod password_spray;
mod success_after_denials;
mod window;

#[cfg(test)]
pub(crate) mod check;

pub(crate) use self::credential_relocation::{is_of_relocation, is_relocated};
pub(crate) use self::listed_source::{accuses, describe, is_accused};
pub use self::new_origin::learning_days;
use crate::controls::{self, Control};
use crate::finding::Finding;
use crate::policy::Policy;
use crate::source::Subject;
use crate::timestamp::Day;
use crate::view::View;

/// Every detection, in the order they are listed to people.
pub static DETECTIONS: &[&Detection] = &[
    &listed_source::DETECTION,
    &denied_country::DETECTION,
    &login_failures::DETECTION,
    &password_spray::DETECTION,
    &login_after_failures::DETECTION,
    &error_burst::DETECTION,
    &success_after_denials::DETECTION,
    &new_origin::DETECTION,
    &credential_relocation::DETECTION,
    &cross_cloud::DETECTION,
];

/// What is known of a detection before any event.
#[derive(Debug)]
pub struct Detection {
    /// Its stable name, in policy files and alerts.
    pub id: &'static str,
    /// What it is called in a headline.
    pub title: &'static str,
    /// When it fires, in a sentence.
    pub logic: &'static str,
    /// How its points come about.
    pub score: &'static str,
    /// Which ledgers it looks at.
    pub subjects: &'static [Subject],
    /// The numbers a policy may set.
    pub parameters: &'static [Parameter],
    /// What it is in MITRE ATT&CK for cloud.
    pub technique: Technique,
    /// What of other origin looks like it.
    pub false_positives: &'static str,
    /// What to do about it, in a few sentences.
    pub runbook: &'static str,
    /// Its findings in what one ledger holds: at most one a UTC day.
    pub(crate) find: fn(&View<'_>) -> Vec<Finding>,
}

impl Detection {
    /// The controls it serves.
    pub fn controls(&self) -> Vec<Control> {
        controls::of(self.id)
    }
}

/// Whether a view's calls, taken as those of one address, raise an alert of their own that is no
/// weaker than that of a network or principal they are part of. Slow and low failures are always
/// Low: they would excuse too much.
pub(crate) fn alert_alone(view: &View<'_>) -> bool {
    type Windows = fn(&View<'_>) -> Vec<window::Completed>;
    let alone: [(&Detection, Windows); 3] = [
        (&login_failures::DETECTION, login_failures::bursts),
        (&password_spray::DETECTION, password_spray::sprays),
        (&error_burst::DETECTION, error_burst::bursts),
    ];
    alone.iter().any(|(it, windows)| view.policy.is_enabled(it) && !windows(view).is_empty())
}

/// The days on which a password spray from one source was completed, unless nobody is told.
pub(crate) fn days_of_sprays(view: &View<'_>) -> Vec<Day> {
    if !view.policy.is_enabled(&password_spray::DETECTION) {
        return Vec::new();
    }
    password_spray::sprays(view).into_iter().map(|spray| spray.day).collect()
}

/// So many calls of any kind within any of its windows do; none where a detection of them is switched
/// off.
pub(crate) fn enough_to_alert_alone(policy: &Policy) -> Option<u32> {
    let enough = [
        (&login_failures::DETECTION, &login_failures::FAILURES),
        (&error_burst::DETECTION, &error_burst::DENIALS),
    ];
    let enough =
        enough.map(|(it, threshold)| policy.is_enabled(it).then(|| policy.value(it, threshold)));
    enough.into_iter().try_fold(0, |most, threshold| Some(most.max(threshold?)))
}

/// A MITRE ATT&CK technique and the tactic it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `TA0006` and its name.
    pub tactic: (&'static str, &'static str),
    /// `T1110.003` and its name.
    pub technique: (&'static str, &'static str),
}

/// What a parameter's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things: failures, accounts, operations.
    Count {
        /// The window they are counted in.
        within: &'static Parameter,
    },
    /// Minutes of event time.
    Minutes,
    /// Days of event time.
    Days,
}

/// A number a policy may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in the policy file.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Its value where the policy says nothing. At least 1.
    pub default: u32,
    /// What it means, in a few words.
    pub meaning: &'static str,
}
