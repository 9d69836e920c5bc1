//! The Google reader of the normalize step: one record of Cloud Audit Logs or of the Workspace
//! Reports API becomes the calls it tells of.
//!
//! It promises to claim no record of another cloud and to fail on none. It knows nothing of the
//! files, messages and envelopes in which records come.

mod audit;
mod principal;
mod read_only;
mod record;
mod sign_in;
mod workspace;

use std::borrow::Cow;

use callerwatch_detection::activity::Cloud;

use self::record::Record;
use crate::lenient::Lenient;
use crate::reading::Reading;

/// Reads one record, given as the text of one JSON object, and hands what it holds to `sink`.
/// Tells whether the record is of this cloud; where it is not, nothing was handed over.
pub(crate) fn read<'a>(record: &'a str, sink: &mut dyn FnMut(&Reading<'a>)) -> bool {
    let Ok(record) = serde_json::from_str::<Record<'a>>(record) else {
        return false;
    };
    if !record.payload.is_empty() {
        audit::read(record, sink);
    } else if !record.id.application.is_empty() {
        workspace::read(record, sink);
    } else if is_google_log(record.log_name.as_str()) {
        sink(&not_a_call("not an audit log entry"));
    } else {
        return false;
    }
    true
}

fn not_a_call(what: &'static str) -> Reading<'static> {
    Reading::NotACall { cloud: Cloud::Gcp, what }
}

/// `projects/my-project/logs/syslog`; the log's name is percent-encoded, so it has no slash.
fn is_google_log(log_name: &str) -> bool {
    let mut parts = log_name.split('/');
    matches!(parts.next(), Some("projects" | "folders" | "organizations" | "billingAccounts"))
        && parts.nth(1) == Some("logs")
}

/// A part of a text, borrowed from the record where the text is.
fn part_of(text: Cow<'_, str>, part: impl Fn(&str) -> &str) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::activity::Outcome;
    use callerwatch_detection::source::Source;
    use proptest::prelude::*;

    use super::*;

    /// What a record was read as, one line a reading: outcome, source, operation.
    pub(super) fn lines(record: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let taken = read(record, &mut |reading| {
            lines.push(match reading {
                Reading::NotACall { what, .. } => (*what).to_owned(),
                Reading::Activity(call) => {
                    let source = match &call.source {
                        Source::Public(ip) => ip.to_string(),
                        Source::Private { ip, scope } => format!("{ip}@{scope}"),
                        Source::Service(name) => format!("service {name}"),
                        Source::Unrecognized(text) => format!("unrecognized {text}"),
                        Source::Absent => "absent".to_owned(),
                    };
                    format!("{:?} {source} {}", call.outcome, call.operation)
                }
            });
        });
        assert_eq!(taken, !lines.is_empty(), "{record}");
        lines
    }

    /// All the calls a record tells of.
    pub(super) fn calls(record: &str) -> Vec<callerwatch_detection::activity::ApiActivity<'_>> {
        let mut calls = Vec::new();
        read(record, &mut |reading| match reading {
            Reading::Activity(call) => calls.push(call.clone()),
            Reading::NotACall { what, .. } => panic!("{what}"),
        });
        calls
    }

    #[test]
    fn what_is_not_googles() {
        for record in [
            "",
            "{",
            "7",
            "[]",
            "{}",
            r#"{"protoPayload":{}}"#,
            r#"{"protoPayload":"text"}"#,
            r#"{"id":"abc","actor":{"email":"ann@example.com"}}"#,
            r#"{"logName":"application","timestamp":"2026-03-02T09:15:00Z"}"#,
            r#"{"eventSource":"iam.amazonaws.com","eventName":"ListUsers","sourceIPAddress":"203.0.113.7","userIdentity":{"type":"Root"}}"#,
            r#"{"time":"2026-03-02T09:15:00Z","resourceId":"/SUBSCRIPTIONS/1","operationName":"A","callerIpAddress":"203.0.113.7","properties":{"id":"1"}}"#,
        ] {
            assert_eq!(lines(record), [""; 0], "{record}");
        }
    }

    #[test]
    fn log_entries_that_are_no_audit() {
        for record in [
            r#"{"logName":"projects/p/logs/syslog","textPayload":"hello"}"#,
            r#"{"logName":"projects/p/logs/dns","jsonPayload":{"sourceIP":"203.0.113.7"}}"#,
            r#"{"logName":"folders/1/logs/x%2Fy","protoPayload":{"@type":"type.googleapis.com/google.appengine.logging.v1.RequestLog"}}"#,
        ] {
            assert_eq!(lines(record), ["not an audit log entry"], "{record}");
        }
    }

    /// Every field name of the readers, so that arbitrary records reach into them.
    const NAMES: [&str; 36] = [
        "protoPayload",
        "logName",
        "insertId",
        "timestamp",
        "resource",
        "labels",
        "project_id",
        "zone",
        "operation",
        "first",
        "last",
        "@type",
        "serviceName",
        "methodName",
        "status",
        "code",
        "authenticationInfo",
        "principalEmail",
        "principalSubject",
        "serviceAccountDelegationInfo",
        "authorizationInfo",
        "permissionType",
        "requestMetadata",
        "callerIp",
        "metadata",
        "event",
        "eventName",
        "id",
        "applicationName",
        "uniqueQualifier",
        "actor",
        "email",
        "events",
        "parameters",
        "name",
        "login_challenge_method",
    ];

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            "\\PC{0,12}".prop_map(serde_json::Value::from),
            proptest::sample::select(vec![
                "login",
                "login_failure",
                "projects/p/logs/a%2Fpolicy",
                "2026-03-02T09:15:00Z",
                "203.0.113.7",
                "true",
                "7",
                "google.login.LoginService.loginChallenge",
                "us-é-a",
                "service-1@gcp-sa-x.iam.gserviceaccount.com",
                "{\"name\":\"login_type\"}",
            ])
            .prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(6, 96, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                proptest::collection::vec((proptest::sample::select(&NAMES[..]), inner), 0..8)
                    .prop_map(|fields| fields
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_record_panics(
            payload in any_json(), id in any_json(), events in any_json(), parameters in any_json(),
            other in any_json(),
        ) {
            for record in [
                serde_json::json!({"protoPayload": payload, "operation": other}),
                serde_json::json!({"id": {"applicationName": "login", "time": id},
                    "events": events, "parameters": parameters, "name": other}),
                other.clone(),
            ] {
                let record = record.to_string();
                let mut readings = 0;
                let taken = read(&record, &mut |reading| {
                    readings += 1;
                    if let Reading::Activity(call) = reading {
                        assert!(!call.uid.is_empty());
                        assert!(call.outcome != Outcome::Throttled || call.status_code.is_some());
                    }
                });
                prop_assert_eq!(taken, readings > 0);
            }
        }
    }
}
