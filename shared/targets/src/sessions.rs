//! Sessions of who succeeded: a role's are revoked that began before a time, and a user's access key
//! is made inactive.
//!
//! Promises to touch nobody but those who are named by ARN, in the deployment's own account, and none
//! that is excepted; and that a repeat changes nothing. Logs leave the paths of ARNs out, so that names
//! are compared, of which an account has no two. Must not know who succeeded in what.

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::operation::delete_role_policy::DeleteRolePolicyError;
use aws_sdk_iam::operation::get_role_policy::GetRolePolicyError;
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType};
use callerwatch_detection::plain::plain;
use callerwatch_detection::policy::is_like;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{Change, Mode};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::arn::Arn;
use crate::fault::TargetError;
use crate::succeeded::Principal;

/// The inline policy that revokes a role's sessions. What is called so is ours.
pub const POLICY_NAME: &str = "callerwatch-revoke-sessions";
/// How an access key begins that lasts. Others are of a session.
const LASTING_KEY: &str = "AKIA";
const SHOWN_MAX_CHARS: usize = 300;

/// Whose sessions may be ended.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The deployment's own account.
    pub account: String,
    /// The ARNs of roles.
    pub roles: Vec<String>,
    /// The ARNs of users.
    pub users: Vec<String>,
    /// Patterns of the ARNs of principals who are never touched.
    pub break_glass: Vec<String>,
}

/// Ends sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    iam: Client,
    allowed: Allowed,
}

/// What became of a principal.
#[derive(Debug)]
pub enum Ending {
    /// The sessions of this role that began before the time are revoked; in dry-run, would be.
    Revoked(String),
    /// This access key was made inactive; in dry-run, would be.
    Deactivated(String),
    /// It was done before.
    Already,
    /// It is not to be touched, and why.
    Refused(String),
    /// The world refused.
    Failed(TargetError),
}

impl Sessions {
    /// Of whom `allowed` tells.
    pub fn new(config: &SdkConfig, allowed: Allowed) -> Self {
        Self { iam: Client::new(config), allowed }
    }

    /// Revokes the sessions of a role that began before a time, or makes the access key of a user
    /// inactive. Of two times the later one stands, so a repeat should come with the same: when the
    /// address was denied for that alert, say. In dry-run it asks, and changes nothing.
    pub async fn end(&self, who: &Principal, before: Timestamp, mode: Mode) -> Ending {
        let ended = match Named::by(&who.uid) {
            Some(Named { kind: "role", name, .. }) => match self.judge(who, &self.allowed.roles) {
                Ok(()) => self.revoke(name, before, mode).await,
                Err(refused) => Err(refused),
            },
            Some(Named { name, .. }) => match self.judge(who, &self.allowed.users) {
                Ok(()) => self.deactivate(name, who.credential.as_deref(), mode).await,
                Err(refused) => Err(refused),
            },
            None => Err(refused("it is neither a role nor a user")),
        };
        ended.unwrap_or_else(|ending| ending)
    }

