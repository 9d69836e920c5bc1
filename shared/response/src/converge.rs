//! Converging: every target is made to hold what is wanted of it, and nothing that ended.
//!
//! What is about to be put somewhere is remembered first, and what was taken out is forgotten last; so
//! whoever comes after one who died finds what is ours, and takes nothing of others for it. A target
//! that fails is told of and keeps no other from its turn. What a denial says of a target changes
//! only after the audit trail has it: a change may be told twice there, and is never missed.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use crate::denial::{Denial, State};
use crate::plan::{Plan, plan};
use crate::store::{Change, Placed, Store};
use crate::target::{Held, Mode, Target, TargetId, Written};

/// How often a target is read again since somebody else changed it.
const TRIES: usize = 8;
/// Addresses of others that are named; the rest is counted.
const NAMED_MAX: usize = 10;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converged {
    /// What is denied now, those that ended and are still somewhere too.
    pub denials: Vec<Denial>,
    /// What changed, or would have in a dry run.
    pub changes: Vec<Change>,
    /// The targets that failed, and why. They are to be tried again.
    pub failed: Vec<(TargetId, String)>,
    /// What was planned for each of the others.
    pub plans: BTreeMap<TargetId, Plan>,
}

/// Makes all targets hold what `denials` want that have not ended. Those that are nowhere any more are
/// forgotten. In a dry run nothing is written, and what would have been is told.
///
/// # Errors
///
/// When the store fails: what was not remembered is found out again by the next run.
pub async fn converge<T: Target, S: Store>(
    targets: &[T],
    store: &S,
    denials: Vec<Denial>,
    mode: Mode,
    now: Timestamp,
) -> Result<Converged, S::Error> {
    let before = denials;
    let mut out = Converged { denials: before.clone(), ..Converged::default() };
    for target in targets {
        let wanted: Vec<&Denial> = before
            .iter()
            .filter(|denial| !denial.is_over(now) && target.takes(&denial.network))
            .collect();
        match one(target, store, &wanted, mode).await? {
            Ok(plan) => {
                out.changes.extend(told(target.id(), &plan, now));
                settle(&mut out, target.id(), &plan, now);
                out.plans.insert(target.id().clone(), plan);
            }
            Err(why) => {
                let wanted: BTreeSet<IpNet> = wanted.iter().map(|it| it.network).collect();
                fail(&mut out, target.id(), &wanted, &why, now);
                out.failed.push((target.id().clone(), why));
            }
        }
    }
    let ids: BTreeSet<&TargetId> = targets.iter().map(Target::id).collect();
    let is_gone = |denial: &Denial| {
        denial.is_over(now) && !denial.states.keys().any(|target| ids.contains(target))
    };
    out.changes.extend(out.denials.iter().filter(|it| is_gone(it)).map(|it| ended(it, now)));
    if mode == Mode::Enforce {
        if !out.changes.is_empty() {
            store.record(&out.changes).await?;
        }
        for (denial, before) in out.denials.iter().zip(&before) {
            if is_gone(denial) {
                store.forget(&denial.network).await?;
            } else if denial != before {
                store.keep(denial).await?;
            }
        }
    }
    out.denials.retain(|denial| !is_gone(denial));
    Ok(out)
}

/// Ends all denials, and takes out all that we put anywhere and nothing else.
///
/// # Errors
///
/// When the store fails.
pub async fn rollback<T: Target, S: Store>(
    targets: &[T],
    store: &S,
    denials: &[Denial],
    who: &str,
    now: Timestamp,
) -> Result<Converged, S::Error> {
    let mut ended = Vec::with_capacity(denials.len());
    for denial in denials {
        let over = if denial.is_over(now) {
            denial.clone()
        } else {
            let over = denial.ended(now, who, "rolled back");
            store.keep(&over).await?;
            over
        };
        ended.push(over);
    }
    converge(targets, store, ended, Mode::Enforce, now).await
}

