//! Deliver: an invocation becomes messages, each of which succeeds or fails by itself.
//!
//! A batch of a queue is answered message by message. Anything else is one message, and its failure
//! that of the invocation, which Lambda then repeats. What a message is, is told in
//! [`crate::shape`].

use serde::{Deserialize, Serialize};

/// What the function is invoked with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Invocation<'a> {
    /// By a queue.
    Batch(Vec<Message>),
    /// By anybody else.
    Direct(&'a str),
}

/// A message of a queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
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

/// A record of whatever invokes functions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: Option<String>,
    message_id: Option<String>,
    body: Option<String>,
}

impl<'a> Invocation<'a> {
    /// Tells what the JSON text of an invocation is.
    pub(crate) fn of(text: &'a str) -> Self {
        let records = serde_json::from_str(text).map(|outline: Outline| outline.records);
        let messages = records.ok().and_then(|it| it.into_iter().map(Record::message).collect());
        messages.map_or(Self::Direct(text), Self::Batch)
    }

    /// What the messages say, by their place.
    pub(crate) fn bodies(&self) -> Vec<&str> {
        match self {
            Self::Batch(messages) => messages.iter().map(|message| message.body.as_str()).collect(),
            Self::Direct(text) => vec![text],
        }
    }

    /// The answer that says which of them failed, by their place. None where only an error would
    /// say it.
    pub(crate) fn answer(self, failed: impl IntoIterator<Item = usize>) -> Option<Answer> {
        let mut failed = failed.into_iter();
        match self {
            Self::Direct(_) => failed.next().is_none().then(Answer::default),
            Self::Batch(messages) => {
                let failed = failed.filter_map(|place| messages.get(place));
                let failed = failed.map(|message| Failure { item_identifier: message.id.clone() });
                Some(Answer { batch_item_failures: failed.collect() })
            }
        }
    }
}

impl Record {
    fn message(self) -> Option<Message> {
        let is_of_queue = self.event_source.as_deref() == Some("aws:sqs");
        let (id, body) = self.message_id.zip(self.body).filter(|_| is_of_queue)?;
        Some(Message { id, body })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_is_answered_by_message() {
        let message = |id: &str, body: &str| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs", "attributes": {} });
        let text =
            json!({ "Records": [message("a", "{}"), message("b", "é\n"), message("c", "")] })
                .to_string();
        let invocation = Invocation::of(&text);
        assert_eq!(invocation.bodies(), ["{}", "é\n", ""]);
        let answer = serde_json::to_value(invocation.answer([0, 2]).unwrap()).unwrap();
        let expected = json!({
            "batchItemFailures": [{ "itemIdentifier": "a" }, { "itemIdentifier": "c" }]
        });
        assert_eq!(answer, expected);
        let answer = serde_json::to_value(Invocation::of(&text).answer([]).unwrap()).unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }

    #[test]
    fn an_empty_batch_has_no_messages() {
        assert_eq!(Invocation::of(r#"{"Records":[]}"#), Invocation::Batch(Vec::new()));
    }

    #[test]
    fn all_else_is_one_message() {
        for text in [
            "null",
            "7",
            "[]",
            "{}",
            r#"{"Records":{}}"#,
            r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#,
            r#"{"Records":[{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}]}"#,
            r#"{"Records":[{"eventSource":"aws:sqs","messageId":"a","body":"b"},{"eventName":7}]}"#,
            r#"{"Records":[{"eventSource":7}]}"#,
        ] {
            let invocation = Invocation::of(text);
            assert_eq!(invocation, Invocation::Direct(text));
            assert_eq!(invocation.bodies(), [text]);
            assert_eq!(invocation.answer([]), Some(Answer::default()));
            assert_eq!(Invocation::of(text).answer([0]), None);
        }
    }
}
