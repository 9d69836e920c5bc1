//! One invocation: unwrapped, taken in, and answered.
//!
//! Promises that no message stays in the way of those behind it: what can never be read is set aside
//! and acknowledged, and only a failing world brings messages back.

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::config::Config;
use callerwatch_host::{Bad, Host, Intake, Read, Repeat};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::batch::{Answer, Batch};

/// What lives as long as the function.
#[derive(Debug)]
pub(crate) struct Handler {
    host: Host,
    item_failures: bool,
}

impl Handler {
    pub(crate) fn new(config: Config, clients: Clients) -> Self {
        let item_failures = config.item_failures;
        Self { host: Host::new(config, clients), item_failures }
    }

    /// Answers an invocation.
    ///
    /// # Errors
    ///
    /// When it is to be repeated as a whole.
    pub(crate) async fn handle(
        &mut self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<Answer, Repeat> {
        let LambdaEvent { payload, context } = event;
        let batch = Batch::of(payload.get());
        let function = &context.env_config.function_name;
        let failed = self
            .host
            .take_in(function, batch.messages.len(), async |intake| read(&batch, intake))
            .await;
        batch.answer(failed, self.item_failures).ok_or(Repeat)
    }
}

fn read<'a>(batch: &Batch<'a>, intake: &mut Intake<'_>) -> Read<'a> {
    let mut read = Read::default();
    for (place, message) in batch.messages.iter().enumerate() {
        match message.body() {
            Ok(body) => {
                let bad = intake.read(place, &mut body.as_slice());
                read.set_aside(bad, body);
            }
            Err(fault) => {
                let content = message.text.as_bytes().into();
                read.bad.push(Bad { why: fault.to_string(), content });
            }
        }
    }
    read
}