/// One target: the plan that was carried out, or why that failed.
async fn one<T: Target, S: Store>(
    target: &T,
    store: &S,
    wanted: &[&Denial],
    mode: Mode,
) -> Result<Result<Plan, String>, S::Error> {
    let placed = store.placed(target.id()).await?;
    let mut said = placed.clone();
    let mut added = BTreeSet::new();
    for _ in 0..TRIES {
        let held = match target.read().await {
            Ok(held) => held,
            Err(error) => return Ok(Err(chain(&error))),
        };
        // What was placed before a write that did not happen is not ours for that: somebody else may
        // have put the same address there meanwhile.
        let mut plan = plan(target.id(), &held, &placed, wanted);
        added.append(&mut plan.added);
        let written = if mode == Mode::DryRun {
            Written::Done
        } else {
            match carry_out(target, store, &held, &plan, &mut said).await? {
                Ok(written) => written,
                Err(why) => return Ok(Err(why)),
            }
        };
        if written == Written::Done {
            added.retain(|network| plan.after.foreign.contains(network));
            plan.added = added;
            return Ok(Ok(plan));
        }
    }
    // None of these writes happened.
    say(target, store, &placed, &mut said).await?;
    Ok(Err(format!("somebody else changes it without end; tried {TRIES} times")))
}

/// Writes what was planned. `said` is what was last remembered to be there.
async fn carry_out<T: Target, S: Store>(
    target: &T,
    store: &S,
    held: &Held,
    plan: &Plan,
    said: &mut Placed,
) -> Result<Result<Written, String>, S::Error> {
    if plan.is_due {
        say(target, store, &plan.before, said).await?;
        match target.write(held, &plan.networks).await {
            Ok(Written::Done) => {}
            Ok(Written::Conflict) => return Ok(Ok(Written::Conflict)),
            // It may have been written all the same, so what is said to be ours stays so.
            Err(error) => return Ok(Err(chain(&error))),
        }
    }
    say(target, store, &plan.after, said).await?;
    Ok(Ok(Written::Done))
}

async fn say<T: Target, S: Store>(
    target: &T,
    store: &S,
    placed: &Placed,
    said: &mut Placed,
) -> Result<(), S::Error> {
    if placed != said {
        store.place(target.id(), placed).await?;
        said.clone_from(placed);
    }
    Ok(())
}

/// What the denials say of a target from now on.
fn settle(out: &mut Converged, target: &TargetId, plan: &Plan, now: Timestamp) {
    for denial in &mut out.denials {
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
            (Some(State::Denied), None) => Some("removed"),
            _ => None,
        };
        let of = |what| Change {
            time: now,
            what,
            network: Some(network),
            target: Some(target.clone()),
            why,
        };
        out.changes.extend(what.map(of));
        match state {
            Some(state) => denial.states.insert(target.clone(), state),
            None => denial.states.remove(target),
        };
    }
}

/// What a target that fails leaves of what is wanted of it. What was denied there still is, as far as
/// anybody knows.
fn fail(
    out: &mut Converged,
    target: &TargetId,
    wanted: &BTreeSet<IpNet>,
    why: &str,
    now: Timestamp,
) {
    let is_new = |denial: &&mut Denial| {
        wanted.contains(&denial.network)
            && matches!(denial.states.get(target), None | Some(State::Pending | State::NoRoom))
    };
    for denial in out.denials.iter_mut().filter(is_new) {
        denial.states.insert(target.clone(), State::Failed(why.to_owned()));
        out.changes.push(Change {
            time: now,
            what: "failed",
            network: Some(denial.network),
            target: Some(target.clone()),
            why: why.to_owned(),
        });
    }
}

/// What was found to be otherwise than it was left.
fn told(target: &TargetId, plan: &Plan, now: Timestamp) -> Vec<Change> {
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
    let (what, why) = match denial.removed() {
        Some(removed) => ("removed", removed.title.clone()),
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

/// What went wrong, and what that came of.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.chars().take(TEXT_MAX).collect()
}

/// Of what a service answers, so much is kept.
const TEXT_MAX: usize = 500;

#[cfg(test)]
mod tests;
