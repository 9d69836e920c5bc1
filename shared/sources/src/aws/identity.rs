//! Normalize: `userIdentity` → [`Actor`].
//!
//! Promises one uid for one principal, in sign-ins and API calls alike, in whatever form its
//! record has it: an IAM user without its path, a role without its session unless a person or a
//! web identity stands behind the session. What `CloudTrail` hides is nobody.

use std::borrow::Cow;
use std::mem::take;

use callerwatch_detection::activity::{Actor, ActorKind};

use super::record::Identity;
use crate::lenient::Lenient;

pub(super) const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Names that SDKs make up for the sessions of workloads.
const SDK_SESSIONS: [&str; 4] = ["botocore-session-", "aws-sdk-", "aws-go-sdk-", "AWSCLI-Session"];

/// What `type` says, or else the ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AssumedRole,
    IamUser,
    Role,
    Root,
    FederatedUser,
    AwsAccount,
    AwsService,
    IdentityCenterUser,
    SamlUser,
    WebIdentityUser,
    Directory,
    Unknown,
}

const KINDS: [(&str, Kind); 11] = [
    ("AssumedRole", Kind::AssumedRole),
    ("IAMUser", Kind::IamUser),
    ("Root", Kind::Root),
    ("AWSService", Kind::AwsService),
    ("AWSAccount", Kind::AwsAccount),
    ("FederatedUser", Kind::FederatedUser),
    ("Role", Kind::Role),
    ("IdentityCenterUser", Kind::IdentityCenterUser),
    ("SAMLUser", Kind::SamlUser),
    ("WebIdentityUser", Kind::WebIdentityUser),
    ("Directory", Kind::Directory),
];

/// Whether AWS itself called.
pub(super) fn is_service(identity: &Identity<'_>) -> bool {
    kind_of(identity) == Kind::AwsService
}

/// Who called, taken from what the record says. `account` and `region` are those of the record, for
/// identities that lack theirs.
pub(super) fn actor<'a>(identity: &mut Identity<'a>, account: &str, region: &str) -> Actor<'a> {
    let kind = kind_of(identity);
    let is_hidden = identity.user_name.as_str() == HIDDEN;
    let own_account = take(&mut identity.account_id);
    let account = if own_account.is_empty() { account } else { own_account.as_str() };
    match kind {
        _ if is_hidden => {
            Actor { kind: kind.actor_kind(), uid: None, name: None, credential: None }
        }
        Kind::IamUser => iam_user(identity, account, region),
        Kind::Root => Actor {
            kind: ActorKind::Root,
            uid: {
                let partition = partition(identity, region);
                Some(["arn:", partition, ":iam::", account, ":root"].concat().into())
            },
            name: Some("root".into()),
            credential: None,
        },
        Kind::AssumedRole | Kind::Role => role(identity, account, region),
        Kind::AwsAccount if is_anonymous(account) => {
            Actor { kind: ActorKind::Anonymous, uid: None, name: None, credential: None }
        }
        Kind::AwsAccount => Actor {
            kind: ActorKind::Foreign,
            uid: Some(format!("{account}:{}", identity.principal_id.as_str()).into()),
            name: own_account.into_option(),
            credential: None,
        },
        Kind::AwsService => {
            let name = take(&mut identity.invoked_by).into_option();
            Actor { kind: ActorKind::Application, uid: name.clone(), name, credential: None }
        }
        Kind::IdentityCenterUser | Kind::Unknown => identity_center_user(identity),
        Kind::SamlUser | Kind::WebIdentityUser => federated_by_provider(identity),
        Kind::FederatedUser | Kind::Directory => {
            let arn = take(&mut identity.arn).into_cow();
            let name = take(&mut identity.user_name).into_option();
            let name = name.or_else(|| cut_after(&arn, "federated-user/"));
            let arn = Some(arn).filter(|arn| !arn.is_empty());
            let uid = first_of([arn, take(&mut identity.principal_id).into_option()]);
            let uid = uid.or_else(|| name.clone());
            Actor { kind: ActorKind::User, uid, name, credential: None }
        }
    }
}

impl Kind {
    fn actor_kind(self) -> ActorKind {
        match self {
            Self::AssumedRole | Self::Role => ActorKind::Role,
            Self::Root => ActorKind::Root,
            Self::AwsService => ActorKind::Application,
            Self::AwsAccount => ActorKind::Foreign,
            Self::Unknown => ActorKind::Unknown,
            Self::IamUser
            | Self::FederatedUser
            | Self::IdentityCenterUser
            | Self::SamlUser
            | Self::WebIdentityUser
            | Self::Directory => ActorKind::User,
        }
    }
}

