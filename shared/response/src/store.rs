//! The port to what is remembered: denials, what was put into each target, and what was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use callerwatch_detection::plain::plain;
use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::denial::Denial;
use crate::outbox::Entry;
use crate::target::{Mode, TargetId};

/// What the deployment denies by, said by the function, so that the command asks for the table alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether it changes anything.
    pub mode: Mode,
    /// Where addresses are denied.
    pub targets: Vec<TargetId>,
    /// The groups and roles that the policy must be attached to, by ARN.
    pub attached_to: Vec<String>,
    /// Patterns of the ARNs of principals who are never denied.
    pub break_glass: Vec<String>,
    /// The account it is deployed in.
    pub account: String,
    /// Where the policy, the intelligence and the audit trail lie.
    pub state_bucket: String,
    /// Where changes are announced.
    pub topic_arn: String,
    /// The roles whose sessions may be revoked, by ARN; none where none may be.
    pub revoked_roles: Vec<String>,
}

/// What was put into a target by us, and what others put there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// What we put there, or were about to: said before it is done, so that nothing of ours is ever
    /// taken for another's.
    pub ours: BTreeSet<IpNet>,
    /// What others were last seen to have put there, and that was recorded.
    pub foreign: BTreeSet<IpNet>,
    /// What of ours was taken out lately, and when.
    pub taken_out: BTreeMap<IpNet, Timestamp>,
}

/// Whether one may change what is denied: one at a time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// One may, until the lease ends.
    Granted,
    /// Another does.
    Held,
}

/// What may be done: `foreign` is what others put there; `left` is over, and stays in a target that is
/// not looked after any more.
pub const CHANGES: [&str; 14] = [
    "denied",
    "extended",
    "expired",
    "removed",
    "repaired",
    "foreign",
    "refused",
    "no room",
    "failed",
    "left",
    "revoked",
    "would revoke",
    "deactivated",
    "would deactivate",
];

/// One change, for the audit trail and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub time: Timestamp,
    /// What was done, one of [`CHANGES`].
    pub what: &'static str,
    /// The address, where it is about one.
    pub network: Option<IpNet>,
    /// The target, where it is about one.
    pub target: Option<TargetId>,
    /// Why, in words. Text of strangers may be in it.
    pub why: String,
}

impl Change {
    /// For machines, with so many characters of the reason.
    pub fn to_json(&self, why_max: usize) -> Value {
        json!({
            "time": self.time.to_string(),
            "what": self.what,
            "network": self.network.map(|network| network.to_string()),
            "target": self.target.as_ref().map(ToString::to_string),
            "why": plain(&self.why, why_max),
        })
    }
}

/// Where denials are remembered. All but `claim`, `release`, `settings` and `denials` is called by
/// who holds the claim alone.
pub trait Store {
    /// What can go wrong with the world.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Claims the right to change what is denied, as `holder`, until `until`.
    fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Claim, Self::Error>> + Send;

    /// Gives it back, unless another holds it by now.
    fn release(&self, holder: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// What the function said; none where none is deployed.
    fn settings(&self) -> impl Future<Output = Result<Option<Settings>, Self::Error>> + Send;

    /// All denials, those that ended and are still somewhere too, and those that are remembered
    /// since somebody ended them. As of now, not of a while ago.
    fn denials(&self) -> impl Future<Output = Result<Vec<Denial>, Self::Error>> + Send;

    /// Keeps denials, each in the place of the one of the same network. Where that fails, some of
    /// many may have been kept.
    fn keep_all(&self, denials: &[Denial]) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Keeps one.
    fn keep(&self, denial: &Denial) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.keep_all(std::slice::from_ref(denial))
    }

    /// Forgets denials that are nowhere any more. Where that fails, some of many may have been
    /// forgotten.
    fn forget_all(
        &self,
        networks: &[IpNet],
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// What was put into a target.
    fn placed(&self, target: &TargetId)
    -> impl Future<Output = Result<Placed, Self::Error>> + Send;

    /// Says so.
    fn place(
        &self,
        target: &TargetId,
        placed: &Placed,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Appends to the audit trail, where nothing is ever changed. It is in the outbox before that, so
    /// that it is announced, whoever dies in between.
    fn record(&self, changes: &[Change]) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// What was recorded and not announced yet, the oldest first; of much the oldest.
    fn outbox(&self) -> impl Future<Output = Result<Vec<Entry>, Self::Error>> + Send;

    /// Takes entries out of the outbox. Where that fails, some of many may be out.
    fn take_out(&self, ids: &[String]) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
