//! Normalize: how a call ended.
//!
//! `CloudTrail` says it in one of four places: `errorCode` for API calls; `responseElements`, or
//! `errorMessage` alone, for console sign-ins; `serviceEventDetails` for those of Identity Center.
//! Sign-ins to user pools are [`user_pool`]'s. Looks at nothing that tells who called or from where.

use callerwatch_detection::activity::Outcome;

use super::record::Record;
use super::user_pool;
use crate::lenient::Text;

/// What a record says of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// A call, and its outcome.
    Call(Outcome),
    /// No call, and what it is.
    NotACall(&'static str),
}

/// A step of a sign-in whose end has a record of its own. Counted, it would make one sign-in look
/// like several, or a prompt for a second factor like a success.
pub(super) const STEP: Ending = Ending::NotACall("step of a sign-in");

/// How the call of `record` ended.
pub(super) fn ending(record: &Record<'_>) -> Ending {
    let kind = record.event_type.as_str();
    if record.is_digest() {
        return Ending::NotACall("digest");
    }
    if kind.eq_ignore_ascii_case("AwsCloudTrailInsight") {
        return Ending::NotACall("insight");
    }
    // Counts of calls that have records of their own.
    if kind.eq_ignore_ascii_case("AwsAggregatedEvent") {
        return Ending::NotACall("aggregate");
    }
    match record.event_source.as_str() {
        "signin.amazonaws.com" => sign_in(record),
        user_pool::SERVICE => user_pool::ending(record),
        // Redacted records lose their source before they lose the name of the event.
        _ if kind.eq_ignore_ascii_case("AwsConsoleSignIn") => sign_in(record),
        _ => Ending::Call(of_code(record.error_code.as_str())),
    }
}

/// Whether the person behind a service event is at the address it names: Identity Center and
/// Cognito record sign-ins as events of a service.
pub(super) fn is_sign_in(record: &Record<'_>) -> bool {
    let service = record.event_source.as_str();
    ["signin.amazonaws.com", "sso.amazonaws.com", user_pool::SERVICE].contains(&service)
        || record.event_type.as_str().eq_ignore_ascii_case("AwsConsoleSignIn")
}

/// The events of `signin.amazonaws.com`.
fn sign_in(record: &Record<'_>) -> Ending {
    let verdict = [&record.response_elements.verdict, &record.service_event_details.verdict]
        .into_iter()
        .map(Text::as_str)
        .find(|verdict| !verdict.is_empty())
        .unwrap_or_default();
    let succeeded = verdict.eq_ignore_ascii_case("Success");
    let failed = verdict.eq_ignore_ascii_case("Failure");
    let code = record.error_code.as_str();
    let outcome = match record.event_name.as_str() {
        // `errorMessage` alone is how some failures are told; a sign-in that says nothing of
        // either is neither.
        "ConsoleLogin" | "UserAuthentication" | "ExternalIdPDirectoryLogin" => {
            if succeeded {
                Outcome::LoginSucceeded
            } else if failed || !record.error_message.as_str().is_empty() {
                Outcome::LoginFailed
            } else if code.is_empty() {
                Outcome::OtherError
            } else {
                of_code(code)
            }
        }
        "CredentialVerification" if failed => Outcome::LoginFailed,
        "CredentialVerification" | "CredentialChallenge" => return STEP,
        // `Success` means that the second factor was asked for.
        "CheckMfa" if !failed => return STEP,
        "SwitchRole" if failed => Outcome::Denied,
        // Tokens (`GetSigninToken`, `AuthorizeOAuth2Access`, `CreateOAuth2Token`) are had by those
        // who are signed in; changes of a password do not sign in.
        _ if failed => Outcome::OtherError,
        _ => of_code(code),
    };
    Ending::Call(outcome)
}