fn kind_of(identity: &Identity<'_>) -> Kind {
    let stated = identity.kind.as_str();
    let exact = KINDS.iter().find(|(name, _)| *name == stated);
    let known = exact.or_else(|| KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(stated)));
    if let Some((_, kind)) = known {
        return *kind;
    }
    let arn = identity.arn.as_str();
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split('/').next().unwrap_or_default() {
        "assumed-role" => Kind::AssumedRole,
        "user" => Kind::IamUser,
        "role" => Kind::Role,
        "root" => Kind::Root,
        "federated-user" => Kind::FederatedUser,
        // Service events that carry `invokedBy` and nothing else of an identity.
        _ if stated.is_empty() && arn.is_empty() && !identity.invoked_by.as_str().is_empty() => {
            Kind::AwsService
        }
        _ => Kind::Unknown,
    }
}

/// Access to a public resource without credentials.
fn is_anonymous(account: &str) -> bool {
    account.eq_ignore_ascii_case("ANONYMOUS_PRINCIPAL") || account.eq_ignore_ascii_case("anonymous")
}

/// `arn:aws:iam::ACCOUNT:user/NAME`.
fn iam_user<'a>(identity: &Identity<'a>, account: &str, region: &str) -> Actor<'a> {
    let arn = identity.arn.clone().into_cow();
    let last_of_arn = || after_kind(&arn, "user/").map(|_| cut_after_last(&arn, '/'));
    let name = match identity.user_name.clone().into_option() {
        Some(name) => Some(cut_after_last(&name, '/')),
        None => last_of_arn(),
    };
    let uid = match &name {
        None => identity.principal_id.clone().into_option(),
        Some(name) => {
            let head = arn.strip_suffix(name.as_ref()).unwrap_or_default();
            if head.ends_with(":user/") {
                Some(arn)
            } else {
                let partition = partition(identity, region);
                Some(["arn:", partition, ":iam::", account, ":user/", name].concat().into())
            }
        }
    };
    Actor { kind: ActorKind::User, uid, name, credential: None }
}

/// `arn:aws:iam::ACCOUNT:role/ROLE`, with `/SESSION` where the session is a person's.
fn role<'a>(identity: &Identity<'a>, account: &str, region: &str) -> Actor<'a> {
    let arn = identity.arn.clone().into_cow();
    // ROLE/SESSION
    let assumed = cut_after(&arn, "assumed-role/").unwrap_or_default();
    let issuer = &identity.session_context.session_issuer;
    let issuer_arn = issuer.arn.clone().into_cow();
    let is_role = assumed.is_empty() && after_kind(&arn, "role/").is_some();
    let stated_role = if is_role { &arn } else { &issuer_arn };
    let (before_name, role_name) = match split_last(stated_role, b'/') {
        Some(parts) => parts,
        None if assumed.is_empty() => ("", issuer.user_name.as_str()),
        None => ("", assumed.split('/').next().unwrap_or_default()),
    };
    let session = behind(&assumed, b'/')
        .or_else(|| behind(identity.principal_id.as_str(), b':'))
        .unwrap_or_default();
    let is_person = is_persons_session(identity, role_name, session);
    // IAM leaves the path of a role out of the ARNs of its sessions, so here it is left out always.
    let has_path = before_name.contains('/');
    let uid = if is_person && !assumed.is_empty() {
        Some(arn.clone())
    } else if role_name.is_empty() {
        // Not even a role: what remains of the principal is its id without the session.
        let id = identity.principal_id.as_str().split(':').next().unwrap_or_default();
        (!id.is_empty()).then(|| Cow::Owned(id.to_owned()))
    } else if !is_person && !stated_role.is_empty() && !has_path {
        Some(stated_role.clone())
    } else {
        let account = stated_role.split(':').nth(4).unwrap_or(account);
        let partition = partition(identity, region);
        let of_session =
            ["arn:", partition, ":sts::", account, ":assumed-role/", role_name, "/", session];
        let of_role = ["arn:", partition, ":iam::", account, ":role/", role_name];
        Some(Cow::Owned(if is_person { of_session.concat() } else { of_role.concat() }))
    };
    let name = if assumed.is_empty() {
        (!role_name.is_empty()).then(|| Cow::Owned(role_name.to_owned()))
    } else {
        Some(assumed)
    };
    Actor { kind: ActorKind::Role, uid, name, credential: None }
}

