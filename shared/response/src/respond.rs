//! One run: alerts are judged, what is denied for them is kept, and all targets are made to hold it.
//!
//! Whoever calls has the claim, unless it is a dry run, and has gathered what is known of each address.
//! Promises that what is kept was written to the audit trail before, that a second run of the same
//! alerts changes nothing, and that a run without alerts ends what is over and repairs what drifted. What
//! is denied goes as soon as it lies on ground that is never denied.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::{Day, Timestamp};
use ipnet::IpNet;

use crate::converge::{Converged, converge};
use crate::denial::{By, Cause, Denial, Effect, Removal, State, ask};
use crate::guard::{
    AlertFacts, Asked, Candidate, Facts, Guard, Rules, Trusted, Verdict, judge, judge_ground,
    network_of_key,
};
use crate::store::{Change, Store};
use crate::target::{Mode, Target, TargetId};

/// By whom it is ended what the guards refuse by now.
const FUNCTION: &str = "callerwatch";

/// What is known of who works from an address.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The ledgers of all its keys.
    pub ledgers: Vec<SourceLedger>,
    /// Whether these are all.
    pub is_whole: bool,
    /// Names of principals, by fingerprint.
    pub names: BTreeMap<u64, String>,
    /// The days on which ordinary successes of AWS accounts were seen, by account.
    pub histories: BTreeMap<String, BTreeSet<Day>>,
}

/// What addresses are judged by, whichever they are.
#[derive(Clone, Debug)]
pub struct Grounds<'a> {
    /// The present.
    pub now: Timestamp,
    /// The policy.
    pub policy: &'a Policy,
    /// What lists say.
    pub intelligence: &'a Intelligence,
    /// The account of the deployment.
    pub account: &'a str,
    /// Patterns of the ARNs of principals who are never denied.
    pub break_glass: &'a [String],
    /// Whence those call who must not deny themselves.
    pub callers: &'a [IpAddr],
    rules: Rules,
    trusted: Vec<Trusted>,
}

/// An alert whose address may have to be denied.
#[derive(Clone, Debug)]
pub struct Case {
    /// The alert, as the table has it.
    pub alert: AlertFacts,
    /// Its title. Text of strangers is in it.
    pub title: String,
    /// Its score.
    pub score: u8,
    /// What is known of its address.
    pub known: Known,
}

/// What became of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its address is denied from now on.
    Denied(IpNet),
    /// Its address is denied already, and for longer or for one reason more from now on.
    Extended(IpNet),
    /// Its address is denied for it already.
    Known(IpNet),
    /// Its address was denied for it, and is no more: that ended, or somebody ended it.
    Over(IpNet),
    /// Its address is not denied for it.
    Refused(Verdict),
}

/// What a run did, or would have done in a dry run.
#[derive(Clone, Debug, Default)]
pub struct Responded {
    /// What became of each alert, in their order.
    pub outcomes: Vec<Outcome>,
    /// What changed and is worth to be told. Of a dry run only what is of the alerts: whatever else it
    /// would do, it would tell again each time.
    pub changes: Vec<Change>,
    /// What came of making the targets hold it.
    pub converged: Converged,
}

impl<'a> Grounds<'a> {
    /// Grounds of a policy and of what its lists say.
    pub fn new(
        policy: &'a Policy,
        intelligence: &'a Intelligence,
        account: &'a str,
        break_glass: &'a [String],
        now: Timestamp,
    ) -> Self {
        let response = policy.response();
        let rules = Rules {
            detections: response.detections.iter().map(|id| (*id).to_owned()).collect(),
            severity: response.severity,
            hours: response.hours,
            new_an_hour: response.new_an_hour,
        };
        let trusted = policy
            .trusted_networks()
            .map(|it| Trusted {
                name: it.name.to_owned(),
                network: it.network,
                until: it.until.map(Day::end),
            })
            .collect();
        Self { now, policy, intelligence, account, break_glass, callers: &[], rules, trusted }
    }

    /// Until when what is denied now is denied.
    pub fn until(&self) -> Timestamp {
        self.now.plus_secs(i64::from(self.rules.hours) * 3600)
    }

    /// All facts that the guards ask for. `room` says for each target whether there is room; empty
    /// where that is not asked.
    pub fn facts<'b>(
        &'b self,
        known: &'b Known,
        denials: &'b [Denial],
        room: &'b [(TargetId, bool)],
    ) -> Facts<'b> {
        Facts {
            now: self.now,
            policy: self.policy,
            rules: &self.rules,
            trusted: &self.trusted,
            intelligence: self.intelligence,
            ledgers: &known.ledgers,
            is_whole: known.is_whole,
            names: &known.names,
            histories: &known.histories,
            denials,
            callers: self.callers,
            account: self.account,
            break_glass: self.break_glass,
            room,
        }
    }
}

