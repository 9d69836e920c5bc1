//! What was announced, and who is about to announce.
//!
//! Claim, publish, mark: a function that dies between any two of them leaves a claim whose lease
//! ends, so the announcement is made by another. It may then be made twice, under one uid; it is
//! never lost.

use crate::activity::Cloud;
use crate::alert::Alert;
use crate::hash;
use crate::ocsf::{self, Activity};
use crate::score::Severity;
use crate::timestamp::{Day, Hour, Timestamp};
use crate::words;

/// How long an alert may go on before it is kept anew.
const GIST_HOURS: u32 = 6;

/// An announcement: the alert of a day, at a severity, and whether somebody got in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The alert's day.
    pub day: Day,
    /// How severe it was said to be.
    pub severity: Severity,
    /// Whether it was said that something succeeded.
    pub has_success: bool,
}

impl Mark {
    /// What an alert is announced as.
    pub fn of(alert: &Alert) -> Self {
        let Alert { day, severity, has_success, .. } = *alert;
        Self { day, severity, has_success }
    }

    /// Whether this would tell what `others` have not told already: a higher severity, or that
    /// something succeeded where they said at best that nothing had.
    pub fn is_news<'a>(self, others: impl IntoIterator<Item = &'a Self>) -> bool {
        let tells = |told: &Self| {
            told.day == self.day
                && told.severity >= self.severity
                && (told.has_success || !self.has_success)
        };
        !others.into_iter().any(tells)
    }
}

/// What is known of an alert, kept for whoever asks later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The alert's title.
    pub title: String,
    /// Its score.
    pub score: u8,
    /// The leading detection.
    pub detection: &'static str,
    /// The clouds it is of.
    pub clouds: Vec<Cloud>,
    /// The accounts that are known of it.
    pub accounts: Vec<String>,
    /// How many calls it rests on.
    pub calls: usize,
    /// The last of them.
    pub last: Option<Timestamp>,
    /// The whole of it, as an OCSF Detection Finding.
    pub finding: String,
    /// How it was told.
    pub told: Told,
    /// What is worth to be kept anew where it differs.
    pub gist: u64,
}

/// How an alert was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// By itself.
    #[default]
    Alone,
    /// Not yet: it is due in the digest of this hour.
    InDigest(Hour),
    /// With the alert of the day before, of which it is the rest.
    Before,
    /// Not at all, for this reason.
    Suppressed(String),
    /// As it was before.
    Unchanged,
}

impl Record {
    /// Whether it was left to a digest: nobody was told of it alone.
    pub fn is_deferred(&self) -> bool {
        matches!(self.told, Told::InDigest(_))
    }

    /// What is known of an alert, told or to be told so.
    pub fn of(alert: &Alert, activity: Activity, told: Told) -> Self {
        Self {
            title: alert.title(),
            score: alert.score,
            detection: alert.findings.first().map_or("", |leading| leading.detection.id),
            clouds: alert.clouds.clone(),
            accounts: words::accounts(alert).into_iter().map(str::to_owned).collect(),
            calls: alert.calls,
            last: Some(alert.last),
            finding: ocsf::finding_of(alert, activity, ocsf::EVIDENCES_MAX).to_string(),
            told,
            gist: gist(alert),
        }
    }
}

/// What an alert says in short: its findings, whether they are suppressed, and in steps how much
/// there is of them and until when. An alert that goes on is kept anew a few times and not with
/// every call, since whoever calls must not run up the bill.
fn gist(alert: &Alert) -> u64 {
    let mut parts = vec![
        alert.severity.name().to_owned(),
        alert.calls.checked_ilog10().unwrap_or_default().to_string(),
        (alert.last.hour().number() / GIST_HOURS).to_string(),
    ];
    if alert.has_success {
        parts.push("success".to_owned());
    }
    parts.extend(alert.findings.iter().map(|finding| finding.detection.id.to_owned()));
    parts.extend(alert.suppressed.iter().map(|it| format!("suppressed {}", it.reason)));
    hash::of_parts(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Announce it, then mark it.
    Granted,
    /// Another announces it at this moment: come back.
    Held,
    /// What it would tell was announced, or left to a digest for good.
    Announced,
}

/// How long a claim is held. Shorter than a queue's visibility timeout, so that whoever comes back
/// finds it free or marked.
pub const LEASE_SECS: i64 = 60;
