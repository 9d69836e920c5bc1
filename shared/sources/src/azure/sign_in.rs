//! Normalize, Azure: sign-ins of Entra ID, as exported, as rows of the sign-in tables, and as
//! objects of Microsoft Graph.
//!
//! Decides what counts as a sign-in: a person's interactive one, and one where a password was sent.
//! What tokens, service principals and managed identities do all day are calls.

use std::borrow::Cow;

use callerwatch_detection::activity::{ApiActivity, Cloud, Outcome};

use crate::lenient::{Lenient, Text};
use crate::reading::Reading;

use super::codes::{self, Class};
use super::record::Record;
use super::{actor, origin, workload};

/// The service that signs in, for records that name none.
pub(super) const SERVICE: &str = "Microsoft.Entra";

/// What every export calls the operation, and objects of Graph leave out.
pub(super) const OPERATION: &str = "Sign-in activity";

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A person, or a client that sent a person's password.
    Interactive,
    /// A client with a person's token.
    NonInteractive,
    /// An application, service principal or managed identity.
    Application,
}

/// Whether the record is a sign-in: by its category or table (`SignInLogs`,
/// `AADNonInteractiveUserSignInLogs`), its operation, or as an object of Graph.
pub(super) fn knows(record: &Record<'_>, category: &str) -> bool {
    let is_named = category.ends_with("signinlogs")
        || record.operation_value.as_str().eq_ignore_ascii_case(OPERATION);
    let who = [
        &record.user_id,
        &record.user_principal_name,
        &record.app_id,
        &record.app_display_name,
        &record.service_principal_id,
    ];
    let says_who = who.into_iter().any(|text| !text.is_empty());
    let says_how = !record.result_type.is_empty() || !record.status.is_empty();
    let is_of_graph = !record.created.is_empty() && !record.status.object.error_code.is_empty();
    (is_named && (says_who || says_how)) || (is_of_graph && says_who)
}

/// Reads a sign-in.
pub(super) fn read<'a>(record: &Record<'a>, category: &str, text: &str) -> Reading<'a> {
    let manner = manner(record, category);
    let is_application = manner == Manner::Application;
    let code = code(record);
    let outcome = outcome(manner, codes::class(code.as_str()));
    let account = origin::account(record);
    let resource = if is_application {
        [&record.resource_display_name, &record.app_display_name, &record.app_id]
    } else {
        [&record.app_display_name, &record.resource_display_name, &record.app_id]
    };
    Reading::Activity(ApiActivity {
        cloud: Cloud::Azure,
        uid: origin::lower(&record.id).unwrap_or_else(|| {
            let time = origin::moment(&[&record.created, &record.time]);
            origin::uid(&record.correlation_id, &[&time], text)
        }),
        time: origin::time(&[&record.created, &record.time]),
        source: origin::source(&[&record.ip_address, &record.caller_ip], account.as_ref()),
        account,
        region: None,
        actor: actor::of_sign_in(record, is_application),
        service: Cow::Borrowed(SERVICE),
        operation: record.operation_value.clone().into_option().unwrap_or(OPERATION.into()),
        resource: actor::name(&resource),
        user_agent: record.user_agent.clone().into_option(),
        mfa: mfa(record, outcome),
        outcome,
        status_code: code.into_option().filter(|code| codes::class(code) != Class::Success),
        read_only: false,
        console_session: false,
        workload: workload::is_one(record),
    })
}

/// How a sign-in of this manner and code counts.
///
/// A token that meets a demand for a second factor is routine, so a client with a token never
/// counts as one that knows the password; and an application has a secret, which only an
/// application can have wrong.
pub(super) fn outcome(manner: Manner, class: Class) -> Outcome {
    match (class, manner) {
        (Class::Success, Manner::Interactive) => Outcome::LoginSucceeded,
        (Class::Success, _) => Outcome::Success,
        (Class::WrongPassword, _) | (Class::WrongSecret, Manner::Application) => {
            Outcome::LoginFailed
        }
        (Class::PasswordCorrect, Manner::Interactive) => Outcome::PasswordCorrect,
        (Class::WrongSecret | Class::PasswordCorrect | Class::Interrupt | Class::Other, _) => {
            Outcome::OtherError
        }
    }
}

fn manner(record: &Record<'_>, category: &str) -> Manner {
    let types = record.sign_in_event_types.0.iter().map(Text::as_str);
    let is = |word: &str| {
        category.contains(word)
            || types.clone().any(|name| name.to_ascii_lowercase().contains(word))
    };
    let has_user = !record.user_id.is_empty() || !record.user_principal_name.is_empty();
    let is_graph_application = !has_user && !record.service_principal_id.is_empty();
    if is("serviceprincipal") || is("managedidentity") || is_graph_application {
        return Manner::Application;
    }
    // With ROPC the client sends the password itself, which is what sprays do, and the log calls it
    // non-interactive.
    if record.authentication_protocol.as_str().eq_ignore_ascii_case("ropc") {
        return Manner::Interactive;
    }
    if is("noninteractive") || record.is_interactive.as_str().eq_ignore_ascii_case("false") {
        return Manner::NonInteractive;
    }
    Manner::Interactive
}

