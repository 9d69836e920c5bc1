//! Normalize, Azure: the Activity Log, the control plane's record of writes, deletions and actions.
//!
//! Of the records of one operation only the last one is a call; it alone says how it ended. Reads
//! the export, the REST schema in either spelling, and rows of the table `AzureActivity`.

use std::borrow::Cow;

use callerwatch_detection::activity::{ApiActivity, Cloud, Outcome};

use crate::lenient::{Lenient, Text};
use crate::reading::Reading;

use super::record::Record;
use super::{actor, origin, outcome, outcome::Ending, resource_log, workload};

/// Categories whose records the platform writes of its own accord.
const WITHOUT_CALLER: [&str; 6] =
    ["servicehealth", "resourcehealth", "recommendation", "autoscale", "alert", "security"];

/// Categories of calls. An older export has the kind of the operation for a category.
const OF_CALLS: [&str; 5] = ["administrative", "policy", "action", "write", "delete"];

/// Operations of category `Policy`: a policy is evaluated, often several for one call, and the call
/// has a record of its own.
const POLICIES: &str = "microsoft.authorization/policies/";

/// Whether the record is of the Activity Log: its category is, or it has none; and its operation is
/// one of a resource provider, `Microsoft.Compute/disks/delete`.
pub(super) fn knows(record: &Record<'_>, category: &str) -> bool {
    let is_of_a_provider = record
        .operation_value
        .as_str()
        .split_once('/')
        .is_some_and(|(provider, _)| provider.contains('.') && !provider.contains(' '));
    let is_of_azure = !record.event_data_id.is_empty()
        || !record.claims.is_empty()
        || resource_log::is_path(&record.resource_id);
    is_of_a_provider
        && (WITHOUT_CALLER.contains(&category)
            || OF_CALLS.contains(&category)
            || category == "azureactivity"
            || (category.is_empty() && is_of_azure))
}

/// Reads a record of the Activity Log.
pub(super) fn read<'a>(record: &Record<'a>, category: &str, text: &str) -> Reading<'a> {
    let not_a_call = |what| Reading::NotACall { cloud: Cloud::Azure, what };
    let operation = record.operation_value.as_str();
    if WITHOUT_CALLER.contains(&category) {
        return not_a_call("notice of the platform");
    }
    let is_evaluation =
        operation.get(..POLICIES.len()).is_some_and(|start| start.eq_ignore_ascii_case(POLICIES));
    if category == "policy" && is_evaluation {
        return not_a_call("policy evaluation");
    }
    let substatus = record.substatus.clone().into_text();
    let status = origin::first(&[
        &record.result_type,
        &record.status.object.value,
        &record.status.text,
        &record.activity_status,
        &substatus,
    ]);
    let ending = outcome::ending(status.as_str());
    if ending == Ending::Running {
        return not_a_call("operation still running");
    }
    let (outcome, status_code) = end_of(record, ending, &status, &substatus);
    let account = origin::account(record);
    Reading::Activity(ApiActivity {
        cloud: Cloud::Azure,
        uid: uid(record, text),
        time: origin::time(&[&record.time]),
        source: origin::source(
            &[
                &record.caller_ip,
                &record.http_request.client_ip,
                &record.claims.ip,
                &record.ip_address,
            ],
            account.as_ref(),
        ),
        account,
        region: record.location.clone().into_option(),
        actor: actor::of_claims(record),
        service: before_slash(record.operation_value.clone().into_cow()),
        read_only: operation
            .len()
            .checked_sub(5)
            .and_then(|at| operation.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case("/read")),
        operation: record.operation_value.clone().into_cow(),
        resource: record.resource_id.clone().into_option(),
        user_agent: record.user_agent.clone().into_option(),
        mfa: mfa(record.claims.methods.as_str()),
        outcome,
        status_code,
        console_session: false,
        workload: workload::has_token_of_one(record),
    })
}

/// How it ended, and the code that says so best.
fn end_of<'a>(
    record: &Record<'a>,
    ending: Ending,
    status: &Text<'a>,
    substatus: &Text<'a>,
) -> (Outcome, Option<Cow<'a, str>>) {
    if ending == Ending::Succeeded {
        return (Outcome::Success, None);
    }
    let message = &record.status_message;
    let detail = origin::first(&[&message.object.error.code, &message.object.code]);
    let codes = [detail.as_str(), substatus.as_str(), record.status_code.as_str(), status.as_str()];
    let outcome = outcome::failure(&codes, message.text.as_str());
    let code = origin::first(&[&detail, substatus, &record.status_code, status]);
    (outcome, code.into_option())
}

