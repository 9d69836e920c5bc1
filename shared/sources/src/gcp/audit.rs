//! Cloud Audit Logs: one `LogEntry` becomes the call it tells of.
//!
//! Activity, data access, system event and policy logs alike; Kubernetes and Workspace write
//! theirs in the same form. How a call ended is told by its status alone: whether a permission was
//! `granted` is left out where it was not, just as where nobody asked.

use std::borrow::Cow;

use callerwatch_detection::activity::{ApiActivity, Cloud, Outcome};
use callerwatch_detection::hash;
use callerwatch_detection::source::Source;
use callerwatch_detection::timestamp::Timestamp;

use super::record::{AuditLog, Metadata, Record};
use super::{not_a_call, part_of, principal, read_only, workspace};
use crate::instant;
use crate::lenient::Lenient;
use crate::reading::Reading;

/// Reads an entry that has a payload.
pub(super) fn read<'a>(mut record: Record<'a>, sink: &mut dyn FnMut(&Reading<'a>)) {
    let is_policy = is_log(record.log_name.as_str(), "policy");
    let outcome = outcome(record.payload.status.code.as_str(), is_policy);
    if let Some(what) = no_call(&record, outcome) {
        sink(&not_a_call(what));
        return;
    }
    let metadata = std::mem::take(&mut record.payload.metadata);
    let mut call = call(record, outcome);
    if !is_workspace(&call.service, &metadata) {
        sink(&Reading::Activity(call));
        return;
    }
    let application = call.service.strip_suffix(".googleapis.com").unwrap_or(&call.service);
    let activity = &metadata.activity;
    let time = instant::parse(activity.time_micros.as_str());
    if let Some(uid) = workspace::uid(application, time, activity.qualifier.as_str()) {
        call.uid = Cow::Owned(uid);
    }
    let application = application.to_owned();
    workspace::hand_over(&call, &application, metadata.events.0, sink);
}

