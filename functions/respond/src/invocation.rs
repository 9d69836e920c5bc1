//! What the function is invoked with: messages of a queue, each of which names an alert, or anything
//! else, by which what is denied is looked after.
//!
//! Promises that of a message nothing is believed but which alert it may be about: whoever can publish
//! to the topic, or send to the queue, cannot say more than that.

use serde::{Deserialize, Serialize};

/// No message of a topic is larger.
const BODY_MAX_BYTES: usize = 256 * 1024;
const UID_MAX_BYTES: usize = 64;

/// What the function is invoked with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    /// By a queue.
    Batch(Vec<Message>),
    /// By a schedule, or a person.
    Other,
}

/// A message of a queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// The uid of the alert; none where it names none.
    pub(crate) uid: Option<String>,
}

/// Which messages of a batch are to come back.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

#[derive(Deserialize)]
struct Outline {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: String,
    message_id: String,
    body: String,
}

/// What SNS puts around a message, unless it delivers it raw.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Message")]
    message: String,
}

#[derive(Deserialize)]
struct Finding {
    finding_info: FindingInfo,
}

#[derive(Deserialize)]
struct FindingInfo {
    uid: String,
}

impl Invocation {
    /// Tells what the JSON text of an invocation is.
    pub(crate) fn of(text: &str) -> Self {
        let Ok(Outline { records }) = serde_json::from_str(text) else { return Self::Other };
        if records.iter().any(|record| record.event_source != "aws:sqs") {
            return Self::Other;
        }
        let message = |it: Record| Message { uid: uid_of(&it.body), id: it.message_id };
        Self::Batch(records.into_iter().map(message).collect())
    }
}

impl Answer {
    /// That these are to come back.
    pub(crate) fn failed<'a>(messages: impl Iterator<Item = &'a Message>) -> Self {
        let failure = |it: &Message| Failure { item_identifier: it.id.clone() };
        Self { batch_item_failures: messages.map(failure).collect() }
    }

    /// How many come back.
    pub(crate) fn count(&self) -> usize {
        self.batch_item_failures.len()
    }
}

/// The uid of the alert of a message, as SNS delivers it, raw or not.
fn uid_of(body: &str) -> Option<String> {
    if body.len() > BODY_MAX_BYTES {
        return None;
    }
    let inner = serde_json::from_str(body).map(|Envelope { message }| message).ok();
    let finding: Finding = serde_json::from_str(inner.as_deref().unwrap_or(body)).ok()?;
    let uid = finding.finding_info.uid;
    let is_uid = (1..=UID_MAX_BYTES).contains(&uid.len())
        && uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_uid.then_some(uid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch(bodies: &[String]) -> Invocation {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| {
                json!({ "eventSource": "aws:sqs", "messageId": n.to_string(), "body": body })
            })
            .collect();
        Invocation::of(&json!({ "Records": records }).to_string())
    }

    #[test]
    fn of_a_message_its_uid_is_taken() {
        let finding = json!({ "finding_info": { "uid": "0a1b" }, "severity_id": 5 }).to_string();
        let wrapped = json!({ "Type": "Notification", "Message": finding }).to_string();
        let twice = json!({ "Message": wrapped }).to_string();
        let with_uid =
            |uid: serde_json::Value| json!({ "finding_info": { "uid": uid } }).to_string();
        for (body, expected) in [
            (finding.clone(), Some("0a1b")),
            (wrapped, Some("0a1b")),
            (twice, None),
            (with_uid(json!("a#b")), None),
            (with_uid(json!("")), None),
            (with_uid(json!(7)), None),
            (with_uid(json!("a".repeat(65))), None),
            (with_uid(json!({ "S": "0a1b" })), None),
            ("[".repeat(100_000), None),
            (format!("{finding}{}", " ".repeat(BODY_MAX_BYTES)), None),
            (json!({ "Message": "\u{0}" }).to_string(), None),
            ("A policy changed".to_owned(), None),
            (String::new(), None),
        ] {
            let expected = vec![Message { id: "0".to_owned(), uid: expected.map(str::to_owned) }];
            let start: String = body.chars().take(80).collect();
            assert_eq!(batch(&[body]), Invocation::Batch(expected), "{start}");
        }
    }

    #[test]
    fn anything_else_is_for_looking_after() {
        for text in [
            r#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#,
            "{}",
            "null",
            r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#,
            r#"{"Records":[{"eventSource":"aws:sns","messageId":"1","body":"{}"}]}"#,
        ] {
            assert_eq!(Invocation::of(text), Invocation::Other, "{text}");
        }
        assert_eq!(batch(&[]), Invocation::Batch(Vec::new()));
    }

    #[test]
    fn what_comes_back_is_named() {
        let Invocation::Batch(messages) = batch(&["a".to_owned(), "b".to_owned()]) else {
            panic!("a batch")
        };
        let answer = Answer::failed(messages.iter().skip(1));
        let expected = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        assert_eq!(answer.count(), 1);
    }
}
