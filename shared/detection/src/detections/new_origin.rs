//! A principal that calls from a country or network it was never seen to call from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::window::plural;
use super::{Detection, Parameter, Technique, Unit};
use crate::baseline::{Baseline, COUNTRIES_MAX, NETWORKS_MAX, News, Origin};
use crate::evidence::{Entry, Kind};
use crate::finding::{Finding, finding_of_day};
use crate::intelligence::Category;
use crate::plain::plain;
use crate::policy::Policy;
use crate::score::Reason;
use crate::source::Subject;
use crate::view::View;

/// A principal that calls from a country or network it was never seen to call from.
pub(crate) static DETECTION: Detection = Detection {
    id: "new-origin",
    title: "Calls from a new country or network",
    logic: "A call succeeds from a country that its principal was never seen to call from, or from a \
            network it was never seen in, of a country it knows. Silent until the principal was \
            known for `learning_days`. A principal used from more than 8 countries, or from more \
            than 30 networks, is used from everywhere; that is told once. Trusted networks, lists of \
            your own addresses and private addresses teach nothing and raise nothing; the country of \
            a cloud's address is not looked at. Silent without databases of countries and networks.",
    score: "30 of a country; of a network 10, or 20 where lists call it hosting or an anonymizer; +10 \
            where the principal went on to a privileged operation from there. It adds to what else \
            is found at the address.",
    subjects: &[Subject::Source],
    parameters: &[LEARNING],
    technique: Technique {
        tactic: ("TA0001", "Initial Access"),
        technique: ("T1078.004", "Valid Accounts: Cloud Accounts"),
    },
    false_positives: "Journeys, moves and new providers; a gateway of your own that no trusted network \
                      names; an address that lies elsewhere in a new edition of a database. It is \
                      blind where callers name their sessions themselves (sts:AssumeRole with a \
                      session name like a person's, web identities): each new name is a new \
                      principal, which is silent while it is learned, and an item of its own.",
    runbook: "Ask the principal's owner whether they travel, moved or changed their provider. If \
              not, somebody else holds the credential: disable it, end its sessions, and read what \
              it did from this address. If the address is a gateway of your own, say so in the \
              policy as a trusted network.",
    find,
};

const LEARNING: Parameter = Parameter {
    name: "learning_days",
    unit: Unit::Days,
    default: 14,
    meaning: "since the principal was first seen, before it speaks",
};
/// How many known countries a reason names.
const NAMED_MAX: usize = 6;
/// Of longer names the end is told: behind a role stands who uses it.
const NAME_MAX_CHARS: usize = 64;

/// How many days a principal must be known before `new-origin` speaks of it; none where it never
/// does.
pub fn learning_days(policy: &Policy) -> Option<u32> {
    policy.is_enabled(&DETECTION).then(|| policy.value(&DETECTION, &LEARNING))
}

/// What a call is the first sign of, where it is to be told.
pub(crate) fn news(
    baselines: &BTreeMap<u64, Baseline>,
    call: &Entry,
    policy: &Policy,
) -> Option<News> {
    if baselines.is_empty() || !call.kind().is_success() || call.traits().is_stranger() {
        return None;
    }
    let baseline = baselines.get(&call.principal()?)?;
    baseline.news(call, learning_days(policy)?)
}

fn find(view: &View<'_>) -> Vec<Finding> {
    let news = |call| news(&view.ledger.baselines, call, view.policy);
    let new: Vec<(usize, Entry, News)> = (view.calls.iter().enumerate())
        .filter_map(|(place, call)| Some((place, *call, news(call)?)))
        .collect();
    let mut findings: Vec<Finding> = Vec::new();
    for (place, call, news) in &new {
        let day = call.time().day();
        let base = base(view, call, *news);
        let Some(finding) = finding_of_day(&mut findings, &DETECTION, day, base) else { continue };
        finding.is_of_address = true;
        finding.selection.insert(*place);
        finding.weighs_targets = finding.base.points > 0;
    }
    for finding in &mut findings {
        let of_day: Vec<_> =
            new.iter().filter(|(_, call, _)| call.time().day() == finding.day).collect();
        finding.headline = headline(view, &of_day);
        follow(view, finding, &of_day);
    }
    findings
}

