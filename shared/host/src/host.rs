//! One invocation from end to end: read, settle, and say what happened.
//!
//! Promises that bad input and a failing world are told apart: what can never be read is set aside
//! and acknowledged, and what may yet be read comes back by itself.

use std::collections::BTreeSet;
use std::error::Error;

use callerwatch_adapters::clients::Clients;
use callerwatch_adapters::clock;
use callerwatch_adapters::config::Config;
use callerwatch_adapters::ledger::DynamoLedger;
use callerwatch_adapters::policy::{PolicyError, PolicyStore};
use callerwatch_adapters::quarantine::Quarantine;
use callerwatch_adapters::sns::SnsSink;
use callerwatch_adapters::telemetry::Metrics;
use callerwatch_detection::ledger::{Bounds, WarmLedger};
use callerwatch_detection::observe::Observer;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_pipeline::{Failure, Intake, Judgement, settle};
use callerwatch_sources::Buffers;
use lambda_runtime::Diagnostic;

use crate::input::Read;

/// The most failures of an invocation that are logged one by one: a world that fails, fails all.
const LOGGED_MAX: usize = 20;

/// What lives as long as a function.
#[derive(Debug)]
pub struct Host {
    policies: PolicyStore,
    quarantine: Quarantine,
    ledger: WarmLedger<DynamoLedger>,
    sink: SnsSink,
    observer: Observer,
    buffers: Buffers,
}

/// An invocation that is to be repeated as a whole. Why was logged.
#[derive(Debug, thiserror::Error)]
#[error("the invocation is to be repeated; its log says why")]
pub struct Repeat;

impl From<Repeat> for Diagnostic {
    fn from(repeat: Repeat) -> Self {
        Self { error_type: "Repeat".to_owned(), error_message: repeat.to_string() }
    }
}

impl Host {
    /// A host that knows nothing yet. Nothing is asked of the world before the first invocation.
    pub fn new(config: Config, clients: Clients) -> Self {
        let Clients { dynamodb, s3, sns } = clients;
        let bounds = Bounds::default();
        let (ledger_days, alert_days) = (config.ledger_days.get(), config.alert_days.get());
        let table = String::from(config.table);
        let bucket = String::from(config.state_bucket);
        let policies = PolicyStore::new(
            s3.clone(),
            dynamodb.clone(),
            bucket.clone(),
            config.policy_key,
            table.clone(),
        );
        let ledger = DynamoLedger::new(dynamodb, table, bounds, ledger_days, alert_days);
        Self {
            policies,
            quarantine: Quarantine::new(s3, bucket),
            ledger: WarmLedger::new(ledger, bounds),
            sink: SnsSink::new(sns, config.topic_arn, config.chat_topic_arn.map(String::from)),
            observer: Observer::default(),
            buffers: Buffers::new(),
        }
    }

    /// Takes in what `read` hands over of so many messages, and answers with the places of those
    /// that are to come back. `function` is the function's name in metrics.
    pub async fn take_in<'a>(
        &mut self,
        function: &str,
        messages: usize,
        read: impl AsyncFnOnce(&mut Intake<'_>) -> Read<'a>,
    ) -> BTreeSet<usize> {
        let now = clock::now();
        let mut metrics = Metrics::default();
        let failed = match self.process(now, &mut metrics, read).await {
            Ok(failed) => failed,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "nothing can be judged");
                (0..messages).collect()
            }
        };
        metrics.batch_failures = count(failed.len());
        metrics.chat_refused = self.sink.take_chat_refused();
        metrics.ledger_full = self.ledger.inner().take_full();
        metrics.policy_refused = self.policies.is_refused().into();
        metrics.intelligence_damaged = self.policies.is_damaged().into();
        metrics.emit(function, now);
        failed
    }

    async fn process<'a>(
        &mut self,
        now: Timestamp,
        metrics: &mut Metrics,
        read: impl AsyncFnOnce(&mut Intake<'_>) -> Read<'a>,
    ) -> Result<BTreeSet<usize>, PolicyError> {
        self.policies.current(now).await?;
        self.announce_policy().await;
        let loaded = self.policies.current(now).await?;
        let (intelligence, policy) = (&loaded.intelligence, &loaded.policy);
        // A threshold can ask for more than is kept by default.
        let bounds = Bounds::of(policy);
        self.ledger.set_bounds(bounds);
        self.ledger.inner_mut().set_bounds(bounds);
        let judgement = Judgement { intelligence, policy, bounds, now };
        // Whatever happens from here on, a fresh one is left: this one remembers to have seen what
        // may never be written.
        let mut observer = std::mem::take(&mut self.observer);
        let mut intake = Intake::new(judgement, &mut observer, &mut self.buffers);
        let read = read(&mut intake).await;
        let evidence = intake.finish();
        let counts = evidence.counts;
        metrics.events = counts.events;
        metrics.evidence = counts.evidence;
        metrics.rejected = counts.rejected;
        metrics.newest_event_age_secs = counts.newest.map(|newest| age_secs(newest, now));
        let settled = settle(evidence, judgement, &self.ledger, &self.sink).await;
        metrics.findings = settled.findings;
        metrics.published = settled.published;
        metrics.deferred = settled.deferred;
        metrics.suppressed = settled.suppressed;
        for failure in settled.failures.iter().take(LOGGED_MAX) {
            let error = failure as &dyn Error;
            match failure {
                Failure::Held { .. } => {
                    tracing::info!(error, "the evidence of a source comes back");
                }
                Failure::History { .. } => {
                    tracing::warn!(error, "the history of an account is behind");
                }
                _ => tracing::error!(error, "the evidence of a source comes back"),
            }
        }
        if let Some(more) = settled.failures.len().checked_sub(LOGGED_MAX).filter(|it| *it > 0) {
            tracing::error!(more, "there are more failures");
        }
        if settled.failures.is_empty() {
            self.observer = observer;
        }
        metrics.quarantined = count(read.bad.len());
        for bad in &read.bad {
            self.quarantine.store(&bad.why, &bad.content, now).await;
        }
        Ok(read.failed.into_iter().chain(settled.failed).collect())
    }

    /// Tells of another policy: whoever can change it can blind the detector.
    async fn announce_policy(&mut self) {
        let Some(change) = self.policies.take_change() else { return };
        let title = "The policy of callerwatch changed";
        let published = self.sink.publish_notice("policy-change", title, &change.difference).await;
        if let Err(error) = published {
            tracing::error!(error = &error as &dyn Error, "a change of the policy was not told");
            self.policies.put_back(change);
        }
    }
}

fn age_secs(time: Timestamp, now: Timestamp) -> u64 {
    u64::try_from((now.millis() - time.millis()) / 1000).unwrap_or_default()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
