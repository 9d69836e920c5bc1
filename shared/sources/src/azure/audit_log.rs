//! Normalize, Azure: the audit log of Entra ID, its record of changes to users, groups,
//! applications, roles and policies; as exported, as rows of `AuditLogs`, and as objects of Graph.

use std::borrow::Cow;

use callerwatch_detection::activity::{ApiActivity, Cloud, Outcome};

use crate::lenient::{Lenient, Text};
use crate::reading::Reading;

use super::record::{Record, Target};
use super::{actor, origin, outcome, outcome::Ending, sign_in};

/// Whether the record is of the audit log. The category is that of the log or, in Graph and in some
/// exports, that of the change; then the fields that only this log has tell.
pub(super) fn knows(record: &Record<'_>, category: &str) -> bool {
    let has_operation =
        !record.activity_display_name.is_empty() || !record.operation_value.is_empty();
    let has_fields = !record.logged_by_service.is_empty()
        && (!record.initiated_by.is_empty() || !record.activity_display_name.is_empty());
    has_operation && (category == "auditlogs" || has_fields)
}

/// Reads a change.
pub(super) fn read<'a>(record: &Record<'a>, text: &str) -> Reading<'a> {
    let account = origin::account(record);
    let (outcome, status_code) = end_of(record);
    let operation = origin::first(&[&record.activity_display_name, &record.operation_value]);
    Reading::Activity(ApiActivity {
        cloud: Cloud::Azure,
        uid: origin::lower(&record.id).unwrap_or_else(|| {
            let time = origin::moment(&[&record.created, &record.time]);
            let parts = [operation.as_str(), record.result.as_str(), &time];
            origin::uid(&record.correlation_id, &parts, text)
        }),
        time: origin::time(&[&record.created, &record.time]),
        source: origin::source(
            &[
                &record.initiated_by.user.ip_address,
                &record.caller_ip,
                &record.ip_address,
                &record.initiated_by.app.ip_address,
            ],
            account.as_ref(),
        ),
        account,
        region: None,
        actor: actor::of_initiator(record),
        service: record
            .logged_by_service
            .clone()
            .into_option()
            .unwrap_or(Cow::Borrowed(sign_in::SERVICE)),
        operation: operation.into_cow(),
        resource: record.target_resources.0.first().and_then(target),
        user_agent: record.user_agent.clone().into_option(),
        mfa: None,
        outcome,
        status_code,
        read_only: false,
        console_session: false,
        workload: false,
    })
}

fn target<'a>(target: &Target<'a>) -> Option<Cow<'a, str>> {
    actor::name(&[&target.user_principal_name, &target.display_name, &target.id])
}

/// How it ended. A change that failed was denied only where the reason says so.
fn end_of<'a>(record: &Record<'a>) -> (Outcome, Option<Cow<'a, str>>) {
    let result = origin::first(&[&record.result, &record.result_type]);
    if outcome::ending(result.as_str()) != Ending::Failed {
        return (Outcome::Success, None);
    }
    let reason: &Text<'a> = &record.result_reason;
    let outcome = outcome::failure(&[reason.as_str()], reason.as_str());
    (outcome, origin::first(&[reason, &result]).into_option())
}

#[cfg(test)]
mod tests {
    use super::super::tests::activity;
    use super::*;

    #[test]
    fn the_same_change_in_every_schema() {
        for json in [
            r#"{"time":"2026-03-02T09:15:00.7Z","resourceId":"/tenants/T-1/providers/Microsoft.aadiam","operationName":"Add member to role","category":"AuditLogs","tenantId":"T-1","correlationId":"c-1","properties":{"id":"Directory_1","activityDateTime":"2026-03-02T09:15:00Z","activityDisplayName":"Add member to role","loggedByService":"Core Directory","result":"success","initiatedBy":{"user":{"id":"U-1","userPrincipalName":"ann@a.example","ipAddress":"203.0.113.7"}},"targetResources":[{"id":"x","userPrincipalName":"bob@a.example"}]}}"#,
            r#"{"id":"directory_1","category":"RoleManagement","tenantId":"t-1","result":"success","activityDateTime":"2026-03-02T09:15:00Z","activityDisplayName":"Add member to role","loggedByService":"Core Directory","initiatedBy":{"app":null,"user":{"id":"u-1","userPrincipalName":"ann@a.example","ipAddress":"203.0.113.7"}},"targetResources":[{"displayName":"bob@a.example"}]}"#,
            r#"{"Type":"AuditLogs","TimeGenerated":"2026-03-02 09:15:00","AADTenantId":"t-1","OperationName":"Add member to role","Category":"RoleManagement","Result":"success","Id":"Directory_1","LoggedByService":"Core Directory","InitiatedBy":"{\"user\":{\"id\":\"u-1\",\"userPrincipalName\":\"ann@a.example\",\"ipAddress\":\"203.0.113.7\"}}","TargetResources":[{"displayName":"bob@a.example"}]}"#,
        ] {
            let call = activity(json);
            assert_eq!(call.outcome, Outcome::Success, "{json}");
            assert_eq!(call.uid, "directory_1", "{json}");
            assert_eq!(call.time.unwrap().to_string(), "2026-03-02T09:15:00Z", "{json}");
            assert_eq!(call.account.as_deref(), Some("t-1"), "{json}");
            assert_eq!(call.source.ledger_key().unwrap().to_string(), "203.0.113.7", "{json}");
            assert_eq!(call.actor.uid.as_deref(), Some("u-1"), "{json}");
            assert_eq!(
                (&*call.service, &*call.operation),
                ("Core Directory", "Add member to role")
            );
            assert_eq!(call.resource.as_deref(), Some("bob@a.example"), "{json}");
        }
    }

    #[test]
    fn shipped_privileged_operations_are_found_under_their_raw_names() {
        let policy = callerwatch_detection::policy::Policy::default();
        for operation in [
            "Update application – Certificates and secrets management ",
            "Add service principal credentials",
            "Add member to role",
        ] {
            let json = format!(
                r#"{{"category":"AuditLogs","operationName":"{operation}","properties":{{"activityDisplayName":"{operation}","result":"success"}}}}"#
            );
            let call = activity(&json);
            let hash = callerwatch_detection::evidence::operation_hash(&call.operation);
            assert!(policy.is_privileged(hash), "{json}");
        }
    }

    #[test]
    fn outcomes() {
        for (fields, expected) in [
            (r#""result":"SUCCESS""#, Outcome::Success),
            (r#""resultSignature":"None""#, Outcome::Success),
            (r#""properties":{"result":"failed"}"#, Outcome::OtherError),
            (r#""result":"failure","resultReason":"The name is forbidden here""#, Outcome::Denied),
            (
                r#""result":"failure","resultReason":"Authorization_RequestDenied: no""#,
                Outcome::Denied,
            ),
            (r#""result":"failure","resultReason":"No such user""#, Outcome::OtherError),
            (r#""result":"timeout""#, Outcome::OtherError),
        ] {
            let json =
                format!(r#"{{"category":"AuditLogs","operationName":"Update policy",{fields}}}"#);
            assert_eq!(activity(&json).outcome, expected, "{json}");
        }
    }
}
