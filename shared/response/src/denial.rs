//! One denial: what is denied, why, since and until when, and what became of it in each target.

use std::collections::BTreeMap;

use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use crate::target::TargetId;

/// An address or a network that is denied. There is one of each at most: whatever else speaks for
/// denying it extends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// An IPv4 address (a /32) or IPv6 /64, or a network that a person named; never wider than a /24
    /// or a /48.
    pub network: IpNet,
    /// Why, by the uid of each alert; of those by hand, by who asked.
    pub causes: BTreeMap<String, Cause>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What became of it in each target.
    pub states: BTreeMap<TargetId, State>,
    /// That it was ended before its time, where it was.
    pub removed: Option<Removal>,
    /// The alerts that the network was let go for, by uid.
    pub let_go: BTreeMap<String, LetGo>,
}

/// Why something is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Since when it is denied for that.
    pub since: Timestamp,
    /// Who asked for it.
    pub by: By,
    /// The title of the alert, or the reason a person gave. Text of strangers is in it.
    pub title: String,
    /// The score of the alert; 100 where a person asked.
    pub score: u8,
    /// The severity of the alert; Critical where a person asked.
    pub severity: Severity,
}

/// Who asked for a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// An alert, for its leading detection.
    Alert(String),
    /// A person, by the identity of the credentials that were used.
    Person(String),
}

/// That a denial was ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// When.
    pub time: Timestamp,
    /// By whom: the identity of a person, or the function.
    pub by: String,
    /// Why, as a person would say it.
    pub why: String,
    /// Until when that is remembered: at least as long as the denial would have lasted.
    pub until: Timestamp,
    /// Whether it is nowhere any more, and that was told.
    pub is_done: bool,
}

/// That a network was let go for an alert: it is not denied for that one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetGo {
    /// The score that the alert had.
    pub score: u8,
    /// When it was let go.
    pub time: Timestamp,
    /// Until when that is remembered.
    pub until: Timestamp,
}

/// What became of a denial in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Pending,
    /// It is denied there.
    Denied,
    /// Somebody else had put it there; it is not taken away with the denial.
    Foreign,
    /// The target has no room for it, and denies others of a higher score.
    NoRoom,
    /// Putting it there failed, and is tried again.
    Failed(String),
    /// It is over, and there still: the deployment no longer looks after that target.
    Left,
}

/// What asking for a denial does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is denied from now on.
    New(Denial),
    /// It was denied already, and is for longer, or for one reason more.
    Extended(Denial),
    /// It is denied for that already. Nothing changes.
    Known,
    /// It was denied for that, and is no more: it ended, or was ended. Nothing changes.
    Over,
}

/// How many causes of a denial are kept, the gravest.
const CAUSES_MAX: usize = 20;
/// How many alerts are remembered that a network was let go for, the newest.
const LET_GO_MAX: usize = 40;

/// Asks for a denial until `until`, for a cause of that uid, whose evidence is of `last` at the
/// latest. `known` is the denial of the same network, if there is one. A cause that is known changes
/// nothing, unless its score rose; nor does it begin anew what ended, unless its score rose. Where
/// somebody ended it, its score must have risen for something that happened since.
pub fn ask(
    known: Option<&Denial>,
    network: IpNet,
    uid: &str,
    cause: Cause,
    last: Timestamp,
    until: Timestamp,
) -> Effect {
    let now = cause.since;
    let mut let_go = known.map(|it| it.let_go.clone()).unwrap_or_default();
    let_go.retain(|_, it| it.until > now);
    if let_go.remove(uid).is_some_and(|it| cause.score <= it.score || last <= it.time) {
        return Effect::Over;
    }
    if let Some(known) = known
        && known.causes.get(uid).is_some_and(|told| told.score >= cause.score)
    {
        return if known.is_over(now) { Effect::Over } else { Effect::Known };
    }
    let (uid, states) = (uid.to_owned(), known.map(|it| it.states.clone()).unwrap_or_default());
    let Some(before) = known.filter(|it| !it.is_over(now)) else {
        let causes = BTreeMap::from([(uid, cause)]);
        let removed = None;
        return Effect::New(Denial { network, causes, since: now, until, states, removed, let_go });
    };
    let mut extended = Denial { let_go, ..before.clone() };
    extended.causes.insert(uid.clone(), cause);
    while extended.causes.len() > CAUSES_MAX {
        let others = extended.causes.iter().filter(|(other, _)| **other != uid);
        let mildest = others.min_by_key(|(_, it)| it.score);
        let Some(mildest) = mildest.map(|(other, _)| other.clone()) else { break };
        extended.causes.remove(&mildest);
    }
    extended.until = extended.until.max(until);
    Effect::Extended(extended)
}

impl Denial {
    /// Whether it ended: nobody wants it any more, though it may still be somewhere.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    /// The same, ended before its time. It goes from wherever it is, and what it was denied for is
    /// remembered until it would have ended, or longer where `removal` says so.
    #[must_use]
    pub fn ended(&self, removal: Removal) -> Self {
        let mut ended = self.clone();
        let (now, until) = (removal.time, removal.until.max(self.until));
        ended.until = ended.until.min(now);
        ended.let_go.retain(|_, it| it.until > now);
        let alerts = self.causes.iter().filter(|(_, it)| matches!(it.by, By::Alert(_)));
        for (uid, Cause { score, .. }) in alerts {
            ended.let_go.insert(uid.clone(), LetGo { score: *score, time: now, until });
        }
        while ended.let_go.len() > LET_GO_MAX {
            let oldest = ended.let_go.iter().min_by_key(|(_, it)| (it.until, it.time));
            let Some(oldest) = oldest.map(|(uid, _)| uid.clone()) else { break };
            ended.let_go.remove(&oldest);
        }
        ended.removed = Some(Removal { until, ..removal });
        ended
    }

    /// Whether it is no denial any more: somebody ended it, and it is kept for what that is
    /// remembered for.
    pub fn is_let_go(&self) -> bool {
        self.removed.as_ref().is_some_and(|it| it.is_done)
    }

    /// The highest score of its causes: what has no room goes by it.
    pub fn score(&self) -> u8 {
        self.causes.values().map(|cause| cause.score).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
