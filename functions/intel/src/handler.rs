//! One refresh of all feeds, and what is said of it.
//!
//! Promises that what failed or was refused is in the log, in the metrics, and in the answer, and
//! that nothing in use is less for it. Must not know what a feed says.

use std::collections::BTreeMap;
use std::error::Error;

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::clock;
use callerwatch_adapters::config::Config;
use callerwatch_adapters::feeds::BucketStore;
use callerwatch_adapters::policy::PolicyStore;
use callerwatch_adapters::telemetry;
use callerwatch_feeds::{Fetcher, Outcome, Refreshed, Report, refresh};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Deserialize;

/// What the function is invoked with: a schedule's event, or what a person wants.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Request {
    /// Whether feeds that are not due are asked for too.
    #[serde(default)]
    force: bool,
}

/// What lives as long as the function.
#[derive(Debug)]
pub(crate) struct Handler {
    config: Config,
    clients: Clients,
    fetcher: Fetcher,
}

/// That what is in use could not be replaced. Why was logged.
#[derive(Debug, thiserror::Error)]
#[error("nothing was replaced; the log says why")]
pub(crate) struct Unchanged;

impl From<Unchanged> for Diagnostic {
    fn from(unchanged: Unchanged) -> Self {
        Self { error_type: "Unchanged".to_owned(), error_message: unchanged.to_string() }
    }
}

impl Handler {
    pub(crate) fn new(config: Config, clients: Clients, fetcher: Fetcher) -> Self {
        Self { config, clients, fetcher }
    }

    /// Refreshes all feeds; answers with what came of each.
    ///
    /// # Errors
    ///
    /// When the policy or the copies cannot be read or kept.
    pub(crate) async fn handle(
        &self,
        event: LambdaEvent<Option<Request>>,
    ) -> Result<BTreeMap<String, String>, Unchanged> {
        let LambdaEvent { payload, context } = event;
        let now = clock::now();
        let refreshed = self.refresh(payload.unwrap_or_default().force).await.map_err(|error| {
            tracing::error!(error = &*error as &dyn Error, "feeds were not refreshed");
            Unchanged
        })?;
        for report in &refreshed.reports {
            tell(report);
        }
        let lists = refreshed.intelligence.lists();
        let prefixes: usize = lists.iter().map(|list| list.prefixes).sum();
        let (lists, replaced) = (lists.len(), refreshed.replaced.join(", "));
        tracing::info!(lists, prefixes, replaced, "feeds were refreshed");
        telemetry::emit_feeds(&refreshed.reports, &context.env_config.function_name, now);
        let outcome = |report: &Report| (report.feed.name.clone(), report.outcome.to_string());
        Ok(refreshed.reports.iter().map(outcome).collect())
    }

    async fn refresh(&self, is_forced: bool) -> Result<Refreshed, Box<dyn Error>> {
        let Clients { s3, dynamodb, .. } = self.clients.clone();
        let Config { state_bucket, policy_key, table, .. } = &self.config;
        let (bucket, key) = (state_bucket.as_str(), policy_key.as_str());
        let policies = PolicyStore::new(s3.clone(), dynamodb, bucket, key, table.as_str());
        let loaded = policies.in_force().await?;
        let store = BucketStore::new(s3, bucket, key);
        let (policy, known) = (&loaded.policy, &loaded.intelligence);
        Ok(refresh(policy, known, &store, &self.fetcher, clock::now(), is_forced).await?)
    }
}

fn tell(report: &Report) {
    let Report { feed, outcome, age_secs, is_in_use } = report;
    let (feed, at) = (&feed.name, feed.location.to_string());
    match outcome {
        Outcome::New | Outcome::Unchanged | Outcome::NotDue => {
            let outcome = outcome.to_string();
            tracing::info!(feed, outcome, age_secs, is_in_use, "a feed is as it should be");
        }
        Outcome::Failed(failure) => {
            let error = failure as &dyn Error;
            tracing::warn!(feed, at, error, age_secs, is_in_use, "a feed was not fetched");
        }
        Outcome::Refused(refusal) => {
            let error = refusal as &dyn Error;
            tracing::error!(feed, at, error, age_secs, is_in_use, "a copy of a feed is refused");
        }
    }
}
