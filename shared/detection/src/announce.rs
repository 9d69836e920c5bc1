//! The notify step, first part: which of a source's alerts are news.
//!
//! Announced when it opens, and again only when its severity rises or when something succeeds for the
//! first time: who was told that nobody got in must be told that somebody did, at whatever severity.
//! An incident that goes on past midnight is not told again unless it worsens so or comes back after
//! a pause.

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
/// (`deferred`) is no news either, but nobody was told of it alone: it is opened by what is.
pub fn due<'a>(
    alerts: &'a [Alert],
    marks: &BTreeSet<Mark>,
    deferred: &BTreeSet<Mark>,
    since: Option<Day>,
) -> Vec<(&'a Alert, Mark, Due)> {
    let mut marks = marks.clone();
    let mut due = Vec::new();
    for (place, alert) in alerts.iter().enumerate() {
        let mark = Mark::of(alert);
        if since.is_some_and(|since| alert.day < since) {
            continue;
        }
        // Not marked, so that it is news once nothing suppresses it any more.
        let is_news = mark.is_news(marks.iter().chain(deferred));
        if alert.is_suppressed() || !is_news {
            due.push((alert, mark, Due::Keep));
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| alerts.get(before));
        let goes_on = before.is_some_and(|before| {
            before.day == alert.day.previous() && alert.resumed < before.last.plus_secs(QUIET_SECS)
        });
        let continues =
            |it: Mark| goes_on && !Mark { day: it.day.previous(), ..it }.is_news(&marks);
        // What went out with the day before did so under that day's uid.
        let is_open = marks.iter().any(|told| told.day == alert.day && !continues(*told));
        let what = if continues(mark) {
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
        let marks: Vec<Mark> = marks.iter().map(|(days, of)| mark(*days, *of)).collect();
        told_after(story, &marks, &[], since)
    }

    /// The same, where some were left to a digest.
    fn told_after(
        story: &str,
        marks: &[Mark],
        deferred: &[Mark],
        since: Option<u32>,
    ) -> Vec<(Mark, Due)> {
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let ledgers = ledgers(&intelligence, &policy, story).into_iter();
        let alerts: Vec<Alert> =
            ledgers.flat_map(|(key, it)| decide(&key, it, &intelligence, &policy)).collect();
        let [marks, deferred] = [marks, deferred].map(|of| of.iter().copied().collect());
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
        Mark { day: day(days), severity, has_success: false }
    }

    fn success(days: u32, severity: Severity) -> Mark {
        Mark { has_success: true, ..mark(days, severity) }
    }

    const CREATE: Due = Due::Announce(Activity::Create);
    const UPDATE: Due = Due::Announce(Activity::Update);
    /// High, since every account here only failed.
    const BURST: &str = "10 fail a,b every 1s";
    /// As high, and somebody gets in.
    const GUESSED: &str = "10 fail a,b every 1s; 1 login a";

    #[test]
    fn who_gets_in_after_the_failures_were_told_is_told_once() {
        let severity = told(BURST, &[], None)[0].0.severity;
        let failures = mark(0, severity);
        assert_eq!(told_after(BURST, &[failures], &[], None), []);
        let expected = [(success(0, severity), UPDATE)];
        assert_eq!(told_after(GUESSED, &[failures], &[], None), expected);
        // Even where it is less severe than what was told.
        assert_eq!(told_after(GUESSED, &[mark(0, Severity::Critical)], &[], None), expected);
        assert_eq!(told_after(GUESSED, &[failures, success(0, severity)], &[], None), []);
        assert_eq!(told_after(GUESSED, &[success(0, Severity::Critical)], &[], None), []);
        // Nor are the failures news after it, whatever part of the evidence is known.
        assert_eq!(told_after(BURST, &[success(0, severity)], &[], None), []);
        let fell = [failures, success(0, Severity::Medium)];
        assert_eq!(told_after(GUESSED, &fell, &[], None), expected, "a rise of what succeeded");
    }

    #[test]
    fn who_gets_in_past_midnight_is_told() {
        let severity = told(BURST, &[], None)[0].0.severity;
        let on = format!("after 57000s {BURST}; after 600s {GUESSED}");
        let failures = mark(0, severity);
        let [(_, first), (second, what)] = told_after(&on, &[], &[], None)[..] else {
            panic!("two alerts")
        };
        assert_eq!((first, second.has_success, what), (CREATE, true, CREATE));
        let expected = [(second, CREATE)];
        assert_eq!(told_after(&on, &[failures], &[], None), expected);
        // Its failures went out with the day before, under another uid.
        assert_eq!(told_after(&on, &[failures, mark(1, severity)], &[], None), expected);
        assert_eq!(
            told_after(&on, &[success(0, Severity::Critical)], &[], None),
            [(second, Due::Continues)]
        );
    }

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
        let before = mark(0, severity);
        let left = |story: &str, marks: &[_]| told_after(story, marks, &[before], None);
        assert_eq!(left(BURST, &[]), []);
        assert_eq!(told(GUESSED, &[], None)[0].0.severity, severity);
        // Nobody was told of it alone, so that this opens it.
        assert_eq!(left(GUESSED, &[]), [(success(0, severity), CREATE)]);
        assert_eq!(left(GUESSED, &[success(0, severity)]), []);
        assert_eq!(told_after(GUESSED, &[], &[success(0, severity)], None), [], "for good");
        assert_eq!(
            told_after(GUESSED, &[mark(0, Severity::Low)], &[success(0, Severity::Medium)], None),
            [(success(0, severity), UPDATE)]
        );
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
