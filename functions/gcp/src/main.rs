//! The function that reads what Google Cloud delivers.
//!
//! Only joins: what it is told by its environment, the clients, and the handler of invocations.

mod handler;
mod refusals;
mod request;

use std::convert::Infallible;

use anyhow::{Context, anyhow};
use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::config::PushConfig;
use callerwatch_adapters::telemetry;
use lambda_runtime::{LambdaEvent, run, service_fn};
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use crate::handler::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (config, push) = PushConfig::from_env().context("reading the environment")?;
    telemetry::init(config.log_level);
    // Invocations come one after another; the lock only says so to the compiler.
    let handler = &Mutex::new(Handler::new(config, push, Clients::load().await));
    let answer = async |event: LambdaEvent<Box<RawValue>>| {
        Ok::<_, Infallible>(handler.lock().await.handle(event).await)
    };
    run(service_fn(answer)).await.map_err(|error| anyhow!(error)).context("serving invocations")
}
