//! Converging: every target is made to hold what is wanted of it, and nothing that ended.
//!
//! What is about to be put somewhere is remembered first, and what was taken out is forgotten last; so
//! whoever comes after one who died finds what is ours, and takes nothing of others for it. A target
//! that fails is told of and keeps no other from its turn. What a denial says of a target, and what is
//! known to have been put there, changes only after the audit trail has it: a change may be told twice
//! there, and one that was seen is not missed.

mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use self::tell::{drifted, end, fail, settle};
use crate::denial::{Denial, Removal, State};
use crate::plan::{Plan, plan};
use crate::store::{Change, Placed, Store};
use crate::target::{Held, Mode, Room, Target, TargetId, Written};

/// How often a target is read again since somebody else changed it.
const TRIES: usize = 8;
/// How many denials are kept before the claim is renewed.
const AT_ONCE: usize = 50;
/// Of what stays in a target that no parameter names any more.
const LEFT: &str = "it is over, and still there, which this deployment no longer looks after: \
                    `callerwatch block rollback` takes it out";

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converged {
    /// What is denied now, those that ended and are still somewhere too, and none that are remembered
    /// alone.
    pub denials: Vec<Denial>,
    /// What changed, or would have in a dry run.
    pub changes: Vec<Change>,
    /// The targets that failed, and why. They are to be tried again.
    pub failed: Vec<(TargetId, String)>,
    /// What of the others could not be mended, and why: who is named there may not be denied.
    pub unmended: Vec<(TargetId, String)>,
    /// What was planned for each of the others.
    pub plans: BTreeMap<TargetId, Plan>,
}

/// Makes all targets hold what `denials` want that have not ended. Those that are nowhere any more are
/// forgotten, once nothing is remembered of them either. In a dry run nothing is written, and what would
/// have been is told.
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
    Run { targets, store, mode, now, is_rollback: false }.all(denials, async || Ok(())).await
}

/// Ends all denials, and takes out all that we put anywhere and nothing else. What there is no more
/// holds nothing. `renew` makes the claim last, and is asked again and again.
///
/// # Errors
///
/// When the store fails.
pub async fn rollback<T: Target, S: Store>(
    targets: &[T],
    store: &S,
    denials: &[Denial],
    removal: &Removal,
    renew: impl AsyncFn() -> Result<(), S::Error>,
) -> Result<Converged, S::Error> {
    let now = removal.time;
    let (over, open): (Vec<&Denial>, Vec<&Denial>) = denials.iter().partition(|it| it.is_over(now));
    let mut ended: Vec<Denial> = open.iter().map(|it| it.ended(removal.clone())).collect();
    for chunk in ended.chunks(AT_ONCE) {
        store.keep_all(chunk).await?;
        renew().await?;
    }
    ended.extend(over.into_iter().cloned());
    let run = Run { targets, store, mode: Mode::Enforce, now, is_rollback: true };
    run.all(ended, renew).await
}

/// One run over all targets.
struct Run<'a, T, S> {
    targets: &'a [T],
    store: &'a S,
    mode: Mode,
    now: Timestamp,
    /// Whether a target that there is no more is as good as an empty one.
    is_rollback: bool,
}

