//! One invocation: alerts are looked up, and then, one invocation after another, judged and denied.
//!
//! Promises that a message which could not be served comes back, that nothing is denied while it is
//! not known what the policy and the lists are, that what was recorded is announced by one run or
//! another, and that in a dry run nothing is changed anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use callerwatch_adapters::clients::{Clients, SdkConfig};
use callerwatch_adapters::clock;
use callerwatch_adapters::config::{Config, RespondConfig};
use callerwatch_adapters::ledger::{DynamoLedger, StoredAlerts};
use callerwatch_adapters::policy::{Loaded, PolicyError, PolicyStore};
use callerwatch_adapters::response::DynamoStore;
use callerwatch_adapters::sns::SnsSink;
use callerwatch_adapters::telemetry::ResponseMetrics;
use callerwatch_detection::ledger::Bounds;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{
    Announced, Case, Change, Grounds, Mode, Outcome, Responded, Settings, Store, announce,
    look_after, respond,
};
use callerwatch_targets::sessions::{Allowed, Ending, Sessions};
use callerwatch_targets::{AnyTarget, TargetError, succeeded};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::case::{Found, find};
use crate::invocation::{Answer, Invocation, Message};
use crate::turn;

/// What a dry run could not tell is kept for the next; of more, the log has it.
const UNTOLD_MAX: usize = 1000;

type Fault = Box<dyn Error + Send + Sync>;

/// What lives as long as the function.
#[derive(Debug)]
pub(crate) struct Handler {
    settings: Settings,
    targets: Vec<AnyTarget>,
    sessions: Option<Sessions>,
    policies: PolicyStore,
    alerts: StoredAlerts,
    ledger: DynamoLedger,
    store: DynamoStore,
    sink: SnsSink,
    untold: Vec<Change>,
}

/// That a run is to be tried again. Why was logged.
#[derive(Debug, thiserror::Error)]
#[error("what is denied was not looked after; the log says why")]
pub(crate) struct Unserved;

impl From<Unserved> for Diagnostic {
    fn from(unserved: Unserved) -> Self {
        Self { error_type: "Unserved".to_owned(), error_message: unserved.to_string() }
    }
}

/// What a run is about: alerts, each with its uid and finding, and those that are to come again.
#[derive(Debug, Default)]
struct Due {
    cases: Vec<Case>,
    findings: Vec<Value>,
    early: BTreeSet<String>,
    unknown: usize,
}

impl Handler {
    pub(crate) fn new(
        config: Config,
        respond: RespondConfig,
        sdk: &SdkConfig,
    ) -> Result<Self, TargetError> {
        let Clients { dynamodb, s3, sns } = Clients::of(sdk);
        let RespondConfig { settings, revokes_sessions, revoked_roles, revoked_users } = respond;
        let allowed = Allowed {
            account: settings.account.clone(),
            roles: revoked_roles,
            users: revoked_users,
            break_glass: settings.break_glass.clone(),
        };
        let (ledger_days, alert_days) = (config.ledger_days.get(), config.alert_days.get());
        let table = String::from(config.table);
        let bucket = String::from(config.state_bucket);
        let bounds = Bounds::default();
        Ok(Self {
            targets: AnyTarget::open(&settings, sdk)?,
            settings,
            sessions: revokes_sessions.then(|| Sessions::new(sdk, allowed)),
            policies: PolicyStore::new(
                s3.clone(),
                dynamodb.clone(),
                bucket.clone(),
                config.policy_key,
                table.clone(),
            ),
            alerts: StoredAlerts::of(dynamodb.clone(), table.clone()),
            ledger: DynamoLedger::new(
                dynamodb.clone(),
                table.clone(),
                bounds,
                ledger_days,
                alert_days,
            ),
            store: DynamoStore::new(dynamodb, s3, table, bucket),
            sink: SnsSink::new(sns, config.topic_arn, None),
            untold: Vec::new(),
        })
    }