/// Judges alerts, keeps what is denied for them, and makes all targets hold what is wanted. What is
/// denied is judged too, by whose ground it lies on.
///
/// # Errors
///
/// When the store fails: whatever was done of it, another run does the rest.
pub async fn respond<T: Target, S: Store>(
    cases: &[Case],
    grounds: &Grounds<'_>,
    targets: &[T],
    store: &S,
    mode: Mode,
) -> Result<Responded, S::Error> {
    let mut denials = store.denials().await?;
    let mut responded = Responded::default();
    let mut kept = BTreeMap::new();
    for case in cases {
        let (outcome, denial) = one(case, grounds, &denials);
        responded.changes.extend(change(case, &outcome, grounds));
        if let Some(denial) = denial {
            denials.retain(|other| other.network != denial.network);
            denials.push(denial.clone());
            kept.insert(denial.network, denial);
        }
        responded.outcomes.push(outcome);
    }
    if mode == Mode::Enforce {
        for denial in denials.iter_mut().filter(|it| !it.is_over(grounds.now)) {
            if let Some(ended) = refused_by_now(denial, grounds) {
                *denial = ended.clone();
                kept.insert(ended.network, ended);
            }
        }
        if !responded.changes.is_empty() {
            store.record(&responded.changes).await?;
        }
        if !kept.is_empty() {
            let kept: Vec<Denial> = kept.values().cloned().collect();
            store.keep_all(&kept).await?;
        }
    }
    responded.converged = converge(targets, store, denials, mode, grounds.now).await?;
    let is_told = |change: &&Change| {
        mode == Mode::Enforce || change.network.is_some_and(|it| kept.contains_key(&it))
    };
    let changes = responded.converged.changes.iter().filter(is_told);
    responded.changes.extend(changes.cloned());
    Ok(responded)
}

/// Makes all targets hold what is wanted, where it is not known what addresses are judged by: what is
/// over goes, and what drifted is repaired.
///
/// # Errors
///
/// When the store fails: whatever was done of it, another run does the rest.
pub async fn look_after<T: Target, S: Store>(
    targets: &[T],
    store: &S,
    mode: Mode,
    now: Timestamp,
) -> Result<Responded, S::Error> {
    let denials = store.denials().await?;
    let converged = converge(targets, store, denials, mode, now).await?;
    let is_told = mode == Mode::Enforce;
    let changes = if is_told { converged.changes.clone() } else { Vec::new() };
    Ok(Responded { outcomes: Vec::new(), changes, converged })
}

/// A denial that ends since it lies on ground that is never denied, as became known after it began.
fn refused_by_now(denial: &Denial, grounds: &Grounds<'_>) -> Option<Denial> {
    let known = Known::default();
    let verdict = judge_ground(denial.network, &grounds.facts(&known, &[], &[]));
    let refused = !verdict.refusals.is_empty();
    refused.then(|| {
        denial.ended(Removal {
            time: grounds.now,
            by: FUNCTION.to_owned(),
            why: verdict.reasons(),
            until: grounds.until(),
            is_done: false,
        })
    })
}

/// What becomes of one alert, and the denial that is to be kept for it.
fn one(case: &Case, grounds: &Grounds<'_>, denials: &[Denial]) -> (Outcome, Option<Denial>) {
    let Case { alert, title, score, .. } = case;
    let asked = network_of_key(&alert.key).ok().map(|network| {
        let known = denials.iter().find(|denial| denial.network == network);
        let reason = Cause {
            since: grounds.now,
            by: By::Alert(alert.detections.first().cloned().unwrap_or_default()),
            title: title.clone(),
            score: *score,
            severity: alert.severity,
        };
        (network, ask(known, network, &alert.uid, reason, alert.last, grounds.until()))
    });
    match asked {
        Some((network, Effect::Known)) => return (Outcome::Known(network), None),
        Some((network, Effect::Over)) => return (Outcome::Over(network), None),
        _ => {}
    }
    let candidate = Candidate { asked: Asked::Alert(alert.clone()) };
    let verdict = judge(&candidate, &grounds.facts(&case.known, denials, &[]));
    match asked {
        _ if verdict.allowed().is_none() => (Outcome::Refused(verdict), None),
        Some((network, Effect::New(denial))) => (Outcome::Denied(network), Some(denial)),
        Some((network, Effect::Extended(denial))) => (Outcome::Extended(network), Some(denial)),
        _ => (Outcome::Refused(verdict), None),
    }
}

/// What is told of an alert, beside what its targets tell.
fn change(case: &Case, outcome: &Outcome, grounds: &Grounds<'_>) -> Option<Change> {
    let (what, network, why) = match outcome {
        Outcome::Extended(network) => {
            ("extended", *network, format!("until {}: {}", grounds.until(), case.title))
        }
        Outcome::Refused(verdict) if is_worth_telling(verdict) => {
            ("refused", verdict.network?, format!("{}: {}", verdict.reasons(), case.title))
        }
        _ => return None,
    };
    Some(Change { time: grounds.now, what, network: Some(network), target: None, why })
}

/// What the policy does not ask to be denied, or nobody could deny, is no news. What somebody may have
/// to decide on is.
pub fn is_worth_telling(verdict: &Verdict) -> bool {
    !verdict.refusals.iter().any(|refusal| {
        matches!(
            refusal.guard,
            Guard::Address
                | Guard::Width
                | Guard::Detection
                | Guard::Severity
                | Guard::Closed
                | Guard::Stale
        )
    })
}

impl Responded {
    /// The places of the alerts whose address could not be denied somewhere: they are to come again.
    pub fn unsettled(&self) -> impl Iterator<Item = usize> {
        let is_failed = |network: &IpNet| {
            let own = self.converged.denials.iter().filter(|it| it.network == *network);
            own.flat_map(|it| it.states.values()).any(|state| matches!(state, State::Failed(_)))
        };
        self.outcomes.iter().enumerate().filter_map(move |(place, outcome)| match outcome {
            Outcome::Denied(network) | Outcome::Extended(network) | Outcome::Known(network) => {
                is_failed(network).then_some(place)
            }
            Outcome::Over(_) | Outcome::Refused(_) => None,
        })
    }

    /// Since when the address of an alert is denied for it; none where it is not.
    pub fn denied_since(&self, network: &IpNet, uid: &str, now: Timestamp) -> Option<Timestamp> {
        let own = self.converged.denials.iter().find(|it| it.network == *network);
        own.filter(|it| !it.is_over(now))?.causes.get(uid).map(|cause| cause.since)
    }
}

#[cfg(test)]
mod tests;
