//! One invocation: unwrapped, taken in, and answered.
//!
//! Promises that no message stays in the way of those behind it: what can never be read is set aside
//! and acknowledged, and only a failing world brings messages back.

use std::time::Duration;

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::clock;
use callerwatch_adapters::config::Config;
use callerwatch_host::{Bad, Host, Intake, Read, Repeat};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::batch::{Answer, Batch};

/// How late failures are told. Lambda counts tries and not time: the ten that it makes must outlast
/// the claim of a function that died, and a short outage.
const LINGER: Duration = Duration::from_secs(15);
/// What is kept of an invocation's time for answering.
const ANSWERING: Duration = Duration::from_secs(5);

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
        if batch.messages.is_empty() {
            return Ok(Answer::default());
        }
        let function = &context.env_config.function_name;
        let failed = self
            .host
            .take_in(function, batch.messages.len(), async |intake| read(&batch, intake))
            .await;
        if !failed.is_empty() {
            tokio::time::sleep(left_until(context.deadline).min(LINGER)).await;
        }
        batch.answer(failed, self.item_failures).ok_or(Repeat)
    }
}

/// The time that is left of an invocation, by its deadline in milliseconds.
fn left_until(deadline: u64) -> Duration {
    let now = u64::try_from(clock::now().millis()).unwrap_or_default();
    Duration::from_millis(deadline.saturating_sub(now)).saturating_sub(ANSWERING)
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
