//! Messages as SNS takes them: a body for each protocol, attributes for filters, and their sizes.
//!
//! Promises that every alert becomes a message that fits: evidence is left out first, then texts
//! are cut, and what is never left out is that it happened, under which uid.

use callerwatch_detection::ocsf::{self, EVIDENCES_MAX};
use callerwatch_detection::plain::plain_json;
use callerwatch_detection::sink::Announcement;
use callerwatch_detection::words;
use serde_json::{Value, json};

use super::escape::{ascii, defanged};
use super::{chat as chat_schema, email, sms};

/// What one request may carry, in all: bodies, subjects and attributes. SNS takes 256 KiB; what it
/// adds up itself is not known to the byte.
pub(super) const BATCH_MAX_BYTES: usize = 250 * 1024;
/// Under 100 characters.
pub(super) const SUBJECT_MAX: usize = 99;
/// As many as a filter could want; attributes count against the size.
const ACCOUNTS_MAX: usize = 50;
/// To which texts are cut, and lists too, until all of it fits.
const CUTS: [usize; 4] = [500, 100, 40, 10];

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// What is sent: text, or JSON.
    pub body: String,
    /// Whether the body has a part for each protocol.
    pub is_structured: bool,
    /// The subject of a mail.
    pub subject: Option<String>,
    /// Name, type and value.
    pub attributes: Vec<(&'static str, &'static str, String)>,
}

impl Message {
    /// What it counts for.
    pub fn bytes(&self) -> usize {
        let attributes =
            self.attributes.iter().map(|(name, kind, value)| name.len() + kind.len() + value.len());
        self.body.len() + self.subject.as_ref().map_or(0, String::len) + attributes.sum::<usize>()
    }
}

/// An alert for the topic of alerts: OCSF for whoever asks for nothing else.
pub fn alert(announcement: &Announcement<'_>) -> Message {
    within(announcement, BATCH_MAX_BYTES)
}

/// An alert for the topic that chat listens to.
pub fn chat(announcement: &Announcement<'_>) -> Message {
    Message {
        body: plain_json(&chat_schema::notification(announcement).to_string()),
        is_structured: false,
        subject: None,
        attributes: attributes(announcement),
    }
}

fn within(announcement: &Announcement<'_>, most: usize) -> Message {
    let alert = announcement.alert;
    let text = email::text(announcement);
    let with = |finding: &Value, text: &str| Message {
        body: json!({
            "default": plain_json(&finding.to_string()),
            "email": text,
            "sms": sms::line(alert),
        })
        .to_string(),
        is_structured: true,
        subject: Some(ascii(&words::headline(alert, defanged), SUBJECT_MAX)),
        attributes: attributes(announcement),
    };
    let finding = |evidences| ocsf::finding_of(alert, announcement.activity, evidences);
    let fits = |message: &Message| message.bytes() <= most;
    let fewer = (0..=EVIDENCES_MAX).rev().map(|evidences| with(&finding(evidences), &text));
    if let Some(message) = fewer.into_iter().find(fits) {
        return message;
    }
    let mut cut = finding(0);
    let mut message = with(&cut, &text);
    for most in CUTS {
        shorten(&mut cut, most);
        let text: String = text.chars().take(10 * most).collect();
        message = with(&cut, &text);
        if fits(&message) {
            break;
        }
    }
    message
}

