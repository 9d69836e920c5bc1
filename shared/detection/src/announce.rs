//! The notify step, first part: which of a source's alerts are news.
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

/// How long after the last of its calls an alert is closed.
pub const QUIET_CLOSES_SECS: i64 = 24 * 3600;

/// What is to be done about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is to be announced.
    Announce(Activity),
    /// It goes on from the day before, which was announced: it is only to be marked.
    Continues,
    /// It was announced, or is suppressed: what is known of it now is only to be kept.
    Keep,
}

/// What is to be done about each alert, by day, with what it is to be marked with. `alerts` are those of one
/// source, by day; days before `since` were decided when they were new. What was left to a digest
/// while nothing had succeeded (`deferred`) is news once something does.
pub fn due<'a>(
    alerts: &'a [Alert],
    marks: &BTreeSet<Mark>,
    deferred: &BTreeSet<Mark>,
    since: Option<Day>,
) -> Vec<(&'a Alert, Mark, Due)> {
    let mut marks = marks.clone();
    let mut due = Vec::new();
    for (place, alert) in alerts.iter().enumerate() {
        let mark = Mark { day: alert.day, severity: alert.severity };
        if since.is_some_and(|since| alert.day < since) {
            continue;
        }
        // Not marked, so that it is news once nothing suppresses it any more.
        let is_news = mark.is_news(&marks) && (alert.has_success || mark.is_news(deferred));
        if alert.is_suppressed() || !is_news {
            due.push((alert, mark, Due::Keep));
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| alerts.get(before));
        let goes_on = before.is_some_and(|before| {
            before.day == alert.day.previous() && alert.resumed < before.last.plus_secs(QUIET_SECS)
        });
        let was_told = !Mark { day: alert.day.previous(), ..mark }.is_news(&marks);
        let is_open = marks.iter().chain(deferred).any(|told| told.day == alert.day);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide;
    use crate::detections::check::ledgers;
    use crate::intelligence::Intelligence;
    use crate::policy::Policy;
    use crate::score::Severity;

    /// What is due of a story, with marks of `(days after the first, severity)`.
    fn told(story: &str, marks: &[(u32, Severity)], since: Option<u32>) -> Vec<(Mark, Due)> {
        told_after(story, marks, &[], since)
    }

    /// The same, where some were left to a digest.
    fn told_after(
        story: &str,
        marks: &[(u32, Severity)],
        deferred: &[(u32, Severity)],
        since: Option<u32>,
    ) -> Vec<(Mark, Due)> {
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let ledgers = ledgers(&intelligence, &policy, story).into_iter();
        let alerts: Vec<Alert> =
            ledgers.flat_map(|(key, it)| decide(&key, it, &intelligence, &policy)).collect();
        let [marks, deferred] = [marks, deferred]
            .map(|of| of.iter().map(|(days, severity)| mark(*days, *severity)).collect());
        let due = due(&alerts, &marks, &deferred, since.map(day));
        let news = due.into_iter().filter(|(_, _, what)| *what != Due::Keep);
        news.map(|(_, mark, what)| (mark, what)).collect()
    }

    fn day(number: u32) -> Day {
        crate::timestamp::Timestamp::from_millis(1_772_438_400_000 + i64::from(number) * 86_400_000)
            .unwrap()
            .day()
    }

    fn mark(days: u32, severity: Severity) -> Mark {
        Mark { day: day(days), severity }
    }

    const CREATE: Due = Due::Announce(Activity::Create);
    const UPDATE: Due = Due::Announce(Activity::Update);
    /// High, since every account here only failed.
    const BURST: &str = "10 fail a,b every 1s";

    #[test]
    fn opened_once_and_told_again_on_a_rise() {
        let [(opened, what)] = told(BURST, &[], None)[..] else { panic!("one alert") };
        assert_eq!((opened.day, what), (day(0), CREATE));
        assert_eq!(told(BURST, &[(0, opened.severity)], None), []);
        assert_eq!(told(BURST, &[(0, Severity::Critical)], None), []);
        assert_eq!(told(BURST, &[(0, Severity::Informational)], None), [(opened, UPDATE)]);
        assert_eq!(told(BURST, &[], Some(1)), [], "a day that was decided when it was new");
    }

    #[test]
    fn what_is_left_to_a_digest_is_news_once_something_succeeds() {
        let severity = told(BURST, &[], None)[0].0.severity;
        let left = |story: &str, marks: &[_]| told_after(story, marks, &[(0, severity)], None);
        assert_eq!(left(BURST, &[]), []);
        let guessed = "10 fail a,b every 1s; 1 login a";
        assert_eq!(told(guessed, &[], None)[0].0.severity, severity);
        assert_eq!(left(guessed, &[]), [(mark(0, severity), UPDATE)]);
        assert_eq!(left(guessed, &[(0, severity)]), []);
        let on = format!("after 57000s {BURST}; after 600s {BURST}");
        assert_eq!(left(&on, &[]), [(mark(1, severity), CREATE)], "nobody was told alone");
    }

    #[test]
    fn what_goes_on_past_midnight_is_told_once() {
        // From 08:00; the second burst is sixteen hours and a minute later, the third a minute on.
        let both = "after 57000s 10 fail a,b every 1s; after 600s 10 fail a,b every 1s";
        let severity = told(BURST, &[], None)[0].0.severity;
        let expected = [(mark(0, severity), CREATE), (mark(1, severity), Due::Continues)];
        assert_eq!(told(both, &[], None), expected);
        assert_eq!(told(both, &[(0, severity)], None), expected[1..]);
        assert_eq!(
            told(both, &[(0, Severity::Informational)], None),
            [(mark(0, severity), UPDATE), (mark(1, severity), Due::Continues)]
        );
        let later = "10 fail a,b every 1s; after 60000s 10 fail a,b every 1s";
        assert_eq!(told(later, &[(0, severity)], None), [(mark(1, severity), CREATE)]);
    }
}
