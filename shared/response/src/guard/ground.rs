//! Whose ground an address is: the user's, a partner's, a cloud's, or that of who asks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::intelligence::Category;
use callerwatch_detection::plain::plain;
use callerwatch_detection::source::LedgerKey;
use ipnet::IpNet;

use super::address::{count, keys_within};
use super::{Asked, Candidate, Facts, Guard, Verdict};

/// Of names that others chose, so much is shown.
const NAME_MAX: usize = 64;

pub(super) fn judge(network: IpNet, facts: &Facts<'_>, verdict: &mut Verdict) {
    trusted(network, facts, verdict);
    listed(network, facts, verdict);
}

pub(super) fn judge_callers(network: IpNet, facts: &Facts<'_>, verdict: &mut Verdict) {
    for caller in facts.callers {
        let own = LedgerKey::of_public(caller.to_canonical());
        if overlaps(network, caller.to_canonical(), &own) {
            verdict.refuse(Guard::Caller, format!("{caller} is where you call from yourself"));
            break;
        }
    }
}

/// That no list names an address as AWS's says something only where there is one. A person may look
/// it up elsewhere.
pub(super) fn judge_lists(candidate: &Candidate, facts: &Facts<'_>, verdict: &mut Verdict) {
    if facts.intelligence.has_ranges_of(Cloud::Aws) {
        return;
    }
    let text = "no list of AWS's own addresses is loaded: nobody knows whether it is one";
    match candidate.asked {
        Asked::Alert(_) => verdict.refuse(Guard::Listed, text),
        Asked::Person { .. } => verdict.notes.push(text.to_owned()),
    }
}

/// Whether an address, or another of its /64, lies in a network.
fn overlaps(network: IpNet, ip: IpAddr, key: &LedgerKey) -> bool {
    network.contains(&ip) || key.public_address().is_some_and(|first| network.contains(&first))
}

fn trusted(network: IpNet, facts: &Facts<'_>, verdict: &mut Verdict) {
    let mut named = BTreeSet::new();
    for trusted in facts.trusted {
        let other = &trusted.network;
        let name = plain(&trusted.name, NAME_MAX);
        if !(other.contains(&network) || network.contains(other)) {
            continue;
        }
        if let Some(until) = trusted.until.filter(|until| *until < facts.now) {
            let day = until.day();
            verdict
                .notes
                .push(format!("{other} of the trusted network {name} was trusted until {day}"));
        } else if named.insert(name.clone()) {
            let reason = if other.contains(&network) {
                format!("{network} lies in {other} of the trusted network {name}")
            } else {
                format!("{network} holds {other} of the trusted network {name}")
            };
            verdict.refuse(Guard::Trusted, reason);
        }
    }
}

fn listed(network: IpNet, facts: &Facts<'_>, verdict: &mut Verdict) {
    let Some(count) = count(network) else { return };
    let mut named = BTreeSet::new();
    for key in keys_within(network).take(count) {
        for hit in facts.intelligence.hits(&key) {
            let whose = match hit.category {
                Category::Own => "your own addresses",
                Category::Trusted => "trusted addresses",
                Category::Cloud => "addresses of a cloud",
                _ => continue,
            };
            if named.insert(hit.list.name.as_str()) {
                let list = plain(&hit.list.name, NAME_MAX);
                let reason = format!("{} is in {list}, a list of {whose}", hit.prefix);
                verdict.refuse(Guard::Listed, reason);
            }
        }
    }
}
