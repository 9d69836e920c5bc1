//! `ApiActivity`: one call of a cloud API, in the words of OCSF API Activity (6003) and
//! Authentication (3002), reduced to what detection needs.
//!
//! Readers make it; nothing after them sees a provider's record. Texts borrow from the record
//! where they can, since most calls are looked at once and forgotten.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::Source;
use crate::timestamp::Timestamp;

/// The cloud that recorded a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure and Entra ID.
    Azure,
    /// Google Cloud and Google Workspace.
    Gcp,
}

impl Cloud {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Gcp];

    /// OCSF `cloud.provider`: `AWS`, `Azure`, `GCP`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "Azure",
            Self::Gcp => "GCP",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a call ended, as far as detection tells calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The call did what it asked.
    Success,
    /// The caller was known and not allowed.
    Denied,
    /// An interactive sign-in, or any use of a password or secret, was refused for it.
    LoginFailed,
    /// An interactive sign-in succeeded.
    LoginSucceeded,
    /// The password was right, and multi-factor authentication, a policy or the account's state
    /// stopped the sign-in.
    PasswordCorrect,
    /// The call came too often.
    Throttled,
    /// Anything else that went wrong: no such resource, bad arguments, an interrupted sign-in.
    OtherError,
}

/// What made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A person's account.
    User,
    /// The owner of an AWS account, who may do everything.
    Root,
    /// An assumed role, of a person or a workload.
    Role,
    /// An application, service principal, managed identity or service account.
    Application,
    /// An identity of another account, of which this one knows no more: anybody can be one.
    Foreign,
    /// Nobody: the call carried no credentials.
    Anonymous,
    /// The record does not say.
    Unknown,
}

/// Who made a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor<'a> {
    /// What it is.
    pub kind: ActorKind,
    /// The identity that stays the same over all calls and sign-ins of one principal, in whatever
    /// record it appears. None where the cloud hides it or there is none; such calls are counted
    /// for their source and never as a distinct account.
    pub uid: Option<Cow<'a, str>>,
    /// What a person calls it.
    pub name: Option<Cow<'a, str>>,
    /// The identifier of the access key it called with, of letters and digits; of AWS alone.
    pub credential: Option<Cow<'a, str>>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiActivity<'a> {
    /// The cloud that recorded it.
    pub cloud: Cloud,
    /// The provider's identifier of the event: a repeated delivery carries the same one.
    pub uid: Cow<'a, str>,
    /// When it happened. None where the record has no readable time: such a call is counted, and
    /// can be evidence of nothing, since every detection is about time.
    pub time: Option<Timestamp>,
    /// AWS account, Azure subscription or tenant, Google Cloud project or organization.
    pub account: Option<Cow<'a, str>>,
    /// The region, where there is one.
    pub region: Option<Cow<'a, str>>,
    /// Where it came from.
    pub source: Source<'a>,
    /// Who made it.
    pub actor: Actor<'a>,
    /// The service called, as the provider names it: `iam.amazonaws.com`, `Microsoft.Compute`,
    /// `compute.googleapis.com`.
    pub service: Cow<'a, str>,
    /// The operation, as the provider names it: `CreateAccessKey`,
    /// `Microsoft.Compute/disks/delete`, `v1.compute.instances.insert`.
    pub operation: Cow<'a, str>,
    /// The resource it was about, where known.
    pub resource: Option<Cow<'a, str>>,
    /// What the caller says it is. Written by the caller.
    pub user_agent: Option<Cow<'a, str>>,
    /// Whether a second factor was used, where the record says.
    pub mfa: Option<bool>,
    /// How it ended.
    pub outcome: Outcome,
    /// The provider's code for how it ended, where it is not plain success: `AccessDenied`,
    /// `50126`, `7`.
    pub status_code: Option<Cow<'a, str>>,
    /// Whether it only reads. False where the record does not say.
    pub read_only: bool,
    /// Whether it was made by a console page on behalf of a person looking at it.
    pub console_session: bool,
    /// Whether the record shows that its credentials were issued to a workload, which runs within
    /// the cloud: a machine, a task, a function. False where it does not say.
    pub workload: bool,
}
