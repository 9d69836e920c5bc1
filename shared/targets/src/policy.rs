//! A customer-managed policy of IAM: its default version denies, for the groups and roles it is
//! attached to.
//!
//! Promises that what was attached by name is attached again, and that five versions at most are kept.
//! How it is guarded against changes of others, and what that leaves, is in the crate's docs.

use std::collections::BTreeSet;
use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{PolicyUsageType, PolicyVersion};
use callerwatch_response::document::{self, Document, POLICY_CHARACTERS};
use callerwatch_response::{Held, Target, TargetId, Written};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use crate::arn::Arn;
use crate::fault::TargetError;

/// IAM keeps no more.
const VERSIONS_MAX: usize = 5;
/// Of a hundred holders each: more than a policy is ever attached to by name.
const PAGES_MAX: usize = 50;

/// A customer-managed policy.
#[derive(Clone, Debug)]
pub struct Policy {
    iam: Client,
    id: TargetId,
    holders: BTreeSet<Holder>,
    break_glass: Vec<String>,
}

/// What a policy is attached to, by name: IAM has no two of a kind with the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Group(String),
    Role(String),
}

impl Policy {
    /// The policy `id`, of the same account as the groups and roles that `attached_to` names by ARN.
    ///
    /// # Errors
    ///
    /// When one of these is something else.
    pub fn new(
        config: &SdkConfig,
        id: TargetId,
        account: &str,
        attached_to: &[String],
        break_glass: &[String],
    ) -> Result<Self, TargetError> {
        let arn = Arn::parse(&id.arn).filter(|arn| arn.service == "iam" && arn.account == account);
        if arn.and_then(|arn| arn.of_kind("policy")).is_none() {
            return Err(TargetError::unfit(&id.arn, "the ARN of a policy of this account"));
        }
        let holders: Result<_, _> = attached_to.iter().map(|it| Holder::of(it, account)).collect();
        let break_glass = break_glass.to_vec();
        Ok(Self { iam: Client::new(config), id, holders: holders?, break_glass })
    }

    /// Deletes all versions but the default one, as whoever deletes the policy has to.
    ///
    /// # Errors
    ///
    /// When AWS refuses.
    pub async fn retire(&self) -> Result<(), TargetError> {
        for version in self.versions().await?.iter().filter(|it| !it.is_default_version) {
            self.delete(version).await?;
        }
        Ok(())
    }

    async fn document(&self, version: &str) -> Result<String, TargetError> {
        let what = || format!("reading version {version} of {}", self.id);
        let asked = self.iam.get_policy_version().policy_arn(&self.id.arn).version_id(version);
        let told = asked.send().await.map_err(|error| TargetError::refused(what(), &error))?;
        let text = told.policy_version().and_then(PolicyVersion::document);
        let text = text.ok_or_else(|| TargetError::empty(what()))?;
        // What it is made of instead would be no JSON.
        Ok(percent_decode_str(text).decode_utf8_lossy().into_owned())
    }

    /// Of the holders those that it is not attached to.
    async fn missing(&self) -> Result<BTreeSet<&Holder>, TargetError> {
        let mut missing: BTreeSet<&Holder> = self.holders.iter().collect();
        let asked = self.iam.list_entities_for_policy().policy_arn(&self.id.arn);
        let mut pages =
            asked.policy_usage_filter(PolicyUsageType::PermissionsPolicy).into_paginator().send();
        for _ in 0..PAGES_MAX {
            if missing.is_empty() {
                break;
            }
            let Some(page) = pages.next().await else { break };
            let what = || format!("listing what {} is attached to", self.id);
            let page = page.map_err(|error| TargetError::refused(what(), &error))?;
            let groups = page.policy_groups().iter().filter_map(|it| it.group_name());
            let roles = page.policy_roles().iter().filter_map(|it| it.role_name());
            let groups = groups.map(|name| Holder::Group(name.to_owned()));
            for holder in groups.chain(roles.map(|name| Holder::Role(name.to_owned()))) {
                missing.remove(&holder);
            }
        }
        Ok(missing)
    }

    async fn attach(&self, holder: &Holder) -> Result<(), TargetError> {
        let what = || format!("attaching {} to {holder}", self.id);
        let arn = &self.id.arn;
        match holder {
            Holder::Group(name) => {
                let asked = self.iam.attach_group_policy().policy_arn(arn).group_name(name);
                asked.send().await.map_err(|error| TargetError::refused(what(), &error))?;
            }
            Holder::Role(name) => {
                let asked = self.iam.attach_role_policy().policy_arn(arn).role_name(name);
                asked.send().await.map_err(|error| TargetError::refused(what(), &error))?;
            }
        }
        Ok(())
    }

