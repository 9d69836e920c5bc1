//! Who made a call to Google, and what kind of caller that is.
//!
//! One person's Workspace sign-in and Cloud calls must give the same uid, so it is the e-mail
//! address in lower case wherever there is one.

use std::borrow::Cow;

use callerwatch_detection::activity::{Actor, ActorKind};

use super::part_of;
use super::record::{ActivityActor, AuthenticationInfo};
use crate::lenient::{Lenient, Text};

/// The Reports API's own placeholder for an actor that is nobody of Workspace.
const NO_PROFILE: &str = "105250506097979753968";

/// The caller of an audited call. Cloud Audit Logs leaves the e-mail out of calls that were only
/// reading and denied; the other fields may still name the caller.
pub(super) fn of_call(info: AuthenticationInfo<'_>) -> Actor<'_> {
    let delegate = info.delegation.0.into_iter().next().unwrap_or_default();
    [info.email, info.subject, delegate.first_party.email, delegate.subject]
        .into_iter()
        .find_map(Text::into_option)
        .map_or(NOBODY, of_text)
}

/// The actor of a Workspace activity.
pub(super) fn of_activity(actor: ActivityActor<'_>) -> Actor<'_> {
    if let Some(email) = actor.email.into_option() {
        return of_text(email);
    }
    if let Some(profile) = actor.profile.into_option().filter(|id| id != NO_PROFILE) {
        return Actor { kind: ActorKind::User, uid: Some(profile), name: None, credential: None };
    }
    match actor.caller_key.into_option() {
        Some(key) => Actor {
            kind: ActorKind::Application,
            uid: Some(key.clone()),
            name: Some(key),
            credential: None,
        },
        None => NOBODY,
    }
}

const NOBODY: Actor<'static> =
    Actor { kind: ActorKind::Unknown, uid: None, name: None, credential: None };

/// An e-mail address, `user:` or `serviceAccount:` and one, a `principal://` of a federated
/// identity, or a Kubernetes name such as `system:serviceaccount:default:web`.
pub(super) fn of_text(text: Cow<'_, str>) -> Actor<'_> {
    let name = part_of(text, |text| {
        ["user:", "serviceAccount:"]
            .into_iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text)
    });
    let kind = kind(&name);
    let uid = (kind != ActorKind::Anonymous).then(|| lower_case_of_email(name.clone()));
    Actor { kind, uid, name: Some(name), credential: None }
}

fn kind(name: &str) -> ActorKind {
    if matches!(name, "allUsers" | "system:anonymous" | "system:unauthenticated" | "anonymous") {
        ActorKind::Anonymous
    } else if name.starts_with("system:")
        || name.contains("/workloadIdentityPools/")
        || name.contains(".svc.id.goog")
        || ends_with_ignoring_case(name, ".gserviceaccount.com")
        || ends_with_ignoring_case(name, "@gserviceaccount.com")
    {
        ActorKind::Application
    } else {
        ActorKind::User
    }
}

/// Whether a principal is one of Google's own agents, which act for a customer from within
/// Google. The domains are Google's to give; nobody else can make an account in them.
pub(super) fn is_googles_own(uid: &str) -> bool {
    let Some((_, domain)) = uid.split_once('@') else {
        return uid.starts_with("system:");
    };
    matches!(
        domain,
        "cloudservices.gserviceaccount.com"
            | "system.gserviceaccount.com"
            | "compute-system.iam.gserviceaccount.com"
            | "container-engine-robot.iam.gserviceaccount.com"
            | "gs-project-accounts.iam.gserviceaccount.com"
    ) || (domain.starts_with("gcp-sa-") && domain.ends_with(".iam.gserviceaccount.com"))
}

/// Whether a call was made with the credentials that a VM's metadata server gives out.
///
/// That shows where Compute Engine's own agent acts as the service account, and nobody else does;
/// or where the project's account for VMs calls and no key of it is named, which an exported key
/// would be, and nobody acts as it. Of other accounts no entry says where their tokens are from.
///
/// `AuthenticationInfo` in `google/cloud/audit/audit_log.proto`, and
/// cloud.google.com/iam/docs/service-agents.
pub(super) fn is_of_vm(info: &AuthenticationInfo<'_>) -> bool {
    if !info.key_name.is_empty() {
        return false;
    }
    match info.delegation.0.as_slice() {
        [] => is_account_for_vms(info.email.as_str()),
        [only] => {
            let (_, domain) = only.first_party.email.as_str().split_once('@').unwrap_or_default();
            domain.eq_ignore_ascii_case("compute-system.iam.gserviceaccount.com")
        }
        _ => false,
    }
}

/// `111111111111-compute@developer.gserviceaccount.com`.
fn is_account_for_vms(email: &str) -> bool {
    let project = email
        .split_once('-')
        .filter(|(_, rest)| rest.eq_ignore_ascii_case("compute@developer.gserviceaccount.com"));
    project.is_some_and(|(number, _)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Subjects of federated identities may differ by case alone; e-mail addresses do not.
fn lower_case_of_email(name: Cow<'_, str>) -> Cow<'_, str> {
    let is_email = name.contains('@') && !name.contains("://");
    if is_email && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        name
    }
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_uids() {
        use ActorKind::{Anonymous, Application, User};
        for (text, kind, uid) in [
            ("Ann@Example.com", User, Some("ann@example.com")),
            ("user:ann@example.com", User, Some("ann@example.com")),
            (
                "serviceAccount:ci@p.iam.gserviceaccount.com",
                Application,
                Some("ci@p.iam.gserviceaccount.com"),
            ),
            ("CI@p.iam.GServiceAccount.com", Application, Some("ci@p.iam.gserviceaccount.com")),
            (
                "ann@gserviceaccount.com.example.com",
                User,
                Some("ann@gserviceaccount.com.example.com"),
            ),
            (
                "system:serviceaccount:default:web",
                Application,
                Some("system:serviceaccount:default:web"),
            ),
            ("system:anonymous", Anonymous, None),
            ("allUsers", Anonymous, None),
            ("p.svc.id.goog[ns/web]", Application, Some("p.svc.id.goog[ns/web]")),
            (
                "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/subject/Repo@A",
                Application,
                Some(
                    "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/subject/Repo@A",
                ),
            ),
            ("some_principal", User, Some("some_principal")),
        ] {
            let actor = of_text(text.into());
            assert_eq!((actor.kind, actor.uid.as_deref()), (kind, uid), "{text}");
        }
    }

    #[test]
    fn who_is_found_where_the_email_is_missing() {
        for (info, uid) in [
            (
                r#"{"principalEmail":"Ann@example.com","principalSubject":"user:bob@example.com"}"#,
                Some("ann@example.com"),
            ),
            (
                r#"{"principalEmail":"","principalSubject":"user:Bob@example.com"}"#,
                Some("bob@example.com"),
            ),
            (
                r#"{"serviceAccountDelegationInfo":[{"firstPartyPrincipal":{"principalEmail":"ci@example.com"}}]}"#,
                Some("ci@example.com"),
            ),
            (
                r#"{"serviceAccountDelegationInfo":[{"principalSubject":"principal://x/subject/1"}]}"#,
                Some("principal://x/subject/1"),
            ),
            ("{}", None),
        ] {
            let actor = of_call(serde_json::from_str(info).unwrap());
            assert_eq!(actor.uid.as_deref(), uid, "{info}");
        }
        for (actor, uid) in [
            (r#"{"email":"Ann@example.com","profileId":"1"}"#, Some("ann@example.com")),
            (r#"{"profileId":"1"}"#, Some("1")),
            (r#"{"profileId":"105250506097979753968"}"#, None),
            (r#"{"callerType":"KEY","key":"SYSTEM"}"#, Some("SYSTEM")),
        ] {
            let actor = of_activity(serde_json::from_str(actor).unwrap());
            assert_eq!(actor.uid.as_deref(), uid);
        }
    }

    #[test]
    fn credentials_of_vms() {
        let vms = r#""principalEmail":"111111111111-compute@developer.gserviceaccount.com""#;
        let own = r#""principalEmail":"web@example-shop.iam.gserviceaccount.com""#;
        let agent = r#"{"firstPartyPrincipal":{"principalEmail":"service-111111111111@compute-system.iam.gserviceaccount.com"}}"#;
        let person = r#"{"firstPartyPrincipal":{"principalEmail":"ann@example.com"}}"#;
        let by = |delegates: &str| format!(r#","serviceAccountDelegationInfo":[{delegates}]"#);
        let key = r#","serviceAccountKeyName":"//iam.googleapis.com/projects/p/serviceAccounts/s/keys/k""#;
        let federated = r#"{"principalSubject":"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/subject/repo"}"#;
        for (account, rest, expected) in [
            (vms, String::new(), true),
            (vms, key.to_owned(), false),
            (vms, by(person), false),
            (vms, by(agent), true),
            (vms, by(federated), false),
            (own, String::new(), false),
            (own, by(agent), true),
            (own, by(agent) + key, false),
            (own, by(person), false),
            (own, by(&format!("{agent},{person}")), false),
            (
                r#""principalEmail":"ann-compute@developer.gserviceaccount.com""#,
                String::new(),
                false,
            ),
            (r#""principalEmail":"ann@example.com""#, String::new(), false),
        ] {
            let json = format!("{{{account}{rest}}}");
            assert_eq!(is_of_vm(&serde_json::from_str(&json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn googles_own() {
        for (uid, own) in [
            ("service-111111111111@gcp-sa-pubsub.iam.gserviceaccount.com", true),
            ("111111111111@cloudservices.gserviceaccount.com", true),
            ("service-agent-manager@system.gserviceaccount.com", true),
            ("system:node:n1", true),
            ("ci@gcp-project.iam.gserviceaccount.com", false),
            ("ann@gcp-sa-pubsub.example.com", false),
            ("ann@example.com", false),
        ] {
            assert_eq!(is_googles_own(uid), own, "{uid}");
        }
    }
}
