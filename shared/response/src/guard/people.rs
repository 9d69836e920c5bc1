//! Who works from an address, and would be cut off.
//!
//! Whoever can fail sign-ins through somebody's gateway could have it denied, if failures spoke against
//! the people behind it; and whoever guesses a password would be safe, if every success spoke for an
//! address. So a principal protects an address where it succeeded lately, unless the alert itself says
//! that it got in after failing *there*, or that lists accuse the address, and nothing shows it there
//! before. Few can be taken for intruders at once: where it would be many, the address is a gateway.

use std::collections::{BTreeMap, BTreeSet};

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::detections::DETECTIONS;
use callerwatch_detection::evidence::{Entry, Kind, keep_distinct};
use callerwatch_detection::intelligence::Category;
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::plain::plain;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::{Day, Timestamp};
use callerwatch_detection::worker;
use ipnet::IpNet;

use super::{AlertFacts, Asked, Candidate, Facts, Guard, Refusal, Verdict, network_of_key};

/// What counts as lately.
const LATELY_SECS: i64 = 7 * DAY_SECS;
const DAY_SECS: i64 = 24 * 3600;
/// More principals than these were not all taken over from one address.
const INTRUDERS_MAX: usize = 3;
/// So long IAM takes at most to let go what is denied no more.
const STILL_SECS: i64 = 15 * 60;
/// Names that are shown; the others are counted.
const NAMES_MAX: usize = 10;
pub(super) const NAME_MAX: usize = 128;

/// The principals that worked or signed in within ledgers lately: those whose names are to be put
/// into [`Facts::names`].
pub fn workers(ledgers: &[SourceLedger], policy: &Policy, now: Timestamp) -> BTreeSet<u64> {
    let since = now.plus_secs(-LATELY_SECS);
    let entries = ledgers.iter().flat_map(|ledger| &ledger.entries);
    let lately = entries.filter(|entry| last_instant(entry) >= since);
    lately.filter_map(|entry| worker(entry, policy)).collect()
}

/// Of a `Seen` entry the end of its day, since it does not say when in it.
fn last_instant(entry: &Entry) -> Timestamp {
    if entry.kind() == Kind::Seen { entry.time().day().end() } else { entry.time() }
}

pub(super) fn judge(
    network: IpNet,
    candidate: &Candidate,
    facts: &Facts<'_>,
    verdict: &mut Verdict,
) {
    let mut workers = workers(facts.ledgers, facts.policy, facts.now);
    if let Asked::Alert(alert) = &candidate.asked {
        let mut intruders = intruders(alert, facts);
        intruders.retain(|principal| workers.contains(principal));
        if intruders.len() <= INTRUDERS_MAX {
            workers.retain(|principal| !intruders.contains(principal));
            let names: BTreeSet<String> = intruders.iter().map(|it| name(*it, facts)).collect();
            if !names.is_empty() {
                let text = format!(
                    "{} was never there before what the alert tells of, and protects nothing",
                    list(&names)
                );
                verdict.notes.push(text);
            }
        }
    }
    if !workers.is_empty() {
        let names: BTreeSet<String> = workers.iter().map(|it| name(*it, facts)).collect();
        let count = workers.len();
        let principals = if count == 1 { "principal" } else { "principals" };
        let reason = format!("would have cut off {count} {principals}: {}", list(&names));
        verdict.refusals.push(Refusal { guard: Guard::Healthy, reason, unless_named: Some(names) });
    }
    history(candidate, facts, verdict);
    if !facts.is_whole {
        verdict.refusals.push(Refusal {
            guard: Guard::History,
            reason: format!(
                "nobody knows who works from all of {network}: it is too large to be read"
            ),
            unless_named: Some(BTreeSet::from([network.to_string()])),
        });
    }
}

/// Without ordinary successes on an earlier day, that none was seen at an address means nothing.
fn history(candidate: &Candidate, facts: &Facts<'_>, verdict: &mut Verdict) {
    let mut accounts = BTreeSet::from([facts.account]);
    if let Asked::Alert(alert) = &candidate.asked {
        accounts.extend(alert.accounts.iter().map(String::as_str));
    }
    let today = facts.now.day();
    let first = facts.now.plus_secs(-LATELY_SECS).day();
    let is_known = |days: &BTreeSet<Day>| days.range(first..today).next().is_some();
    let is_unknown = |account: &&str| !facts.histories.get(*account).is_some_and(is_known);
    let unknown: BTreeSet<String> =
        accounts.into_iter().filter(is_unknown).map(|it| plain(it, NAME_MAX)).collect();
    if !unknown.is_empty() {
        let reason = format!(
            "nobody knows who works there: of {} no ordinary call was seen on any of the seven days before today",
            list(&unknown)
        );
        verdict.refusals.push(Refusal {
            guard: Guard::History,
            reason,
            unless_named: Some(unknown),
        });
    }
}

