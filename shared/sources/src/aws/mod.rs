//! Amazon Web Services: a `CloudTrail` record → an [`ApiActivity`].
//!
//! Promises to take every record `CloudTrail` makes, whatever it lacks, and to tell by shape alone
//! which records those are. Knows nothing of files, queues and envelopes: see [`crate::stream`].
//!
//! [`record`] reads the fields; [`identity`], [`credential`], [`workload`], [`provenance`],
//! [`outcome`] and [`resource`] each answer one question, and [`user_pool`] those about sign-ins to
//! a user pool of Cognito.

mod credential;
pub(crate) mod delivery;
mod identity;
mod outcome;
mod provenance;
mod record;
mod resource;
mod user_pool;
mod workload;

use std::borrow::Cow;
use std::mem::take;

use callerwatch_detection::activity::{ActorKind, ApiActivity, Cloud, Outcome};
use callerwatch_detection::hash;
use serde::de::{Deserialize, IgnoredAny};

use crate::instant;
use crate::reading::Reading;
use outcome::Ending;
use record::Record;

/// Reads one record, given as the text of one JSON object, and hands what it holds to `sink`.
/// Tells whether the record is of this cloud; where it is not, nothing was handed over.
pub(crate) fn read<'a>(record: &'a str, sink: &mut dyn FnMut(&Reading<'a>)) -> bool {
    let reading = serde_json::from_str(record).ok().and_then(|mut record| reading(&mut record));
    reading.inspect(|it| sink(it)).is_some()
}

/// What stood at the start of a text.
pub(crate) struct First {
    /// Where the value ends.
    pub(crate) end: usize,
    /// Whether it was a record of this cloud, and was handed over.
    pub(crate) taken: bool,
}

/// Like [`read`], for the JSON value that `text` starts with, found and decoded in one pass.
pub(crate) fn read_first<'a>(
    text: &'a str,
    sink: &mut dyn FnMut(&Reading<'a>),
) -> Result<First, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut record = Record::deserialize(&mut deserializer)?;
    let end = deserializer.into_iter::<IgnoredAny>().byte_offset();
    Ok(First { end, taken: reading(&mut record).inspect(|it| sink(it)).is_some() })
}

/// Takes from a record what it says; nothing from one of another log. A record is over a kilobyte: to
/// hand it on by value copies it.
fn reading<'a>(record: &mut Record<'a>) -> Option<Reading<'a>> {
    if !record.is_cloudtrail() && !record.is_digest() {
        return None;
    }
    Some(match outcome::ending(record) {
        Ending::NotACall(what) => Reading::NotACall { cloud: Cloud::Aws, what },
        Ending::Call(outcome) => normalize(record, outcome),
    })
}

fn normalize<'a>(record: &mut Record<'a>, outcome: Outcome) -> Reading<'a> {
    let uid = uid(record);
    let mfa = mfa(record);
    let customer = user_pool::customer(record, outcome);
    let is_service_event = record.event_type.as_str().eq_ignore_ascii_case("AwsServiceEvent")
        && !outcome::is_sign_in(record);
    let by_service = is_service_event || identity::is_service(&record.user_identity);
    let account = take(&mut record.recipient_account_id).into_option().or_else(|| {
        let own = record.user_identity.account_id.clone();
        own.into_option().filter(|account| account.starts_with(|c: char| c.is_ascii_digit()))
    });
    let scope = take(&mut record.vpc_endpoint_id).into_option().or_else(|| account.clone());
    let service = take(&mut record.event_source).into_cow();
    let error_message = take(&mut record.error_message).into_cow();
    let source = provenance::source(
        take(&mut record.source_ip_address).into_cow(),
        record.user_identity.invoked_by.clone().into_cow(),
        by_service,
        &service,
        scope.unwrap_or_default(),
    );
    let status_code = take(&mut record.error_code)
        .into_option()
        .or_else(|| (outcome == Outcome::LoginFailed).then(|| error_message.clone()))
        .filter(|code| !code.is_empty());
    let workload = workload::is_workload(&record.user_identity);
    let access_key_id = take(&mut record.user_identity.access_key_id);
    let mut actor = identity::actor(
        &mut record.user_identity,
        account.as_deref().unwrap_or_default(),
        record.aws_region.as_str(),
    );
    actor.credential = credential::credential(access_key_id);
    if let Some(customer) = customer {
        actor = customer;
    }
    // Whoever may assume a role of this account is no stranger to it.
    if actor.kind == ActorKind::Foreign && service == "sts.amazonaws.com" {
        actor.kind = ActorKind::Unknown;
    }
    Reading::Activity(ApiActivity {
        cloud: Cloud::Aws,
        uid,
        time: instant::parse(record.event_time.as_str()),
        source,
        actor,
        account,
        region: take(&mut record.aws_region).into_option(),
        service,
        operation: take(&mut record.event_name).into_cow(),
        resource: resource::resource(
            take(&mut record.resources),
            take(&mut record.request_parameters.name),
            &error_message,
        ),
        user_agent: take(&mut record.user_agent).into_option(),
        mfa,
        outcome,
        status_code,
        read_only: record.read_only.is_true(),
        console_session: record.session_credential_from_console.is_true(),
        workload,
    })
}