    /// Lets sessions of a role live again, by its name. False where they were not revoked.
    ///
    /// # Errors
    ///
    /// When AWS refuses.
    pub async fn restore(&self, role: &str) -> Result<bool, TargetError> {
        let asked = self.iam.delete_role_policy().role_name(role).policy_name(POLICY_NAME);
        match asked.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteRolePolicyError::is_no_such_entity_exception) =>
            {
                Ok(false)
            }
            Err(error) => {
                Err(TargetError::refused(format!("deleting {POLICY_NAME} of role {role}"), &error))
            }
        }
    }

    async fn revoke(&self, name: &str, before: Timestamp, mode: Mode) -> Result<Ending, Ending> {
        let time = written(before);
        if self.revoked(name).await?.is_some_and(|revoked| revoked >= time) {
            return Ok(Ending::Already);
        }
        if mode == Mode::Enforce {
            let asked = self.iam.put_role_policy().role_name(name).policy_name(POLICY_NAME);
            let asked = asked.policy_document(document(&time).to_string()).send().await;
            asked.map_err(|error| failed(format!("revoking sessions of role {name}"), &error))?;
        }
        Ok(Ending::Revoked(name.to_owned()))
    }

    /// Before when the sessions of a role are revoked; none where they are not, or not in full.
    async fn revoked(&self, role: &str) -> Result<Option<String>, Ending> {
        let asked = self.iam.get_role_policy().role_name(role).policy_name(POLICY_NAME);
        let told = match asked.send().await {
            Ok(told) => told,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetRolePolicyError::is_no_such_entity_exception) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(failed(format!("reading {POLICY_NAME} of role {role}"), &error));
            }
        };
        let text = percent_decode_str(told.policy_document()).decode_utf8_lossy();
        let held: Value = serde_json::from_str(&text).unwrap_or_default();
        let time = held.pointer("/Statement/0/Condition/DateLessThan/aws:TokenIssueTime");
        let time = time.and_then(Value::as_str).filter(|time| held == document(time));
        Ok(time.map(str::to_owned))
    }

    async fn deactivate(
        &self,
        name: &str,
        key: Option<&str>,
        mode: Mode,
    ) -> Result<Ending, Ending> {
        let key = key.ok_or_else(|| refused("the log names no access key"))?;
        if !key.starts_with(LASTING_KEY) {
            return Err(refused("its access key is of a session, and ends by itself"));
        }
        let asked = self.iam.list_access_keys().user_name(name).send().await;
        let told = asked.map_err(|error| failed(format!("listing keys of user {name}"), &error))?;
        let keys = told.access_key_metadata();
        match keys.iter().find(|it| it.access_key_id() == Some(key)).map(AccessKeyMetadata::status)
        {
            None => return Err(refused("it has no such access key any more")),
            Some(Some(StatusType::Active)) => {}
            Some(_) => return Ok(Ending::Already),
        }
        if mode == Mode::Enforce {
            let asked = self.iam.update_access_key().user_name(name).access_key_id(key);
            let asked = asked.status(StatusType::Inactive).send().await;
            asked.map_err(|error| failed(format!("deactivating {key} of user {name}"), &error))?;
        }
        Ok(Ending::Deactivated(key.to_owned()))
    }

    /// Whether it may be touched.
    fn judge(&self, who: &Principal, allowed: &[String]) -> Result<(), Ending> {
        let told = Named::by(&who.uid);
        if told.is_none_or(|it| it.account != self.allowed.account) {
            return Err(refused("it is of another account"));
        }
        let Some(arn) = allowed.iter().find(|it| Named::by(it) == told) else {
            return Err(refused("no parameter names it"));
        };
        let is_excepted = |pattern: &String| is_like(pattern, &who.uid) || is_like(pattern, arn);
        if self.allowed.break_glass.iter().any(is_excepted) {
            return Err(refused("it is break-glass"));
        }
        Ok(())
    }
}

impl Ending {
    /// The same as a change, where it is one: about a principal, for an address.
    pub fn change(
        &self,
        who: &Principal,
        network: Option<IpNet>,
        time: Timestamp,
        mode: Mode,
    ) -> Option<Change> {
        let uid = plain(&who.uid, SHOWN_MAX_CHARS);
        let is_done = mode == Mode::Enforce;
        let (what, why) = match self {
            Self::Already => return None,
            Self::Revoked(role) if is_done => {
                ("revoked", format!("sessions of role {role}: {uid} succeeded"))
            }
            Self::Revoked(role) => {
                ("would revoke", format!("sessions of role {role}: {uid} succeeded"))
            }
            Self::Deactivated(key) if is_done => {
                ("deactivated", format!("access key {key}: {uid} succeeded"))
            }
            Self::Deactivated(key) => {
                ("would deactivate", format!("access key {key}: {uid} succeeded"))
            }
            Self::Refused(reason) => ("refused", format!("ending sessions of {uid}: {reason}")),
            Self::Failed(error) => ("failed", error.to_string()),
        };
        Some(Change { time, what, network, target: None, why })
    }
}

/// A role, by its own ARN or that of a session, or a user: IAM has no two of a kind with one name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Named<'a> {
    account: &'a str,
    kind: &'static str,
    name: &'a str,
}

impl<'a> Named<'a> {
    fn by(uid: &'a str) -> Option<Self> {
        let arn = Arn::parse(uid)?;
        let of = |kind| arn.of_kind(kind).and_then(|path| path.rsplit('/').next());
        let session = || arn.of_kind("assumed-role").and_then(|path| path.split('/').next());
        let (kind, name) = match arn.service {
            "iam" => of("role").map(|name| ("role", name)).or(of("user").map(|it| ("user", it)))?,
            "sts" => ("role", session()?),
            _ => return None,
        };
        Some(Self { account: arn.account, kind, name }).filter(|it| !it.name.is_empty())
    }
}

fn document(time: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": time } },
        }],
    })
}

/// Sessions begin at a full second, and one of this very second is meant too. Times in this form
/// compare as their texts do.
fn written(time: Timestamp) -> String {
    let whole = time.millis().div_euclid(1000).saturating_add(1).saturating_mul(1000);
    Timestamp::from_millis(whole).unwrap_or(time).to_string()
}

fn refused(reason: &str) -> Ending {
    Ending::Refused(reason.to_owned())
}

fn failed<E, R>(what: String, error: &aws_sdk_iam::error::SdkError<E, R>) -> Ending
where
    aws_sdk_iam::error::SdkError<E, R>:
        aws_sdk_iam::error::ProvideErrorMetadata + std::error::Error,
{
    Ending::Failed(TargetError::refused(what, error))
}
