//! Messages as SNS takes them: a body for each protocol, attributes for filters, and their sizes.

use callerwatch_detection::ocsf::{self, EVIDENCES_MAX};
use callerwatch_detection::sink::Announcement;
use serde_json::json;

use super::{chat as chat_schema, email, escape};

/// What one request may carry, in all: body and attributes. SNS takes 256 KiB; what it adds up
/// itself is not known to the byte.
pub(super) const BATCH_MAX_BYTES: usize = 250 * 1024;
/// Under 100 characters.
const SUBJECT_MAX: usize = 98;
/// As many as a filter could want; attributes count against the size.
const ACCOUNTS_MAX: usize = 50;
const TEXT_MAX: usize = 20_000;

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: String,
    /// Whether the body has a part for each protocol.
    pub(super) is_structured: bool,
    pub(super) subject: Option<String>,
    /// Name, type and value.
    pub(super) attributes: Vec<(&'static str, &'static str, String)>,
}

impl Message {
    /// What it counts for.
    pub(super) fn bytes(&self) -> usize {
        let attributes =
            self.attributes.iter().map(|(name, kind, value)| name.len() + kind.len() + value.len());
        self.body.len() + self.subject.as_ref().map_or(0, String::len) + attributes.sum::<usize>()
    }
}

/// An alert for the topic of alerts: OCSF for whoever asks for nothing else.
pub(super) fn alert(announcement: &Announcement<'_>) -> Message {
    let alert = announcement.alert;
    let text: String = email::text(alert).chars().take(TEXT_MAX).collect();
    let with = |evidences: usize| {
        let finding = ocsf::finding_of(alert, announcement.activity, evidences).to_string();
        let body = json!({ "default": finding, "email": text, "sms": email::sms(alert) });
        Message {
            body: body.to_string(),
            is_structured: true,
            subject: Some(subject(&email::title(alert))),
            attributes: attributes(announcement),
        }
    };
    let fits = |message: &Message| message.bytes() <= BATCH_MAX_BYTES;
    let fewer = (1..=EVIDENCES_MAX).rev().map(with).find(fits);
    fewer.unwrap_or_else(|| with(0))
}

/// An alert for the topic that chat listens to.
pub(super) fn chat(announcement: &Announcement<'_>) -> Message {
    Message {
        body: chat_schema::notification(announcement.alert).to_string(),
        is_structured: false,
        subject: None,
        attributes: attributes(announcement),
    }
}

/// What is no alert and must be known all the same.
pub(super) fn notice(detection: &str, title: &str, text: &str) -> Message {
    let title = escape::defanged(title, SUBJECT_MAX);
    let lines: Vec<String> =
        text.lines().map(|line| escape::defanged(line, 500)).take(500).collect();
    Message {
        body: format!("{title}\n\n{}\n", lines.join("\n")),
        is_structured: false,
        subject: Some(subject(&title)),
        attributes: vec![
            ("severity", "String", "Medium".to_owned()),
            ("detection", "String", detection.to_owned()),
        ],
    }
}

/// SNS takes ASCII here, that begins with no space.
fn subject(title: &str) -> String {
    let ascii: String =
        title.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    ascii.trim().chars().take(SUBJECT_MAX).collect()
}

fn attributes(announcement: &Announcement<'_>) -> Vec<(&'static str, &'static str, String)> {
    let alert = announcement.alert;
    let list = |values: Vec<&str>| json!(values).to_string();
    let leading = alert.findings.first().map_or("", |finding| finding.detection.id);
    let mut attributes = vec![
        ("severity", "String", alert.severity.name().to_owned()),
        ("detection", "String", leading.to_owned()),
        ("cloud", "String.Array", list(alert.clouds.iter().map(|cloud| cloud.name()).collect())),
    ];
    let accounts: Vec<&str> = email::accounts(alert).into_iter().take(ACCOUNTS_MAX).collect();
    if !accounts.is_empty() {
        attributes.push(("account", "String.Array", list(accounts)));
    }
    attributes
}