/// One identifier for all copies of an event: those that other accounts got of it, and those that
/// came late or corrected. Records without one are told apart by what they say.
fn uid<'a>(record: &Record<'a>) -> Cow<'a, str> {
    let of_copies = [&record.shared_event_id, &record.addendum.original_event_id, &record.event_id];
    // Redactions blank an identifier to dots or a word, the same in all records.
    let usable = of_copies.into_iter().find(|id| {
        id.as_str().bytes().any(|byte| byte.is_ascii_alphanumeric())
            && !id.as_str().eq_ignore_ascii_case("redacted")
    });
    usable.map_or_else(
        || {
            Cow::Owned(hash::identifier(&[
                record.event_time.as_str(),
                record.event_source.as_str(),
                record.event_name.as_str(),
                record.aws_region.as_str(),
                record.source_ip_address.as_str(),
                record.request_id.as_str(),
                record.recipient_account_id.as_str(),
                record.user_identity.arn.as_str(),
                record.user_identity.user_name.as_str(),
                record.error_code.as_str(),
            ]))
        },
        |id| id.clone().into_cow(),
    )
}

/// Whether a second factor was used. Federated sign-ins say `No` whatever their provider did, so
/// only an IAM user's or the owner's `No` is one.
fn mfa(record: &Record<'_>) -> Option<bool> {
    let used = record.additional_event_data.mfa_used.as_str();
    if used.eq_ignore_ascii_case("yes") {
        return Some(true);
    }
    if used.eq_ignore_ascii_case("no") {
        let kind = record.user_identity.kind.as_str();
        let is_own = kind.eq_ignore_ascii_case("IAMUser") || kind.eq_ignore_ascii_case("Root");
        return is_own.then_some(false);
    }
    let authenticated = &record.user_identity.session_context.attributes.mfa_authenticated;
    match authenticated.as_str() {
        "" => None,
        _ => Some(authenticated.is_true()),
    }
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::source::Source;

    use super::*;

    /// The call a record holds.
    pub(super) fn activity(json: &str) -> ApiActivity<'_> {
        match reading(&mut serde_json::from_str(json).unwrap()) {
            Some(Reading::Activity(activity)) => activity,
            other => panic!("{other:?} of {json}"),
        }
    }

    #[test]
    fn a_whole_record() {
        let activity = activity(
            r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111111111111:user/alice","accountId":"111111111111","userName":"alice","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}},"eventTime":"2026-03-02T09:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","awsRegion":"us-east-1","sourceIPAddress":"10.0.0.5","userAgent":"aws-cli/2","errorCode":"AccessDenied","errorMessage":"User: alice is not authorized to perform: iam:CreateAccessKey on resource: user bob because no policy allows it","requestParameters":null,"eventID":"e-1","sharedEventID":"s-1","readOnly":false,"recipientAccountId":"222222222222","vpcEndpointId":"vpce-1","sessionCredentialFromConsole":"true","somethingNew":[{}]}"#,
        );
        assert_eq!(activity.uid, "s-1");
        assert_eq!(activity.account.as_deref(), Some("222222222222"));
        assert_eq!(
            activity.source,
            Source::Private { ip: "10.0.0.5".parse().unwrap(), scope: "vpce-1".into() }
        );
        assert_eq!(activity.actor.uid.as_deref(), Some("arn:aws:iam::111111111111:user/alice"));
        assert_eq!(
            (activity.service.as_ref(), activity.operation.as_ref()),
            ("iam.amazonaws.com", "CreateAccessKey")
        );
        assert_eq!(activity.outcome, Outcome::Denied);
        assert_eq!(activity.status_code.as_deref(), Some("AccessDenied"));
        assert_eq!(activity.resource.as_deref(), Some("user bob"));
        assert_eq!(activity.mfa, Some(true));
        assert!(activity.console_session && !activity.read_only);
    }

    #[test]
    fn credentials_of_workloads() {
        let json = r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","userIdentity":{"type":"AssumedRole","principalId":"AROA1:i-0123456789abcdef0","sessionContext":{"ec2RoleDelivery":"2.0"}}}"#;
        assert!(activity(json).workload);
        assert!(!activity(&json.replace("ec2RoleDelivery", "x").replace(":i-", ":")).workload);
    }

    #[test]
    fn the_key_that_called() {
        let json = r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","userIdentity":{"type":"IAMUser","userName":"alice","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}}"#;
        let found = activity(json).actor.credential;
        assert!(matches!(found, Some(Cow::Borrowed("AKIAIOSFODNN7EXAMPLE"))), "{found:?}");
    }

    #[test]
    fn records_that_lack_much() {
        for json in [
            r#"{"eventSource":"ec2.amazonaws.com","eventName":"A"}"#,
            r#"{"eventSource":"...","eventName":"...","eventVersion":"...","eventID":"...","userIdentity":"..."}"#,
            r#"{"eventVersion":1.11,"eventType":"AwsApiCall","userIdentity":null,"resources":{},"readOnly":"true"}"#,
        ] {
            let activity = activity(json);
            assert_eq!((activity.time, activity.uid.len()), (None, 32), "{json}");
            assert_eq!(activity.source, Source::Absent, "{json}");
        }
    }

    #[test]
    fn services_and_sign_ins_of_services() {
        for (rest, is_service) in [
            (
                r#""eventSource":"kms.amazonaws.com","eventName":"RotateKey","eventType":"AwsServiceEvent""#,
                true,
            ),
            (
                r#""eventSource":"signin.amazonaws.com","eventName":"UserAuthentication","eventType":"AwsServiceEvent""#,
                false,
            ),
            (
                r#""eventSource":"sso.amazonaws.com","eventName":"Authenticate","eventType":"AwsServiceEvent""#,
                false,
            ),
            (
                r#""eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"AWSService","invokedBy":"config.amazonaws.com"}"#,
                true,
            ),
        ] {
            let json = format!(r#"{{"sourceIPAddress":"203.0.113.7",{rest}}}"#);
            let source = activity(&json).source;
            assert_eq!(matches!(source, Source::Service(_)), is_service, "{json}");
        }
    }

    #[test]
    fn failed_sign_ins_say_why() {
        let json = r#"{"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","userIdentity":{"type":"IAMUser"},"errorMessage":"Failed authentication","additionalEventData":{"MFAUsed":"No"}}"#;
        assert_eq!(activity(json).status_code.as_deref(), Some("Failed authentication"));
        assert_eq!(activity(json).mfa, Some(false));
        assert_eq!(activity(&json.replace("IAMUser", "AssumedRole")).mfa, None);
    }

    #[test]
    fn what_is_not_of_cloudtrail() {
        for json in [
            r#"{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","awsRegion":"eu-west-1"}"#,
            r#"{"eventSource":"Administrative","eventName":"BeginRequest"}"#,
            r#"{"a":1}"#,
            "[]",
            "{",
        ] {
            assert!(!read(json, &mut |_| panic!("handed over")), "{json}");
        }
    }
}
