//! What an event of Google Workspace means: how a sign-in ended, or that it is no call.
//!
//! Event names and parameters are those of Google's reference of login, SAML and Context-Aware
//! Access events. Cloud Logging writes `loginFailure` where the Reports API has `login_failure`.

use callerwatch_detection::activity::Outcome;

use super::record::Parameter;
use crate::lenient::Text;

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A call that ended so.
    Call(Outcome),
    /// Nothing anybody did just then, or a part of what another event tells.
    NotACall(&'static str),
}

/// What an event of an application means.
pub(super) fn meaning(application: &str, name: &str, details: &Details<'_>) -> Meaning {
    let name: String = name.trim().chars().filter(|it| *it != '_').collect();
    match (application, name.to_ascii_lowercase().as_str()) {
        (_, "") => Meaning::NotACall("activity without an event"),
        ("login" | "saml", "loginsuccess" | "samlloginsucceeded") => {
            Meaning::Call(Outcome::LoginSucceeded)
        }
        ("saml", "loginfailure") | ("login", "samlloginfailed") => {
            Meaning::Call(saml_failure(details))
        }
        ("login", "loginfailure") => Meaning::Call(login_failure(details)),
        ("login", "loginchallenge" | "loginverification") => challenge(details),
        ("login", "logout") => Meaning::NotACall("sign-out"),
        ("login", name) if is_warning(name) => Meaning::NotACall("warning about an account"),
        // Mail arrives from other people's servers, whose addresses these are; nobody signed in.
        ("gmail", "delivery") => Meaning::NotACall("delivery of mail"),
        ("context_aware_access", "accessdenyevent") => Meaning::Call(Outcome::Denied),
        ("context_aware_access", "monitormodeaccessdenyevent") => {
            Meaning::NotACall("dry run of a policy")
        }
        _ => Meaning::Call(Outcome::Success),
    }
}

/// What parameters say of a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details<'p> {
    login_type: &'p str,
    /// What was asked for, in order: `password`, then perhaps `google_prompt`.
    challenge_methods: Vec<&'p str>,
    challenge_status: &'p str,
    second_factor: bool,
    /// Why a sign-in failed.
    pub(super) failure_type: &'p str,
    /// Whose account an event is about, where it names no actor.
    pub(super) affected_email: &'p str,
}

impl<'p> Details<'p> {
    /// Gathers them from a list of named parameters, or from an object of them.
    pub(super) fn of(parameters: &'p [Parameter<'_>]) -> Self {
        let mut details = Self::default();
        for parameter in parameters {
            let values = || parameter.values.0.iter().map(Text::as_str);
            let value = values().next().unwrap_or_default();
            match parameter.name.as_str() {
                "login_type" => details.login_type = value,
                "login_challenge_method" => details.challenge_methods.extend(values()),
                "login_challenge_status" => details.challenge_status = value,
                "is_second_factor" => {
                    details.second_factor |= parameter.flag.is_true() || value == "true";
                }
                "login_failure_type" | "failure_type" => details.failure_type = value,
                "affected_email_address" => details.affected_email = value,
                _ => {}
            }
            let methods = parameter.challenge_methods.0.iter().map(Text::as_str);
            details.challenge_methods.extend(methods);
            details.second_factor |= parameter.second_factor.is_true();
            for (detail, text) in [
                (&mut details.login_type, &parameter.login_type),
                (&mut details.challenge_status, &parameter.challenge_status),
                (&mut details.failure_type, &parameter.failure_type),
                (&mut details.affected_email, &parameter.affected_email),
            ] {
                if detail.is_empty() {
                    *detail = text.as_str();
                }
            }
        }
        details
    }
}

/// The password was right where the second factor is named as what was wrong. Of a disabled
/// account or a service not allowed, Google does not say whether the password was looked at.
fn login_failure(details: &Details<'_>) -> Outcome {
    let failure = details.failure_type;
    if failure.contains("second_factor") || failure.contains("2sv") {
        Outcome::PasswordCorrect
    } else {
        Outcome::LoginFailed
    }
}

/// A failed sign-in to a third party's application by SAML is no wrong password: whoever comes
/// here has signed in to Google. It is a matter of what the user may use, or of configuration.
fn saml_failure(details: &Details<'_>) -> Outcome {
    let failure = details.failure_type.to_ascii_lowercase();
    let is_denial = ["for_user", "not_authorized", "request_denied"]
        .iter()
        .any(|reason| failure.contains(reason));
    if is_denial { Outcome::Denied } else { Outcome::OtherError }
}

