//! A service control policy of the organization: its content denies, in the accounts it is attached
//! to, which are the organization's business.
//!
//! How it is guarded against changes of others, and what that leaves, is in the crate's docs.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::operation::update_policy::UpdatePolicyError;
use callerwatch_response::document::{self, Document, ORGANIZATION_POLICY_CHARACTERS};
use callerwatch_response::{Held, Target, TargetId, Written};
use ipnet::IpNet;

use crate::fault::TargetError;

/// A service control policy.
#[derive(Clone, Debug)]
pub struct OrganizationPolicy {
    organizations: Client,
    id: TargetId,
    policy_id: String,
    break_glass: Vec<String>,
}

impl OrganizationPolicy {
    /// The policy `id`, whose ARN may be its identifier alone.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn new(
        config: &SdkConfig,
        id: TargetId,
        break_glass: &[String],
    ) -> Result<Self, TargetError> {
        let policy_id = id.arn.rsplit('/').next().filter(|it| it.starts_with("p-"));
        let expected = "a policy of an organization";
        let policy_id = policy_id.ok_or_else(|| TargetError::unfit(&id.arn, expected))?.to_owned();
        let break_glass = break_glass.to_vec();
        Ok(Self { organizations: Client::new(config), id, policy_id, break_glass })
    }

    async fn content(&self) -> Result<String, TargetError> {
        let what = || format!("reading {}", self.id);
        let told = self.organizations.describe_policy().policy_id(&self.policy_id).send().await;
        let told = told.map_err(|error| TargetError::unread(what(), &error))?;
        told.policy.and_then(|it| it.content).ok_or_else(|| TargetError::empty(what()))
    }
}

impl Target for OrganizationPolicy {
    type Error = TargetError;

    fn id(&self) -> &TargetId {
        &self.id
    }

    async fn read(&self) -> Result<Held, TargetError> {
        let text = self.content().await?;
        let document = document::read(&text, ORGANIZATION_POLICY_CHARACTERS, &self.break_glass);
        let what = || format!("reading {}", self.id);
        let document = document.map_err(|error| TargetError::unreadable(what(), error))?;
        let Document { networks, room, flaws } = document;
        // It has no version: what says that nobody changed it is the text itself.
        Ok(Held { networks, room, flaws, version: text.clone(), rest: text })
    }

    async fn write(&self, held: &Held, networks: &BTreeSet<IpNet>) -> Result<Written, TargetError> {
        let text = document::write(&held.rest, networks, &self.break_glass);
        let what = || format!("writing {}", self.id);
        let text = text.map_err(|error| TargetError::unreadable(what(), error))?;
        if text == held.rest {
            return Ok(Written::Done);
        }
        if self.content().await? != held.version {
            return Ok(Written::Conflict);
        }
        let asked = self.organizations.update_policy().policy_id(&self.policy_id).content(text);
        match asked.send().await {
            Ok(_) => Ok(Written::Done),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdatePolicyError::is_concurrent_modification_exception) =>
            {
                Ok(Written::Conflict)
            }
            Err(error) => Err(TargetError::refused(what(), &error)),
        }
    }
}
