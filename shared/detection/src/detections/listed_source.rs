//! Calls from an address that a list names.

use super::window::plural;
use super::{Detection, Technique};
use crate::evidence::{Entry, Kind};
use crate::finding::Finding;
use crate::intelligence::{Category, Hit, Intelligence};
use crate::score::Reason;
use crate::source::LedgerKey;
use crate::source::Subject;
use crate::timestamp::Day;
use crate::view::{Selection, View};

/// Calls from an address that a list names.
pub(super) static DETECTION: Detection = Detection {
    id: "listed-source",
    title: "Calls from a listed address",
    logic: "Any call comes from an address on a list: malicious or the user's own +40, Tor +35, \
            reported +15, anonymizer or scanner +10, and +25 where a call succeeded. Where every call failed \
            or came from a stranger (anonymous, or of another account), it stays Informational: the whole Internet is scanned all day. \
            Hosting networks, the clouds' and your own addresses are context only.",
    score: "By the worst list that names the address: malicious or your own 40, Tor 35, reported \
            15, anonymizer or scanner 10; +25 where a call succeeded or a password was correct. \
            Where nothing it called succeeded, at most 10.",
    subjects: &[Subject::Source],
    parameters: &[],
    technique: Technique {
        tactic: ("TA0001", "Initial Access"),
        technique: ("T1078.004", "Valid Accounts: Cloud Accounts"),
    },
    false_positives: "An employee behind Tor, or behind a VPN whose exits are listed; an address \
                      that its provider gave to somebody new after it was listed; your own \
                      scanner, which lists of scanners name.",
    runbook: "If a call succeeded, somebody holds a working credential: disable it, end its \
              sessions, and read what it did from this address. If the address is an employee's \
              own VPN or Tor, say so in the policy as a trusted network.",
    find,
};

fn find(view: &View<'_>) -> Vec<Finding> {
    let Some(accusation) = Accusation::of(view) else { return Vec::new() };
    by_day(view)
        .into_iter()
        .map(|(day, selection)| of_day(view, &accusation, day, selection))
        .collect()
}

/// What the lists hold against the address.
struct Accusation {
    points: i32,
    category: Category,
    lists: String,
}

impl Accusation {
    fn of(view: &View<'_>) -> Option<Self> {
        let hits = || view.intelligence.hits(view.key);
        let worst = hits().map(|hit| hit.category).max_by_key(|category| points(*category))?;
        let lists: Vec<String> = hits().map(|hit| describe(&hit)).collect();
        (points(worst) > 0).then(|| Self {
            points: points(worst),
            category: worst,
            lists: lists.join(", "),
        })
    }
}

fn points(category: Category) -> i32 {
    match category {
        Category::Malicious | Category::Custom => 40,
        Category::Tor => 35,
        Category::Reported => 15,
        Category::Anonymizer | Category::Scanner => 10,
        Category::Hosting | Category::Cloud | Category::Trusted | Category::Own => 0,
    }
}

/// Whether a category holds anything against an address.
pub(crate) fn accuses(category: Category) -> bool {
    points(category) > 0
}

/// Whether lists hold anything against an address, so that every call from it is evidence.
pub(crate) fn is_accused(intelligence: &Intelligence, key: &LedgerKey) -> bool {
    intelligence.categories(key).any(accuses)
}

/// `malicious (ipsum, 6 lists)`.
pub(crate) fn describe(hit: &Hit<'_>) -> String {
    let (category, list) = (hit.category, &hit.list.name);
    match hit.level {
        Some(1) => format!("{category} ({list}, 1 list)"),
        Some(level) => format!("{category} ({list}, {level} lists)"),
        None => format!("{category} ({list})"),
    }
}

/// All calls, a selection a day.
pub(super) fn by_day(view: &View<'_>) -> Vec<(Day, Selection)> {
    let mut days: Vec<(Day, Selection)> = Vec::new();
    for (place, call) in view.calls.iter().enumerate() {
        let day = call.time().day();
        match days.last_mut() {
            Some((last, selection)) if *last == day => selection.insert(place),
            _ => days.push((day, std::iter::once(place).collect())),
        }
    }
    days
}

