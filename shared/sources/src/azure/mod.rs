//! Decode and normalize, Azure: what Azure and Entra ID record, one JSON object at a time.
//!
//! Promises to take only records of Azure's logs, and every one of them, whatever the schema; what
//! is no call is handed over as such. Knows nothing of the containers records travel in.

mod activity_log;
mod actor;
mod audit_log;
mod codes;
mod mixed;
mod office;
mod origin;
mod outcome;
mod record;
mod resource_log;
mod sign_in;
mod workload;

use crate::reading::Reading;

use record::Record;

/// Reads one record, given as the text of one JSON object, and hands what it holds to `sink`.
/// Tells whether the record is of this cloud; where it is not, nothing was handed over.
pub(crate) fn read<'a>(record: &'a str, sink: &mut dyn FnMut(&Reading<'a>)) -> bool {
    match reading(record) {
        Some(reading) => {
            sink(&reading);
            true
        }
        None => false,
    }
}

/// The most exact log comes first: some exports put sign-ins among the records of another log, and
/// every record about a resource is at least one of a resource log.
fn reading(text: &str) -> Option<Reading<'_>> {
    let record = Record::parse(text)?;
    // The name of the table tells the log where the category is that of the change.
    let named = record.category.clone().into_text();
    let mut category = named.as_str().to_ascii_lowercase();
    let table = record.table.as_str().to_ascii_lowercase();
    if table.ends_with("signinlogs") || table == "auditlogs" || category.is_empty() {
        category = table;
    }
    if sign_in::knows(&record, &category) {
        Some(sign_in::read(&record, &category, text))
    } else if audit_log::knows(&record, &category) {
        Some(audit_log::read(&record, text))
    } else if office::knows(&record) {
        Some(office::read(text))
    } else if activity_log::knows(&record, &category) {
        Some(activity_log::read(&record, &category, text))
    } else if resource_log::knows(&record, &category) {
        Some(resource_log::read(&record, &category, text))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::activity::ApiActivity;
    use proptest::prelude::*;

    use super::*;

    /// The call a record holds.
    pub(super) fn activity(json: &str) -> ApiActivity<'_> {
        match reading(json) {
            Some(Reading::Activity(activity)) => activity,
            other => panic!("{other:?} of {json}"),
        }
    }

    /// What a record is that holds no call.
    pub(super) fn what(json: &str) -> &'static str {
        match reading(json) {
            Some(Reading::NotACall { what, .. }) => what,
            other => panic!("{other:?} of {json}"),
        }
    }

    #[test]
    fn records_of_others_are_left_alone() {
        for json in [
            r#"{"eventVersion":"1.11","eventID":"e","eventName":"GetObject","eventSource":"s3.amazonaws.com","eventCategory":"Data","sourceIPAddress":"203.0.113.7","userIdentity":{"type":"Root"},"resources":[],"eventTime":"2026-03-02T09:15:00Z"}"#,
            r#"{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","insertId":"i","protoPayload":{"serviceName":"compute.googleapis.com","methodName":"m","status":{}},"resource":{"type":"gce_instance"},"operation":{"id":"o"}}"#,
            r#"{"kind":"admin#reports#activity","id":{"applicationName":"login","uniqueQualifier":"-1"},"actor":{"email":"a@a.example"},"ipAddress":"203.0.113.7","events":[{"name":"login_failure"}]}"#,
            r#"{"id":"1","status":"ok","category":"books","operationName":"sell","resourceId":"17"}"#,
            r#"{"category":"Administrative","operationName":"paperwork"}"#,
            r#"{"category":"AuditLogs"}"#,
            r#"{"category":"SignInLogs"}"#,
            r#"{"createdDateTime":"2026-03-02T09:15:00Z","status":"done","appId":"a"}"#,
            "{}",
            "[]",
            "7",
            "{broken",
            "",
        ] {
            assert_eq!(reading(json), None, "{json}");
        }
    }

    #[test]
    fn one_person_is_one_actor_in_every_log() {
        for json in [
            r#"{"category":"SignInLogs","resultType":"0","properties":{"userId":"U-1","userPrincipalName":"Ann@a.example"}}"#,
            r#"{"category":"Administrative","operationName":"A.b/c","identity":{"claims":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"u-1","upn":"ann@a.example"}}}"#,
            r#"{"category":"AuditLogs","operationName":"Update","properties":{"initiatedBy":{"user":{"id":"U-1"}}}}"#,
            r#"{"resourceId":"/subscriptions/s","operationName":"GetBlob","statusCode":200,"callerIpAddress":"203.0.113.7","identity":{"requester":{"objectId":"u-1"}}}"#,
        ] {
            assert_eq!(activity(json).actor.uid.as_deref(), Some("u-1"), "{json}");
        }
    }

    #[test]
    fn sign_ins_among_other_records_are_sign_ins() {
        let json = r#"{"Level":4,"category":"NonInteractiveUserSignInLogs","operationName":"Sign-in activity","resourceId":"/tenants/t/providers/Microsoft.aadiam","resultType":"0","properties":{"userId":"u","ipAddress":"127.0.0.0/8"}}"#;
        assert_eq!(activity(json).service, sign_in::SERVICE);
    }

    #[test]
    fn depth_and_length_cost_no_record() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let long = "{\\\"a\\\":".repeat(20_000);
        for odd in [deep.clone(), format!(r#"{{"x":{deep}}}"#), format!("\"{long}\"")] {
            for key in ["time", "status", "properties", "claims", "identity", "other"] {
                let json = format!(
                    r#"{{"category":"Administrative","operationName":"A.b/c","{key}":{odd}}}"#
                );
                assert_eq!(activity(&json).operation, "A.b/c", "{key}");
            }
        }
    }

    /// Names of fields, in the order of how much they decide.
    const KEYS: [&str; 34] = [
        "category",
        "operationName",
        "Type",
        "properties",
        "identity",
        "claims",
        "resourceId",
        "status",
        "resultType",
        "ResultSignature",
        "callerIpAddress",
        "ipAddress",
        "time",
        "createdDateTime",
        "statusCode",
        "statusMessage",
        "initiatedBy",
        "targetResources",
        "loggedByService",
        "activityDisplayName",
        "userId",
        "userPrincipalName",
        "appId",
        "id",
        "correlationId",
        "eventDataId",
        "signInEventTypes",
        "authorization",
        "evidence",
        "principalId",
        "Workload",
        "RecordType",
        "Operation",
        "errorCode",
    ];

    /// Values that decide something, so that arbitrary records reach every reader.
    const WORDS: [&str; 18] = [
        "SignInLogs",
        "AuditLogs",
        "Administrative",
        "AzureActivity",
        "ServicePrincipalSignInLogs",
        "Microsoft.Compute/disks/read",
        "Sign-in activity",
        "/subscriptions/s/providers/",
        "Failed",
        "50126",
        "403",
        "203.0.113.7:1",
        "2026-03-02T09:15:00Z",
        "UserLoginFailed",
        "{\"error\":{\"code\":\"x\"}}",
        "{\"claims\":{\"oid\":1}}",
        "0000ää-0000",
        "ServicePrincipal",
    ];

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            prop::sample::select(&WORDS[..]).prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(3, 32, 8, |inner| {
            let keys = prop_oneof![3 => prop::sample::select(&KEYS[..]).prop_map(String::from), 1 => any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::hash_map(keys, inner, 0..12)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_record_panics(fields in prop::collection::hash_map(prop::sample::select(&KEYS[..]), value(), 0..16)) {
            let record = serde_json::to_string(&fields).unwrap();
            let mut count = 0;
            let taken = read(&record, &mut |_| count += 1);
            prop_assert_eq!(count, usize::from(taken));
            if let Some(Reading::Activity(activity)) = reading(&record) {
                prop_assert!(!activity.uid.is_empty());
                prop_assert!(!activity.operation.is_empty() && !activity.service.is_empty());
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            read(&text, &mut |_| {});
        }
    }
}
