//! Normalize, Azure: the unified audit log of Microsoft 365, which has the sign-ins of Entra ID
//! again, in its own words, beside what was done to mail and files.

use std::borrow::Cow;

use callerwatch_detection::activity::{Actor, ActorKind, ApiActivity, Cloud, Outcome};

use crate::lenient::{Lenient, List, Text, lenient};
use crate::reading::Reading;

use super::actor::{id, name};
use super::record::Record;
use super::{codes, origin, outcome, outcome::Ending, sign_in};

lenient! {
    struct OfficeRecord<'a> (ignoring case) {
        id: Text<'a> = "id",
        request_id: Text<'a> = "intrasystemid",
        time: Text<'a> = "creationtime",
        organization_id: Text<'a> = "organizationid",
        workload: Text<'a> = "workload",
        operation: Text<'a> = "operation",
        result_status: Text<'a> = "resultstatus",
        error_number: Text<'a> = "errornumber",
        logon_error: Text<'a> = "logonerror",
        client_ip: Text<'a> = "clientip" | "clientipaddress",
        actor_ip: Text<'a> = "actoripaddress",
        user_id: Text<'a> = "userid",
        user_key: Text<'a> = "userkey",
        user_type: Text<'a> = "usertype",
        actors: List<NamedActor<'a>> = "actor",
        object_id: Text<'a> = "objectid",
        user_agent: Text<'a> = "useragent",
    }
}

lenient! {
    struct NamedActor<'a> (ignoring case) {
        id: Text<'a> = "id",
    }
}

/// Whether the record is of the unified audit log.
pub(super) fn knows(record: &Record<'_>) -> bool {
    !record.office_workload.is_empty()
        && !record.office_record_type.is_empty()
        && !record.office_operation.is_empty()
}

/// Reads a record of the unified audit log, given as text.
pub(super) fn read(text: &str) -> Reading<'_> {
    let mut record: OfficeRecord<'_> = serde_json::from_str(text).unwrap_or_default();
    record.operation = std::mem::take(&mut record.operation).trimmed();
    let account = origin::lower(&record.organization_id);
    let (outcome, status_code) = end_of(&record);
    let is_sign_in = sign_in_ending(&record).is_some();
    // The sign-in log has the same sign-in under the identifier of the request; taking that makes
    // one of the two. Other records of one request are several.
    let uid = if is_sign_in { [&record.request_id, &record.id] } else { [&record.id, &record.id] };
    Reading::Activity(ApiActivity {
        cloud: Cloud::Azure,
        uid: origin::lower(&origin::first(&uid))
            .unwrap_or_else(|| origin::uid(&Text::default(), &[], text)),
        time: origin::time(&[&record.time]),
        source: origin::source(&[&record.client_ip, &record.actor_ip], account.as_ref()),
        account,
        region: None,
        actor: actor(&record),
        operation: operation(&record),
        service: if is_sign_in { sign_in::SERVICE.into() } else { record.workload.into_cow() },
        resource: record.object_id.into_option(),
        user_agent: record.user_agent.into_option(),
        mfa: None,
        outcome,
        status_code,
        read_only: false,
        console_session: false,
        workload: false,
    })
}

/// Its name, as the audit log of Entra ID has it: here those of that log end in a full stop,
/// `Update user.`.
fn operation<'a>(record: &OfficeRecord<'a>) -> Cow<'a, str> {
    let is_of_entra = record.workload.as_str().eq_ignore_ascii_case("AzureActiveDirectory");
    let name = record.operation.clone().into_cow();
    let end = name.strip_suffix('.').filter(|_| is_of_entra).map(|bare| bare.trim_end().len());
    match (name, end) {
        (Cow::Borrowed(name), Some(end @ 1..)) => name.get(..end).unwrap_or(name).into(),
        (Cow::Owned(name), Some(end @ 1..)) => name.get(..end).unwrap_or(&name).to_owned().into(),
        (name, _) => name,
    }
}

/// Whether the record is a sign-in, and how it says it ended.
fn sign_in_ending(record: &OfficeRecord<'_>) -> Option<Ending> {
    match record.operation.as_str() {
        "UserLoggedIn" => Some(Ending::Succeeded),
        "UserLoginFailed" => Some(Ending::Failed),
        _ => None,
    }
}