/// The error code: the result where that is a number, or else that of the status, or else zero
/// where a word says success. Any other word stays what it is.
fn code<'a>(record: &Record<'a>) -> Text<'a> {
    let result = &record.result_type;
    let error_code = &record.status.object.error_code;
    if result.as_str().trim().parse::<i64>().is_ok() {
        result.clone()
    } else if !error_code.is_empty() {
        error_code.clone()
    } else if is_success(origin::first(&[result, &record.substatus.text]).as_str()) {
        zero()
    } else {
        result.clone()
    }
}

fn is_success(word: &str) -> bool {
    ["success", "succeeded"].iter().any(|success| word.eq_ignore_ascii_case(success))
}

/// The code of success, for records that say it in words.
fn zero<'a>() -> Text<'a> {
    serde_json::from_str("0").unwrap_or_default()
}

/// Whether a second factor was used, for those who got in.
fn mfa(record: &Record<'_>, outcome: Outcome) -> Option<bool> {
    if !matches!(outcome, Outcome::LoginSucceeded | Outcome::Success) {
        return None;
    }
    let requirement = record.authentication_requirement.as_str();
    let details = record.status.object.additional_details.as_str();
    if requirement.eq_ignore_ascii_case("multiFactorAuthentication")
        || !record.mfa_detail.method.is_empty()
        || details.starts_with("MFA requirement satisfied")
        || details.starts_with("MFA completed")
    {
        Some(true)
    } else if requirement.eq_ignore_ascii_case("singleFactorAuthentication") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::activity;
    use super::*;
    use callerwatch_detection::activity::ActorKind;

    #[test]
    fn the_same_sign_in_in_every_schema() {
        for json in [
            r#"{"time":"2026-03-02T09:15:02Z","resourceId":"/tenants/T-1/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"SignInLogs","tenantId":"T-1","resultType":"50126","callerIpAddress":"198.51.100.9","correlationId":"c-1","identity":"Ann","properties":{"id":"S-1","createdDateTime":"2026-03-02T09:15:00Z","userPrincipalName":"Ann@a.example","userId":"U-1","appDisplayName":"Portal","ipAddress":"203.0.113.7","status":{"errorCode":50126},"isInteractive":true,"userAgent":"agent"}}"#,
            r#"{"time":"3/2/2026 9:15:00 AM","resourceid":"/tenants/t-1/providers/Microsoft.aadiam","operationname":"Sign-in activity","category":"SignInLogs","resulttype":50126,"calleripaddress":"203.0.113.7:4711","properties":"{\"id\":\"s-1\",\"userId\":\"u-1\",\"userPrincipalName\":\"Ann@a.example\",\"appDisplayName\":\"Portal\",\"userAgent\":\"agent\"}"}"#,
            r#"{"Type":"SigninLogs","TimeGenerated":"2026-03-02T09:15:00","TenantId":"workspace","AADTenantId":"T-1","OperationName":"Sign-in activity","Category":"SignInLogs","ResultType":"50126","IPAddress":"203.0.113.7","Identity":"Ann","Id":"s-1","UserId":"u-1","UserPrincipalName":"Ann@a.example","AppDisplayName":"Portal","IsInteractive":true,"UserAgent":"agent","Status":"{\"errorCode\":50126}"}"#,
            r#"{"id":"s-1","createdDateTime":"2026-03-02T09:15:00Z","tenantId":"t-1","userPrincipalName":"Ann@a.example","userId":"u-1","appDisplayName":"Portal","ipAddress":"203.0.113.7","isInteractive":true,"userAgent":"agent","status":{"errorCode":50126,"failureReason":"x"}}"#,
        ] {
            let call = activity(json);
            assert_eq!(call.outcome, Outcome::LoginFailed, "{json}");
            assert_eq!(call.uid, "s-1", "{json}");
            assert_eq!(call.account.as_deref(), Some("t-1"), "{json}");
            assert_eq!(call.time.unwrap().to_string(), "2026-03-02T09:15:00Z", "{json}");
            assert_eq!(call.source.ledger_key().unwrap().to_string(), "203.0.113.7", "{json}");
            assert_eq!(
                (call.actor.kind, call.actor.uid.as_deref()),
                (ActorKind::User, Some("u-1"))
            );
            assert_eq!(call.actor.name.as_deref(), Some("Ann@a.example"), "{json}");
            assert_eq!((&*call.service, &*call.operation), (SERVICE, OPERATION), "{json}");
            assert_eq!(call.resource.as_deref(), Some("Portal"), "{json}");
            assert_eq!(call.user_agent.as_deref(), Some("agent"), "{json}");
            assert_eq!(call.status_code.as_deref(), Some("50126"), "{json}");
        }
    }

    #[test]
    fn outcomes() {
        for (category, fields, expected) in [
            ("SignInLogs", r#""resultType":"0""#, Outcome::LoginSucceeded),
            (
                "SignInLogs",
                r#""resultType":0,"properties":{"isInteractive":"false"}"#,
                Outcome::Success,
            ),
            ("SignInLogs", r#""resultType":"Success""#, Outcome::LoginSucceeded),
            ("SignInLogs", r#""resultSignature":"SUCCESS""#, Outcome::LoginSucceeded),
            ("SignInLogs", r#""properties":{"status":{"errorCode":0}}"#, Outcome::LoginSucceeded),
            (
                "SignInLogs",
                r#""resultType":"Failure","properties":{"status":{"errorCode":50053}}"#,
                Outcome::LoginFailed,
            ),
            ("SignInLogs", r#""resultType":"Failure""#, Outcome::OtherError),
            ("SignInLogs", r#""x":1"#, Outcome::OtherError),
            ("SignInLogs", r#""resultType":"50034""#, Outcome::LoginFailed),
            ("SignInLogs", r#""resultType":"50074""#, Outcome::PasswordCorrect),
            ("SignInLogs", r#""resultType":"50140""#, Outcome::OtherError),
            ("SignInLogs", r#""resultType":"90072""#, Outcome::OtherError),
            ("SignInLogs", r#""resultType":"7000215""#, Outcome::OtherError),
            ("SignInLogs", r#""resultType":"50074","isInteractive":false"#, Outcome::OtherError),
            ("ADFSSignInLogs", r#""resultType":"50126""#, Outcome::LoginFailed),
            ("NonInteractiveUserSignInLogs", r#""resultType":"0""#, Outcome::Success),
            ("NonInteractiveUserSignInLogs", r#""resultType":"50126""#, Outcome::LoginFailed),
            ("NonInteractiveUserSignInLogs", r#""resultType":"50076""#, Outcome::OtherError),
            (
                "NonInteractiveUserSignInLogs",
                r#""resultType":"50076","properties":{"authenticationProtocol":"ropc"}"#,
                Outcome::PasswordCorrect,
            ),
            ("AADNonInteractiveUserSignInLogs", r#""ResultType":"50173""#, Outcome::OtherError),
            ("ServicePrincipalSignInLogs", r#""resultType":0"#, Outcome::Success),
            ("ServicePrincipalSignInLogs", r#""resultType":7000215"#, Outcome::LoginFailed),
            ("ServicePrincipalSignInLogs", r#""resultType":"53003""#, Outcome::OtherError),
            ("ManagedIdentitySignInLogs", r#""resultType":"0""#, Outcome::Success),
        ] {
            let json = format!(r#"{{"category":"{category}","UserId":"u-1",{fields}}}"#);
            assert_eq!(activity(&json).outcome, expected, "{json}");
        }
    }

    #[test]
    fn manners_of_graph() {
        for (fields, expected) in [
            (r#""userId":"u-1""#, Outcome::LoginSucceeded),
            (r#""userId":"u-1","signInEventTypes":["nonInteractiveUser"]"#, Outcome::Success),
            (r#""userId":"u-1","isInteractive":false"#, Outcome::Success),
            (r#""appId":"a-1","servicePrincipalId":"sp-1""#, Outcome::Success),
            (r#""appId":"a-1","signInEventTypes":["managedIdentity"]"#, Outcome::Success),
        ] {
            let json = format!(
                r#"{{"createdDateTime":"2026-03-02T09:15:00Z","status":{{"errorCode":0}},{fields}}}"#
            );
            assert_eq!(activity(&json).outcome, expected, "{json}");
        }
    }

    #[test]
    fn second_factors() {
        for (fields, expected) in [
            (r#""AuthenticationRequirement":"multiFactorAuthentication""#, Some(true)),
            (r#""AuthenticationRequirement":"singleFactorAuthentication""#, Some(false)),
            (
                r#""AuthenticationRequirement":"singleFactorAuthentication","Status":{"errorCode":0,"additionalDetails":"MFA requirement satisfied by claim in the token"}"#,
                Some(true),
            ),
            (r#""MfaDetail":{"authMethod":"Phone"}"#, Some(true)),
            (r#""MfaDetail":{}"#, None),
        ] {
            let json =
                format!(r#"{{"Category":"SignInLogs","UserId":"u","ResultType":"0",{fields}}}"#);
            assert_eq!(activity(&json).mfa, expected, "{json}");
        }
    }
}