/// A challenge (`Challenge Passed.`, `Challenge Failed.`, or nothing) is a step of a sign-in,
/// whose end is another event. One that failed shows a right password where it was put after one:
/// it is said to be the second factor, or follows `password`, or belongs to a sign-in by Google
/// password. That a password itself failed is told by `login_failure`.
fn challenge(details: &Details<'_>) -> Meaning {
    if !details.challenge_status.to_ascii_lowercase().contains("failed") {
        return Meaning::NotACall("step of a sign-in");
    }
    let Some((last, before)) = details.challenge_methods.split_last() else {
        let outcome =
            if details.second_factor { Outcome::PasswordCorrect } else { Outcome::OtherError };
        return Meaning::Call(outcome);
    };
    let after_password = details.second_factor
        || before.contains(&"password")
        || details.login_type == "google_password";
    let asked_for_more = !matches!(*last, "password" | "none" | "captcha" | "saml");
    Meaning::Call(if asked_for_more && after_password {
        Outcome::PasswordCorrect
    } else {
        Outcome::OtherError
    })
}

/// What Google found, or did, about an account: not a call from the address it names, if any. The
/// sign-in that gave rise to it has an event of its own.
fn is_warning(name: &str) -> bool {
    ["accountdisabled", "suspicious", "govattackwarning", "riskysensitiveaction"]
        .iter()
        .any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::{List, of_json};

    fn read(application: &str, name: &str, parameters: &str) -> String {
        let parameters: List<Parameter<'_>> = of_json(parameters).unwrap();
        match meaning(application, name, &Details::of(&parameters.0)) {
            Meaning::Call(outcome) => format!("{outcome:?}"),
            Meaning::NotACall(what) => what.to_owned(),
        }
    }

    #[test]
    fn events() {
        for (application, name, expected) in [
            ("login", "login_success", "LoginSucceeded"),
            ("login", "loginSuccess", "LoginSucceeded"),
            ("login", "login_failure", "LoginFailed"),
            ("login", "loginFailure", "LoginFailed"),
            ("login", "SamlLoginSucceeded", "LoginSucceeded"),
            ("login", "SamlLoginFailed", "OtherError"),
            ("login", "login_challenge", "step of a sign-in"),
            ("login", "logout", "sign-out"),
            ("login", "suspicious_login ", "warning about an account"),
            ("login", "account_disabled_password_leak", "warning about an account"),
            ("login", "accountDisabledGeneric", "warning about an account"),
            ("login", "gov_attack_warning", "warning about an account"),
            ("login", "2sv_disable", "Success"),
            ("login", "", "activity without an event"),
            ("saml", "login_success", "LoginSucceeded"),
            ("saml", "login_failure", "OtherError"),
            ("drive", "download", "Success"),
            ("admin", "CREATE_USER", "Success"),
            ("gmail", "delivery", "delivery of mail"),
            ("context_aware_access", "ACCESS_DENY_EVENT", "Denied"),
            ("context_aware_access", "MONITOR_MODE_ACCESS_DENY_EVENT", "dry run of a policy"),
        ] {
            assert_eq!(read(application, name, "[]"), expected, "{application} {name}");
        }
    }

    #[test]
    fn failures() {
        for (application, failure, expected) in [
            ("login", "login_failure_invalid_password", "LoginFailed"),
            ("login", "login_failure_account_disabled", "LoginFailed"),
            ("login", "login_failure_invalid_second_factor", "PasswordCorrect"),
            ("saml", "failure_app_not_enabled_for_user", "Denied"),
            ("saml", "failure_request_denied", "Denied"),
            ("saml", "failure_malformed_request", "OtherError"),
        ] {
            let list = format!(r#"[{{"name":"login_failure_type","value":"{failure}"}}]"#);
            let object = format!(r#"{{"login_failure_type":"{failure}","x":null}}"#);
            assert_eq!(read(application, "login_failure", &list), expected, "{failure}");
            assert_eq!(read(application, "login_failure", &object), expected, "{failure}");
        }
    }

    #[test]
    fn challenges() {
        let failed = r#"{"name":"login_challenge_status","value":"Challenge Failed."}"#;
        let methods = |methods: &str| {
            format!(r#"{failed},{{"name":"login_challenge_method","multiValue":{methods}}}"#)
        };
        for (parameters, expected) in [
            (failed.to_owned(), "OtherError"),
            (methods(r#"["password"]"#), "OtherError"),
            (methods(r#"["password","password"]"#), "OtherError"),
            (methods(r#"["password","google_prompt"]"#), "PasswordCorrect"),
            (methods(r#"["idv_preregistered_phone"]"#), "OtherError"),
            (
                methods(r#"["idv_preregistered_phone"]"#)
                    + r#",{"name":"login_type","value":"google_password"}"#,
                "PasswordCorrect",
            ),
            (
                format!(r#"{failed},{{"name":"is_second_factor","boolValue":true}}"#),
                "PasswordCorrect",
            ),
            (format!(r#"{failed},{{"name":"is_second_factor","value":true}}"#), "PasswordCorrect"),
        ] {
            let list = format!("[{parameters}]");
            assert_eq!(read("login", "login_verification", &list), expected, "{list}");
        }
        let object = r#"{"is_second_factor":true,"login_challenge_method":["security_key"],
            "login_challenge_status":"Challenge Failed."}"#;
        assert_eq!(read("login", "login_verification", object), "PasswordCorrect");
        let passed = object.replace("Failed", "Passed");
        assert_eq!(read("login", "login_verification", &passed), "step of a sign-in");
    }
}