    /// Answers an invocation.
    ///
    /// # Errors
    ///
    /// When it was no batch, whose messages come back by themselves, and failed.
    pub(crate) async fn handle(
        &mut self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<Answer, Unserved> {
        let LambdaEvent { payload, context } = event;
        let mut metrics = ResponseMetrics::default();
        let holder = &context.request_id;
        let answer = match Invocation::of(payload.get()) {
            Invocation::Batch(messages) => {
                Ok(self.serve(&messages, holder, &mut metrics).await.unwrap_or_else(|error| {
                    tracing::error!(error = &*error as &dyn Error, "no alert was served");
                    Answer::failed(messages.iter())
                }))
            }
            Invocation::Other => {
                let served = self.run(Due::default(), holder, &mut metrics).await;
                served.map(|_| Answer::default()).map_err(|error| {
                    tracing::error!(error = &*error as &dyn Error, "nothing was looked after");
                    Unserved
                })
            }
        };
        metrics.batch_failures = answer.as_ref().map_or(0, Answer::count);
        metrics.emit(&context.env_config.function_name, clock::now());
        answer
    }

    /// Serves messages of the queue; answers with those that are to come back.
    async fn serve(
        &mut self,
        messages: &[Message],
        holder: &str,
        metrics: &mut ResponseMetrics,
    ) -> Result<Answer, Fault> {
        let uids: BTreeSet<&str> = messages.iter().filter_map(|it| it.uid.as_deref()).collect();
        metrics.unknown = messages.iter().filter(|it| it.uid.is_none()).count();
        let due = if uids.is_empty() { Due::default() } else { self.due(&uids).await? };
        metrics.unknown += due.unknown;
        let mut failed = due.early.clone();
        if !due.cases.is_empty() {
            failed.extend(self.run(due, holder, metrics).await?);
        }
        let is_failed = |it: &&Message| it.uid.as_ref().is_some_and(|uid| failed.contains(uid));
        Ok(Answer::failed(messages.iter().filter(is_failed)))
    }

    /// The alerts of these uids, with what is known of their addresses.
    async fn due(&mut self, uids: &BTreeSet<&str>) -> Result<Due, Fault> {
        let policy = &self.policies.seen(clock::now()).await?.policy;
        let account = &self.settings.account;
        let mut due = Due::default();
        for uid in uids {
            match find(uid, &self.alerts, &self.ledger, policy, account).await? {
                Found::Case(it, finding) => {
                    due.cases.push(*it);
                    due.findings.push(finding);
                }
                Found::Early => {
                    tracing::info!(uid, "an alert is being told still, and comes back");
                    due.early.insert((*uid).to_owned());
                }
                Found::Unknown => {
                    tracing::warn!(uid, "a message names an alert that there is not");
                    due.unknown += 1;
                }
            }
        }
        Ok(due)
    }

    /// One run, in its turn; answers with the uids of alerts that are to come again.
    async fn run(
        &mut self,
        due: Due,
        holder: &str,
        metrics: &mut ResponseMetrics,
    ) -> Result<BTreeSet<String>, Fault> {
        if self.settings.mode == Mode::DryRun {
            return self.turn(&due, metrics).await;
        }
        if !turn::wait_for(&self.store, holder).await? {
            return Err("another changes what is denied, and took too long".into());
        }
        if due.cases.is_empty() {
            // Even if all runs of late died before their end. No alert waits for it.
            self.announce(metrics).await;
        }
        let ran = self.turn(&due, metrics).await;
        // What was recorded before something failed, too.
        self.announce(metrics).await;
        if let Err(error) = self.store.release(holder).await {
            let error = &error as &dyn Error;
            tracing::warn!(error, "the turn was not given back, and ends by itself");
        }
        ran
    }

    async fn turn(
        &mut self,
        due: &Due,
        metrics: &mut ResponseMetrics,
    ) -> Result<BTreeSet<String>, Fault> {
        let now = clock::now();
        let Settings { mode, account, break_glass, .. } = &self.settings;
        let (mode, account) = (*mode, account.as_str());
        if mode == Mode::Enforce {
            self.store.say(&self.settings).await?;
        }
        let ran = match known(&mut self.policies, now).await {
            Ok(Some(Loaded { policy, intelligence, .. })) => {
                let grounds = Grounds::new(policy, intelligence, account, break_glass, now);
                let run = respond(&due.cases, &grounds, &self.targets, &self.store, mode);
                Box::pin(run).await?
            }
            // What protects addresses would not be known.
            Ok(None) if !due.cases.is_empty() => {
                return Err("the policy or what feeds were compiled to cannot be read".into());
            }
            Err(error) if !due.cases.is_empty() => return Err(error.into()),
            unknown => {
                let error = unknown.err();
                let error = error.as_ref().map(|it| it as &dyn Error);
                tracing::warn!(error, "what is denied is looked after, and judged by nothing");
                Box::pin(look_after(&self.targets, &self.store, mode, now)).await?
            }
        };
        let mut again: BTreeSet<usize> = ran.unsettled().collect();
        let ended = self.end_sessions(due, &ran, now, &mut again).await;
        if mode == Mode::Enforce && !ended.is_empty() {
            self.store.record(&ended).await?;
        }
        say(due, &ran, mode);
        count(&ran, metrics);
        if mode == Mode::DryRun && due.cases.is_empty() {
            // Nothing of this changes from one run to the next, so that nobody is told each time.
            self.say_what_stays().await?;
        } else if mode == Mode::DryRun {
            self.tell(ran.changes.into_iter().chain(ended).collect()).await;
        }
        let uid = |place: usize| due.cases.get(place).map(|case| case.alert.uid.clone());
        Ok(again.into_iter().filter_map(uid).collect())
    }

    /// Says in the log what was denied while it was enforced, since in a dry run nothing of it ends.
    async fn say_what_stays(&self) -> Result<(), Fault> {
        let denials = self.store.denials().await?;
        let denials = denials.iter().filter(|it| !it.is_let_go()).count();
        if denials > 0 {
            tracing::warn!(
                denials,
                "what was denied before stays denied, past its time too: in a dry run nothing ends; \
                 take it out with `callerwatch block rollback --table TABLE`, or enforce again"
            );
        }
        Ok(())
    }

    /// Ends the sessions of who succeeded, in what is denied. Those that could not be are to come again.
    async fn end_sessions(
        &self,
        due: &Due,
        ran: &Responded,
        now: Timestamp,
        again: &mut BTreeSet<usize>,
    ) -> Vec<Change> {
        let Some(sessions) = &self.sessions else { return Vec::new() };
        let mode = self.settings.mode;
        let mut changes = Vec::new();
        for (place, (outcome, case)) in ran.outcomes.iter().zip(&due.cases).enumerate() {
            let (network, is_known) = match outcome {
                Outcome::Denied(network) | Outcome::Extended(network) => (*network, false),
                Outcome::Known(network) => (*network, true),
                Outcome::Over(_) | Outcome::Refused(_) => continue,
            };
            let since = ran.denied_since(&network, &case.alert.uid, now);
            let (Some(since), Some(finding)) = (since, due.findings.get(place)) else { continue };
            for who in succeeded(finding) {
                let ending = sessions.end(&who, since, mode).await;
                match &ending {
                    // It was told when it was refused first.
                    Ending::Refused(_) if is_known => continue,
                    Ending::Failed(error) => {
                        let error = error as &dyn Error;
                        tracing::error!(
                            error,
                            "sessions could not be ended, and it is tried again"
                        );
                        again.insert(place);
                    }
                    _ => {}
                }
                changes.extend(ending.change(&who, Some(network), clock::now(), mode));
            }
        }
        changes
    }

    /// Announces what was recorded, by this run and by those that died. What is not announced is left
    /// to the next run.
    async fn announce(&self, metrics: &mut ResponseMetrics) {
        let announced = match announce(&self.store, &self.sink).await {
            Ok(announced) => announced,
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(error, "what changed was not announced, or may be once more");
                metrics.unannounced = true;
                return;
            }
        };
        let Announced { unreadable, refused, failed, .. } = announced;
        metrics.unannounced = failed.is_some();
        metrics.never_announced += unreadable.len() + refused.len();
        for entry in unreadable {
            tracing::error!(entry, "what changed cannot be read, and is in the audit trail alone");
        }
        for error in refused {
            let error = &error as &dyn Error;
            tracing::error!(error, "what changed was refused, and is in the audit trail alone");
        }
        if let Some(error) = failed {
            let error = &error as &dyn Error;
            tracing::error!(error, "what changed was not announced, and is left to the next run");
        }
    }

