//! Alerts through SNS: text for people, OCSF for machines, and the chat schema on a topic of its own.
//!
//! Promises an answer for each announcement: SNS refuses entries one by one, within an answer that
//! is otherwise good. Whatever is too large loses evidence, never the alert.

mod chat;
mod email;
mod escape;
mod message;

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use callerwatch_detection::sink::{AlertSink, Announcement};

use self::message::{BATCH_MAX_BYTES, Message};

/// `PublishBatch` takes no more.
const BATCH_MAX: usize = 10;

/// Publishes alerts.
#[derive(Debug)]
pub struct SnsSink {
    client: Client,
    topic_arn: String,
    chat_topic_arn: Option<String>,
}

/// A message that SNS did not take.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The request failed.
    #[error("publishing to {topic_arn}")]
    Request {
        /// The topic.
        topic_arn: String,
        /// What the SDK says, in full; one request carries several messages.
        #[source]
        source: std::sync::Arc<aws_sdk_sns::Error>,
    },
    /// The request was taken, and this message refused.
    #[error("{topic_arn} refused the message: {why}")]
    Refused {
        /// The topic.
        topic_arn: String,
        /// Its code and message.
        why: String,
    },
}

impl SnsSink {
    /// Publishes to a topic, and to one that speaks the chat notification schema.
    pub fn new(
        client: Client,
        topic_arn: impl Into<String>,
        chat_topic_arn: Option<String>,
    ) -> Self {
        Self { client, topic_arn: topic_arn.into(), chat_topic_arn }
    }

    /// Publishes something that is no alert and that subscribers of Medium and above must know: a
    /// change of the policy. `detection` is what filters may call it.
    ///
    /// # Errors
    ///
    /// When SNS does not take it.
    pub async fn publish_notice(
        &self,
        detection: &str,
        title: &str,
        text: &str,
    ) -> Result<(), SinkError> {
        let message = message::notice(detection, title, text);
        let mut answers = self.publish_to(&self.topic_arn, vec![message]).await;
        answers.pop().unwrap_or(Ok(()))
    }

    /// Publishes messages, as many at once as SNS takes.
    async fn publish_to(
        &self,
        topic_arn: &str,
        messages: Vec<Message>,
    ) -> Vec<Result<(), SinkError>> {
        let mut answers = Vec::with_capacity(messages.len());
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let mut batch: Vec<Message> = Vec::new();
            let mut bytes = 0;
            while let Some(message) = messages.next_if(|message| {
                batch.is_empty()
                    || (batch.len() < BATCH_MAX && bytes + message.bytes() <= BATCH_MAX_BYTES)
            }) {
                bytes += message.bytes();
                batch.push(message);
            }
            answers.extend(self.publish_batch(topic_arn, batch).await);
        }
        answers
    }

    async fn publish_batch(
        &self,
        topic_arn: &str,
        batch: Vec<Message>,
    ) -> Vec<Result<(), SinkError>> {
        let count = batch.len();
        let mut refused: HashMap<String, String> = HashMap::new();
        let mut entries = Vec::with_capacity(count);
        for (place, message) in batch.into_iter().enumerate() {
            match entry(place, message) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    refused.insert(place.to_string(), error.to_string());
                }
            }
        }
        let request = self.client.publish_batch().topic_arn(topic_arn);
        let sent = request.set_publish_batch_request_entries(Some(entries)).send().await;
        match sent {
            Ok(answer) => {
                for failed in answer.failed() {
                    let why = [Some(failed.code()), failed.message()];
                    let why: Vec<&str> = why.into_iter().flatten().collect();
                    refused.insert(failed.id().to_owned(), why.join(": "));
                }
            }
            Err(error) => {
                let source = std::sync::Arc::new(aws_sdk_sns::Error::from(error));
                let topic_arn = topic_arn.to_owned();
                let error =
                    || SinkError::Request { topic_arn: topic_arn.clone(), source: source.clone() };
                return (0..count).map(|_| Err(error())).collect();
            }
        }
        let answer = |place: usize| match refused.remove(&place.to_string()) {
            Some(why) => Err(SinkError::Refused { topic_arn: topic_arn.to_owned(), why }),
            None => Ok(()),
        };
        (0..count).map(answer).collect()
    }
}

impl AlertSink for SnsSink {
    type Error = SinkError;

    async fn publish(&self, announcements: &[Announcement<'_>]) -> Vec<Result<(), SinkError>> {
        let messages = announcements.iter().map(message::alert).collect();
        let answers = self.publish_to(&self.topic_arn, messages).await;
        if let Some(chat_topic_arn) = &self.chat_topic_arn {
            // Chat is told only what went out; what did not comes back and is told then.
            let told = announcements.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
            let chats = told.map(|(announcement, _)| message::chat(announcement)).collect();
            for answer in self.publish_to(chat_topic_arn, chats).await {
                if let Err(error) = answer {
                    // The alert itself is out, and must not go out again for this.
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "chat was not told of an alert");
                }
            }
        }
        answers
    }
}

fn entry(
    place: usize,
    message: Message,
) -> Result<PublishBatchRequestEntry, aws_sdk_sns::error::BuildError> {
    let mut attributes = HashMap::new();
    for (name, kind, value) in message.attributes {
        let value = MessageAttributeValue::builder().data_type(kind).string_value(value).build()?;
        attributes.insert(name.to_owned(), value);
    }
    PublishBatchRequestEntry::builder()
        .id(place.to_string())
        .message(message.body)
        .set_message_structure(message.is_structured.then(|| "json".to_owned()))
        .set_subject(message.subject)
        .set_message_attributes(Some(attributes))
        .build()
}
