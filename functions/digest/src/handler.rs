//! One digest: claimed, read, published, and said to be told.
//!
//! Promises at most one message an hour, and none where nothing is due; what fails is told by the
//! next run. Must not know what a message looks like.

use std::error::Error;

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::clock;
use callerwatch_adapters::config::Config;
use callerwatch_adapters::ledger::Digests;
use callerwatch_adapters::sns::SnsSink;
use callerwatch_adapters::telemetry;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;
use serde::de::IgnoredAny;

/// What lives as long as the function.
#[derive(Debug)]
pub(crate) struct Handler {
    digests: Digests,
    sink: SnsSink,
}

/// What was told.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    /// How many alerts the digest told of; there was none where they are none.
    alerts: usize,
}

/// That a digest is to be tried again. Why was logged.
#[derive(Debug, thiserror::Error)]
#[error("the digest was not told; the log says why")]
pub(crate) struct Untold;

impl From<Untold> for Diagnostic {
    fn from(untold: Untold) -> Self {
        Self { error_type: "Untold".to_owned(), error_message: untold.to_string() }
    }
}

impl Handler {
    pub(crate) fn new(config: Config, clients: Clients) -> Self {
        let digests = Digests::new(clients.dynamodb, config.table);
        let chat_topic_arn = config.chat_topic_arn.map(String::from);
        Self { digests, sink: SnsSink::new(clients.sns, config.topic_arn, chat_topic_arn) }
    }

    /// Tells what is due, whatever the function is invoked with.
    ///
    /// # Errors
    ///
    /// When the table or the topic fails.
    pub(crate) async fn handle(&self, event: LambdaEvent<IgnoredAny>) -> Result<Answer, Untold> {
        let alerts = self.tell().await.map_err(|error| {
            tracing::error!(error = &*error as &dyn Error, "a digest was not told");
            Untold
        })?;
        let function = &event.context.env_config.function_name;
        telemetry::emit_digest(alerts, self.sink.take_chat_refused(), function, clock::now());
        Ok(Answer { alerts })
    }

    async fn tell(&self) -> Result<usize, Box<dyn Error>> {
        let Some((first, last)) = self.digests.claim(clock::now()).await? else { return Ok(0) };
        let digest = self.digests.due(first, last).await?;
        let alerts = digest.count();
        if alerts > 0 {
            self.sink.publish_digest(&digest).await?;
            let (first, last) = (first.to_string(), last.to_string());
            tracing::info!(alerts, first, last, "a digest was told");
        }
        self.digests.finish(last).await?;
        Ok(alerts)
    }
}
