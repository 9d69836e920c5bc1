//! Calls from a country the policy does not allow.

use super::listed_source::{achievement, by_day};
use super::window::plural;
use super::{Detection, Technique};
use crate::finding::Finding;
use crate::score::Reason;
use crate::source::Subject;
use crate::view::View;

/// Calls from a country the policy does not allow.
pub(super) static DETECTION: Detection = Detection {
    id: "denied-country",
    title: "Calls from a denied country",
    logic: "Any call comes from a country that the policy denies, or from outside those it allows: \
            Medium where a call succeeded, Informational where none did. Off until a policy names \
            countries. An address whose country is unknown is in none.",
    score: "20, +25 where a call succeeded or a password was correct; 10 where nothing it called \
            succeeded.",
    subjects: &[Subject::Source],
    parameters: &[],
    technique: Technique {
        tactic: ("TA0001", "Initial Access"),
        technique: ("T1078.004", "Valid Accounts: Cloud Accounts"),
    },
    false_positives: "A person who travels; a VPN or a mobile network whose addresses lie in \
                      another country than its users; a country database that is out of date.",
    runbook: "Ask the account's owner whether they travel or use a VPN there. If not, somebody \
              else holds the credential: disable it and end its sessions.",
    find,
};

fn find(view: &View<'_>) -> Vec<Finding> {
    let Some(country) = view.intelligence.country(view.key) else { return Vec::new() };
    let Some(verdict) = view.policy.country_verdict(country) else { return Vec::new() };
    let finding = |(day, selection)| {
        let achievement = achievement(view, &selection);
        let (points, but) = match achievement {
            Some(_) => (20, ""),
            None => (10, "; nothing it called succeeded"),
        };
        Finding {
            detection: &DETECTION,
            day,
            headline: format!(
                "{} from {country}",
                plural(selection.of(&view.calls).count(), "API call")
            ),
            base: Reason::new(points, format!("country {country} is {verdict}{but}")),
            is_of_address: true,
            weighs_targets: achievement.is_some(),
            reasons: achievement.into_iter().collect(),
            selection,
        }
    };
    by_day(view).into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check, check_with};
    use crate::intelligence::Intelligence;
    use crate::intelligence::country::tests::all_in;
    use crate::policy::Policy;

    #[test]
    fn by_policy_and_outcome() {
        let in_france = Intelligence::builder().countries(all_in("FR")).unwrap().build();
        let allowed = Policy::parse("[countries]\nallow = [\"DE\"]").unwrap();
        let denied = Policy::parse("[countries]\ndeny = [\"FR\"]").unwrap();
        let other = Policy::parse("[countries]\ndeny = [\"US\"]").unwrap();
        let of = |policy, story, found| {
            check_with("denied-country", &in_france, policy, &[Row::new(story, found)]);
        };
        of(&allowed, "2 ok alice", "2026-03-02 Medium 45: 2 API calls from FR");
        of(&denied, "1 login alice", "2026-03-02 Medium 45: 1 API call from FR");
        of(&denied, "3 fail alice", "2026-03-02 Informational 10: 3 API calls from FR");
        of(&denied, "1 throttled alice", "2026-03-02 Informational 10: 1 API call from FR");
        of(&other, "2 ok alice", "");
        of(&Policy::default(), "2 ok alice", "");
        // no database, no country
        check("denied-country", &[Row::new("2 ok alice", "")]);
    }
}