/// Why an entry is not the one that tells of a call, if it is not.
///
/// A long operation writes an entry when it is accepted and one when it ends. The first carries
/// the request and counts. One that is refused at once never runs and has no second; so an end
/// that failed is no repetition of a failure, and is evidence in its own right.
///
/// A dry run of a perimeter or policy tells what would have been refused, under the status of a
/// refusal. The call went on, and has its own entry where the service writes one.
fn no_call(record: &Record<'_>, outcome: Outcome) -> Option<&'static str> {
    let Record { payload, operation, .. } = record;
    let is_audit_log = if payload.type_url.is_empty() {
        !payload.service_name.is_empty()
            || !payload.method_name.is_empty()
            || !payload.authentication.is_empty()
            || !payload.authorization.is_empty()
    } else {
        payload.type_url.as_str().ends_with("AuditLog")
    };
    let is_end = operation.last.is_true() && !operation.first.is_true();
    if !is_audit_log {
        Some("not an audit log entry")
    } else if is_dry_run(&payload.metadata) {
        Some("dry run of a policy")
    } else if is_end && outcome == Outcome::Success {
        Some("end of a long operation")
    } else {
        None
    }
}

/// VPC Service Controls sets a flag; the organization policy service has a type of its own.
fn is_dry_run(metadata: &Metadata<'_>) -> bool {
    metadata.dry_run.is_true()
        || metadata.type_url.as_str().ends_with("OrgPolicyDryRunAuditMetadata")
}

/// `google.rpc.Code`, as a number or by name. The policy log tells of nothing but denials.
fn outcome(code: &str, is_policy: bool) -> Outcome {
    match code {
        _ if is_policy => Outcome::Denied,
        "" | "0" | "OK" => Outcome::Success,
        "7" | "PERMISSION_DENIED" | "16" | "UNAUTHENTICATED" => Outcome::Denied,
        "8" | "RESOURCE_EXHAUSTED" => Outcome::Throttled,
        _ => Outcome::OtherError,
    }
}

fn call(record: Record<'_>, outcome: Outcome) -> ApiActivity<'_> {
    let time = instant::parse(record.timestamp.as_str())
        .or_else(|| instant::parse(record.receive_timestamp.as_str()));
    let uid = uid(&record, time);
    let is_system_event = is_log(record.log_name.as_str(), "system_event");
    let labels = record.resource.labels;
    let account = container(record.log_name.into_cow()).or_else(|| labels.container.into_option());
    let region = labels.location.into_option().or_else(|| labels.zone.into_option());

    let payload = record.payload;
    let read_only = read_only::is_read(payload.method_name.as_str(), &payload.authorization.0);
    let asked = payload.authorization.0.into_iter().next().unwrap_or_default();
    let operation = payload.method_name.into_option();
    let service = payload.service_name.into_cow();
    let workload = principal::is_of_vm(&payload.authentication);
    let actor = principal::of_call(payload.authentication);
    let source = match payload.request.caller_ip.into_option() {
        Some(text) if matches!(text.trim(), "private" | "gce-internal-ip") => Source::Service(text),
        Some(text) => Source::from_address(text, account.clone().unwrap_or_default()),
        None if is_system_event => Source::Service(service.clone()),
        None => match actor.uid.clone().filter(|uid| principal::is_googles_own(uid)) {
            Some(agent) => Source::Service(agent),
            None => Source::Absent,
        },
    };
    ApiActivity {
        cloud: Cloud::Gcp,
        uid: Cow::Owned(uid),
        time,
        account,
        region: region.map(|place| part_of(place, region_of)),
        source,
        actor,
        service,
        operation: operation.unwrap_or(asked.permission.into_cow()),
        resource: payload.resource_name.into_option().or_else(|| asked.resource.into_option()),
        user_agent: payload.request.user_agent.into_option(),
        mfa: None,
        outcome,
        status_code: payload.status.code.into_option().filter(|_| outcome != Outcome::Success),
        read_only,
        console_session: false,
        workload,
    }
}

/// Cloud Logging takes entries of one log, time and `insertId` for one. Time is put to the
/// millisecond, since exports differ in how many digits they keep; where there is no `insertId`,
/// what the entry says stands in for it.
fn uid(record: &Record<'_>, time: Option<Timestamp>) -> String {
    let Record { log_name, insert_id, payload, .. } = record;
    let (log_name, insert_id) = (log_name.as_str(), insert_id.as_str());
    let time = time.map_or(0, Timestamp::millis);
    if insert_id.is_empty() {
        let AuditLog { method_name, resource_name, authentication, request, .. } = payload;
        let content = hash::identifier(&[
            method_name.as_str(),
            resource_name.as_str(),
            authentication.email.as_str(),
            request.caller_ip.as_str(),
        ]);
        format!("{log_name}/{time}/{content}")
    } else {
        format!("{log_name}/{time}/{insert_id}")
    }
}

/// Whether a log's name, percent-encoded as it is, ends so.
fn is_log(log_name: &str, name: &str) -> bool {
    log_name
        .strip_suffix(name)
        .is_some_and(|head| head.ends_with("%2F") || head.ends_with("%2f") || head.ends_with('/'))
}

/// The project, folder or organization of `projects/my-project/logs/…`.
fn container(log_name: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let id = part_of(log_name, |name| name.split('/').nth(1).unwrap_or_default());
    (!id.is_empty()).then_some(id)
}

/// `us-central1` of the zone `us-central1-f`; other places as they are.
fn region_of(place: &str) -> &str {
    match place.rsplit_once('-') {
        Some((region, zone)) if zone.len() == 1 && region.contains('-') => region,
        _ => place,
    }
}

/// Workspace writes activities into Cloud Logging in the shape of its Reports API.
fn is_workspace(service: &str, metadata: &Metadata<'_>) -> bool {
    service == "login.googleapis.com"
        || metadata.type_url.as_str().ends_with("ccc_hosted_reporting.ActivityProto")
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::activity::ActorKind;

    use super::super::tests::{calls, lines};
    use super::*;

    /// An entry with what a test wants put into its payload and beside it.
    fn entry(payload: &str, beside: &str) -> String {
        format!(
            r#"{{"logName":"projects/p-1/logs/cloudaudit.googleapis.com%2Factivity","insertId":"i1",
            "timestamp":"2026-03-02T09:15:00.123456789Z","protoPayload":{{
            "@type":"type.googleapis.com/google.cloud.audit.AuditLog",{payload}
            "serviceName":"compute.googleapis.com","methodName":"m"}}{beside}}}"#
        )
    }

    #[test]
    fn a_call_in_full() {
        let record = r#"{
            "protoPayload": {
                "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                "status": {"code": 7, "message": "Required permission"},
                "authenticationInfo": {"principalEmail": "Ann@Example.com"},
                "requestMetadata": {"callerIp": "203.0.113.7", "callerSuppliedUserAgent": "curl/8"},
                "serviceName": "compute.googleapis.com",
                "methodName": "v1.compute.instances.list",
                "authorizationInfo": [{"permission": "compute.instances.list", "permissionType": "ADMIN_READ"}],
                "resourceName": "projects/p-1/zones/europe-west1-b/instances"
            },
            "insertId": "abc123",
            "resource": {"type": "gce_instance", "labels": {"project_id": "p-9", "zone": "europe-west1-b"}},
            "timestamp": "2026-03-02T09:15:00.123456789Z",
            "logName": "projects/p-1/logs/cloudaudit.googleapis.com%2Factivity",
            "receiveTimestamp": "2026-03-02T09:15:01Z"
        }"#;
        let call = calls(record).pop().unwrap();
        assert_eq!(
            call.uid,
            "projects/p-1/logs/cloudaudit.googleapis.com%2Factivity/1772442900123/abc123"
        );
        assert_eq!(call.time.unwrap().to_string(), "2026-03-02T09:15:00.123Z");
        assert_eq!(call.account.as_deref(), Some("p-1"));
        assert_eq!(call.region.as_deref(), Some("europe-west1"));
        assert_eq!(call.source, Source::Public("203.0.113.7".parse().unwrap()));
        assert_eq!(call.actor.kind, ActorKind::User);
        assert_eq!(call.actor.uid.as_deref(), Some("ann@example.com"));
        assert_eq!(call.actor.name.as_deref(), Some("Ann@Example.com"));
        assert_eq!(call.service, "compute.googleapis.com");
        assert_eq!(call.operation, "v1.compute.instances.list");
        assert_eq!(call.resource.as_deref(), Some("projects/p-1/zones/europe-west1-b/instances"));
        assert_eq!(call.user_agent.as_deref(), Some("curl/8"));
        assert_eq!((call.outcome, call.status_code.as_deref()), (Outcome::Denied, Some("7")));
        assert!(call.read_only);
    }

    #[test]
    fn credentials_of_vms() {
        let vm =
            r#""authenticationInfo":{"principalEmail":"1-compute@developer.gserviceaccount.com"},"#;
        for (payload, expected) in [(vm, true), ("", false)] {
            let entry = entry(payload, "");
            assert_eq!(calls(&entry)[0].workload, expected, "{payload}");
        }
    }

    #[test]
    fn outcomes() {
        for (status, outcome) in [
            ("", "Success"),
            (r#""status":{},"#, "Success"),
            (r#""status":null,"#, "Success"),
            (r#""status":{"message":"OK"},"#, "Success"),
            (r#""status":{"code":0},"#, "Success"),
            (r#""status":{"code":7},"#, "Denied"),
            (r#""status":{"code":"7"},"#, "Denied"),
            (r#""status":{"code":16},"#, "Denied"),
            (r#""status":{"code":8},"#, "Throttled"),
            (r#""status":{"code":5},"#, "OtherError"),
            (r#""authorizationInfo":[{"granted":false}],"#, "Success"),
            (r#""authorizationInfo":[{}],"#, "Success"),
        ] {
            assert_eq!(lines(&entry(status, "")), [format!("{outcome} absent m")], "{status}");
        }
    }

    #[test]
    fn sources() {
        for (payload, source) in [
            (r#""requestMetadata":{"callerIp":"203.0.113.7"},"#, "203.0.113.7"),
            (r#""requestMetadata":{"callerIP":"203.0.113.7"},"#, "203.0.113.7"),
            (r#""requestMetadata":{"caller_ip":"2001:db8::1"},"#, "2001:db8::1"),
            (r#""requestMetadata":{"callerIp":"10.0.0.2"},"#, "10.0.0.2@p-1"),
            (r#""requestMetadata":{"callerIp":"private"},"#, "service private"),
            (r#""requestMetadata":{"callerIp":"gce-internal-ip"},"#, "service gce-internal-ip"),
            (r#""requestMetadata":{"callerIp":"redacted"},"#, "unrecognized redacted"),
            (r#""requestMetadata":{},"#, "absent"),
            (r#""requestMetadata":"...","#, "absent"),
            (
                r#""authenticationInfo":{"principalEmail":"1@cloudservices.gserviceaccount.com"},"#,
                "service 1@cloudservices.gserviceaccount.com",
            ),
        ] {
            assert_eq!(lines(&entry(payload, "")), [format!("Success {source} m")], "{payload}");
        }
    }

    #[test]
    fn logs_of_every_kind() {
        let of = |log: &str, payload: &str| {
            let record = entry(payload, "");
            lines(&record.replace("%2Factivity", log)).join(", ")
        };
        assert_eq!(of("%2Fsystem_event", ""), "Success service compute.googleapis.com m");
        assert_eq!(of("%2Fdata_access", ""), "Success absent m");
        assert_eq!(of("%2Fpolicy", ""), "Denied absent m");
        assert_eq!(of("%2fpolicy", r#""status":{"code":7},"#), "Denied absent m");
        for metadata in [
            r#"{"dryRun":true}"#,
            r#"{"dryRun":"true"}"#,
            r#"{"dry_run":true}"#,
            r#"{"@type":"type.googleapis.com/google.cloud.audit.OrgPolicyDryRunAuditMetadata"}"#,
        ] {
            let payload = format!(r#""status":{{"code":7}},"metadata":{metadata},"#);
            assert_eq!(of("%2Fpolicy", &payload), "dry run of a policy");
            assert_eq!(of("%2Factivity", &payload), "dry run of a policy");
        }
    }

    #[test]
    fn long_operations_count_once() {
        let failed = r#""status":{"code":7},"#;
        for (payload, operation, expected) in [
            ("", r#"{"id":"o","first":true}"#, "Success absent m"),
            ("", r#"{"id":"o","last":true}"#, "end of a long operation"),
            ("", r#"{"id":"o","first":true,"last":true}"#, "Success absent m"),
            ("", r#"{"id":"o"}"#, "Success absent m"),
            (failed, r#"{"id":"o","last":"true"}"#, "Denied absent m"),
        ] {
            let record = entry(payload, &format!(r#","operation":{operation}"#));
            assert_eq!(lines(&record), [expected], "{operation}");
        }
    }

    #[test]
    fn identity_survives_exports() {
        let uid = |record: &str| calls(record).pop().unwrap().uid.into_owned();
        let record = entry("", "");
        assert_eq!(uid(&record), uid(&record.replace("123456789Z", "123456")));
        assert_ne!(uid(&record), uid(&record.replace("i1", "i2")));
        let nameless = record.replace("insertId", "x");
        assert_eq!(uid(&nameless), uid(&nameless));
        assert_ne!(uid(&nameless), uid(&nameless.replace(r#""m""#, r#""n""#)));
    }

    #[test]
    fn spellings_of_exports() {
        let record = r#"{"logname":"organizations/42/logs/cloudaudit.googleapis.com%2Factivity","insertid":"i",
            "receivetimestamp":"2026-03-02 09:15:00.1","protoPayload":{"at_sign_type":"type.googleapis.com/google.cloud.audit.AuditLog",
            "service_name":"iam.googleapis.com","method_name":"google.iam.admin.v1.CreateRole",
            "authentication_info":{"principal_email":"ann@example.com"},"request_metadata":{"caller_ip":"203.0.113.7"}}}"#;
        assert_eq!(lines(record), ["Success 203.0.113.7 google.iam.admin.v1.CreateRole"]);
        let call = calls(record).pop().unwrap();
        assert_eq!(call.account.as_deref(), Some("42"));
        assert_eq!(call.actor.uid.as_deref(), Some("ann@example.com"));
        assert_eq!(call.time.unwrap().to_string(), "2026-03-02T09:15:00.1Z");
        let bare = r#"{"protoPayload":{"authorizationInfo":[{"permission":"iam.roles.update","resource":"r"}]}}"#;
        assert_eq!(lines(bare), ["Success absent iam.roles.update"]);
    }
}
