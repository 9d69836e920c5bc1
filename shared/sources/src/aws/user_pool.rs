//! Normalize: sign-ins to a user pool of Cognito, which are those of the customers of an application.
//!
//! `userIdentity` says nothing of the customer: it is empty, `Anonymous`, or the back end of the
//! application. Names are hidden, and `additionalEventData.sub` is the account, where there is one:
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/logging-using-cloudtrail.html>.

use callerwatch_detection::activity::{Actor, ActorKind, Outcome};

use super::identity::HIDDEN;
use super::outcome::{Ending, STEP, of_code};
use super::record::Record;

/// The service of user pools.
pub(super) const SERVICE: &str = "cognito-idp.amazonaws.com";

/// Flows and challenges in which the password itself is given or proven.
const WITH_PASSWORD: [&str; 6] = [
    "USER_PASSWORD_AUTH",
    "ADMIN_USER_PASSWORD_AUTH",
    "ADMIN_NO_SRP_AUTH",
    "PASSWORD",
    "PASSWORD_SRP",
    "PASSWORD_VERIFIER",
];

/// Challenges that come after the right password.
const AFTER_PASSWORD: [&str; 6] = [
    "SMS_MFA",
    "SOFTWARE_TOKEN_MFA",
    "EMAIL_OTP",
    "SELECT_MFA_TYPE",
    "MFA_SETUP",
    "NEW_PASSWORD_REQUIRED",
];

/// Flows that only begin a sign-in, whoever asks: without tokens in the answer they prove nothing.
const BEGINNINGS: [&str; 4] = ["USER_SRP_AUTH", "CUSTOM_AUTH", "USER_AUTH", "PASSWORD_SRP"];

/// How a call of a user pool ended.
pub(super) fn ending(record: &Record<'_>) -> Ending {
    let code = record.error_code.as_str();
    let is_refused = matches!(code, "NotAuthorizedException" | "UserNotFoundException");
    if is_refresh(record) {
        // A token that has expired is no wrong password, and no call that was forbidden.
        return Ending::Call(if is_refused { Outcome::OtherError } else { of_code(code) });
    }
    if !takes_password(record.event_name.as_str()) {
        return Ending::Call(of_code(code));
    }
    if is_refused {
        return Ending::Call(Outcome::LoginFailed);
    }
    // The page answers the same to a sign-in and to one that is to go on.
    if !code.is_empty() || record.event_name.as_str() == "Login_POST" {
        return Ending::Call(of_code(code));
    }
    let flow = record.request_parameters.flow.as_str();
    let answer = &record.response_elements;
    if answer.tokens.0 {
        return Ending::Call(Outcome::LoginSucceeded);
    }
    let challenge = answer.challenge.as_str();
    if WITH_PASSWORD.contains(&flow) && AFTER_PASSWORD.contains(&challenge) {
        return Ending::Call(Outcome::PasswordCorrect);
    }
    if challenge.is_empty() && !BEGINNINGS.contains(&flow) {
        return Ending::Call(Outcome::LoginSucceeded);
    }
    STEP
}

/// The customer whom a sign-in is of, even where a back end asks for it; nobody, where the record
/// does not say who. None for any other call: most can be made for an account by anybody, and would
/// make it look at home where its attacker is.
pub(super) fn customer<'a>(record: &mut Record<'a>, outcome: Outcome) -> Option<Actor<'a>> {
    if record.event_source.as_str() != SERVICE {
        return None;
    }
    let is_sign_in = matches!(
        outcome,
        Outcome::LoginFailed | Outcome::LoginSucceeded | Outcome::PasswordCorrect
    );
    let is_own_token = is_refresh(record) && record.user_identity.arn.as_str().is_empty();
    if !is_sign_in && !is_own_token {
        return None;
    }
    let sub = std::mem::take(&mut record.additional_event_data.sub).into_option();
    let uid = sub.filter(|sub| sub != HIDDEN);
    let kind = if uid.is_some() { ActorKind::User } else { ActorKind::Unknown };
    Some(Actor { kind, uid, name: None, credential: None })
}

/// Operations that take a password or the answer to a challenge.
fn takes_password(operation: &str) -> bool {
    matches!(
        operation,
        "InitiateAuth"
            | "AdminInitiateAuth"
            | "RespondToAuthChallenge"
            | "AdminRespondToAuthChallenge"
            | "Login_POST"
    )
}

/// Whether tokens are asked for with a token, long after the sign-in and with nobody there.
fn is_refresh(record: &Record<'_>) -> bool {
    matches!(record.request_parameters.flow.as_str(), "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN")
        || record.event_name.as_str() == "GetTokensFromRefreshToken"
}

#[cfg(test)]
mod tests {
    use super::super::tests::activity;
    use super::*;

    fn record(rest: &str) -> String {
        format!(
            r#"{{"eventVersion":"1.10","userIdentity":{{"type":"Unknown","principalId":"Anonymous"}},"eventSource":"cognito-idp.amazonaws.com","eventType":"AwsApiCall",{rest}}}"#
        )
    }

