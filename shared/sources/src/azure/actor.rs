//! Normalize, Azure: who made a call.
//!
//! One person must have one identity in sign-ins, the Activity Log and every other log. All of them
//! know the object id of the directory, so that comes first, in lower case; then the name a user
//! signs in with, in lower case; an application's own id comes last. A display name is no identity.

use std::borrow::Cow;

use callerwatch_detection::activity::{Actor, ActorKind};

use crate::lenient::{Lenient, Text};

use super::origin::lower;
use super::record::{Claims, Evidence, Initiator, Record};

/// The user or application of a sign-in.
pub(super) fn of_sign_in<'a>(record: &Record<'a>, is_application: bool) -> Actor<'a> {
    if is_application {
        return Actor {
            kind: ActorKind::Application,
            uid: id(&record.service_principal_id).or_else(|| id(&record.app_id)),
            name: name(&[
                &record.service_principal_name,
                &record.app_display_name,
                &record.identity.text,
                &record.app_id,
            ]),
            credential: None,
        };
    }
    let uid = id(&record.user_id).or_else(|| id(&record.user_principal_name));
    let name =
        name(&[&record.user_principal_name, &record.user_display_name, &record.identity.text]);
    let kind = if uid.is_some() || name.is_some() { ActorKind::User } else { ActorKind::Unknown };
    Actor { kind, uid, name, credential: None }
}

/// The caller of an operation in the Activity Log, by the claims of the token.
pub(super) fn of_claims<'a>(record: &Record<'a>) -> Actor<'a> {
    let Claims { object_id, upn, email, unique_name, name: display_name, app_id, .. } =
        &record.claims;
    let evidence = &record.authorization.evidence;
    // Some tokens have the name a user signs in with for a display name.
    let sign_in_name = [upn, email, &record.caller, unique_name, display_name]
        .into_iter()
        .find(|name| name.as_str().contains('@'));
    let uid = id(object_id)
        .or_else(|| principal_of(evidence))
        .or_else(|| sign_in_name.and_then(id))
        .or_else(|| id(&record.caller))
        .or_else(|| id(app_id));
    let token_of = record.claims.token_of.as_str();
    let is_application = token_of.eq_ignore_ascii_case("app")
        || evidence.principal_type.as_str().eq_ignore_ascii_case("ServicePrincipal");
    let kind = if is_application {
        ActorKind::Application
    } else if sign_in_name.is_some()
        || token_of.eq_ignore_ascii_case("user")
        || !display_name.is_empty()
    {
        ActorKind::User
    } else if uid.is_some() {
        // Tokens of users tell a name; what has an id alone is an application.
        ActorKind::Application
    } else {
        ActorKind::Unknown
    };
    let nothing = Text::default();
    let name = name(&[sign_in_name.unwrap_or(&nothing), display_name, &record.caller, app_id]);
    Actor { kind, uid, name, credential: None }
}

/// The user or application that made an audited change.
pub(super) fn of_initiator<'a>(record: &Record<'a>) -> Actor<'a> {
    let of = |kind, initiator: &Initiator<'a>| Actor {
        kind,
        uid: id(&initiator.id)
            .or_else(|| id(&initiator.user_principal_name))
            .or_else(|| id(&initiator.app_id)),
        name: name(&[&initiator.user_principal_name, &initiator.display_name]),
        credential: None,
    };
    let user = of(ActorKind::User, &record.initiated_by.user);
    let app = of(ActorKind::Application, &record.initiated_by.app);
    [user, app]
        .into_iter()
        .find(|actor| actor.uid.is_some() || actor.name.is_some())
        .unwrap_or_else(|| Actor {
            kind: ActorKind::Unknown,
            uid: None,
            name: name(&[&record.identity.text]),
            credential: None,
        })
}

/// The requester of a call to a resource.
pub(super) fn of_requester<'a>(record: &Record<'a>) -> Actor<'a> {
    let kind = [&record.identity.object.kind, &record.authentication_type];
    if kind.into_iter().any(|kind| kind.as_str().eq_ignore_ascii_case("anonymous")) {
        return Actor { kind: ActorKind::Anonymous, uid: None, name: None, credential: None };
    }
    let requester = &record.identity.object.requester;
    let upn = [&requester.upn, &record.requester_upn, &record.user_principal_name]
        .into_iter()
        .find(|upn| !upn.is_empty());
    let user = id(&record.user_id);
    let uid = id(&requester.object_id)
        .or_else(|| id(&record.requester_object_id))
        .or_else(|| user.clone())
        .or_else(|| upn.and_then(id))
        .or_else(|| id(&record.service_principal_id))
        .or_else(|| id(&requester.app_id))
        .or_else(|| id(&record.requester_app_id))
        .or_else(|| id(&record.app_id));
    let Some(uid) = uid else {
        return of_claims(record);
    };
    let kind =
        if upn.is_some() || user.is_some() { ActorKind::User } else { ActorKind::Application };
    Actor { kind, uid: Some(uid), name: upn.and_then(|upn| name(&[upn])), credential: None }
}

/// An identity, in lower case; none for what stands for nobody: zeros, and `{PII Removed}`.
pub(super) fn id<'a>(text: &Text<'a>) -> Option<Cow<'a, str>> {
    let is_nobody = text.as_str().bytes().all(|byte| matches!(byte, b'0' | b'-' | b' '))
        || text.as_str().starts_with('{');
    if is_nobody { None } else { lower(text) }
}

