//! The port to what denies addresses: a policy of IAM, one of the organization, sets of WAF.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

use ipnet::IpNet;

/// What the function does about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Says what it would deny, and changes nothing.
    DryRun,
    /// Denies it.
    Enforce,
}

/// What sort of thing a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// A customer-managed policy of IAM.
    Policy,
    /// A service control policy of the organization.
    OrganizationPolicy,
    /// A set of IPv4 addresses of WAF.
    Ipv4Set,
    /// A set of IPv6 addresses of WAF.
    Ipv6Set,
}

/// A target, by its kind and ARN: `policy arn:aws:iam::111111111111:policy/callerwatch-deny`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId {
    /// What it is.
    pub kind: TargetKind,
    /// Its ARN.
    pub arn: String,
}

/// What a target holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The addresses it denies, whoever put them there.
    pub networks: BTreeSet<IpNet>,
    /// What there is room for, were all of `networks` taken out.
    pub room: Room,
    /// What is not as it should be besides, as a person would say it: `it is attached to nothing`,
    /// `its statement was changed`. Writing mends it.
    pub flaws: Vec<String>,
    /// What says that nobody changed it since: a lock token, or the version of a policy.
    pub version: String,
    /// Whatever else of it must be kept: the document of a policy.
    pub rest: String,
}

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// So many prefixes.
    Prefixes(usize),
    /// So many characters, of which a prefix takes its text, two quotes and a comma.
    Characters(usize),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was made.
    Done,
    /// Somebody changed the target since it was read: read it again.
    Conflict,
}

/// What denies addresses.
pub trait Target {
    /// What can go wrong with the world.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Which it is.
    fn id(&self) -> &TargetId;

    /// Whether it can deny addresses of that family.
    fn takes(&self, network: &IpNet) -> bool {
        match self.id().kind {
            TargetKind::Policy | TargetKind::OrganizationPolicy => true,
            TargetKind::Ipv4Set => matches!(network, IpNet::V4(_)),
            TargetKind::Ipv6Set => matches!(network, IpNet::V6(_)),
        }
    }

    /// What it holds. Changes nothing.
    fn read(&self) -> impl Future<Output = Result<Held, Self::Error>> + Send;

    /// Makes it hold exactly these instead, mends its flaws, and keeps whatever else it held when it
    /// was read.
    fn write(
        &self,
        held: &Held,
        networks: &BTreeSet<IpNet>,
    ) -> impl Future<Output = Result<Written, Self::Error>> + Send;

    /// Whether reading it failed since there is no such thing, and not for anything else.
    fn is_missing(_error: &Self::Error) -> bool {
        false
    }

    /// The flaws that the last write could not mend though it wrote the rest, each with why. They are
    /// no flaws of what is read from then on.
    fn unmended(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

impl TargetKind {
    /// The word for it, in identifiers and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::OrganizationPolicy => "organization-policy",
            Self::Ipv4Set => "ipv4-set",
            Self::Ipv6Set => "ipv6-set",
        }
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.arn)
    }
}