impl<T: Target, S: Store> Run<'_, T, S> {
    async fn all(
        &self,
        denials: Vec<Denial>,
        renew: impl AsyncFn() -> Result<(), S::Error>,
    ) -> Result<Converged, S::Error> {
        let Self { store, now, .. } = *self;
        let before = denials;
        let mut out = Converged { denials: before.clone(), ..Converged::default() };
        for target in self.targets {
            let wanted: Vec<&Denial> = before
                .iter()
                .filter(|denial| !denial.is_over(now) && target.takes(&denial.network))
                .collect();
            match self.one(target, &wanted).await? {
                Ok((plan, mut said)) => {
                    let mut changes = drifted(target.id(), &plan, now);
                    changes.extend(settle(&mut out.denials, target.id(), &plan, now));
                    // Whoever dies here finds the same changes again, since nothing says yet that
                    // they were seen.
                    self.record(&changes).await?;
                    if self.mode == Mode::Enforce {
                        say(target, store, &plan.after, &mut said).await?;
                    }
                    out.changes.extend(changes);
                    out.unmended.extend(unmended(target));
                    out.plans.insert(target.id().clone(), plan);
                }
                Err(why) => {
                    let wanted: BTreeSet<IpNet> = wanted.iter().map(|it| it.network).collect();
                    let changes = fail(&mut out.denials, target.id(), &wanted, &why, now);
                    self.record(&changes).await?;
                    out.changes.extend(changes);
                    out.failed.push((target.id().clone(), why));
                }
            }
            renew().await?;
        }
        let mut changes = self.left(&mut out.denials).await?;
        changes.extend(end(&mut out.denials, now));
        self.record(&changes).await?;
        out.changes.extend(changes);
        if self.mode == Mode::Enforce {
            self.remember(&out.denials, &before, renew).await?;
        }
        out.denials.retain(|it| !is_nowhere(it, now));
        Ok(out)
    }

    async fn record(&self, changes: &[Change]) -> Result<(), S::Error> {
        if self.mode == Mode::Enforce && !changes.is_empty() {
            self.store.record(changes).await?;
        }
        Ok(())
    }

    /// What became of the denials is kept, where it changed, and what is over is forgotten.
    async fn remember(
        &self,
        denials: &[Denial],
        before: &[Denial],
        renew: impl AsyncFn() -> Result<(), S::Error>,
    ) -> Result<(), S::Error> {
        let is_remembered =
            |it: &Denial| it.removed.as_ref().is_some_and(|removed| removed.until > self.now);
        let is_gone = |it: &Denial| is_nowhere(it, self.now) && !is_remembered(it);
        let gone: Vec<IpNet> =
            denials.iter().filter(|it| is_gone(it)).map(|it| it.network).collect();
        let kept = denials.iter().zip(before).filter(|(it, before)| it != before && !is_gone(it));
        let kept: Vec<Denial> = kept.map(|(it, _)| it.clone()).collect();
        for chunk in gone.chunks(AT_ONCE) {
            self.store.forget_all(chunk).await?;
            renew().await?;
        }
        for chunk in kept.chunks(AT_ONCE) {
            self.store.keep_all(chunk).await?;
            renew().await?;
        }
        Ok(())
    }

    /// Of what is over, and was put into targets that are not looked after any more: whether it is
    /// there still.
    async fn left(&self, denials: &mut [Denial]) -> Result<Vec<Change>, S::Error> {
        let named: BTreeSet<&TargetId> = self.targets.iter().map(Target::id).collect();
        let mut placed: BTreeMap<TargetId, Placed> = BTreeMap::new();
        let mut changes = Vec::new();
        for denial in denials.iter_mut().filter(|it| it.is_over(self.now)) {
            let others: Vec<TargetId> =
                denial.states.keys().filter(|it| !named.contains(it)).cloned().collect();
            for target in others {
                if !placed.contains_key(&target) {
                    placed.insert(target.clone(), self.store.placed(&target).await?);
                }
                let ours = placed.get(&target).map(|it| &it.ours);
                if !ours.is_some_and(|ours| ours.iter().any(|it| it.contains(&denial.network))) {
                    denial.states.remove(&target);
                } else if denial.states.insert(target.clone(), State::Left) != Some(State::Left) {
                    changes.push(Change {
                        time: self.now,
                        what: "left",
                        network: Some(denial.network),
                        target: Some(target),
                        why: LEFT.to_owned(),
                    });
                }
            }
        }
        Ok(changes)
    }

    /// One target: the plan that was carried out and what was last said to be there, or why that
    /// failed.
    async fn one(
        &self,
        target: &T,
        wanted: &[&Denial],
    ) -> Result<Result<(Plan, Placed), String>, S::Error> {
        let Self { store, now, .. } = *self;
        let placed = store.placed(target.id()).await?;
        let mut said = placed.clone();
        let mut added = BTreeSet::new();
        let mut attempt: Option<Plan> = None;
        for _ in 0..TRIES {
            let held = match target.read().await {
                Ok(held) => held,
                Err(error) if self.is_rollback && T::is_missing(&error) => nothing(),
                Err(error) => return Ok(Err(chain(&error))),
            };
            // A write whose answer was lost is made again by who sends it, and then meets itself.
            let own = attempt.filter(|it| it.networks == held.networks);
            // What was placed before a write that did not happen is not ours for that: somebody else
            // may have put the same address there meanwhile.
            let known = own.as_ref().map_or(&placed, |it| &it.before);
            let mut plan = plan(target.id(), &held, known, wanted, now);
            if let Some(own) = own {
                plan.missing.extend(own.missing);
                plan.flaws.extend(own.flaws.into_iter().filter(|it| !held.flaws.contains(it)));
            }
            added.append(&mut plan.added);
            if self.mode == Mode::Enforce && plan.is_due {
                say(target, store, &plan.before, &mut said).await?;
                match target.write(&held, &plan.networks).await {
                    Ok(Written::Done) => {}
                    Ok(Written::Conflict) => {
                        attempt = Some(plan);
                        continue;
                    }
                    // It may have been written all the same, so what is said to be ours stays so.
                    Err(error) => return Ok(Err(chain(&error))),
                }
            }
            added.retain(|network| plan.after.foreign.contains(network));
            plan.flaws.retain(|flaw| !target.unmended().contains_key(flaw));
            plan.added = added;
            return Ok(Ok((plan, said)));
        }
        // None of these writes happened.
        say(target, store, &placed, &mut said).await?;
        Ok(Err(format!("somebody else changes it without end; tried {TRIES} times")))
    }
}

/// What the last write to a target could not mend.
fn unmended<T: Target>(target: &T) -> impl Iterator<Item = (TargetId, String)> {
    let id = target.id().clone();
    let of = move |(flaw, why)| (id.clone(), format!("{flaw}: {why}"));
    target.unmended().into_iter().map(of)
}

/// What a target holds that there is no more.
fn nothing() -> Held {
    Held {
        networks: BTreeSet::new(),
        room: Room::Prefixes(0),
        flaws: Vec::new(),
        version: String::new(),
        rest: String::new(),
    }
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

/// Whether it is over, and in no target.
fn is_nowhere(denial: &Denial, now: Timestamp) -> bool {
    denial.is_over(now) && denial.states.is_empty()
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
