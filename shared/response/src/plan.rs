//! What is to be done about one target: from what it holds, what we put there and what is wanted.
//!
//! A pure function. Promises that whatever we did not put there stays, and that what we are about to
//! put there is said before it is done. A target may be read as it was a moment ago: what was taken out
//! lately, and is held all the same, is still ours.

use std::collections::{BTreeMap, BTreeSet};

use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use crate::denial::{Denial, State};
use crate::pack::{Packed, Wanted, pack};
use crate::store::Placed;
use crate::target::{Held, TargetId};

/// IAM and Organizations answer within that with what was written last.
const LATELY_SECS: i64 = 120;

/// What is to be done about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it is to hold.
    pub networks: BTreeSet<IpNet>,
    /// Whether it has to be written.
    pub is_due: bool,
    /// What is said to be ours before that, and after it.
    pub before: Placed,
    /// The same after it.
    pub after: Placed,
    /// What becomes of each denial that is wanted there.
    pub states: BTreeMap<IpNet, State>,
    /// What was taken out by hand since, though it is wanted.
    pub missing: BTreeSet<IpNet>,
    /// What else of it was not as it should be.
    pub flaws: Vec<String>,
    /// What others put there since.
    pub added: BTreeSet<IpNet>,
    /// How what is wanted was packed.
    pub packed: Packed,
}

/// Plans for a target, of which `wanted` are the denials that it takes and that have not ended.
pub fn plan(
    target: &TargetId,
    held: &Held,
    placed: &Placed,
    wanted: &[&Denial],
    now: Timestamp,
) -> Plan {
    let mut taken_out = placed.taken_out.clone();
    taken_out.retain(|_, time| now < time.plus_secs(LATELY_SECS));
    let mut ours = placed.ours.clone();
    ours.extend(taken_out.keys().filter(|it| held.networks.contains(*it)));
    let foreign: BTreeSet<IpNet> = held.networks.difference(&ours).copied().collect();
    let wishes: Vec<Wanted> = wanted
        .iter()
        .map(|it| Wanted { network: it.network, score: it.score(), until: it.until })
        .collect();
    let packed = pack(&wishes, &foreign, held.room);
    let dropped: BTreeSet<IpNet> = packed.dropped.iter().map(|it| it.network).collect();
    let mut states = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for denial in wanted {
        let network = denial.network;
        let state = if packed.foreign.contains(&network) {
            State::Foreign
        } else if dropped.contains(&network) {
            State::NoRoom
        } else {
            State::Denied
        };
        let was = denial.states.get(target);
        if was == Some(&State::Denied)
            && state == State::Denied
            && !held.networks.iter().any(|it| it.contains(&network))
        {
            missing.insert(network);
        }
        states.insert(network, state);
    }
    let networks: BTreeSet<IpNet> = foreign.union(&packed.networks).copied().collect();
    let is_due = networks != held.networks || !held.flaws.is_empty();
    let mut out_then = taken_out.clone();
    out_then.extend(ours.iter().map(|it| (*it, now)));
    out_then.retain(|network, _| !packed.networks.contains(network));
    ours.extend(&packed.networks);
    Plan {
        is_due,
        // What others put there is said once it was recorded.
        before: Placed { ours, foreign: placed.foreign.clone(), taken_out },
        added: foreign.difference(&placed.foreign).copied().collect(),
        after: Placed { ours: packed.networks.clone(), foreign, taken_out: out_then },
        flaws: held.flaws.clone(),
        networks,
        states,
        missing,
        packed,
    }
}

/// Whether a target would deny one more, of whatever others have to go for it.
pub fn has_room(
    target: &TargetId,
    held: &Held,
    placed: &Placed,
    wanted: &[&Denial],
    more: &Denial,
    now: Timestamp,
) -> bool {
    let others = wanted.iter().copied().filter(|it| it.network != more.network);
    let all: Vec<&Denial> = others.chain([more]).collect();
    let plan = plan(target, held, placed, &all, now);
    plan.states.get(&more.network) != Some(&State::NoRoom)
}
