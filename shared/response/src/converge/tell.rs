//! What is told of a run: what became of each denial in a target, and what others did to it.
//!
//! Pure. What a denial says of a target changes along with what is told of that.

use std::collections::BTreeSet;

use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use super::is_nowhere;
use crate::denial::{Denial, State};
use crate::plan::Plan;
use crate::store::Change;
use crate::target::TargetId;

/// Addresses of others that are named; the rest is counted.
const NAMED_MAX: usize = 10;

/// Of what is nowhere any more that it ended, once.
pub(super) fn end(denials: &mut [Denial], now: Timestamp) -> Vec<Change> {
    let all = denials.iter_mut().filter(|it| is_nowhere(it, now) && !it.is_let_go());
    let told = all.map(|denial| {
        let change = ended(denial, now);
        if let Some(removal) = &mut denial.removed {
            removal.is_done = true;
        }
        change
    });
    told.collect()
}

/// What the denials say of a target from now on.
pub(super) fn settle(
    denials: &mut [Denial],
    target: &TargetId,
    plan: &Plan,
    now: Timestamp,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for denial in denials {
        let network = denial.network;
        let (state, why) = match plan.states.get(&network) {
            Some(state) => (Some(state.clone()), title(denial)),
            None => (None, "it is wanted no more".to_owned()),
        };
        let was = denial.states.get(target).cloned();
        let what = match (&was, &state) {
            (was, now) if was == now => None,
            (_, Some(State::Denied)) => Some("denied"),
            (_, Some(State::NoRoom)) => Some("no room"),
            (Some(State::Denied | State::Left), None) => Some("removed"),
            _ => None,
        };
        let of = |what| Change {
            time: now,
            what,
            network: Some(network),
            target: Some(target.clone()),
            why,
        };
        changes.extend(what.map(of));
        match state {
            Some(state) => denial.states.insert(target.clone(), state),
            None => denial.states.remove(target),
        };
    }
    changes
}

/// What a target that fails leaves of what is wanted of it. What was denied there still is, as far as
/// anybody knows.
pub(super) fn fail(
    denials: &mut [Denial],
    target: &TargetId,
    wanted: &BTreeSet<IpNet>,
    why: &str,
    now: Timestamp,
) -> Vec<Change> {
    let is_new = |denial: &&mut Denial| {
        wanted.contains(&denial.network)
            && matches!(denial.states.get(target), None | Some(State::Pending | State::NoRoom))
    };
    let failed = denials.iter_mut().filter(is_new).map(|denial| {
        denial.states.insert(target.clone(), State::Failed(why.to_owned()));
        Change {
            time: now,
            what: "failed",
            network: Some(denial.network),
            target: Some(target.clone()),
            why: why.to_owned(),
        }
    });
    failed.collect()
}

/// What was found to be otherwise than it was left.
pub(super) fn drifted(target: &TargetId, plan: &Plan, now: Timestamp) -> Vec<Change> {
    let of =
        |what, why| Change { time: now, what, network: None, target: Some(target.clone()), why };
    let mut changes = Vec::new();
    if !plan.missing.is_empty() {
        let why = format!("somebody had taken out {}", named(&plan.missing));
        changes.push(of("repaired", why));
    }
    changes.extend(plan.flaws.iter().map(|flaw| of("repaired", flaw.clone())));
    if !plan.added.is_empty() {
        let why = format!("others put there {}, which stays", named(&plan.added));
        changes.push(of("foreign", why));
    }
    changes
}

fn ended(denial: &Denial, now: Timestamp) -> Change {
    let (what, why) = match &denial.removed {
        Some(removed) => ("removed", removed.why.clone()),
        None => ("expired", format!("it was denied until {}", denial.until)),
    };
    Change { time: now, what, network: Some(denial.network), target: None, why }
}

/// The gravest of its causes.
fn title(denial: &Denial) -> String {
    let gravest = denial.causes.values().max_by_key(|cause| cause.score);
    gravest.map(|cause| cause.title.clone()).unwrap_or_default()
}

fn named(networks: &BTreeSet<IpNet>) -> String {
    let named: Vec<String> = networks.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let named = named.join(", ");
    match networks.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
