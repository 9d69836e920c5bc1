//! Targets: what denies addresses in AWS, and what ends the sessions of who succeeded.
//!
//! Promises of each [`callerwatch_response::Target`] that what others put there stays, that nothing is
//! written over what changed since it was read, and that an error says what was attempted on what. A
//! crate of its own, so that nothing but who denies is built with these SDKs. Must not know why
//! something is denied, what is remembered of it, or the environment.
//!
//! # What may be changed without being seen
//!
//! Sets of WAF have a lock token, so no change of others is ever lost. Policies have none. Right before
//! a policy of IAM is written, its default version is compared with the one that was read, and before
//! one of the organization is, its content: what others write within that one request's time (some
//! 100 ms) is replaced. Of IAM their version is still among the five that are kept; of the
//! organization, CloudTrail has it.
//!
//! # What it takes
//!
//! The actions of IAM that each needs, and nothing else:
//!
//! | what | actions | on |
//! |---|---|---|
//! | a policy, read | `iam:GetPolicy`, `iam:GetPolicyVersion`, `iam:ListEntitiesForPolicy` | the policy |
//! | a policy, written | `iam:ListPolicyVersions`, `iam:CreatePolicyVersion`, `iam:DeletePolicyVersion` | the policy |
//! | a policy, attached again | `iam:AttachGroupPolicy`, `iam:AttachRolePolicy`, with the condition `ArnEquals` `iam:PolicyARN` the policy | the groups, the roles; never whoever has these rights |
//! | an organization's policy | `organizations:DescribePolicy`, `organizations:UpdatePolicy`; in the management account, or delegated to this one | the policy |
//! | a set | `wafv2:GetIPSet`, `wafv2:UpdateIPSet` | the set |
//! | a role's sessions | `iam:GetRolePolicy`, `iam:PutRolePolicy`; to restore them `iam:DeleteRolePolicy` | the roles |
//! | a user's access key | `iam:ListAccessKeys`, `iam:UpdateAccessKey` | the users |
//!
//! In dry-run those that read are enough.

mod address_set;
mod any;
mod arn;
mod fault;
mod organization;
mod policy;
pub mod sessions;
mod succeeded;

pub use address_set::AddressSet;
pub use any::AnyTarget;
pub use fault::TargetError;
pub use organization::OrganizationPolicy;
pub use policy::Policy;
pub use succeeded::{Principal, succeeded};
