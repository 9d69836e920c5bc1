//! The function that tells in digests what exceeded its budget, on a schedule.
//!
//! Only joins: what it is told by its environment, the clients, and the handler of invocations.

mod handler;

use anyhow::{Context, anyhow};
use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::config::Config;
use callerwatch_adapters::telemetry;
use lambda_runtime::{LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;

use crate::handler::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_env().context("reading the environment")?;
    telemetry::init(config.log_level);
    let handler = &Handler::new(config, Clients::load().await);
    let answer = async |event: LambdaEvent<IgnoredAny>| handler.handle(event).await;
    run(service_fn(answer)).await.map_err(|error| anyhow!(error)).context("serving invocations")
}
