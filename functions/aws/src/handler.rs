//! One invocation: unwrapped, taken in, and answered.

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::config::Config;
use callerwatch_adapters::objects::Objects;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_host::{Host, Repeat};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::invocation::{Answer, Invocation};
use crate::reading::read;

/// What is kept of an invocation's time for settling what was read.
const SETTLING_SECS: i64 = 20;

/// What lives as long as the function.
#[derive(Debug)]
pub(crate) struct Handler {
    host: Host,
    objects: Objects,
}

impl Handler {
    pub(crate) fn new(config: Config, clients: Clients) -> Self {
        let objects = Objects::bounded(clients.s3.clone(), config.object_max_bytes);
        Self { host: Host::new(config, clients), objects }
    }

    /// Answers an invocation.
    ///
    /// # Errors
    ///
    /// When it is to be repeated and was no batch, whose messages are repeated by themselves.
    pub(crate) async fn handle(
        &mut self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<Answer, Repeat> {
        let LambdaEvent { payload, context } = event;
        let invocation = Invocation::of(payload.get());
        let bodies = invocation.bodies();
        if bodies.is_empty() {
            return Ok(Answer::default());
        }
        let until = i64::try_from(context.deadline).ok().and_then(Timestamp::from_millis);
        let until = until.unwrap_or(Timestamp::MAX).plus_secs(-SETTLING_SECS);
        let function = &context.env_config.function_name;
        let failed = self
            .host
            .take_in(function, bodies.len(), async |intake| {
                read(&bodies, intake, &self.objects, until).await
            })
            .await;
        invocation.answer(failed).ok_or(Repeat)
    }
}
