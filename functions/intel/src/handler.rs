//! One refresh of all feeds, after accounts were asked for their own addresses, and what is said of
//! it.
//!
//! Promises that what failed or was refused is in the log, in the metrics, and in the answer, and
//! that nothing in use is less for it. Must not know what a feed says.

use std::collections::BTreeMap;
use std::error::Error;

use callerwatch_adapters::clients::{Clients, SdkConfig};
use callerwatch_adapters::clock;
use callerwatch_adapters::config::{Config, EgressConfig, Name};
use callerwatch_adapters::feeds::{BucketStore, StoreError};
use callerwatch_adapters::policy::PolicyStore;
use callerwatch_adapters::telemetry;
use callerwatch_feeds::egress::{AccountReport, learn, publish};
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
    egress: EgressConfig,
    sdk: SdkConfig,
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
    pub(crate) fn new(
        config: Config,
        egress: EgressConfig,
        sdk: SdkConfig,
        fetcher: Fetcher,
    ) -> Self {
        let clients = Clients::of(&sdk);
        Self { config, egress, sdk, clients, fetcher }
    }

    /// Learns addresses and refreshes all feeds; answers with what came of each.
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
        let refreshed = self.refresh(payload.unwrap_or_default().force).await;
        let (accounts, refreshed) = refreshed.map_err(|error| {
            tracing::error!(error = &*error as &dyn Error, "feeds were not refreshed");
            Unchanged
        })?;
        for account in &accounts {
            tell_account(account);
        }
        for report in &refreshed.reports {
            tell(report);
        }
        let lists = refreshed.intelligence.lists();
        for list in lists.iter().filter(|list| list.spared > 0) {
            let (list, prefixes) = (&list.name, list.spared);
            tracing::warn!(list, prefixes, "own addresses were taken out of a list that accuses");
        }
        let prefixes: usize = lists.iter().map(|list| list.prefixes).sum();
        let (lists, replaced) = (lists.len(), refreshed.replaced.join(", "));
        tracing::info!(lists, prefixes, replaced, "feeds were refreshed");
        telemetry::emit_feeds(
            &refreshed.reports,
            &accounts,
            &context.env_config.function_name,
            now,
        );
        let outcome = |report: &Report| (report.feed.name.clone(), report.outcome.to_string());
        let learned = accounts.iter().map(|it| (it.account.clone(), it.to_string()));
        Ok(refreshed.reports.iter().map(outcome).chain(learned).collect())
    }

    async fn refresh(
        &self,
        is_forced: bool,
    ) -> Result<(Vec<AccountReport>, Refreshed), Box<dyn Error>> {
        let Clients { s3, dynamodb, .. } = self.clients.clone();
        let Config { state_bucket, policy_key, table, .. } = &self.config;
        let (bucket, key) = (state_bucket.as_str(), policy_key.as_str());
        let store = BucketStore::new(s3.clone(), bucket, key);
        // First, and into what is known below: no feed is believed that accuses them.
        let accounts = self.learn(&store).await?;
        let policies = PolicyStore::new(s3, dynamodb, bucket, key, table.as_str());
        let loaded = policies.in_force().await?;
        let (policy, known) = (&loaded.policy, &loaded.intelligence);
        let refreshed = refresh(policy, known, &store, &self.fetcher, clock::now(), is_forced);
        Ok((accounts, Box::pin(refreshed).await?))
    }

    async fn learn(&self, store: &BucketStore) -> Result<Vec<AccountReport>, StoreError> {
        let EgressConfig { is_on, roles } = &self.egress;
        let answers = if *is_on {
            let roles: Vec<&str> = roles.iter().map(Name::as_str).collect();
            callerwatch_egress::ask(&self.sdk, &roles).await
        } else {
            // What was learned before goes.
            Vec::new()
        };
        let accounts = learn(answers, store, clock::now()).await?;
        publish(store).await?;
        Ok(accounts)
    }
}

fn tell_account(report: &AccountReport) {
    let AccountReport { account, addresses, regions, closed, age_secs, faults } = report;
    for error in faults {
        tracing::warn!(account, %error, age_secs, "own addresses were not all learned");
    }
    if faults.is_empty() {
        tracing::info!(account, addresses, regions, closed, "own addresses were learned");
    }
}

fn tell(report: &Report) {
    let Report { feed, outcome, age_secs, content_age_secs, is_in_use, fault } = report;
    let (feed, at) = (&feed.name, feed.location.to_string());
    if let Some(fault) = fault {
        tracing::error!(feed, fault, "a copy of a feed is not in use");
    }
    match outcome {
        Outcome::New | Outcome::Unchanged | Outcome::NotDue => {
            let outcome = outcome.to_string();
            tracing::info!(
                feed,
                outcome,
                age_secs,
                content_age_secs,
                is_in_use,
                "a feed is as it should be"
            );
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