fn base(view: &View<'_>, call: &Entry, news: News) -> Reason {
    let baseline = call.principal().and_then(|it| view.ledger.baselines.get(&it));
    let known = |like: Origin| {
        let since = baseline.and_then(|it| it.since(like)).map(|it| it.day().to_string());
        let before: Vec<Origin> = baseline.map_or(Vec::new(), |it| it.before(call, like).collect());
        (since.unwrap_or_default(), before)
    };
    match news {
        News::Country(country) => {
            let (since, before) = known(Origin::Country(None));
            let names = before.iter().filter_map(|origin| match origin {
                Origin::Country(country) => country.map(|it| it.to_string()),
                Origin::Network(_) => None,
            });
            let mut names: Vec<String> = names.take(NAMED_MAX).collect();
            if before.len() > NAMED_MAX {
                names.push(format!("{} more", before.len() - NAMED_MAX));
            }
            let names = if names.is_empty() { "no other".to_owned() } else { names.join(", ") };
            Reason::new(30, format!("new country {country}; since {since} used from {names}"))
        }
        News::Network(number) => {
            let (since, before) = known(Origin::Network(None));
            let current = view.intelligence.autonomous_system(view.key);
            let name = current.filter(|it| it.number == number).map(|it| it.to_string());
            let name = name.unwrap_or_else(|| format!("AS{number}"));
            let since = format!("since {since} used from {}", plural(before.len(), "network"));
            let is_of_hosts =
                |it: &Category| matches!(it, Category::Hosting | Category::Anonymizer);
            match view.intelligence.categories(view.key).filter(is_of_hosts).min() {
                Some(kind) => Reason::new(20, format!("new network {name} ({kind}); {since}")),
                None => Reason::new(10, format!("new network {name}; {since}")),
            }
        }
        News::EveryCountry => {
            let text = format!("used from more than {COUNTRIES_MAX} countries");
            Reason::new(0, format!("{text}: new ones are no longer told"))
        }
        News::EveryNetwork => {
            let text = format!("used from more than {NETWORKS_MAX} networks");
            Reason::new(0, format!("{text}: new ones are no longer told"))
        }
    }
}

/// `alice called from a new country`; of several, by who and what comes first.
fn headline(view: &View<'_>, of_day: &[&(usize, Entry, News)]) -> String {
    let weight = |news: &News| match news {
        News::Country(_) => 0,
        News::Network(_) => 1,
        News::EveryCountry => 2,
        News::EveryNetwork => 3,
    };
    let Some(weightiest) = of_day.iter().map(|(_, _, news)| weight(news)).min() else {
        return String::new();
    };
    let alike: Vec<&Entry> =
        of_day.iter().filter(|it| weight(&it.2) == weightiest).map(|(_, call, _)| call).collect();
    let principals: BTreeSet<_> = alike.iter().filter_map(|call| call.principal()).collect();
    let name = alike.first().and_then(|call| name(view, call));
    let who = match (name, principals.len()) {
        (Some(name), ..2) => name,
        (Some(name), 2) => format!("{name} and another"),
        (Some(name), count) => format!("{name} and {} others", count - 1),
        (None, ..2) => "1 principal".to_owned(),
        (None, count) => format!("{count} principals"),
    };
    match weightiest {
        0 => format!("{who} called from a new country"),
        1 => format!("{who} called from a new network"),
        2 => format!("{who} called from more than {COUNTRIES_MAX} countries"),
        _ => format!("{who} called from more than {NETWORKS_MAX} networks"),
    }
}