/// The event's own identifier; exports have none.
fn uid<'a>(record: &Record<'a>, text: &str) -> Cow<'a, str> {
    origin::lower(&record.event_data_id).unwrap_or_else(|| {
        let status = origin::first(&[&record.result_type, &record.status.object.value]);
        let time = origin::moment(&[&record.time]);
        let (operation, resource) = (record.operation_value.as_str(), record.resource_id.as_str());
        origin::uid(&record.correlation_id, &[operation, status.as_str(), &time, resource], text)
    })
}

/// The provider of an operation: `Microsoft.Compute` of `Microsoft.Compute/disks/delete`.
fn before_slash(operation: Cow<'_, str>) -> Cow<'_, str> {
    match operation {
        Cow::Borrowed(text) => {
            Cow::Borrowed(text.split_once('/').map_or(text, |(provider, _)| provider))
        }
        Cow::Owned(mut text) => {
            text.truncate(text.find('/').unwrap_or(text.len()));
            Cow::Owned(text)
        }
    }
}

/// Whether the methods of a token, `pwd,mfa`, have a second factor among them.
fn mfa(methods: &str) -> Option<bool> {
    (!methods.is_empty())
        .then(|| methods.split(',').any(|method| method.trim().eq_ignore_ascii_case("mfa")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{activity, what};
    use super::*;

    /// A record of the export with these fields besides.
    fn export(fields: &str) -> String {
        format!(
            r#"{{"time":"2026-03-02T09:15:00.1234567Z","resourceId":"/SUBSCRIPTIONS/AB-1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.COMPUTE/DISKS/D","operationName":"MICROSOFT.COMPUTE/DISKS/DELETE","category":"Administrative","correlationId":"c-1",{fields}}}"#
        )
    }

    #[test]
    fn the_same_call_in_every_schema() {
        for json in [
            export(r#""resultType":"Failure","resultSignature":"Failed.Forbidden","callerIpAddress":"203.0.113.7","identity":{"claims":{"oid":"U-1","upn":"ann@a.example","amr":"pwd,mfa"}}"#),
            export(r#""resultType":"Failed","resultSignature":"Forbidden","identity":"{\"claims\":{\"oid\":\"u-1\",\"upn\":\"ann@a.example\",\"ipaddr\":\"203.0.113.7\",\"amr\":\"pwd,mfa\"}}""#),
            r#"{"eventTimestamp":"2026-03-02T09:15:00.1234567Z","eventDataId":"e-1","resourceId":"/subscriptions/ab-1/resourceGroups/g","operationName":{"value":"Microsoft.Compute/disks/delete","localizedValue":"Delete Disk"},"category":{"value":"Administrative","localizedValue":"Administrative"},"status":{"value":"Failed","localizedValue":"Failed"},"subStatus":{"value":"Forbidden","localizedValue":"Forbidden (HTTP Status Code: 403)"},"caller":"ann@a.example","claims":{"oid":"u-1","amr":"pwd,mfa"},"httpRequest":{"clientIpAddress":"203.0.113.7"}}"#.to_owned(),
            r#"{"event_timestamp":"2026-03-02T09:15:00.1234567Z","event_data_id":"e-1","resource_id":"/subscriptions/ab-1/resourceGroups/g","operation_name":{"value":"Microsoft.Compute/disks/delete","localized_value":"Delete Disk"},"category":{"value":"Administrative"},"status":{"value":"Failed"},"sub_status":{"value":"Forbidden"},"caller":"ann@a.example","claims":{"oid":"u-1","amr":"pwd,mfa"},"http_request":{"client_ip_address":"203.0.113.7"}}"#.to_owned(),
            r#"{"Type":"AzureActivity","TimeGenerated":"2026-03-02T09:15:00.1234567Z","TenantId":"workspace","EventDataId":"e-1","_ResourceId":"/subscriptions/ab-1/resourcegroups/g","OperationName":"Delete Disk","OperationNameValue":"MICROSOFT.COMPUTE/DISKS/DELETE","CategoryValue":"Administrative","ActivityStatusValue":"Failure","ActivitySubstatusValue":"Forbidden","Caller":"ann@a.example","CallerIpAddress":"203.0.113.7","Claims":"{\"oid\":\"u-1\",\"amr\":\"pwd,mfa\"}"}"#.to_owned(),
        ] {
            let call = activity(&json);
            assert_eq!(call.outcome, Outcome::Denied, "{json}");
            assert!(call.service.eq_ignore_ascii_case("microsoft.compute"), "{json}");
            assert!(call.operation.eq_ignore_ascii_case("Microsoft.Compute/disks/delete"), "{json}");
            assert_eq!(call.source.ledger_key().unwrap().to_string(), "203.0.113.7", "{json}");
            assert_eq!(call.account.as_deref(), Some("ab-1"), "{json}");
            assert_eq!(call.actor.uid.as_deref(), Some("u-1"), "{json}");
            assert_eq!(call.actor.name.as_deref(), Some("ann@a.example"), "{json}");
            assert_eq!(call.time.unwrap().to_string(), "2026-03-02T09:15:00.123Z", "{json}");
            assert_eq!(call.mfa, Some(true), "{json}");
            assert!(!call.read_only && call.uid.starts_with(['e', 'c']), "{json}");
        }
    }

    #[test]
    fn endings() {
        for (fields, expected, code) in [
            (r#""resultType":"Success""#, Outcome::Success, None),
            (r#""resultType":"SUCCEEDED","resultSignature":"200""#, Outcome::Success, None),
            (r#""resultSignature":"201""#, Outcome::Success, None),
            (r#""resultSignature":"Succeeded.Created""#, Outcome::Success, None),
            (r#""resultSignature":"Failed.Forbidden""#, Outcome::Denied, Some("Failed.Forbidden")),
            (r#""resultSignature":"403""#, Outcome::Denied, Some("403")),
            (r#""resultType":"Failed","resultSignature":"409""#, Outcome::OtherError, Some("409")),
            (
                r#""resultType":"Failure","resultSignature":"Failed.TooManyRequests""#,
                Outcome::Throttled,
                Some("Failed.TooManyRequests"),
            ),
            (
                r#""resultType":"Failure","properties":{"statusCode":"Unauthorized"}"#,
                Outcome::Denied,
                Some("Unauthorized"),
            ),
            (
                r#""resultType":"Failure","properties":"{\"statusMessage\":\"{\\\"error\\\":{\\\"code\\\":\\\"LinkedAuthorizationFailed\\\"}}\"}""#,
                Outcome::Denied,
                Some("LinkedAuthorizationFailed"),
            ),
            (
                r#""resultType":"Failure","properties":{"statusMessage":{"error":{"code":"AuthorizationFailed"}}}"#,
                Outcome::Denied,
                Some("AuthorizationFailed"),
            ),
            (
                r#""resultType":"Failure","properties":{"statusMessage":"{\"error\":{\"code\":\"AuthorizationFailed"}"#,
                Outcome::Denied,
                Some("Failure"),
            ),
            (r#""resultType":"Canceled""#, Outcome::OtherError, Some("Canceled")),
            (r#""level":"Informational""#, Outcome::Success, None),
        ] {
            let json = export(fields);
            let call = activity(&json);
            assert_eq!((call.outcome, call.status_code.as_deref()), (expected, code), "{json}");
        }
    }

    #[test]
    fn copies_that_write_the_time_otherwise_are_one_call() {
        let original = export(r#""resultType":"Success""#);
        for (time, is_copy) in [
            ("2026-03-02T09:15:00.123Z", true),
            ("2026-03-02T10:15:00.1234567+01:00", true),
            ("2026-03-02T09:15:00.124Z", false),
        ] {
            let other = original.replace("2026-03-02T09:15:00.1234567Z", time);
            assert_eq!(activity(&other).uid == activity(&original).uid, is_copy, "{time}");
        }
    }

    #[test]
    fn what_is_no_call() {
        for (json, expected) in [
            (export(r#""resultType":"Start","resultSignature":"Started.""#), "operation still running"),
            (export(r#""resultType":"Accept""#), "operation still running"),
            (export(r#""resultSignature":"Started.""#), "operation still running"),
            (export(r#""status":{"value":"Started"}"#), "operation still running"),
            (export(r#""resultType":"In Progress""#), "operation still running"),
            (r#"{"resourceId":"/subscriptions/s","operationName":"A.b/c/write","resultType":"Start"}"#.to_owned(), "operation still running"),
            (r#"{"category":"ResourceHealth","operationName":"Microsoft.Resourcehealth/healthevent/Updated/action","resultType":"Updated"}"#.to_owned(), "notice of the platform"),
            (r#"{"category":{"value":"ServiceHealth"},"operationName":{"value":"Microsoft.ServiceHealth/incident/action"},"status":{"value":"Active"}}"#.to_owned(), "notice of the platform"),
            (r#"{"category":"Policy","operationName":"MICROSOFT.AUTHORIZATION/POLICIES/AUDIT/ACTION","resultType":"Success"}"#.to_owned(), "policy evaluation"),
        ] {
            assert_eq!(what(&json), expected, "{json}");
        }
    }

    #[test]
    fn reads_are_told_apart() {
        for (operation, expected) in [
            ("Microsoft.Compute/disks/read", true),
            ("MICROSOFT.COMPUTE/DISKS/READ", true),
            ("Microsoft.KeyVault/vaults/keys/read/action", false),
            ("Microsoft.Compute/spread", false),
            ("Microsoft.Comp/ää", false),
        ] {
            let json = format!(r#"{{"category":"Administrative","operationName":"{operation}"}}"#);
            assert_eq!(activity(&json).read_only, expected, "{operation}");
        }
    }
}