    #[test]
    fn endings() {
        use Ending::Call;
        let failed = r#""errorCode":"NotAuthorizedException","errorMessage":"Incorrect username or password.""#;
        let hidden = r#""clientId":"c","authParameters":"HIDDEN_DUE_TO_SECURITY_REASONS""#;
        let tokens = r#""responseElements":{"challengeParameters":{},"authenticationResult":{"accessToken":"HIDDEN_DUE_TO_SECURITY_REASONS","expiresIn":3600}}"#;
        let next = |name| format!(r#""responseElements":{{"challengeName":"{name}"}}"#);
        let (mfa, verifier) = (next("SOFTWARE_TOKEN_MFA"), next("PASSWORD_VERIFIER"));
        for (operation, flow, end, expected) in [
            ("InitiateAuth", "USER_PASSWORD_AUTH", failed, Call(Outcome::LoginFailed)),
            ("InitiateAuth", "USER_PASSWORD_AUTH", tokens, Call(Outcome::LoginSucceeded)),
            (
                "InitiateAuth",
                "USER_PASSWORD_AUTH",
                r#""responseElements":null"#,
                Call(Outcome::LoginSucceeded),
            ),
            ("InitiateAuth", "USER_PASSWORD_AUTH", &mfa, Call(Outcome::PasswordCorrect)),
            ("AdminInitiateAuth", "ADMIN_NO_SRP_AUTH", tokens, Call(Outcome::LoginSucceeded)),
            ("InitiateAuth", "USER_SRP_AUTH", &verifier, STEP),
            ("InitiateAuth", "USER_SRP_AUTH", r#""responseElements":null"#, STEP),
            ("InitiateAuth", "USER_AUTH", tokens, Call(Outcome::LoginSucceeded)),
            ("InitiateAuth", "REFRESH_TOKEN_AUTH", failed, Call(Outcome::OtherError)),
            ("InitiateAuth", "REFRESH_TOKEN_AUTH", tokens, Call(Outcome::Success)),
            ("GetTokensFromRefreshToken", "", failed, Call(Outcome::OtherError)),
            (
                "InitiateAuth",
                "USER_PASSWORD_AUTH",
                r#""errorCode":"TooManyRequestsException""#,
                Call(Outcome::Throttled),
            ),
            (
                "InitiateAuth",
                "USER_SRP_AUTH",
                r#""errorCode":"UserNotFoundException""#,
                Call(Outcome::LoginFailed),
            ),
            ("AdminGetUser", "", failed, Call(Outcome::Denied)),
            ("ForgotPassword", "", r#""responseElements":null"#, Call(Outcome::Success)),
            ("Login_POST", "", failed, Call(Outcome::LoginFailed)),
            ("Login_POST", "", r#""errorCode":"""#, Call(Outcome::Success)),
        ] {
            let json = record(&format!(
                r#""eventName":"{operation}","requestParameters":{{"authFlow":"{flow}",{hidden}}},{end}"#
            ));
            assert_eq!(ending(&serde_json::from_str(&json).unwrap()), expected, "{json}");
        }
        for (challenge, end, expected) in [
            ("PASSWORD_VERIFIER", tokens, Call(Outcome::LoginSucceeded)),
            ("PASSWORD_VERIFIER", failed, Call(Outcome::LoginFailed)),
            ("PASSWORD_VERIFIER", mfa.as_str(), Call(Outcome::PasswordCorrect)),
            ("PASSWORD_VERIFIER", &next("DEVICE_SRP_AUTH"), STEP),
            ("SOFTWARE_TOKEN_MFA", tokens, Call(Outcome::LoginSucceeded)),
            ("CUSTOM_CHALLENGE", &next("CUSTOM_CHALLENGE"), STEP),
        ] {
            let json = record(&format!(
                r#""eventName":"RespondToAuthChallenge","requestParameters":{{"challengeName":"{challenge}","session":"x"}},{end}"#
            ));
            assert_eq!(ending(&serde_json::from_str(&json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn who_signs_in() {
        let sub = r#""additionalEventData":{"sub":"87a42a58-6051-7076-79e2-fe9208b6ae3c"}"#;
        let failed = r#""eventName":"InitiateAuth","errorCode":"NotAuthorizedException""#;
        let refreshed =
            r#""eventName":"InitiateAuth","requestParameters":{"authFlow":"REFRESH_TOKEN_AUTH"}"#;
        for (rest, expected) in [
            (format!("{failed},{sub}"), Some("87a42a58-6051-7076-79e2-fe9208b6ae3c")),
            (failed.to_owned(), None),
            (
                format!(
                    r#"{failed},"additionalEventData":{{"sub":"HIDDEN_DUE_TO_SECURITY_REASONS"}}"#
                ),
                None,
            ),
            (format!("{refreshed},{sub}"), Some("87a42a58-6051-7076-79e2-fe9208b6ae3c")),
            // Anybody may ask for it.
            (format!(r#""eventName":"ForgotPassword",{sub}"#), None),
        ] {
            let json = record(&rest);
            assert_eq!(activity(&json).actor.uid.as_deref(), expected, "{json}");
            assert_eq!(activity(&json).actor.name, None, "{json}");
        }
    }

    #[test]
    fn a_back_end_that_asks_is_not_who_signs_in() {
        let role = r#""userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/shop/i-1"}"#;
        let of = |rest: &str| {
            record(rest)
                .replace(r#""userIdentity":{"type":"Unknown","principalId":"Anonymous"}"#, role)
        };
        let failed = r#""eventName":"AdminInitiateAuth","errorCode":"NotAuthorizedException""#;
        let sub = r#""additionalEventData":{"sub":"s-1"}"#;
        assert_eq!(activity(&of(&format!("{failed},{sub}"))).actor.uid.as_deref(), Some("s-1"));
        assert_eq!(activity(&of(failed)).actor.uid, None);
        let other = of(&format!(r#""eventName":"AdminGetUser",{sub}"#));
        assert_eq!(activity(&other).actor.name.as_deref(), Some("shop/i-1"));
    }
}