/// Whether a session is one of a person or a web identity, told apart by its name, and not one
/// of a workload, whose sessions are as many as its machines.
fn is_persons_session(identity: &Identity<'_>, role_name: &str, session: &str) -> bool {
    if session.is_empty() {
        return false;
    }
    // Identity Center names sessions after its users, be they numbers.
    if role_name.starts_with("AWSReservedSSO_") {
        return true;
    }
    let context = &identity.session_context;
    let by_sdk = SDK_SESSIONS.iter().any(|prefix| session.starts_with(prefix))
        || session.bytes().all(|byte| byte.is_ascii_digit());
    let web = &context.web_id_federation_data;
    let of_web_identity = !web.federated_provider.as_str().is_empty() || web.attributes.0;
    !by_sdk
        && (of_web_identity
            || !context.source_identity.as_str().is_empty()
            || session.contains('@'))
}

/// Sign-ins of Identity Center come as `Unknown` or `IdentityCenterUser`, both with the user's id
/// in newer records.
fn identity_center_user<'a>(identity: &mut Identity<'a>) -> Actor<'a> {
    let id = take(&mut identity.on_behalf_of.user_id).into_option();
    let name = take(&mut identity.user_name).into_option();
    // Whoever calls a user pool of Cognito without credentials is `Anonymous`, which is nobody.
    let principal = take(&mut identity.principal_id).into_option();
    let principal = principal.filter(|id| !id.eq_ignore_ascii_case("Anonymous"));
    let kind = if id.is_some() || name.is_some() { ActorKind::User } else { ActorKind::Unknown };
    let name = name.or_else(|| id.clone()).or_else(|| principal.clone());
    let uid = match id {
        Some(id) => Some(Cow::Owned(format!("arn:aws:identitystore:::user/{id}"))),
        None => name.clone(),
    };
    Actor { kind, uid, name, credential: None }
}

/// Calls of `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity`.
fn federated_by_provider<'a>(identity: &mut Identity<'a>) -> Actor<'a> {
    let provider = take(&mut identity.provider).into_option();
    let name = take(&mut identity.user_name).into_option();
    let uid = first_of([
        take(&mut identity.principal_id).into_option(),
        match (provider, &name) {
            (Some(provider), Some(name)) => Some(format!("{provider}:{name}").into()),
            (provider, name) => provider.or_else(|| name.clone()),
        },
    ]);
    let name = name.or_else(|| uid.clone());
    Actor { kind: ActorKind::User, uid, name, credential: None }
}

/// `aws`, `aws-cn`, `aws-us-gov`: from an ARN of the record, else by its region.
fn partition(identity: &Identity<'_>, region: &str) -> &'static str {
    let arn = identity.arn.as_str();
    if arn.starts_with("arn:aws-cn:") || arn.is_empty() && region.starts_with("cn-") {
        "aws-cn"
    } else if arn.starts_with("arn:aws-us-gov:") || arn.is_empty() && region.starts_with("us-gov-")
    {
        "aws-us-gov"
    } else {
        "aws"
    }
}

fn first_of<const N: usize>(texts: [Option<Cow<'_, str>>; N]) -> Option<Cow<'_, str>> {
    texts.into_iter().flatten().next()
}

/// Where the resource of an ARN starts after its type, which is `kind`: after the fifth colon. They
/// are so close that to look at each byte is faster than to search for each.
fn after_kind(arn: &str, kind: &str) -> Option<usize> {
    let mut colons = arn.bytes().enumerate().filter(|(_, byte)| *byte == b':');
    let start = colons.nth(4)?.0 + 1;
    arn.get(start..)?.starts_with(kind).then_some(start + kind.len())
}

/// What follows the first `separator`, an ASCII character. Names are short, and the search for a
/// `char` takes longer to start than to end.
pub(super) fn behind(text: &str, separator: u8) -> Option<&str> {
    text.get(memchr::memchr(separator, text.as_bytes())? + 1..)
}

/// What stands before and after the last `separator`, an ASCII character.
fn split_last(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr::memrchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What follows the type `kind` in an ARN, borrowed where `arn` is.
fn cut_after<'a>(arn: &Cow<'a, str>, kind: &str) -> Option<Cow<'a, str>> {
    let start = after_kind(arn, kind)?;
    let rest = match arn {
        Cow::Borrowed(arn) => Cow::Borrowed(arn.get(start..)?),
        Cow::Owned(arn) => Cow::Owned(arn.get(start..)?.to_owned()),
    };
    (!rest.is_empty()).then_some(rest)
}

/// What follows the last `separator`, or all of it, borrowed where `text` is.
fn cut_after_last<'a>(text: &Cow<'a, str>, separator: char) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.rsplit(separator).next().unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(text.rsplit(separator).next().unwrap_or(text).to_owned()),
    }
}

#[cfg(test)]
mod tests;
