//! Whatever denies addresses, as the function and the command open it of what the deployment is told.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use callerwatch_response::{Held, Settings, Target, TargetId, TargetKind, Written};
use ipnet::IpNet;

use crate::address_set::AddressSet;
use crate::fault::TargetError;
use crate::organization::OrganizationPolicy;
use crate::policy::Policy;

/// Any of the targets.
#[derive(Clone, Debug)]
pub enum AnyTarget {
    /// A customer-managed policy.
    Policy(Policy),
    /// A service control policy.
    Organization(OrganizationPolicy),
    /// A set of addresses.
    Set(AddressSet),
}

impl AnyTarget {
    /// All targets of a deployment. Asks nothing yet.
    ///
    /// # Errors
    ///
    /// When one is not what it is said to be, or another account's.
    pub fn open(settings: &Settings, config: &SdkConfig) -> Result<Vec<Self>, TargetError> {
        settings.targets.iter().map(|id| Self::one(id.clone(), settings, config)).collect()
    }

    fn one(id: TargetId, settings: &Settings, config: &SdkConfig) -> Result<Self, TargetError> {
        let Settings { attached_to, break_glass, account, .. } = settings;
        Ok(match id.kind {
            TargetKind::Policy => {
                Self::Policy(Policy::new(config, id, account, attached_to, break_glass)?)
            }
            TargetKind::OrganizationPolicy => {
                Self::Organization(OrganizationPolicy::new(config, id, break_glass)?)
            }
            TargetKind::Ipv4Set | TargetKind::Ipv6Set => {
                Self::Set(AddressSet::new(config, id, account)?)
            }
        })
    }

    /// Takes away what of ours would keep it from being deleted, and denies nothing: the versions of a
    /// policy that are not its default. Belongs after a rollback; a write that leaves no address does it
    /// too.
    ///
    /// # Errors
    ///
    /// When AWS refuses.
    pub async fn retire(&self) -> Result<(), TargetError> {
        match self {
            Self::Policy(policy) => policy.retire().await,
            Self::Organization(_) | Self::Set(_) => Ok(()),
        }
    }
}

impl Target for AnyTarget {
    type Error = TargetError;

    fn id(&self) -> &TargetId {
        match self {
            Self::Policy(it) => it.id(),
            Self::Organization(it) => it.id(),
            Self::Set(it) => it.id(),
        }
    }

    async fn read(&self) -> Result<Held, TargetError> {
        match self {
            Self::Policy(it) => it.read().await,
            Self::Organization(it) => it.read().await,
            Self::Set(it) => it.read().await,
        }
    }

    async fn write(&self, held: &Held, networks: &BTreeSet<IpNet>) -> Result<Written, TargetError> {
        match self {
            Self::Policy(it) => it.write(held, networks).await,
            Self::Organization(it) => it.write(held, networks).await,
            Self::Set(it) => it.write(held, networks).await,
        }
    }

    fn is_missing(error: &TargetError) -> bool {
        matches!(error, TargetError::Missing { .. })
    }

    fn unmended(&self) -> BTreeMap<String, String> {
        match self {
            Self::Policy(it) => it.unmended(),
            Self::Organization(it) => it.unmended(),
            Self::Set(it) => it.unmended(),
        }
    }
}
