//! The notify step, second part: which announcements are made at once.
//!
//! Each severity has a budget of its own a day, so that cheap noise cannot bury what matters, and
//! half of it is kept for alerts in which something succeeded: failures cost an attacker nothing, a
//! success it has to earn. Of that half each principal has a quarter, since one stolen key succeeds
//! from as many addresses as it is tried from. Critical alerts have no such budget. They are grouped by detection and
//! hour, and of each group the first few are announced at once: enough that a decoy does not hide
//! the next, and few where one stolen key is tried from everywhere. What exceeds a budget goes out
//! in the digest of its hour.
//!
//! Budgets follow the clock: what is found does not depend on them.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::alert::Alert;
use crate::hash;
use crate::ledger::Mark;
use crate::policy::Policy;
use crate::score::Severity;
use crate::source::LedgerKey;
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
    fn new(name: String, most: u32) -> Self {
        Self { name, most: usize::try_from(most).unwrap_or(usize::MAX) }
    }
}

/// The budgets from which an alert is announced now: one of the shares where there are any, and then
/// the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Of each principal that achieved something in the alert. An alert takes of the first that is
    /// not spent, so that nobody who got in is hidden by another at the same address.
    pub shares: Vec<Budget>,
    /// Of all alerts of its kind.
    pub whole: Budget,
}

impl Budgets {
    /// Those of an alert.
    pub fn of(alert: &Alert, policy: &Policy, now: Timestamp) -> Self {
        let severity = alert.severity.name();
        let Some(most) = policy.announcements.daily(alert.severity) else {
            let leading = alert.findings.first().map_or("", |leading| leading.detection.id);
            let name = format!("{}#{severity}#{leading}", now.hour());
            let whole = Budget::new(name, policy.announcements.critical_group);
            return Self { shares: Vec::new(), whole };
        };
        let half = most / 2;
        if !alert.has_success {
            let whole = Budget::new(format!("{}#{severity}#failure", now.day()), half);
            return Self { shares: Vec::new(), whole };
        }
        let (name, most) = (format!("{}#{severity}#success", now.day()), most - half);
        let share = |who: &str| Budget::new(format!("{name}#{who}"), most.div_ceil(SHARES));
        let achievers = alert.achievers.iter().take(ACHIEVERS_MAX);
        let mut shares: Vec<Budget> = achievers.map(|who| share(&format!("{who:016x}"))).collect();
        if shares.is_empty() {
            shares.push(share("hidden"));
        }
        Self { shares, whole: Budget::new(name, most) }
    }
}

/// Of how many principals the alerts spend all that is kept for successes.
const SHARES: u32 = 4;
/// Principals of an alert whose shares are asked: each is a request.
const ACHIEVERS_MAX: usize = 8;

/// Who takes of a budget: an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Taker(u64);

impl Taker {
    /// The announcement of an alert.
    pub fn of(key: &LedgerKey, mark: Mark) -> Self {
        let Mark { day, severity, has_success } = mark;
        let kind = if has_success { "success" } else { "failure" };
        Self(hash::of_parts(&[&key.to_string(), &day.to_string(), severity.name(), kind]))
    }
}

/// `00c0ffee00c0ffee`.
impl fmt::Display for Taker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Taker {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// The answer of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There is a place for it.
    Admitted,
    /// All is taken, by others, who are these.
    Spent(Arc<HashSet<Taker>>),
}

impl Admission {
    /// Whether there is a place.
    pub fn is_admitted(&self) -> bool {
        *self == Self::Admitted
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
        let Budget { name, most } = budgets(intelligence, policy, story).whole;
        (name, most)
    }

    fn budgets(intelligence: &Intelligence, policy: &str, story: &str) -> Budgets {
        let policy = Policy::parse(policy).unwrap();
        let (key, ledger) = ledgers(intelligence, &policy, story).remove(0);
        let alerts = decide(&key, ledger, intelligence, &policy);
        let now = Timestamp::from_millis(1_772_443_500_000).unwrap();
        Budgets::of(&alerts[0], &policy, now)
    }

    #[test]
    fn failures_have_half_and_critical_ones_an_hour() {
        let none = Intelligence::default();
        let burst = "10 fail a,b every 1s";
        assert_eq!(of(&none, "", burst), ("2026-03-02#High#failure".to_owned(), 25));
        let odd = "[announcements]\nhigh = 3\nmedium = 1";
        assert_eq!(of(&none, odd, burst).1, 1);
        let guessed = "5 fail a every 35s; 1 login a";
        assert_eq!(of(&none, odd, guessed), ("2026-03-02#Medium#success".to_owned(), 1));
        assert_eq!(of(&none, odd, "12 fail a every 20s; 1 mfa a").0, "2026-03-02#High#success");
        let list = b"203.0.113.0/24\t6\n";
        let list = Intelligence::builder().list("ipsum", Category::Malicious, list);
        let critical = of(&list.unwrap().build(), "", "10 fail a every 1s; 1 ok root");
        assert_eq!(critical, ("2026-03-02T09#Critical#listed-source".to_owned(), 5));
    }

    #[test]
    fn one_principal_spends_a_quarter_of_what_is_kept_for_successes() {
        let none = Intelligence::default();
        let shares = |policy, story| {
            let shares = budgets(&none, policy, story).shares.into_iter();
            shares.map(|Budget { name, most }| (name, most)).collect::<Vec<_>>()
        };
        assert_eq!(shares("", "10 fail a,b every 1s"), []);
        let guessed = "5 fail a every 35s; 1 login a";
        let [(name, most)] = &shares("", guessed)[..] else { panic!("one share") };
        let who = name.strip_prefix("2026-03-02#Medium#success#").unwrap();
        assert_eq!((who.len(), *most), (16, 7));
        // Whatever the address, it is the same share.
        let elsewhere = "5 fail@198.51.100.9 a every 35s; 1 login@198.51.100.9 a";
        assert_eq!(shares("", elsewhere), [(name.clone(), 7)]);
        let both = "5 fail a,b every 35s; 1 login a,b";
        assert_eq!(shares("", both).len(), 2);
        assert_eq!(shares("[announcements]\nmedium = 1", guessed)[0].1, 1);
        assert_eq!(shares("[announcements]\nmedium = 0", guessed)[0].1, 0);
    }

    #[test]
    fn takers_are_read_as_they_are_written() {
        let day = Timestamp::from_millis(1_772_443_500_000).unwrap().day();
        let key = LedgerKey::of_public("203.0.113.7".parse().unwrap());
        let mark = Mark { day, severity: Severity::High, has_success: false };
        let taker = Taker::of(&key, mark);
        assert_eq!(taker.to_string().parse(), Ok(taker));
        assert_ne!(taker, Taker::of(&key, Mark { has_success: true, ..mark }));
    }
}
