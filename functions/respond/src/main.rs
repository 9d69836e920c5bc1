//! The function that denies the addresses of alerts for a time, and lets them go again.
//!
//! Only joins: what it is told by its environment, the clients, and the handler of invocations.

mod case;
mod handler;
mod invocation;
mod turn;

use anyhow::{Context, anyhow};
use callerwatch_adapters::clients;
use callerwatch_adapters::config::RespondConfig;
use callerwatch_adapters::telemetry;
use lambda_runtime::{LambdaEvent, run, service_fn};
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use crate::handler::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (config, respond) = RespondConfig::from_env().context("reading the environment")?;
    telemetry::init(config.log_level);
    let sdk = clients::load().await;
    let handler = Handler::new(config, respond, &sdk).context("opening what denies addresses")?;
    // Invocations come one after another; the lock only says so to the compiler.
    let handler = &Mutex::new(handler);
    let answer = async |event: LambdaEvent<Box<RawValue>>| handler.lock().await.handle(event).await;
    run(service_fn(answer)).await.map_err(|error| anyhow!(error)).context("serving invocations")
}
