//! Google Workspace: one activity becomes a reading for each of its events.
//!
//! The Reports API and Cloud Logging tell of the same activities; both give an event the same uid,
//! so that with both feeds it still counts once. Events come as a list, as one object, or with
//! their fields beside those of the activity, one record an event.

use std::borrow::Cow;

use callerwatch_detection::activity::{ApiActivity, Cloud, Outcome};
use callerwatch_detection::hash;
use callerwatch_detection::source::Source;
use callerwatch_detection::timestamp::Timestamp;

use super::record::{Event, Record};
use super::sign_in::{Details, Meaning, meaning};
use super::{not_a_call, principal};
use crate::instant;
use crate::lenient::Lenient;
use crate::reading::Reading;

/// Reads an activity of the Reports API.
pub(super) fn read<'a>(record: Record<'a>, sink: &mut dyn FnMut(&Reading<'a>)) {
    let Record { id, actor, ip_address, name, parameters, mut events, .. } = record;
    let time = instant::parse(id.time.as_str());
    let uid = uid(id.application.as_str(), time, id.qualifier.as_str()).unwrap_or_else(|| {
        let (time, address) = (id.time.as_str(), ip_address.as_str());
        hash::identifier(&[id.application.as_str(), time, actor.email.as_str(), address])
    });
    let account = id.customer.into_option();
    let application = id.application.into_cow();
    let source = match ip_address.into_option() {
        Some(text) => Source::from_address(text, account.clone().unwrap_or_default()),
        None => Source::Absent,
    };
    let call = ApiActivity {
        cloud: Cloud::Gcp,
        uid: Cow::Owned(uid),
        time,
        account,
        region: None,
        source,
        actor: principal::of_activity(actor),
        service: application.clone(),
        operation: Cow::Borrowed(""),
        resource: None,
        user_agent: None,
        mfa: None,
        outcome: Outcome::Success,
        status_code: None,
        read_only: false,
        console_session: false,
        workload: false,
    };
    if events.is_empty() {
        events.0.push(Event { name, parameters });
    }
    hand_over(&call, &application, events.0, sink);
}

/// The uid of an activity, where it has what makes one; those of its events begin with it.
pub(super) fn uid(application: &str, time: Option<Timestamp>, qualifier: &str) -> Option<String> {
    let millis = time?.millis();
    (!qualifier.is_empty()).then(|| format!("{application}/{millis}/{qualifier}"))
}

/// Hands over a reading for each event of an activity, of which `call` holds what they share. An
/// activity without events is told by its operation.
pub(super) fn hand_over<'a>(
    call: &ApiActivity<'a>,
    application: &str,
    mut events: Vec<Event<'a>>,
    sink: &mut dyn FnMut(&Reading<'a>),
) {
    if events.is_empty() {
        events.push(Event::default());
    }
    for (index, event) in events.iter().enumerate() {
        let name = match event.name.as_str() {
            "" => call.operation.rsplit('.').next().unwrap_or_default(),
            name => name,
        };
        let details = Details::of(&event.parameters.0);
        match meaning(application, name, &details) {
            Meaning::NotACall(what) => sink(&not_a_call(what)),
            Meaning::Call(outcome) => {
                let before = events.iter().take(index);
                let same = before.filter(|other| other.name == event.name).count();
                sink(&Reading::Activity(of_event(call, event, &details, same, outcome)));
            }
        }
    }
}