/// How far the calls got, as a reason; none where nothing succeeded.
pub(super) fn achievement(view: &View<'_>, selection: &Selection) -> Option<Reason> {
    let known = |call: &&Entry| !call.traits().is_stranger();
    let calls = || selection.of(&view.calls).filter(known);
    if calls().any(|call| call.kind().is_success()) {
        Some(Reason::new(25, "a call succeeded"))
    } else if calls().any(|call| call.kind() == Kind::PasswordCorrect) {
        Some(Reason::new(25, "a password was correct"))
    } else {
        None
    }
}

fn of_day(view: &View<'_>, accusation: &Accusation, day: Day, selection: Selection) -> Finding {
    let Accusation { points, category, lists } = accusation;
    let achievement = achievement(view, &selection);
    let base = if achievement.is_some() {
        Reason::new(*points, format!("listed: {lists}"))
    } else {
        Reason::new((*points).min(10), format!("listed: {lists}; nothing it called succeeded"))
    };
    Finding {
        detection: &DETECTION,
        day,
        headline: headline(view, &selection, *category),
        base,
        is_of_address: true,
        weighs_targets: achievement.is_some(),
        reasons: achievement.into_iter().collect(),
        selection,
    }
}

/// `12 GCP API calls from a malicious IP address`.
fn headline(view: &View<'_>, selection: &Selection, category: Category) -> String {
    let count = selection.of(&view.calls).count();
    let mut clouds: Vec<_> = selection.of(&view.calls).map(Entry::cloud).collect();
    clouds.sort_unstable();
    clouds.dedup();
    let one = match clouds.as_slice() {
        [cloud] => format!("{cloud} API call"),
        _ => "API call".to_owned(),
    };
    let kind = match category {
        Category::Malicious => "a malicious IP address",
        Category::Custom => "an IP address on your own list",
        Category::Tor => "a Tor exit",
        Category::Reported => "a reported IP address",
        Category::Anonymizer => "an anonymizing network",
        Category::Scanner => "a scanner",
        Category::Hosting => "a hosting network",
        Category::Cloud => "an address of a cloud",
        Category::Trusted => "a trusted address",
        Category::Own => "an address of your own",
    };
    format!("{} from {kind}", plural(count, &one))
}

#[cfg(test)]
mod tests {
    use super::super::check::{Row, check_listed};
    use crate::intelligence::Category;

    #[test]
    fn by_category_and_outcome() {
        for (category, row) in [
            (
                Category::Malicious,
                Row::new(
                    "12 ok alice",
                    "2026-03-02 High 65: 12 AWS API calls from a malicious IP address",
                ),
            ),
            (
                Category::Custom,
                Row::new(
                    "1 ok alice",
                    "2026-03-02 High 65: 1 AWS API call from an IP address on your own list",
                ),
            ),
            (
                Category::Tor,
                Row::new("1 login alice", "2026-03-02 High 60: 1 AWS API call from a Tor exit"),
            ),
            (
                Category::Reported,
                Row::new(
                    "1 ok alice",
                    "2026-03-02 Medium 40: 1 AWS API call from a reported IP address",
                ),
            ),
            (
                Category::Anonymizer,
                Row::new(
                    "1 ok alice",
                    "2026-03-02 Low 35: 1 AWS API call from an anonymizing network",
                ),
            ),
            (Category::Hosting, Row::new("1 ok alice", "")),
            (
                Category::Malicious,
                Row::new(
                    "5 fail alice; 1 denied alice",
                    "2026-03-02 Informational 10: 6 AWS API calls from a malicious IP address",
                ),
            ),
            (
                Category::Malicious,
                Row::new(
                    "1 fail alice; 1 mfa alice",
                    "2026-03-02 High 65: 2 AWS API calls from a malicious IP address",
                ),
            ),
            (
                Category::Malicious,
                Row::new(
                    "3 anonymous -",
                    "2026-03-02 Informational 10: 3 AWS API calls from a malicious IP address",
                ),
            ),
        ] {
            check_listed("listed-source", category, &[row]);
        }
    }
}
