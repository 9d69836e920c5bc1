//! Alerts through SNS: text for people, OCSF for machines, and the chat schema on a topic of its own.
//!
//! Promises an answer for each announcement: SNS refuses entries one by one, within an answer that
//! is otherwise good. Whatever is too large loses evidence, never the alert.

mod batch;
#[cfg(test)]
mod cases;
mod chat;
mod digest;
mod email;
mod escape;
pub mod message;
mod notice;
mod response;
mod sms;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_sns::Client;
use callerwatch_detection::digest::Digest;
use callerwatch_detection::sink::{AlertSink, Announcement};
use callerwatch_response::{Change, Mode};

use self::message::Message;

/// Publishes alerts.
#[derive(Debug)]
pub struct SnsSink {
    client: Client,
    topic_arn: String,
    chat_topic_arn: Option<String>,
    chat_refused: AtomicU64,
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
        source: Arc<aws_sdk_sns::Error>,
    },
    /// The request was taken, and this message refused.
    #[error("{topic_arn} refused the message: {why}")]
    Refused {
        /// The topic.
        topic_arn: String,
        /// Its code and message.
        why: String,
        /// Whether that is for what is in it, and so for good.
        is_for_good: bool,
    },
}

impl SnsSink {
    /// Publishes to a topic, and to one that speaks the chat notification schema.
    pub fn new(
        client: Client,
        topic_arn: impl Into<String>,
        chat_topic_arn: Option<String>,
    ) -> Self {
        let topic_arn = topic_arn.into();
        Self { client, topic_arn, chat_topic_arn, chat_refused: AtomicU64::new(0) }
    }

    /// How many alerts went out that chat refused, since this was last asked.
    pub fn take_chat_refused(&self) -> u64 {
        self.chat_refused.swap(0, Ordering::Relaxed)
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
        let message = notice::notice(detection, title, text);
        let mut answers = self.publish_to(&self.topic_arn, vec![message]).await;
        answers.pop().unwrap_or(Ok(()))
    }

    /// Publishes what a run changed, or would have in a dry run; nothing where that is nothing.
    ///
    /// # Errors
    ///
    /// When SNS does not take it.
    pub async fn publish_response(&self, changes: &[Change], mode: Mode) -> Result<(), SinkError> {
        if changes.is_empty() {
            return Ok(());
        }
        let message = response::message(changes, mode);
        let mut answers = self.publish_to(&self.topic_arn, vec![message]).await;
        answers.pop().unwrap_or(Ok(()))
    }

    /// Publishes a digest.
    ///
    /// # Errors
    ///
    /// When SNS does not take it. What chat refuses is logged and counted.
    pub async fn publish_digest(&self, digest: &Digest) -> Result<(), SinkError> {
        let mut answers = self.publish_to(&self.topic_arn, vec![digest::message(digest)]).await;
        answers.pop().unwrap_or(Ok(()))?;
        if let Some(chat_topic_arn) = &self.chat_topic_arn {
            self.tell_chat(chat_topic_arn, vec![digest::chat(digest)]).await;
        }
        Ok(())
    }

    /// Publishes messages, as many at once as SNS takes.
    async fn publish_to(
        &self,
        topic_arn: &str,
        messages: Vec<Message>,
    ) -> Vec<Result<(), SinkError>> {
        let mut answers = Vec::with_capacity(messages.len());
        for batch in batch::batches(messages) {
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
        let mut refused: HashMap<String, (String, bool)> = HashMap::new();
        let mut entries = Vec::with_capacity(count);
        for (place, message) in batch.into_iter().enumerate() {
            match batch::entry(place, message) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    refused.insert(place.to_string(), (error.to_string(), true));
                }
            }
        }
        let request = self.client.publish_batch().topic_arn(topic_arn);
        let sent = request.set_publish_batch_request_entries(Some(entries)).send().await;
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => {
                let source = Arc::new(aws_sdk_sns::Error::from(error));
                let failed = || SinkError::Request {
                    topic_arn: topic_arn.to_owned(),
                    source: source.clone(),
                };
                return (0..count).map(|_| Err(failed())).collect();
            }
        };
        batch::answers(topic_arn, count, refused, &sent)
    }

    /// Tells chat of alerts that went out. What it refuses is logged and counted; the alerts
    /// themselves are out, and must not go out again for this.
    async fn tell_chat(&self, topic_arn: &str, messages: Vec<Message>) {
        for answer in self.publish_to(topic_arn, messages).await {
            if let Err(error) = answer {
                self.chat_refused.fetch_add(1, Ordering::Relaxed);
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "chat was not told of an alert");
            }
        }
    }
}

impl AlertSink for SnsSink {
    type Error = SinkError;

    async fn publish(&self, announcements: &[Announcement<'_>]) -> Vec<Result<(), SinkError>> {
        let messages = announcements.iter().map(message::alert).collect();
        let answers = self.publish_to(&self.topic_arn, messages).await;
        if let Some(chat_topic_arn) = &self.chat_topic_arn {
            // Only of what went out; what did not comes back and is told then.
            let told = announcements.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
            let told = told.map(|(announcement, _)| message::chat(announcement)).collect();
            self.tell_chat(chat_topic_arn, told).await;
        }
        answers
    }
}