/// The first of the texts that says something.
pub(super) fn name<'a>(texts: &[&Text<'a>]) -> Option<Cow<'a, str>> {
    texts.iter().find(|text| !text.is_empty()).and_then(|text| (*text).clone().into_option())
}

/// The object id of the principal whose role assignment allowed the call, unless it is a group's.
/// The Activity Log writes it without dashes.
fn principal_of<'a>(evidence: &Evidence<'a>) -> Option<Cow<'a, str>> {
    let holder = evidence.principal_type.as_str();
    if !holder.eq_ignore_ascii_case("User") && !holder.eq_ignore_ascii_case("ServicePrincipal") {
        return None;
    }
    let id = id(&evidence.principal_id)?;
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(id);
    }
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    let groups = groups.map(|group| id.get(group).unwrap_or_default());
    Some(Cow::Owned(groups.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(actor: &Actor<'_>) -> String {
        let [uid, name] = [&actor.uid, &actor.name].map(|text| text.as_deref().unwrap_or("-"));
        format!("{:?} {uid} {name}", actor.kind)
    }

    #[test]
    fn of_sign_ins() {
        for (json, is_application, expected) in [
            (
                r#"{"userId":"AB-1","userPrincipalName":"Ann@a.example"}"#,
                false,
                "User ab-1 Ann@a.example",
            ),
            (
                r#"{"userId":"00000000-0000-0000-0000-000000000000","userPrincipalName":"Ann@a.example"}"#,
                false,
                "User ann@a.example Ann@a.example",
            ),
            (r#"{"userId":"","identity":"Ann"}"#, false, "User - Ann"),
            (r#"{"userPrincipalName":"{PII Removed}"}"#, false, "User - {PII Removed}"),
            ("{}", false, "Unknown - -"),
            (
                r#"{"servicePrincipalId":"SP-1","appId":"app-1","servicePrincipalName":"builder"}"#,
                true,
                "Application sp-1 builder",
            ),
            (r#"{"appId":"APP-1"}"#, true, "Application app-1 APP-1"),
        ] {
            let record = Record::parse(json).unwrap();
            assert_eq!(show(&of_sign_in(&record, is_application)), expected, "{json}");
        }
    }

    #[test]
    fn of_callers() {
        for (json, expected) in [
            (
                r#"{"claims":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"AB-1","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"ann@a.example","name":"Ann"}}"#,
                "User ab-1 ann@a.example",
            ),
            (r#"{"caller":"Ann@a.example"}"#, "User ann@a.example Ann@a.example"),
            (r#"{"claims":{"name":"ann@a.example"}}"#, "User ann@a.example ann@a.example"),
            (r#"{"claims":{"name":"Ann"}}"#, "User - Ann"),
            (
                r#"{"caller":"AB-2","claims":{"idtyp":"app","oid":"ab-2","appid":"app-1"}}"#,
                "Application ab-2 AB-2",
            ),
            (r#"{"claims":{"appid":"app-1"}}"#, "Application app-1 app-1"),
            (
                r#"{"identity":{"authorization":{"evidence":{"principalId":"0123456789abcdef0123456789ABCDEF","principalType":"ServicePrincipal"}}}}"#,
                "Application 01234567-89ab-cdef-0123-456789abcdef -",
            ),
            (
                r#"{"identity":{"authorization":{"evidence":{"principalId":"ab-3","principalType":"Group"}},"claims":{"upn":"ann@a.example"}}}"#,
                "User ann@a.example ann@a.example",
            ),
            (r#"{"claims":{"ipaddr":"203.0.113.7"}}"#, "Unknown - -"),
        ] {
            assert_eq!(show(&of_claims(&Record::parse(json).unwrap())), expected, "{json}");
        }
    }

    #[test]
    fn of_initiators_and_requesters() {
        for (json, expected) in [
            (
                r#"{"initiatedBy":{"user":{"id":"AB-1","userPrincipalName":"ann@a.example"},"app":null}}"#,
                "User ab-1 ann@a.example",
            ),
            (
                r#"{"InitiatedBy":"{\"app\":{\"appId\":null,\"displayName\":\"Sync\",\"servicePrincipalId\":\"SP-1\"}}"}"#,
                "Application sp-1 Sync",
            ),
            (r#"{"identity":"Ann"}"#, "Unknown - Ann"),
        ] {
            assert_eq!(show(&of_initiator(&Record::parse(json).unwrap())), expected, "{json}");
        }
        for (json, expected) in [
            (
                r#"{"identity":{"type":"OAuth","requester":{"objectId":"AB-1","upn":"ann@a.example"}}}"#,
                "User ab-1 ann@a.example",
            ),
            (r#"{"AuthenticationType":"Anonymous","RequesterObjectId":""}"#, "Anonymous - -"),
            (r#"{"properties":{"userId":"AB-1","appId":"app-1"}}"#, "User ab-1 -"),
            (
                r#"{"properties":{"servicePrincipalId":"SP-1","appId":"app-1"}}"#,
                "Application sp-1 -",
            ),
            (
                r#"{"identity":{"claim":{"oid":"ab-1","upn":"ann@a.example"}}}"#,
                "User ab-1 ann@a.example",
            ),
            (r#"{"identity":{"type":"SAS","tokenHash":"k"}}"#, "Unknown - -"),
        ] {
            assert_eq!(show(&of_requester(&Record::parse(json).unwrap())), expected, "{json}");
        }
    }
}
