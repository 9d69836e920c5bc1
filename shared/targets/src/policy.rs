//! A customer-managed policy of IAM: its default version denies, for the groups and roles it is
//! attached to.
//!
//! Promises that what was attached by name is attached again while it denies anybody, that whom it
//! cannot be attached to keeps nobody else from being denied, that five versions at most are kept, and
//! that none goes in which others wrote what is in no other, while there is another to go. How it is
//! guarded against changes of others, and what that leaves, is in the crate's docs.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::{PolicyUsageType, PolicyVersion};
use callerwatch_response::document::{self, Document, POLICY_CHARACTERS, SID};
use callerwatch_response::{Held, Target, TargetId, Written};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::arn::Arn;
use crate::fault::TargetError;

/// IAM keeps no more.
const VERSIONS_MAX: usize = 5;
/// Of a hundred holders each: more than a policy is ever attached to by name.
const PAGES_MAX: usize = 50;
/// Why IAM attaches a policy to nobody of that name, however often it is asked: there is none, it has
/// as many as it may, it is a service's, or it is not one that was named to the role.
const UNATTACHABLE: [&str; 5] =
    ["NoSuchEntity", "LimitExceeded", "UnmodifiableEntity", "PolicyNotAttachable", "AccessDenied"];

/// A customer-managed policy.
#[derive(Clone, Debug)]
pub struct Policy {
    iam: Client,
    id: TargetId,
    holders: BTreeSet<Holder>,
    break_glass: Vec<String>,
    /// Whom it could not be attached to when that was last tried, as a flaw, and why.
    unmended: Arc<Mutex<BTreeMap<String, String>>>,
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
        let iam = Client::new(config);
        Ok(Self { iam, id, holders: holders?, break_glass, unmended: Arc::default() })
    }

    /// Deletes all versions but the default one, as whoever deletes the policy has to, and those of
    /// others that hold what nothing else does: these are theirs to delete.
    ///
    /// # Errors
    ///
    /// When AWS refuses.
    pub async fn retire(&self) -> Result<(), TargetError> {
        let versions = self.versions().await?;
        let kept = self.others_of_default(&versions).await?;
        for version in versions.iter().filter(|it| !it.is_default_version) {
            if self.is_spare(version, &kept).await? {
                self.delete(version).await?;
            }
        }
        Ok(())
    }

    /// The statements of others in the default version.
    async fn others_of_default(&self, all: &[PolicyVersion]) -> Result<Vec<Value>, TargetError> {
        match all.iter().find(|it| it.is_default_version) {
            Some(version) => self.others(version).await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether a version has no statement of others but those that are kept.
    async fn is_spare(&self, version: &PolicyVersion, kept: &[Value]) -> Result<bool, TargetError> {
        Ok(self.others(version).await?.iter().all(|it| kept.contains(it)))
    }

    /// The statements of a version that are not ours.
    async fn others(&self, version: &PolicyVersion) -> Result<Vec<Value>, TargetError> {
        let text = self.document(version.version_id().unwrap_or_default()).await?;
        let document: Value = serde_json::from_str(&text).unwrap_or_default();
        let statements = match document.get("Statement") {
            Some(Value::Array(all)) => all.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let is_own = |it: &Value| it.get("Sid").and_then(Value::as_str) == Some(SID);
        Ok(statements.into_iter().filter(|it| !is_own(it)).collect())
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

    /// Attaches it to all that it is not attached to, and remembers to whom it cannot be.
    async fn attach_all(&self) -> Result<(), TargetError> {
        let mut unmended = BTreeMap::new();
        for holder in self.missing().await? {
            if let Some(why) = self.attach(holder).await? {
                unmended.insert(holder.flaw(), why);
            }
        }
        *self.remembered() = unmended;
        Ok(())
    }

    /// Answers why it cannot be attached, where asking again would not help.
    async fn attach(&self, holder: &Holder) -> Result<Option<String>, TargetError> {
        let arn = &self.id.arn;
        match holder {
            Holder::Group(name) => {
                let asked = self.iam.attach_group_policy().policy_arn(arn).group_name(name);
                self.attached(holder, asked.send().await)
            }
            Holder::Role(name) => {
                let asked = self.iam.attach_role_policy().policy_arn(arn).role_name(name);
                self.attached(holder, asked.send().await)
            }
        }
    }

    fn attached<T, E, R>(
        &self,
        holder: &Holder,
        answer: Result<T, SdkError<E, R>>,
    ) -> Result<Option<String>, TargetError>
    where
        SdkError<E, R>: ProvideErrorMetadata + Error,
    {
        let Err(error) = answer else { return Ok(None) };
        let is_final = error.code().is_some_and(|code| UNATTACHABLE.contains(&code));
        let refused = TargetError::refused(format!("attaching {} to {holder}", self.id), &error);
        if is_final { Ok(Some(refused.to_string())) } else { Err(refused) }
    }

    fn remembered(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.unmended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All versions, the oldest first.
    async fn versions(&self) -> Result<Vec<PolicyVersion>, TargetError> {
        let asked = self.iam.list_policy_versions().policy_arn(&self.id.arn).send().await;
        let what = || format!("listing versions of {}", self.id);
        let told = asked.map_err(|error| TargetError::unread(what(), &error))?;
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

    /// What goes for a new version: the oldest with which nothing of others is lost, or else the oldest.
    async fn spare<'a>(
        &self,
        versions: &'a [PolicyVersion],
    ) -> Result<Option<&'a PolicyVersion>, TargetError> {
        let kept = self.others_of_default(versions).await?;
        let older = || versions.iter().filter(|it| !it.is_default_version);
        for version in older() {
            if self.is_spare(version, &kept).await? {
                return Ok(Some(version));
            }
        }
        Ok(older().next())
    }

    /// Writes a default version in the place of the one that was read.
    async fn create(&self, read: &str, text: &str) -> Result<Written, TargetError> {
        let versions = self.versions().await?;
        let default = versions.iter().find(|it| it.is_default_version);
        if default.and_then(PolicyVersion::version_id) != Some(read) {
            return Ok(Written::Conflict);
        }
        if versions.len() >= VERSIONS_MAX
            && let Some(oldest) = self.spare(&versions).await?
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
        let mut missing = BTreeSet::new();
        // What denies nobody need not be attached to anybody.
        if !networks.is_empty() {
            missing.extend(self.missing().await?.into_iter().map(Holder::flaw));
        }
        let mut unmended = self.remembered();
        unmended.retain(|flaw, _| missing.contains(flaw));
        // Writing would not mend these.
        missing.retain(|flaw| !unmended.contains_key(flaw));
        flaws.extend(missing);
        Ok(Held { networks, room, flaws, version, rest: text })
    }

    async fn write(&self, held: &Held, networks: &BTreeSet<IpNet>) -> Result<Written, TargetError> {
        let text = document::write(&held.rest, networks, &self.break_glass);
        let what = || format!("writing {}", self.id);
        let text = text.map_err(|error| TargetError::unreadable(what(), error))?;
        if text != held.rest && self.create(&held.version, &text).await? == Written::Conflict {
            return Ok(Written::Conflict);
        }
        if networks.is_empty() {
            self.retire().await?;
        } else {
            self.attach_all().await?;
        }
        Ok(Written::Done)
    }

    fn unmended(&self) -> BTreeMap<String, String> {
        self.remembered().clone()
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

    fn flaw(&self) -> String {
        format!("it is not attached to {self}")
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
