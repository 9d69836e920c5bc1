//! The notify step, second part: which announcements are made at once.
//!
//! Each severity has a budget of its own a day, so that cheap noise cannot bury what matters, and
//! half of it is kept for alerts in which something succeeded: failures cost an attacker nothing, a
//! success it has to earn. Critical alerts have no such budget. They are grouped by detection and
//! hour, and of each group the first few are announced at once: enough that a decoy does not hide
//! the next, and few where one stolen key is tried from everywhere. What exceeds a budget goes out
//! in the digest of its hour.
//!
//! Budgets follow the clock: what is found does not depend on them.

use crate::alert::Alert;
use crate::policy::Policy;
use crate::score::Severity;
use crate::timestamp::Timestamp;

/// A number of announcements that alerts of one kind share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// What it is for, and when: the same everywhere.
    pub name: String,
    /// How many there are.
    pub most: usize,
}

impl Budget {
    /// The budget from which an alert is announced now.
    pub fn of(alert: &Alert, policy: &Policy, now: Timestamp) -> Self {
        let severity = alert.severity.name();
        let (name, most) = if let Some(most) = policy.announcements.daily(alert.severity) {
            let half = most / 2;
            let (kind, most) =
                if alert.has_success { ("success", most - half) } else { ("failure", half) };
            (format!("{}#{severity}#{kind}", now.day()), most)
        } else {
            let leading = alert.findings.first().map_or("", |leading| leading.detection.id);
            let most = policy.announcements.critical_group;
            (format!("{}#{severity}#{leading}", now.hour()), most)
        };
        Self { name, most: usize::try_from(most).unwrap_or(usize::MAX) }
    }
}

/// What is told first: the higher severity, then that of which something succeeded, then the score.
pub fn urgency(alert: &Alert) -> (Severity, bool, u8) {
    (alert.severity, alert.has_success, alert.score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide;
    use crate::detections::check::ledgers;
    use crate::intelligence::{Category, Intelligence};

    fn of(intelligence: &Intelligence, policy: &str, story: &str) -> (String, usize) {
        let policy = Policy::parse(policy).unwrap();
        let (key, ledger) = ledgers(intelligence, &policy, story).remove(0);
        let alerts = decide(&key, ledger, intelligence, &policy);
        let now = Timestamp::from_millis(1_772_443_500_000).unwrap();
        let Budget { name, most } = Budget::of(&alerts[0], &policy, now);
        (name, most)
    }

    #[test]
    fn failures_have_half_and_critical_ones_an_hour() {
        let none = Intelligence::default();
        let burst = "10 fail a,b every 1s";
        assert_eq!(of(&none, "", burst), ("2026-03-02#High#failure".to_owned(), 25));
        let odd = "[announcements]\nhigh = 3\nmedium = 1";
        assert_eq!(of(&none, odd, burst).1, 1);
        let guessed = "12 fail a every 20s; 1 login a";
        assert_eq!(of(&none, odd, guessed), ("2026-03-02#Medium#success".to_owned(), 1));
        assert_eq!(of(&none, odd, "12 fail a every 20s; 1 mfa a").0, "2026-03-02#High#success");
        let list = b"203.0.113.0/24\t6\n";
        let list = Intelligence::builder().list("ipsum", Category::Malicious, list);
        let critical = of(&list.unwrap().build(), "", "10 fail a every 1s; 1 ok root");
        assert_eq!(critical, ("2026-03-02T09#Critical#listed-source".to_owned(), 5));
    }
}
