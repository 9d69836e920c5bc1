//! Normalize, Azure: resource logs, the data plane's diagnostics: Storage, Key Vault, Microsoft
//! Graph and whatever else a subscription turns on.
//!
//! A record that tells an operation, an address and how it ended is a call; any other is not, and
//! is known all the same.

use std::borrow::Cow;

use callerwatch_detection::activity::{Actor, ApiActivity, Cloud, Outcome};
use callerwatch_detection::source::Source;

use crate::lenient::{Lenient, Text};
use crate::reading::Reading;

use super::record::Record;
use super::{actor, origin, outcome, outcome::Ending, workload};

const GRAPH: &str = "microsoftgraphactivitylogs";

/// Whether the record is about a resource of Azure.
pub(super) fn knows(record: &Record<'_>, category: &str) -> bool {
    let is_a_record =
        !record.operation_value.is_empty() || !category.is_empty() || !record.metric.is_empty();
    (is_path(&record.resource_id) && is_a_record)
        || (category == GRAPH && !record.request_uri.is_empty())
}

/// Whether it is a path as only Azure gives its resources.
pub(super) fn is_path(path: &Text<'_>) -> bool {
    ["/subscriptions/", "/tenants/", "/providers/"].iter().any(|root| {
        path.as_str().get(..root.len()).is_some_and(|start| start.eq_ignore_ascii_case(root))
    })
}

/// Reads a record of a resource.
pub(super) fn read<'a>(record: &Record<'a>, category: &str, text: &str) -> Reading<'a> {
    let account = origin::account(record);
    let source = origin::source(&[&record.caller_ip, &record.ip_address], account.as_ref());
    let actor = actor::of_requester(record);
    let end = end_of(record, &actor);
    let is_graph = category == GRAPH;
    let has_operation = is_graph || !record.operation_value.is_empty();
    let (true, Some((outcome, status_code))) = (has_operation && source != Source::Absent, end)
    else {
        return Reading::NotACall { cloud: Cloud::Azure, what: "resource log" };
    };
    let operation = record.operation_value.clone().into_option();
    Reading::Activity(ApiActivity {
        cloud: Cloud::Azure,
        uid: uid(record, text),
        time: origin::time(&[&record.time, &record.created]),
        account,
        region: record.location.clone().into_option(),
        source,
        actor,
        service: if is_graph {
            Cow::Borrowed("Microsoft.Graph")
        } else {
            origin::provider(&record.resource_id).unwrap_or(Cow::Borrowed("Microsoft.Azure"))
        },
        operation: operation.unwrap_or(Cow::Borrowed("Microsoft Graph Activity")),
        resource: actor::name(&[&record.request_uri, &record.resource_id]),
        user_agent: record.user_agent.clone().into_option(),
        mfa: None,
        outcome,
        status_code,
        read_only: category == "storageread"
            || record.request_method.as_str().eq_ignore_ascii_case("GET"),
        console_session: false,
        workload: workload::has_token_of_one(record),
    })
}

/// How it ended; none where the record does not say. A refusal to somebody unknown is the ordinary
/// start of a handshake, in which a client learns whom to ask for a token: no call was denied.
fn end_of<'a>(record: &Record<'a>, actor: &Actor<'_>) -> Option<(Outcome, Option<Cow<'a, str>>)> {
    let substatus = record.substatus.clone().into_text();
    let word = storage_word(record.metric_response_type.as_str());
    let number = [&record.status_code, &substatus]
        .into_iter()
        .find(|text| text.as_str().parse::<u16>().is_ok());
    let ending = match (number, word) {
        (Some(number), _) => outcome::ending(number.as_str()),
        (None, Some(ending)) => ending,
        (None, None) if record.result_type.is_empty() => return None,
        (None, None) => outcome::ending(record.result_type.as_str()),
    };
    match ending {
        Ending::Running => return None,
        Ending::Succeeded => return Some((Outcome::Success, None)),
        Ending::Failed => {}
    }
    let code =
        origin::first(&[number.unwrap_or(&substatus), &record.status_text, &record.result_type]);
    let response = record.metric_response_type.as_str();
    let codes = [code.as_str(), record.status_text.as_str(), substatus.as_str(), response];
    let is_handshake = code.as_str() == "401" && actor.uid.is_none();
    let outcome = if is_handshake { Outcome::OtherError } else { outcome::failure(&codes, "") };
    Some((outcome, code.into_option()))
}

/// `Success`, `SASSuccess`, `AuthorizationError`, `ClientOtherError`: how Storage counts an answer.
fn storage_word(response: &str) -> Option<Ending> {
    if response.is_empty() {
        None
    } else if response.to_ascii_lowercase().ends_with("success") {
        Some(Ending::Succeeded)
    } else {
        Some(Ending::Failed)
    }
}