/// The outcome an `errorCode` tells of; success where there is none.
pub(super) fn of_code(code: &str) -> Outcome {
    if code.is_empty() {
        return Outcome::Success;
    }
    // EC2 writes `Client.UnauthorizedOperation`, others a namespace.
    let code = code.rsplit(['.', ':', '#']).next().unwrap_or(code);
    let denied = code.contains("AccessDenied")
        || code.ends_with("UnauthorizedOperation")
        || matches!(
            code,
            "NotAuthorizedException"
                | "NotAuthorized"
                | "UnauthorizedException"
                | "AuthorizationError"
                | "AuthorizationErrorException"
                | "Forbidden"
                | "ForbiddenException"
        );
    let throttled = code.contains("Throttl")
        || code.starts_with("TooManyRequests")
        || code.starts_with("ProvisionedThroughputExceeded")
        || matches!(code, "RequestLimitExceeded" | "SlowDown" | "BandwidthLimitExceeded");
    if denied {
        Outcome::Denied
    } else if throttled {
        Outcome::Throttled
    } else {
        Outcome::OtherError
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (code, expected) in [
            ("", Outcome::Success),
            ("AccessDenied", Outcome::Denied),
            ("AccessDeniedException", Outcome::Denied),
            ("VpceAccessDenied", Outcome::Denied),
            ("Client.UnauthorizedOperation", Outcome::Denied),
            ("UnauthorizedOperation", Outcome::Denied),
            ("NotAuthorizedException", Outcome::Denied),
            ("ThrottlingException", Outcome::Throttled),
            ("Client.RequestLimitExceeded", Outcome::Throttled),
            ("TooManyRequestsException", Outcome::Throttled),
            ("NoSuchTagSet", Outcome::OtherError),
            ("Client.DryRunOperation", Outcome::OtherError),
            ("LimitExceededException", Outcome::OtherError),
        ] {
            assert_eq!(of_code(code), expected, "{code}");
        }
    }

    #[test]
    fn sign_ins() {
        use Ending::Call;
        for (rest, expected) in [
            (
                r#""ConsoleLogin","responseElements":{"ConsoleLogin":"Success"}"#,
                Call(Outcome::LoginSucceeded),
            ),
            (
                r#""ConsoleLogin","responseElements":{"ConsoleLogin":"Failure"}"#,
                Call(Outcome::LoginFailed),
            ),
            (
                r#""ConsoleLogin","responseElements":null,"errorMessage":"Failed authentication""#,
                Call(Outcome::LoginFailed),
            ),
            (r#""ConsoleLogin","responseElements":null"#, Call(Outcome::OtherError)),
            (
                r#""ConsoleLogin","responseElements":{"ConsoleLogin":"..."}"#,
                Call(Outcome::OtherError),
            ),
            (r#""CheckMfa","responseElements":{"CheckMfa":"Success"}"#, STEP),
            (r#""CheckMfa","responseElements":{"CheckMfa":"Failure"}"#, Call(Outcome::OtherError)),
            (r#""SwitchRole","responseElements":{"SwitchRole":"Failure"}"#, Call(Outcome::Denied)),
            (r#""SwitchRole","responseElements":{"SwitchRole":"Success"}"#, Call(Outcome::Success)),
            (
                r#""CredentialChallenge","serviceEventDetails":{"CredentialChallenge":"Success"}"#,
                STEP,
            ),
            (
                r#""CredentialVerification","serviceEventDetails":{"CredentialVerification":"Success"}"#,
                STEP,
            ),
            (
                r#""CredentialVerification","serviceEventDetails":{"CredentialVerification":"Failure"}"#,
                Call(Outcome::LoginFailed),
            ),
            (
                r#""CredentialVerification","responseElements":{"CredentialVerification":"Failure"}"#,
                Call(Outcome::LoginFailed),
            ),
            (
                r#""UserAuthentication","serviceEventDetails":{"UserAuthentication":"Success"}"#,
                Call(Outcome::LoginSucceeded),
            ),
            (
                r#""PasswordUpdated","responseElements":{"PasswordUpdated":"Failure"}"#,
                Call(Outcome::OtherError),
            ),
            (r#""GetSigninToken","responseElements":null"#, Call(Outcome::Success)),
            (r#""CreateOAuth2Token","errorCode":"AccessDenied""#, Call(Outcome::Denied)),
        ] {
            let json = format!(r#"{{"eventSource":"signin.amazonaws.com","eventName":{rest}}}"#);
            assert_eq!(ending(&serde_json::from_str(&json).unwrap()), expected, "{rest}");
        }
    }

    #[test]
    fn others() {
        for (json, expected) in [
            (
                r#"{"eventVersion":"1.07","eventType":"AWSCloudTrailInsight"}"#,
                Ending::NotACall("insight"),
            ),
            (
                r#"{"eventVersion":"1.11","eventType":"AwsAggregatedEvent","eventSource":"s3.amazonaws.com","eventName":"GetObject"}"#,
                Ending::NotACall("aggregate"),
            ),
            (
                r#"{"awsAccountId":"111111111111","digestStartTime":"2026-03-02T09:00:00Z"}"#,
                Ending::NotACall("digest"),
            ),
            (
                r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","errorMessage":"odd"}"#,
                Ending::Call(Outcome::Success),
            ),
        ] {
            assert_eq!(ending(&serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }
}
