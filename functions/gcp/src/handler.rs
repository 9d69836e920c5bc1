//! One push: who sends it is verified, then it is taken in and answered.
//!
//! Promises that nothing of what strangers send is looked at, kept or logged, and that they are told
//! no reason. What was pushed comes back where the world fails, and never where it is unreadable.

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::clock;
use callerwatch_adapters::config::{Config, PushConfig};
use callerwatch_adapters::oidc::{Denied, KeyStore, Verifier};
use callerwatch_host::{Host, Intake, Read};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::refusals::Refusals;
use crate::request::{Answer, Request};

/// What lives as long as the function.
#[derive(Debug)]
pub(crate) struct Handler {
    host: Host,
    verifier: Verifier,
    refusals: Refusals,
}

impl Handler {
    pub(crate) fn new(config: Config, push: PushConfig, clients: Clients) -> Self {
        let PushConfig { expected, keys } = push;
        Self {
            host: Host::new(config, clients),
            verifier: Verifier::new(expected, KeyStore::new(keys)),
            refusals: Refusals::default(),
        }
    }

    /// Answers an invocation.
    pub(crate) async fn handle(&mut self, event: LambdaEvent<Box<RawValue>>) -> Answer {
        let LambdaEvent { payload, context } = event;
        let now = clock::now();
        let Ok(request) = Request::of(payload.get()) else { return Answer::Malformed };
        if let Err(denied) = self.verifier.verify(request.authorization(), now).await {
            if let Some(count) = self.refusals.told(now) {
                tracing::warn!(%denied, count, "pushes were refused");
            }
            return match denied {
                Denied::Unauthenticated(_) => Answer::Unauthenticated,
                Denied::Forbidden(_) => Answer::Forbidden,
                Denied::Unavailable => Answer::Unavailable,
            };
        }
        if !request.is_post() {
            return Answer::NotAPost;
        }
        let body = match request.body() {
            Ok(body) => body,
            Err(fault) => {
                tracing::warn!(error = &fault as &dyn std::error::Error, "a push is no push");
                return Answer::Malformed;
            }
        };
        let function = &context.env_config.function_name;
        let failed = self.host.take_in(function, 1, async |intake| read(&body, intake)).await;
        if failed.is_empty() { Answer::Accepted } else { Answer::Unavailable }
    }
}

/// The readers know what Pub/Sub wraps around an entry, and an entry by itself.
fn read<'a>(body: &'a [u8], intake: &mut Intake<'_>) -> Read<'a> {
    let mut read = Read::default();
    read.set_aside(intake.read(0, &mut &*body), body);
    read
}