/// `call` as one of its events, before which `same` others had its name.
fn of_event<'a>(
    call: &ApiActivity<'a>,
    event: &Event<'a>,
    details: &Details<'_>,
    same: usize,
    outcome: Outcome,
) -> ApiActivity<'a> {
    let mut call = call.clone();
    let name = event.name.as_str();
    call.uid = match same {
        0 => format!("{}/{name}", call.uid).into(),
        _ => format!("{}/{name}/{same}", call.uid).into(),
    };
    if call.operation.is_empty() {
        call.operation = event.name.clone().into_cow();
    }
    if call.actor.uid.is_none() && !details.affected_email.is_empty() {
        call.actor = principal::of_text(Cow::Owned(details.affected_email.to_owned()));
    }
    if outcome != Outcome::Success {
        call.outcome = outcome;
        let reason = (!details.failure_type.is_empty()).then(|| details.failure_type.to_owned());
        call.status_code = reason.map(Cow::Owned).or(call.status_code);
    }
    call
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calls, lines};
    use super::*;

    const FAILED: &str = r#"{"kind":"admin#reports#activity",
        "id":{"time":"2026-03-02T09:15:00.123Z","uniqueQualifier":"-42","applicationName":"login","customerId":"C1"},
        "actor":{"email":"Ann@Example.com","profileId":"1"},"ipAddress":"203.0.113.7",
        "events":[{"type":"login","name":"login_failure","parameters":[
            {"name":"login_type","value":"google_password"},
            {"name":"login_failure_type","value":"login_failure_invalid_password"}]}]}"#;

    #[test]
    fn a_failed_sign_in_in_full() {
        let call = calls(FAILED).pop().unwrap();
        assert_eq!(call.uid, "login/1772442900123/-42/login_failure");
        assert_eq!(call.time.unwrap().to_string(), "2026-03-02T09:15:00.123Z");
        assert_eq!(call.account.as_deref(), Some("C1"));
        assert_eq!(call.source, Source::Public("203.0.113.7".parse().unwrap()));
        assert_eq!(call.actor.uid.as_deref(), Some("ann@example.com"));
        assert_eq!((&*call.service, &*call.operation), ("login", "login_failure"));
        assert_eq!(call.outcome, Outcome::LoginFailed);
        assert_eq!(call.status_code.as_deref(), Some("login_failure_invalid_password"));
    }

    /// The same activity by way of Cloud Logging.
    #[test]
    fn both_feeds_tell_of_one_event() {
        let logged = r#"{"logName":"organizations/1/logs/cloudaudit.googleapis.com%2Fdata_access","insertId":"x",
            "timestamp":"2026-03-02T09:15:00.123456Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName":"login.googleapis.com","methodName":"google.login.LoginService.loginFailure",
            "authenticationInfo":{"principalEmail":"ann@example.com"},"requestMetadata":{"callerIp":"203.0.113.7"},
            "metadata":{"@type":"type.googleapis.com/ccc_hosted_reporting.ActivityProto",
                "activityId":{"timeUsec":"1772442900123456","uniqQualifier":"-42"},
                "event":[{"eventName":"login_failure","eventType":"login","parameter":[
                    {"name":"login_challenge_method","multiStrValue":["password"]}]}]}}}"#;
        let (one, other) = (calls(FAILED).pop().unwrap(), calls(logged).pop().unwrap());
        assert_eq!(one.uid, other.uid);
        assert_eq!(one.actor.uid, other.actor.uid);
        assert_eq!(one.outcome, other.outcome);
        assert_eq!(other.operation, "google.login.LoginService.loginFailure");
        let bare = r#"{"protoPayload":{"serviceName":"login.googleapis.com","methodName":"google.login.LoginService.loginFailure"}}"#;
        assert_eq!(lines(bare), ["LoginFailed absent google.login.LoginService.loginFailure"]);
    }

    #[test]
    fn events_in_every_form() {
        let one = "LoginSucceeded 203.0.113.7 login_success";
        let head = r#""id":{"applicationName":"login"},"ipAddress":"203.0.113.7""#;
        for (events, expected) in [
            (r#""events":[{"name":"login_success"}]"#, vec![one]),
            (r#""events":{"name":"login_success"}"#, vec![one]),
            (r#""events":"{\"name\":\"login_success\"}""#, vec![one]),
            (
                r#""name":"login_success","type":"login","parameters":{"login_type":"saml"}"#,
                vec![one],
            ),
            (
                r#""events":[{"name":"login_success"},{"name":"logout"},{"name":"login_success"}]"#,
                vec![one, "sign-out", one],
            ),
            (r#""events":[]"#, vec!["activity without an event"]),
            (r#""type":"login""#, vec!["activity without an event"]),
        ] {
            assert_eq!(lines(&format!("{{{head},{events}}}")), expected, "{events}");
        }
    }

    #[test]
    fn events_of_one_activity_are_told_apart() {
        let record = r#"{"id":{"applicationName":"drive","time":"2026-03-02T09:15:00Z","uniqueQualifier":"7"},
            "events":[{"name":"edit"},{"name":"view"},{"name":"edit"}]}"#;
        let uids: Vec<_> = calls(record).into_iter().map(|call| call.uid.into_owned()).collect();
        let head = "drive/1772442900000/7";
        assert_eq!(
            uids,
            [format!("{head}/edit"), format!("{head}/view"), format!("{head}/edit/1")]
        );
    }

    #[test]
    fn whose_account_it_is() {
        let record = r#"{"id":{"applicationName":"login"},"name":"login_failure",
            "parameters":{"affected_email_address":"Bob@example.com"}}"#;
        let call = calls(record).pop().unwrap();
        assert_eq!(call.actor.uid.as_deref(), Some("bob@example.com"));
    }
}