fn end_of<'a>(record: &OfficeRecord<'a>) -> (Outcome, Option<Cow<'a, str>>) {
    match sign_in_ending(record) {
        Some(Ending::Failed) => {
            let code = origin::first(&[&record.error_number, &record.logon_error]);
            let class = match codes::class(code.as_str()) {
                codes::Class::Success | codes::Class::Other => {
                    codes::class(record.logon_error.as_str())
                }
                known => known,
            };
            (sign_in::outcome(sign_in::Manner::Interactive, class), code.into_option())
        }
        Some(_) => (Outcome::LoginSucceeded, None),
        None if outcome::ending(record.result_status.as_str()) == Ending::Failed
            && !record.result_status.as_str().eq_ignore_ascii_case("PartiallySucceeded") =>
        {
            let status = record.result_status.clone();
            (outcome::failure(&[status.as_str()], ""), status.into_option())
        }
        None => (Outcome::Success, None),
    }
}

/// The object id where one is among the names of the actor, as in every other log.
fn actor<'a>(record: &OfficeRecord<'a>) -> Actor<'a> {
    let names = record.actors.0.iter().map(|actor| &actor.id);
    let object_id = names.chain([&record.user_key]).find(|name| is_guid(name.as_str()));
    let kind = match record.user_type.as_str() {
        "0" | "2" | "3" => ActorKind::User,
        "4" | "5" | "6" => ActorKind::Application,
        _ => ActorKind::Unknown,
    };
    let uid = object_id.and_then(id).or_else(|| id(&record.user_id));
    Actor { kind, uid, name: name(&[&record.user_id]), credential: None }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::super::tests::activity;
    use super::*;

    #[test]
    fn sign_ins() {
        for (fields, expected) in [
            (r#""Operation":"UserLoggedIn""#, Outcome::LoginSucceeded),
            (
                r#""Operation":"UserLoginFailed","LogonError":"InvalidUserNameOrPassword","ResultStatus":"Success""#,
                Outcome::LoginFailed,
            ),
            (r#""Operation":"UserLoginFailed","ErrorNumber":"50076""#, Outcome::PasswordCorrect),
            (
                r#""Operation":"UserLoginFailed","ErrorNumber":"0","LogonError":"x""#,
                Outcome::OtherError,
            ),
        ] {
            let json = format!(
                r#"{{"Id":"i-1","IntraSystemId":"S-1","RecordType":15,"Workload":"AzureActiveDirectory","CreationTime":"2026-03-02T09:15:00","OrganizationId":"T-1","ClientIP":"[2001:db8::9]:4711","UserId":"Ann@a.example","UserKey":"k","UserType":0,"Actor":[{{"ID":"0B6F2D5E-1c5f-4a0e-9d0f-5b1f3c2a7e11","Type":0}}],{fields}}}"#
            );
            let call = activity(&json);
            assert_eq!(call.outcome, expected, "{json}");
            assert_eq!((&*call.uid, call.account.as_deref()), ("s-1", Some("t-1")));
            assert_eq!(call.actor.uid.as_deref(), Some("0b6f2d5e-1c5f-4a0e-9d0f-5b1f3c2a7e11"));
            assert_eq!(call.source.ledger_key().unwrap().to_string(), "2001:db8::/64");
        }
    }

    #[test]
    fn changes_in_entra_are_named_as_its_own_log_names_them() {
        for (workload, operation, expected) in [
            ("AzureActiveDirectory", "Update user.", "Update user"),
            ("AzureActiveDirectory", "Add member to role.", "Add member to role"),
            (
                "AzureActiveDirectory",
                "Update application – Certificates and secrets management ",
                "Update application – Certificates and secrets management",
            ),
            ("AzureActiveDirectory", "Update \\u0075ser .", "Update user"),
            ("AzureActiveDirectory", ".", "."),
            ("OneDrive", "Odd.", "Odd."),
        ] {
            let json = format!(
                r#"{{"Id":"i-1","RecordType":8,"Workload":"{workload}","Operation":"{operation}"}}"#
            );
            assert_eq!(activity(&json).operation, expected, "{json}");
        }
    }

    #[test]
    fn other_work() {
        for (status, expected) in [
            ("", Outcome::Success),
            ("Succeeded", Outcome::Success),
            ("PartiallySucceeded", Outcome::Success),
            ("Failed", Outcome::OtherError),
            ("False", Outcome::OtherError),
        ] {
            let json = format!(
                r#"{{"Id":"i-1","RecordType":6,"Workload":"OneDrive","Operation":"FileDownloaded","ResultStatus":"{status}","UserId":"ann@a.example"}}"#
            );
            let call = activity(&json);
            assert_eq!((call.outcome, &*call.service, &*call.uid), (expected, "OneDrive", "i-1"));
        }
    }
}