/// Cuts every text and every list in it.
fn shorten(value: &mut Value, most: usize) {
    match value {
        // Identities and the names of detections and of what is in the schema are all shorter.
        Value::String(text) => {
            let end = text.floor_char_boundary(most.max(64));
            text.truncate(end);
        }
        Value::Array(values) => {
            values.truncate(most);
            for value in values {
                shorten(value, most);
            }
        }
        Value::Object(fields) => {
            for value in fields.values_mut() {
                shorten(value, most);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn attributes(announcement: &Announcement<'_>) -> Vec<(&'static str, &'static str, String)> {
    let alert = announcement.alert;
    let list = |values: Vec<&str>| plain_json(&json!(values).to_string());
    let leading = alert.findings.first().map_or("", |finding| finding.detection.id);
    let mut attributes = vec![
        ("severity", "String", alert.severity.name().to_owned()),
        ("detection", "String", leading.to_owned()),
        ("cloud", "String.Array", list(alert.clouds.iter().map(|cloud| cloud.name()).collect())),
    ];
    let accounts: Vec<&str> = words::accounts(alert).into_iter().take(ACCOUNTS_MAX).collect();
    if !accounts.is_empty() {
        attributes.push(("account", "String.Array", list(accounts)));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::alert::Alert;
    use callerwatch_detection::ocsf::Activity;

    use super::*;
    use crate::sns::cases;

    fn of(alert: &Alert, most: usize) -> (Message, Value, Value) {
        let message = within(&Announcement { alert, activity: Activity::Create }, most);
        let body: Value = serde_json::from_str(&message.body).unwrap();
        let finding = serde_json::from_str(body["default"].as_str().unwrap()).unwrap();
        (message, body, finding)
    }

    #[test]
    fn a_body_for_each_protocol() {
        let alert = cases::spray();
        let (message, body, finding) = of(&alert, BATCH_MAX_BYTES);
        let protocols: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(protocols, ["default", "email", "sms"]);
        assert_eq!(finding, ocsf::detection_finding(&alert));
        assert!(body["email"].as_str().unwrap().starts_with("High: 7 failed sign-ins"));
        assert_eq!(
            message.subject.as_deref(),
            Some("High: 7 failed sign-ins of 7 accounts from 203.0.113.7")
        );
        assert_eq!(
            message.attributes,
            [
                ("severity", "String", "High".to_owned()),
                ("detection", "String", "password-spray".to_owned()),
                ("cloud", "String.Array", r#"["AWS"]"#.to_owned()),
                ("account", "String.Array", r#"["111111111111"]"#.to_owned()),
            ]
        );
    }

    #[test]
    fn subjects_and_attributes_of_hostile_alerts() {
        let mut alert = cases::hostile();
        alert.findings[0].headline = "\n\u{202e}é".repeat(1000);
        let (message, ..) = of(&alert, BATCH_MAX_BYTES);
        let subject = message.subject.unwrap();
        assert!(subject.len() < 100 && subject.chars().all(|it| (' '..='~').contains(&it)));
        for (_, _, value) in &message.attributes {
            assert!(value.chars().all(|it| !it.is_control() && it != '\u{202e}'), "{value}");
        }
    }

    #[test]
    fn evidence_is_left_out_before_texts_are_cut() {
        let alert = cases::hostile();
        let whole = ocsf::detection_finding(&alert)["evidences"].as_array().unwrap().len();
        let (largest, _, _) = of(&alert, BATCH_MAX_BYTES);
        let mut counts = Vec::new();
        for most in (1500..=largest.bytes()).rev().step_by(100) {
            let (message, body, finding) = of(&alert, most);
            assert!(message.bytes() <= most.max(5000), "{} of {most}", message.bytes());
            counts.push(finding["evidences"].as_array().unwrap().len());
            assert_eq!(finding["finding_info"]["uid"], alert.uid);
            assert_eq!(finding["finding_info"]["analytic"]["uid"], "error-burst");
            assert!(body["email"].as_str().unwrap().starts_with("Low: 20 denied API calls"));
        }
        // The last tells the source alone.
        assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
        assert_eq!((counts.first(), counts.last()), (Some(&whole), Some(&1)));
    }

    #[test]
    fn whatever_is_in_it_it_fits() {
        let mut alert = cases::hostile();
        alert.reasons = vec![alert.reasons[0].clone(); 500];
        alert.reasons.iter_mut().for_each(|reason| reason.text = "\u{1}".repeat(200));
        alert.lists = vec!["\u{1}".repeat(1000); 100];
        alert.trusted_network = Some("\u{1}".repeat(100_000));
        alert.findings[0].headline = "\u{1}".repeat(100_000);
        let (message, _, finding) = of(&alert, BATCH_MAX_BYTES);
        assert!(message.bytes() <= BATCH_MAX_BYTES, "{}", message.bytes());
        assert_eq!(finding["finding_info"]["uid"], alert.uid);
        let chat = chat(&Announcement { alert: &alert, activity: Activity::Create });
        assert!(chat.bytes() <= BATCH_MAX_BYTES, "{}", chat.bytes());
    }
}
