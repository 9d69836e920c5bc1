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
}

/// Why something is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
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
}

/// In the place of the uid of a cause: that somebody ended it.
const REMOVED: &str = "removed";
/// How many causes of a denial are kept, the gravest, beside that it was removed.
const CAUSES_MAX: usize = 20;

/// Asks for a denial until `until`, for a cause of that uid. `known` is the denial of the same network,
/// if there is one. A cause that is known changes nothing, unless its score rose; nor does it begin
/// anew what ended.
pub fn ask(
    known: Option<&Denial>,
    network: IpNet,
    uid: &str,
    cause: Cause,
    now: Timestamp,
    until: Timestamp,
) -> Effect {
    if known.and_then(|it| it.causes.get(uid)).is_some_and(|told| told.score >= cause.score) {
        return Effect::Known;
    }
    let (uid, states) = (uid.to_owned(), known.map(|it| it.states.clone()).unwrap_or_default());
    let Some(before) = known.filter(|it| !it.is_over(now)) else {
        let causes = BTreeMap::from([(uid, cause)]);
        return Effect::New(Denial { network, causes, since: now, until, states });
    };
    let mut extended = before.clone();
    extended.causes.insert(uid.clone(), cause);
    while extended.causes.len() > CAUSES_MAX {
        let others = extended.causes.iter().filter(|(other, _)| **other != uid);
        let Some(least) = others.min_by_key(|(_, it)| it.score).map(|(other, _)| other.clone())
        else {
            break;
        };
        extended.causes.remove(&least);
    }
    extended.until = extended.until.max(until);
    Effect::Extended(extended)
}

impl Denial {
    /// Whether it ended: nobody wants it any more, though it may still be somewhere.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    /// The same, ended now by a person for a reason. It goes from wherever it is.
    #[must_use]
    pub fn ended(&self, now: Timestamp, who: &str, why: &str) -> Self {
        let mut ended = self.clone();
        ended.until = ended.until.min(now);
        let by = By::Person(who.to_owned());
        let cause =
            Cause { by, title: why.to_owned(), score: 0, severity: Severity::Informational };
        ended.causes.insert(REMOVED.to_owned(), cause);
        ended
    }

    /// Who ended it before its time, and why, where somebody did.
    pub fn removed(&self) -> Option<&Cause> {
        self.causes.get(REMOVED)
    }

    /// The highest score of its causes: what has no room goes by it.
    pub fn score(&self) -> u8 {
        self.causes.values().map(|cause| cause.score).max().unwrap_or_default()
    }
}
