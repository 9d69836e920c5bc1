//! The notify step, first half: which of a source's alerts are news.
//!
//! Announced when it opens, and again only when its severity rises. An incident that goes on past
//! midnight is not told again unless it worsens or comes back after a pause.

use std::collections::BTreeSet;

use crate::alert::Alert;
use crate::ledger::Mark;
use crate::ocsf::Activity;
use crate::timestamp::Day;

/// How long a source must be quiet before the next day's alert is news.
const QUIET_SECS: i64 = 6 * 3600;

/// What is to be done about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is to be announced.
    Announce(Activity),
    /// It goes on from the day before, which was announced: it is only to be marked.
    Continues,
}

/// The alerts that are news, by day, with what they are to be marked with. `alerts` are those of one
/// source, by day; days before `since` were decided when they were new.
pub fn due<'a>(
    alerts: &'a [Alert],
    marks: &BTreeSet<Mark>,
    since: Option<Day>,
) -> Vec<(&'a Alert, Mark, Due)> {
    let mut marks = marks.clone();
    let mut due = Vec::new();
    for (place, alert) in alerts.iter().enumerate() {
        let mark = Mark { day: alert.day, severity: alert.severity };
        if since.is_some_and(|since| alert.day < since) || !mark.is_news(&marks) {
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| alerts.get(before));
        let goes_on = before.is_some_and(|before| {
            before.day == alert.day.previous() && alert.first < before.last.plus_secs(QUIET_SECS)
        });
        let was_told = !Mark { day: alert.day.previous(), ..mark }.is_news(&marks);
        let is_open = marks.iter().any(|told| told.day == alert.day);
        let what = if goes_on && was_told {
            Due::Continues
        } else if is_open {
            Due::Announce(Activity::Update)
        } else {
            Due::Announce(Activity::Create)
        };
        marks.insert(mark);
        due.push((alert, mark, what));
    }
    due
}