fn name(view: &View<'_>, call: &Entry) -> Option<String> {
    let sample = view.ledger.samples.iter().find(|sample| sample.uid_hash() == call.uid())?;
    let name = sample.name().or(sample.principal())?;
    let end = match name.chars().count().checked_sub(NAME_MAX_CHARS) {
        Some(skipped @ 1..) => format!("…{}", name.chars().skip(skipped).collect::<String>()),
        _ => name.to_owned(),
    };
    Some(plain(&end, NAME_MAX_CHARS + 1))
}

/// What the principals did next, that day.
fn follow(view: &View<'_>, finding: &mut Finding, of_day: &[&(usize, Entry, News)]) {
    let mut since: HashMap<Option<u64>, Entry> = HashMap::new();
    for (_, call, news) in of_day {
        if matches!(news, News::Country(_) | News::Network(_)) {
            since.entry(call.principal()).or_insert(*call);
        }
    }
    let mut is_privileged = false;
    for (place, call) in view.calls.iter().enumerate() {
        let follows = call.kind().is_success()
            && call.time().day() == finding.day
            && since.get(&call.principal()).is_some_and(|first| first.time() <= call.time());
        if follows {
            finding.selection.insert(place);
            is_privileged |=
                call.kind() == Kind::Success && view.policy.is_privileged(call.operation());
        }
    }
    if is_privileged {
        finding.reasons.push(Reason::new(10, "a privileged operation from there"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check, check_with, placed};
    use crate::intelligence::Category;
    use crate::policy::Policy;

    /// From DE to BR, after so long.
    #[test]
    fn a_new_country_after_learning() {
        let (intelligence, policy) = (placed().build(), Policy::default());
        check_with(
            "new-origin",
            &intelligence,
            &policy,
            &[
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 1 ok alice",
                    "2026-03-16 Low 30: alice called from a new country",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209598s from 203.0.113.7 1 ok alice",
                    "",
                ),
                // what teaches, and what is taught by it
                Row::new(
                    "from 192.0.2.1 1 login alice; after 1209600s from 203.0.113.7 1 whoami alice",
                    "2026-03-16 Low 30: alice called from a new country",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; from 203.0.113.7 1 ok alice; after 1209600s from 203.0.113.9 1 ok alice",
                    "",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; from 203.0.113.7 9 fail alice; after 1209600s 1 mfa alice; 1 denied alice; 1 throttled alice",
                    "",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; from 203.0.113.7 9 fail alice; after 1209600s 1 login alice",
                    "2026-03-16 Low 30: alice called from a new country",
                ),
                // told once, at the first address
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 3 ok alice every 9s; from 203.0.113.9 1 ok alice",
                    "2026-03-16 Low 30: alice called from a new country",
                ),
                // people behind one role are apart, and so are clouds
                Row::new(
                    "from 192.0.2.1 1 ok role/alice,role/bob; from 203.0.113.7 1 ok role/bob; after 1209600s 1 ok role/alice,role/bob",
                    "2026-03-16 Low 30: role/alice called from a new country",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 1 azure:ok alice",
                    "",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice,bob,carol; after 1209600s from 203.0.113.7 1 ok alice,bob,carol",
                    "2026-03-16 Low 30: alice and 2 others called from a new country",
                ),
                // strangers, and those whom the cloud hides
                Row::new(
                    "from 192.0.2.1 1 anonymous eve; 1 ok -; after 1209600s from 203.0.113.7 1 anonymous eve; 1 foreign eve; 1 ok -",
                    "",
                ),
            ],
        );
        // no database, no origin
        check(
            "new-origin",
            &[Row::new(
                "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 1 ok alice",
                "",
            )],
        );
    }

    #[test]
    fn what_it_did_next() {
        let (intelligence, policy) = (placed().build(), Policy::default());
        check_with(
            "new-origin",
            &intelligence,
            &policy,
            &[
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 1 whoami alice; 1 priv alice",
                    "2026-03-16 Medium 40: alice called from a new country",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 1 priv bob; 1 whoami alice; 1 priv bob",
                    "2026-03-16 Low 30: alice called from a new country",
                ),
                Row::new(
                    "from 192.0.2.1 1 ok alice; after 1209600s from 203.0.113.7 1 ok alice; after 86400s 1 priv alice",
                    "2026-03-16 Low 30: alice called from a new country",
                ),
            ],
        );
    }

    #[test]
    fn a_new_network_of_a_known_country() {
        let policy = Policy::default();
        let story = "from 192.0.2.1 1 ok alice; from 203.0.113.7 1 ok alice; after 1209600s from 203.0.113.200 1 ok alice";
        let found = "called from a new network";
        let row =
            |head: &str| vec![Row::new(story, format!("2026-03-16 {head}: alice {found}").leak())];
        check_with("new-origin", &placed().build(), &policy, &row("Informational 10"));
        let list = |category| placed().list("list", category, b"203.0.113.0/24\n").unwrap().build();
        check_with("new-origin", &list(Category::Hosting), &policy, &row("Low 20"));
        check_with("new-origin", &list(Category::Scanner), &policy, &row("Informational 10"));
    }

    /// Told where it completes the number, and never again, though the ninth is new long after.
    #[test]
    fn used_from_everywhere() {
        let (intelligence, policy) = (placed().build(), Policy::default());
        let from = |n: u32, rest: &str| format!("from 2001:db8:{n}::1 1 ok ci; {rest}");
        let quick: String = (1..=9).map(|n| from(n, "")).collect();
        let late = format!("{quick} after 1209600s from 192.0.2.1 1 ok ci,alice");
        let found = "2026-03-02 Informational 0: ci called from more than 8 countries";
        for story in [quick, late] {
            check_with("new-origin", &intelligence, &policy, &[Row::new(story.leak(), found)]);
        }
    }

    /// One's own gateways teach nothing and raise nothing, but show that a principal is there; of a
    /// cloud's addresses the country is not known.
    #[test]
    fn places_that_teach_nothing() {
        let at = |address| {
            let text =
                format!("from {address} 1 ok alice; after 1209600s from 203.0.113.7 1 ok alice");
            &*text.leak()
        };
        let new = "2026-03-16 Low 30: alice called from a new country";
        let network = "2026-03-16 Informational 10: alice called from a new network";
        let trusted = |network: &str| {
            let text = format!("[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"{network}\"]");
            Policy::parse(&text).unwrap()
        };
        let list =
            |category, of: &str| placed().list("list", category, of.as_bytes()).unwrap().build();
        let default = Policy::default();
        for (intelligence, policy, address, found) in [
            (placed().build(), &default, "10.0.0.5", new),
            (placed().build(), &trusted("192.0.2.0/24"), "192.0.2.1", new),
            (placed().build(), &trusted("203.0.113.0/24"), "192.0.2.1", ""),
            (list(Category::Own, "203.0.113.0/24\n"), &default, "192.0.2.1", ""),
            (list(Category::Trusted, "203.0.113.0/24\n"), &default, "192.0.2.1", ""),
            (list(Category::Cloud, "203.0.113.0/24\n"), &default, "192.0.2.1", network),
            (list(Category::Cloud, "192.0.2.0/24\n"), &default, "192.0.2.1", new),
        ] {
            check_with("new-origin", &intelligence, policy, &[Row::new(at(address), found)]);
        }
        let off = Policy::parse("[detections.new-origin]\nenabled = false").unwrap();
        check_with("new-origin", &placed().build(), &off, &[Row::new(at("192.0.2.1"), "")]);
        let longer = Policy::parse("[detections.new-origin]\nlearning_days = 15").unwrap();
        check_with("new-origin", &placed().build(), &longer, &[Row::new(at("192.0.2.1"), "")]);
    }
}