    /// Tells what a dry run would change, in one message, and what could not be told before. Nothing
    /// of it is kept anywhere else.
    async fn tell(&mut self, changes: Vec<Change>) {
        let mut due = std::mem::take(&mut self.untold);
        due.extend(changes);
        if let Err(error) = self.sink.publish_response(&due, Mode::DryRun).await {
            tracing::error!(error = &error as &dyn Error, "what would change was not told");
            due.truncate(UNTOLD_MAX);
            self.untold = due;
        }
    }
}

/// The policy and what lists say; none where what there is cannot be read.
async fn known(policies: &mut PolicyStore, now: Timestamp) -> Result<Option<&Loaded>, PolicyError> {
    policies.seen(now).await?;
    let (is_refused, is_damaged) = (policies.is_refused(), policies.is_damaged());
    let loaded = policies.seen(now).await?;
    let is_known = !(is_damaged || is_refused && loaded.etag.is_empty());
    Ok(is_known.then_some(loaded))
}

/// Says in the log what became of each alert, and what failed.
fn say(due: &Due, ran: &Responded, mode: Mode) {
    let is_dry_run = mode == Mode::DryRun;
    for (case, outcome) in due.cases.iter().zip(&ran.outcomes) {
        let uid = &case.alert.uid;
        match outcome {
            Outcome::Denied(network) => {
                tracing::info!(uid, %network, is_dry_run, "the address of an alert is denied");
            }
            Outcome::Extended(network) => {
                tracing::info!(uid, %network, is_dry_run, "a denial lasts longer for an alert");
            }
            Outcome::Known(network) => {
                tracing::info!(uid, %network, "the address of an alert was denied for it before");
            }
            Outcome::Over(network) => {
                tracing::info!(uid, %network, "the address of an alert was let go, and is not denied for it again");
            }
            Outcome::Refused(verdict) => {
                let why = verdict.reasons();
                tracing::info!(uid, why, is_dry_run, "the address of an alert is not denied");
            }
        }
    }
    for change in &ran.converged.changes {
        let network = change.network.map(|it| it.to_string());
        let target = change.target.as_ref().map(ToString::to_string);
        let (what, why) = (change.what, &change.why);
        tracing::info!(what, network, target, why, is_dry_run, "a target is made to hold it");
    }
    for (target, why) in &ran.converged.failed {
        tracing::error!(%target, why, "a target failed, and is tried again");
    }
    for (target, why) in &ran.converged.unmended {
        tracing::error!(%target, why, "a target denies, but not for all who are named");
    }
}

fn count(ran: &Responded, metrics: &mut ResponseMetrics) {
    let mut changes: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &ran.converged.changes {
        *changes.entry(change.what).or_default() += 1;
    }
    let of = |whats: &[&str]| whats.iter().filter_map(|it| changes.get(it)).sum();
    let outcomes = |is: fn(&Outcome) -> bool| ran.outcomes.iter().filter(|it| is(it)).count();
    metrics.denials = Some(ran.converged.denials.len());
    metrics.denied = outcomes(|it| matches!(it, Outcome::Denied(_)));
    metrics.refused = outcomes(|it| matches!(it, Outcome::Refused(_)));
    metrics.ended = of(&["expired"]);
    metrics.repaired = of(&["repaired"]);
    metrics.no_room = of(&["no room"]);
    metrics.target_failures = ran.converged.failed.len() + ran.converged.unmended.len();
}
