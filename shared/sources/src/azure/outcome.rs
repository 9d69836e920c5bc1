//! Normalize, Azure: how a call ended, read from the words and numbers its services use.
//!
//! Knows no record; texts come from anywhere in one. Only so much of a text is looked at.

use callerwatch_detection::activity::Outcome;

/// The longest code and message that are looked into.
const CODE_MAX_BYTES: usize = 256;
const MESSAGE_MAX_BYTES: usize = 4096;

/// What a word of status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The operation goes on, and another record will tell how it ended.
    Running,
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed,
}

/// Reads a status, in any case of letters: `Success`, `Failed`, `Accept`, `201`, `0`. What is not
/// known is a failure: successes have few names. Nothing at all is a success, since services that
/// write no status write one when they fail. Of a status with a substatus (`Succeeded.Created`,
/// `Started.`) the first word tells.
pub(super) fn ending(status: &str) -> Ending {
    const RUNNING: [&str; 8] =
        ["start", "started", "accept", "accepted", "begin", "inprogress", "in progress", "running"];
    const SUCCEEDED: [&str; 6] = ["", "success", "succeeded", "ok", "completed", "true"];
    let status = status.split('.').next().unwrap_or(status).trim();
    let is = |word: &&str| status.eq_ignore_ascii_case(word);
    if RUNNING.iter().any(is) {
        Ending::Running
    } else if SUCCEEDED.iter().any(is) || matches!(status.parse::<u16>(), Ok(0 | 100..=399)) {
        Ending::Succeeded
    } else {
        Ending::Failed
    }
}

/// Why a call failed, as far as detection asks: from codes (`Forbidden`, `403`,
/// `Failed.Forbidden`, `AuthorizationFailed`) and from a message, in which only words that are
/// codes are heard.
pub(super) fn failure(codes: &[&str], message: &str) -> Outcome {
    const REFUSED: [&str; 10] = [
        "403",
        "401",
        "forbidden",
        "unauthorized",
        "accessdenied",
        "authorizationerror",
        "authorizationfailure",
        "authorizationpermissionmismatch",
        "insufficientaccountpermissions",
        "insufficientpermissions",
    ];
    const REFUSED_ANYWHERE: [&str; 3] =
        ["authorizationfailed", "linkedauthorizationfailed", "requestdenied"];
    const THROTTLED: [&str; 5] =
        ["429", "toomanyrequests", "throttled", "throttling", "clientthrottlingerror"];
    let told = |words: &[&str]| codes.iter().any(|code| has_word(code, CODE_MAX_BYTES, words));
    if told(&REFUSED)
        || told(&REFUSED_ANYWHERE)
        || has_word(message, MESSAGE_MAX_BYTES, &REFUSED_ANYWHERE)
    {
        Outcome::Denied
    } else if told(&THROTTLED) {
        Outcome::Throttled
    } else {
        Outcome::OtherError
    }
}

/// Whether one of `words`, in lower case, stands in the first `max_bytes` of the text.
fn has_word(text: &str, max_bytes: usize, words: &[&str]) -> bool {
    let text = text.as_bytes().get(..max_bytes).unwrap_or(text.as_bytes());
    text.split(|byte| !byte.is_ascii_alphanumeric())
        .any(|found| words.iter().any(|word| found.eq_ignore_ascii_case(word.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings() {
        for (status, expected) in [
            ("Success", Ending::Succeeded),
            ("SUCCEEDED", Ending::Succeeded),
            ("201", Ending::Succeeded),
            ("0", Ending::Succeeded),
            ("", Ending::Succeeded),
            ("Succeeded.Created", Ending::Succeeded),
            ("Started.", Ending::Running),
            ("Accepted.Accepted", Ending::Running),
            ("Failed.Forbidden", Ending::Failed),
            ("Start", Ending::Running),
            ("Accepted", Ending::Running),
            ("In Progress", Ending::Running),
            ("Failure", Ending::Failed),
            ("Canceled", Ending::Failed),
            ("409", Ending::Failed),
            ("whatever", Ending::Failed),
        ] {
            assert_eq!(ending(status), expected, "{status}");
        }
    }

    #[test]
    fn failures() {
        for (code, message, expected) in [
            ("403", "", Outcome::Denied),
            ("Forbidden (HTTP Status Code: 403)", "", Outcome::Denied),
            ("Failed.Forbidden", "", Outcome::Denied),
            ("LinkedAuthorizationFailed", "", Outcome::Denied),
            ("Authorization_RequestDenied", "", Outcome::Denied),
            ("", r#"{"error":{"code":"AuthorizationFailed","mess"#, Outcome::Denied),
            ("TooManyRequests", "", Outcome::Throttled),
            ("429", "", Outcome::Throttled),
            ("Conflict", "the name 403-forbidden is taken", Outcome::OtherError),
            ("4030", "", Outcome::OtherError),
            ("", "", Outcome::OtherError),
        ] {
            assert_eq!(failure(&[code], message), expected, "{code} {message}");
        }
        let far = format!("{} AuthorizationFailed", "ä".repeat(MESSAGE_MAX_BYTES));
        assert_eq!(failure(&[], &far), Outcome::OtherError);
    }
}