    /// All versions, the oldest first.
    async fn versions(&self) -> Result<Vec<PolicyVersion>, TargetError> {
        let asked = self.iam.list_policy_versions().policy_arn(&self.id.arn).send().await;
        let what = || format!("listing versions of {}", self.id);
        let told = asked.map_err(|error| TargetError::refused(what(), &error))?;
        let mut versions = told.versions.unwrap_or_default();
        versions.sort_by_key(number);
        Ok(versions)
    }

    async fn delete(&self, version: &PolicyVersion) -> Result<(), TargetError> {
        let name = version.version_id().unwrap_or_default();
        let asked = self.iam.delete_policy_version().policy_arn(&self.id.arn).version_id(name);
        let what = || format!("deleting version {name} of {}", self.id);
        asked.send().await.map_err(|error| TargetError::refused(what(), &error))?;
        Ok(())
    }

    /// Writes a default version in the place of the one that was read.
    async fn create(&self, read: &str, text: &str) -> Result<Written, TargetError> {
        let versions = self.versions().await?;
        let default = versions.iter().find(|it| it.is_default_version);
        if default.and_then(PolicyVersion::version_id) != Some(read) {
            return Ok(Written::Conflict);
        }
        if versions.len() >= VERSIONS_MAX
            && let Some(oldest) = versions.iter().find(|it| !it.is_default_version)
        {
            self.delete(oldest).await?;
        }
        let asked = self.iam.create_policy_version().policy_arn(&self.id.arn);
        let asked = asked.policy_document(text).set_as_default(true).send().await;
        let what = || format!("writing a version of {}", self.id);
        asked.map_err(|error| TargetError::refused(what(), &error))?;
        Ok(Written::Done)
    }
}

impl Target for Policy {
    type Error = TargetError;

    fn id(&self) -> &TargetId {
        &self.id
    }

    async fn read(&self) -> Result<Held, TargetError> {
        let what = || format!("reading {}", self.id);
        let told = self.iam.get_policy().policy_arn(&self.id.arn).send().await;
        let told = told.map_err(|error| TargetError::unread(what(), &error))?;
        let version = told.policy.and_then(|it| it.default_version_id);
        let version = version.ok_or_else(|| TargetError::empty(what()))?;
        let text = self.document(&version).await?;
        let document = document::read(&text, POLICY_CHARACTERS, &self.break_glass);
        let document = document.map_err(|error| TargetError::unreadable(what(), error))?;
        let Document { networks, room, mut flaws } = document;
        let missing = self.missing().await?;
        flaws.extend(missing.iter().map(|holder| format!("it is not attached to {holder}")));
        Ok(Held { networks, room, flaws, version, rest: text })
    }

    async fn write(&self, held: &Held, networks: &BTreeSet<IpNet>) -> Result<Written, TargetError> {
        let text = document::write(&held.rest, networks, &self.break_glass);
        let what = || format!("writing {}", self.id);
        let text = text.map_err(|error| TargetError::unreadable(what(), error))?;
        if text != held.rest && self.create(&held.version, &text).await? == Written::Conflict {
            return Ok(Written::Conflict);
        }
        for holder in self.missing().await? {
            self.attach(holder).await?;
        }
        if networks.is_empty() {
            self.retire().await?;
        }
        Ok(Written::Done)
    }
}

impl Holder {
    fn of(text: &str, account: &str) -> Result<Self, TargetError> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.account == account);
        let name = |kind| {
            let path = arn.and_then(|arn| arn.of_kind(kind))?;
            path.rsplit('/').next().filter(|it| !it.is_empty()).map(str::to_owned)
        };
        let holder = name("group").map(Self::Group).or_else(|| name("role").map(Self::Role));
        let expected = "the ARN of a group or a role of this account";
        holder.ok_or_else(|| TargetError::unfit(text, expected))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {name}"),
            Self::Role(name) => write!(f, "role {name}"),
        }
    }
}

/// They are counted from `v1`.
fn number(version: &PolicyVersion) -> u64 {
    let digits = version.version_id().and_then(|it| it.strip_prefix('v'));
    digits.and_then(|it| it.parse().ok()).unwrap_or_default()
}