/// Principals that the alert says to have got in after failing there, or to have come to an address
/// that lists accuse, and that nothing shows there before.
fn intruders(alert: &AlertFacts, facts: &Facts<'_>) -> BTreeSet<u64> {
    let says = |id: &str| alert.detections.iter().any(|it| it == id);
    let mut by_principal: BTreeMap<u64, Vec<Entry>> = BTreeMap::new();
    for ledger in facts.ledgers {
        let mut entries = ledger.entries.clone();
        keep_distinct(&mut entries);
        for entry in entries {
            if let Some(principal) = entry.principal() {
                by_principal.entry(principal).or_default().push(entry);
            }
        }
    }
    let burst = usize::try_from(threshold(facts.policy, "error-burst", "denials"));
    let burst = burst.unwrap_or(usize::MAX);
    let ours = in_force(alert, facts);
    let is_accused = says("listed-source") && is_accused(alert, facts);
    let is_intruder = |own: &Vec<Entry>| {
        (says("login-after-failures") && signed_in_after_failing(own, facts.policy))
            || (says("success-after-denials") && denied_before(own, burst, &ours, facts.policy))
            || (says("credential-relocation") && has_left_its_cloud(own, facts.policy))
            || (is_accused && !is_shown_before(own, alert.first.day().start(), facts.policy))
    };
    by_principal.retain(|_, own| is_intruder(own));
    by_principal.into_keys().collect()
}

/// Whether a list says of the address that it attacks, or hides who does.
fn is_accused(alert: &AlertFacts, facts: &Facts<'_>) -> bool {
    let mut hits = facts.intelligence.hits(&alert.key);
    hits.any(|hit| matches!(hit.category, Category::Malicious | Category::Custom | Category::Tor))
}

/// When the address was denied by us, and AWS may have refused calls from there for that alone.
fn in_force(alert: &AlertFacts, facts: &Facts<'_>) -> Vec<(Timestamp, Timestamp)> {
    let Ok(network) = network_of_key(&alert.key) else { return Vec::new() };
    let around = facts.denials.iter().filter(|denial| denial.network.contains(&network));
    around.map(|denial| (denial.since, denial.until.plus_secs(STILL_SECS))).collect()
}

fn threshold(policy: &Policy, id: &str, parameter: &str) -> u32 {
    let detection = DETECTIONS.iter().find(|detection| detection.id == id);
    let found = detection.and_then(|detection| {
        let parameter = detection.parameters.iter().find(|it| it.name == parameter)?;
        Some(policy.value(detection, parameter))
    });
    found.unwrap_or(u32::MAX)
}

/// Whether it failed to sign in and then did, having shown nothing there before it first failed.
fn signed_in_after_failing(own: &[Entry], policy: &Policy) -> bool {
    let signed_in =
        |entry: &&Entry| matches!(entry.kind(), Kind::LoginSucceeded | Kind::PasswordCorrect);
    let Some(success) = own.iter().find(signed_in) else { return false };
    let since = success.time().plus_secs(-DAY_SECS);
    let is_failure = |entry: &&Entry| entry.kind() == Kind::LoginFailed && entry.time() >= since;
    let first = own.iter().find(is_failure).filter(|first| first.time() <= success.time());
    first.is_some_and(|first| !is_shown_before(own, first.time(), policy))
}

/// Whether it was denied a burst of calls, having shown nothing there on a day before. A credential is
/// needed to be denied, so nobody else can do that to it; but what we denied ourselves accuses nobody.
fn denied_before(
    own: &[Entry],
    burst: usize,
    ours: &[(Timestamp, Timestamp)],
    policy: &Policy,
) -> bool {
    let is_ours = |entry: &Entry| {
        let is_in = |(from, to): &(Timestamp, Timestamp)| (*from..=*to).contains(&entry.time());
        entry.cloud() == Cloud::Aws && ours.iter().any(is_in)
    };
    let mut denied = own.iter().filter(|it| it.kind() == Kind::Denied && !is_ours(it));
    let first = denied.next();
    // The thief of a key is often not denied the first thing it tries.
    denied.count() + 1 >= burst
        && first.is_some_and(|first| !is_shown_before(own, first.time().day().start(), policy))
}

/// Whether a workload's credentials were used there, and never on a day before.
fn has_left_its_cloud(own: &[Entry], policy: &Policy) -> bool {
    let first = own.iter().find(|entry| entry.traits().is_workload());
    first.is_some_and(|first| !is_shown_before(own, first.time().day().start(), policy))
}

fn is_shown_before(own: &[Entry], instant: Timestamp, policy: &Policy) -> bool {
    own.iter().any(|entry| worker(entry, policy).is_some() && last_instant(entry) < instant)
}

pub(super) fn name(principal: u64, facts: &Facts<'_>) -> String {
    let known = facts.names.get(&principal).map(|known| plain(known, NAME_MAX));
    known.unwrap_or_else(|| format!("{principal:016x}"))
}

/// `alice, bob and 3 more`.
pub(super) fn list(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