fn uid<'a>(record: &Record<'a>, text: &str) -> Cow<'a, str> {
    origin::lower(&record.request_id).unwrap_or_else(|| {
        let time = origin::moment(&[&record.time]);
        let (operation, resource) = (record.operation_value.as_str(), record.resource_id.as_str());
        let parts = [operation, &time, resource, record.request_uri.as_str()];
        origin::uid(&record.correlation_id, &parts, text)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{activity, what};
    use super::*;

    /// A record of Storage with these fields besides.
    fn storage(fields: &str) -> String {
        format!(
            r#"{{"time":"2026-03-02T09:15:00Z","resourceId":"/subscriptions/S-1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default","category":"StorageRead","operationName":"GetBlob","correlationId":"c-1","properties":{{"userAgentHeader":"agent","objectKey":"/a/b"}},{fields}}}"#
        )
    }

    #[test]
    fn calls_to_storage() {
        let call = storage(
            r#""statusCode":403,"callerIpAddress":"203.0.113.7:4711","identity":{"type":"OAuth","requester":{"objectId":"U-1"}}"#,
        );
        let call = activity(&call);
        assert_eq!(call.outcome, Outcome::Denied);
        assert_eq!(call.status_code.as_deref(), Some("403"));
        assert_eq!((&*call.service, &*call.operation), ("Microsoft.Storage", "GetBlob"));
        assert_eq!(call.resource.as_deref(), Some("/a/b"));
        assert_eq!(call.user_agent.as_deref(), Some("agent"));
        assert_eq!(call.account.as_deref(), Some("s-1"));
        assert!(call.read_only);
    }

    #[test]
    fn outcomes() {
        for (fields, expected) in [
            (r#""statusCode":200"#, Outcome::Success),
            (r#""statusCode":"206""#, Outcome::Success),
            (r#""metricResponseType":"Success""#, Outcome::Success),
            (r#""metricResponseType":"SASSuccess""#, Outcome::Success),
            (r#""metricResponseType":"AuthorizationError""#, Outcome::Denied),
            (r#""metricResponseType":"ClientThrottlingError""#, Outcome::Throttled),
            (r#""statusCode":401"#, Outcome::OtherError),
            (r#""statusCode":401,"RequesterObjectId":"u-1""#, Outcome::Denied),
            (r#""statusCode":403,"statusText":"AuthenticationFailed""#, Outcome::Denied),
            (r#""statusCode":404"#, Outcome::OtherError),
            (r#""statusCode":429"#, Outcome::Throttled),
            (r#""resultType":"Success","resultSignature":"OK""#, Outcome::Success),
            (r#""resultType":"Failed","resultSignature":"Forbidden""#, Outcome::Denied),
        ] {
            let json = storage(&format!(r#""callerIpAddress":"203.0.113.7",{fields}"#));
            assert_eq!(activity(&json).outcome, expected, "{json}");
        }
    }

    #[test]
    fn calls_to_key_vault() {
        let call = activity(
            r#"{"time":"2026-03-02T09:15:00Z","resourceId":"/SUBSCRIPTIONS/S-1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V","category":"AuditEvent","operationName":"SecretGet","resultType":"Success","resultSignature":"Forbidden","callerIpAddress":"203.0.113.7","correlationId":"c-1","identity":{"claim":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"U-1","appid":"a"}},"properties":{"id":"https://v.vault.example/secrets/s","clientInfo":"agent","requestUri":"https://v.vault.example/secrets/s","httpStatusCode":403}}"#,
        );
        assert_eq!((call.outcome, call.status_code.as_deref()), (Outcome::Denied, Some("403")));
        assert_eq!((&*call.service, &*call.operation), ("MICROSOFT.KEYVAULT", "SecretGet"));
        assert_eq!(call.actor.uid.as_deref(), Some("u-1"));
        assert_eq!(call.user_agent.as_deref(), Some("agent"));
        assert!(call.uid.starts_with("c-1/"));
    }

    #[test]
    fn calls_to_graph() {
        for json in [
            r#"{"time":"2026-03-02T09:15:00Z","resourceId":"/TENANTS/T-1/PROVIDERS/MICROSOFT.AADIAM","operationName":"Microsoft Graph Activity","category":"MicrosoftGraphActivityLogs","resultSignature":"403","callerIpAddress":"203.0.113.7","properties":{"requestId":"R-1","requestMethod":"GET","responseStatusCode":403,"requestUri":"https://graph.microsoft.com/v1.0/users","userId":"U-1","appId":"a","tenantId":"T-1"}}"#,
            r#"{"Type":"MicrosoftGraphActivityLogs","TimeGenerated":"2026-03-02T09:15:00Z","TenantId":"w","AadTenantId":"t-1","RequestId":"r-1","RequestMethod":"GET","ResponseStatusCode":403,"IPAddress":"203.0.113.7","RequestUri":"https://graph.microsoft.com/v1.0/users","UserId":"u-1"}"#,
        ] {
            let call = activity(json);
            assert_eq!((call.outcome, call.read_only), (Outcome::Denied, true), "{json}");
            assert_eq!((&*call.service, &*call.uid), ("Microsoft.Graph", "r-1"), "{json}");
            assert_eq!(call.operation, "Microsoft Graph Activity", "{json}");
            assert_eq!(call.actor.uid.as_deref(), Some("u-1"), "{json}");
        }
    }

    #[test]
    fn what_is_no_call() {
        for json in [
            storage(r#""statusCode":200"#),
            storage(r#""callerIpAddress":"203.0.113.7""#),
            r#"{"resourceId":"/SUBSCRIPTIONS/S-1/X","metricName":"Latency","time":"2026-03-02T09:15:00Z","total":1}"#.to_owned(),
            r#"{"resourceId":"/subscriptions/s-1/x","category":"Administrative"}"#.to_owned(),
        ] {
            assert_eq!(what(&json), "resource log", "{json}");
        }
    }
}
