//! The guards: whether an address may be denied, and every reason why not, as a person would say it.
//!
//! A pure function of facts that others gathered, so that the function and the command judge alike.
//! Promises that nothing is left out of the answer: all guards speak, the first refusal ends nothing.
//! What a person may override has to be named one by one; what protects addresses of the user and of
//! clouds, and who asks, is never overridden. Changes nothing and knows no cloud.

mod address;
mod alert;
mod break_glass;
mod facts;
mod ground;
mod people;

use std::collections::BTreeSet;
use std::fmt;

use ipnet::IpNet;

pub use self::address::{KEYS_MAX, keys, network_of_key, network_of_text};
pub(crate) use self::address::{V4_SHORTEST, V6_SHORTEST};
pub use self::facts::{AlertFacts, Asked, Candidate, Facts, Rules, Trusted};
pub use self::people::workers;

/// Which guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// It is no address of the Internet, or not one alone.
    Address,
    /// It is wider than a /24 or a /48.
    Width,
    /// It overlaps a trusted network of the policy.
    Trusted,
    /// It overlaps what a list calls the user's own, trusted, or a cloud's; or no list says what is
    /// AWS's.
    Listed,
    /// Who asks, calls from there.
    Caller,
    /// A break-glass principal works from there.
    BreakGlass,
    /// The policy denies nothing for the alert's detection.
    Detection,
    /// The alert is less severe than the policy asks for.
    Severity,
    /// A person closed or suppressed the alert.
    Closed,
    /// The last call is longer ago than a denial lasts.
    Stale,
    /// Too many addresses were denied within the hour.
    Hour,
    /// Healthy principals work from there.
    Healthy,
    /// Nobody knows who works from there.
    History,
    /// No target has room for it.
    Room,
}

/// Why an address is not denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which guard refuses.
    pub guard: Guard,
    /// Why, as a person would say it. Names that strangers chose are made safe to be shown.
    pub reason: String,
    /// What a person has to name, each of them, to deny it all the same; none where that is not
    /// possible. An alert can name nothing.
    pub unless_named: Option<BTreeSet<String>>,
}

/// What the guards say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What would be denied; none where it is nothing that can be.
    pub network: Option<IpNet>,
    /// Why it is not denied. Nothing speaks against it where this is empty.
    pub refusals: Vec<Refusal>,
    /// What would have spoken against it, had not a person named what it asks for.
    pub overridden: Vec<Refusal>,
    /// What is worth to be said of it, and speaks neither for nor against it.
    pub notes: Vec<String>,
}

impl Verdict {
    /// What may be denied: the network, where nothing speaks against it.
    pub fn allowed(&self) -> Option<IpNet> {
        self.network.filter(|_| self.refusals.is_empty())
    }

    /// All reasons in one line.
    pub fn reasons(&self) -> String {
        let reasons: Vec<&str> = self.refusals.iter().map(|it| it.reason.as_str()).collect();
        reasons.join("; ")
    }

    pub(super) fn refuse(&mut self, guard: Guard, reason: impl Into<String>) {
        self.refusals.push(Refusal { guard, reason: reason.into(), unless_named: None });
    }
}

/// Asks all guards.
pub fn judge(candidate: &Candidate, facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    alert::judge(candidate, facts, &mut verdict);
    let network = match &candidate.asked {
        Asked::Alert(alert) => network_of_key(&alert.key),
        Asked::Person { address, .. } => network_of_text(address),
    };
    match network {
        Ok(network) => {
            verdict.network = Some(network);
            address::judge(network, &mut verdict);
            ground::judge(network, facts, &mut verdict);
            ground::judge_callers(network, facts, &mut verdict);
            ground::judge_lists(candidate, facts, &mut verdict);
            break_glass::judge(facts, &mut verdict);
            people::judge(network, candidate, facts, &mut verdict);
            alert::judge_load(network, facts, &mut verdict);
        }
        Err(reason) => verdict.refuse(Guard::Address, reason),
    }
    if let Asked::Person { cut_off, .. } = &candidate.asked {
        let is_named = |refusal: &Refusal| {
            refusal.unless_named.as_ref().is_some_and(|names| names.is_subset(cut_off))
        };
        let all = std::mem::take(&mut verdict.refusals);
        (verdict.overridden, verdict.refusals) = all.into_iter().partition(is_named);
    }
    verdict
}

/// Asks of what is denied already whose ground it lies on: it may be somebody's by now.
pub(crate) fn judge_ground(network: IpNet, facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict { network: Some(network), ..Verdict::default() };
    address::judge(network, &mut verdict);
    ground::judge(network, facts, &mut verdict);
    verdict
}

impl Guard {
    /// The word for it, in answers that machines read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Width => "width",
            Self::Trusted => "trusted",
            Self::Listed => "listed",
            Self::Caller => "caller",
            Self::BreakGlass => "break-glass",
            Self::Detection => "detection",
            Self::Severity => "severity",
            Self::Closed => "closed",
            Self::Stale => "stale",
            Self::Hour => "hour",
            Self::Healthy => "healthy",
            Self::History => "history",
            Self::Room => "room",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
