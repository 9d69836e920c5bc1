//! What the guards are told: who asks for which denial, and what is known of the address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::LedgerKey;
use callerwatch_detection::timestamp::{Day, Timestamp};
use ipnet::IpNet;

use crate::denial::Denial;
use crate::target::TargetId;

/// What is asked to be denied.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// By whom, and what.
    pub asked: Asked,
}

/// Who asks for a denial.
#[derive(Clone, Debug)]
pub enum Asked {
    /// An alert, of its source.
    Alert(AlertFacts),
    /// A person.
    Person {
        /// The address or prefix, as it was typed.
        address: String,
        /// What they named to be cut off, each as the guards call it: principals, and accounts or
        /// networks of which nobody knows who works there.
        cut_off: BTreeSet<String>,
    },
}

/// An alert as the table has it.
#[derive(Clone, Debug)]
pub struct AlertFacts {
    /// Its uid.
    pub uid: String,
    /// What it is about.
    pub key: LedgerKey,
    /// Its detections, the leading one first.
    pub detections: Vec<String>,
    /// How severe it is.
    pub severity: Severity,
    /// The AWS accounts that its calls went to.
    pub accounts: BTreeSet<String>,
    /// The first of its calls.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// Why a person closed or suppressed it, where one did.
    pub decided: Option<String>,
}

/// What the policy says of denying.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The detections for which addresses are denied.
    pub detections: BTreeSet<String>,
    /// The least severity for which they are.
    pub severity: Severity,
    /// For how long.
    pub hours: u32,
    /// How many addresses an hour, at most.
    pub new_an_hour: u32,
}

/// A trusted network of the policy.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// Its name.
    pub name: String,
    /// The network.
    pub network: IpNet,
    /// The last instant at which it is trusted, where that ends.
    pub until: Option<Timestamp>,
}

/// What is known.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The present.
    pub now: Timestamp,
    /// For which operations are privileged.
    pub policy: &'a Policy,
    /// What the policy says of denying.
    pub rules: &'a Rules,
    /// The trusted networks of the policy, those that ended too.
    pub trusted: &'a [Trusted],
    /// What lists say.
    pub intelligence: &'a Intelligence,
    /// The ledgers of all [`keys`](super::keys) of the network, in any order.
    pub ledgers: &'a [SourceLedger],
    /// Whether these are the ledgers of all of the network. False where it is too large to be read.
    pub is_whole: bool,
    /// What principals are called, by fingerprint: their ARNs, where they have one.
    pub names: &'a BTreeMap<u64, String>,
    /// The days on which ordinary successes of AWS accounts were seen, by account.
    pub histories: &'a BTreeMap<String, BTreeSet<Day>>,
    /// Everything that is denied, those that ended too, and those that were let go.
    pub denials: &'a [Denial],
    /// Whence those call who must not deny themselves: the command, and whatever else is known.
    pub callers: &'a [IpAddr],
    /// The account of the deployment.
    pub account: &'a str,
    /// Patterns of the ARNs of principals who are never denied.
    pub break_glass: &'a [String],
    /// For each target that could deny the address, whether it has room for it
    /// ([`has_room`](crate::has_room)); empty where that is not asked.
    pub room: &'a [(TargetId, bool)],
}
