//! The function that refreshes what is known of addresses, on a schedule.
//!
//! Only joins: what it is told by its environment, the clients, and the handler of invocations.

mod handler;

use anyhow::{Context, anyhow};
use callerwatch_adapters::config::EgressConfig;
use callerwatch_adapters::{clients, telemetry};
use callerwatch_feeds::Fetcher;
use lambda_runtime::{LambdaEvent, run, service_fn};

use crate::handler::{Handler, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (config, egress) = EgressConfig::from_env().context("reading the environment")?;
    telemetry::init(config.log_level);
    let fetcher = Fetcher::new().context("setting up what fetches feeds")?;
    let handler = &Handler::new(config, egress, clients::load().await, fetcher);
    let answer = async |event: LambdaEvent<Option<Request>>| handler.handle(event).await;
    Box::pin(run(service_fn(answer)))
        .await
        .map_err(|error| anyhow!(error))
        .context("serving invocations")
}
