//! An alert as the table has it becomes a case to be judged, with what is known of its address.
//!
//! Waits a little for an alert that is being told just now, since its message may be faster than what
//! is kept of it.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use callerwatch_adapters::clock;
use callerwatch_adapters::ledger::{
    DynamoLedger, Looked, State, StoredAlert, StoredAlerts, key_of,
};
use callerwatch_detection::activity::Cloud;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::Case;
use callerwatch_response::guard::AlertFacts;
use serde_json::Value;

/// How often one that is being told is looked at again.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(200);

/// What an alert's uid leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// What is to be judged, and the finding.
    Case(Box<Case>, Value),
    /// It is being told still, and is to come again.
    Early,
    /// There is no such alert.
    Unknown,
}

/// Looks up an alert, and what is known of its address. `account` is that of the deployment.
///
/// # Errors
///
/// When the table fails.
pub(crate) async fn find(
    uid: &str,
    alerts: &StoredAlerts,
    ledger: &DynamoLedger,
    policy: &Policy,
    account: &str,
) -> Result<Found, Box<dyn Error + Send + Sync>> {
    for _ in 0..TRIES {
        match alerts.look(uid, clock::now()).await? {
            Looked::Unknown => return Ok(Found::Unknown),
            Looked::Early => tokio::time::sleep(PAUSE).await,
            Looked::Alert(alert) => {
                let finding = serde_json::from_str(&alert.finding).unwrap_or_default();
                let facts = facts_of(&alert, &finding);
                let now = clock::now();
                let mut accounts = facts.accounts.clone();
                accounts.insert(account.to_owned());
                let known = ledger.known_of(&facts.key, &accounts, policy, now).await?;
                let (title, score) = (alert.title, alert.score);
                return Ok(Found::Case(
                    Box::new(Case { alert: facts, title, score, known }),
                    finding,
                ));
            }
        }
    }
    Ok(Found::Early)
}

fn facts_of(alert: &StoredAlert, finding: &Value) -> AlertFacts {
    let text =
        |value: &Value, pointer| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let related = finding.pointer("/finding_info/related_analytics").and_then(Value::as_array);
    let related = related.into_iter().flatten().filter_map(|it| text(it, "/uid"));
    let evidences = finding.get("evidences").and_then(Value::as_array).into_iter().flatten();
    let is_aws = |it: &&Value| text(it, "/data/cloud").as_deref() == Some(Cloud::Aws.name());
    let accounts = evidences.filter(is_aws).filter_map(|it| text(it, "/data/account"));
    let decided = match &alert.state {
        State::Open | State::Quiet => None,
        State::Closed(reason) | State::Suppressed(reason) => Some(reason.clone()),
    };
    AlertFacts {
        uid: alert.uid.clone(),
        key: key_of(&alert.source),
        detections: std::iter::once(alert.detection.clone()).chain(related).collect(),
        severity: alert.severity,
        accounts: accounts.collect::<BTreeSet<_>>(),
        // What says nothing of it accuses nobody who was there before.
        first: finding
            .get("start_time")
            .and_then(Value::as_i64)
            .and_then(Timestamp::from_millis)
            .unwrap_or(Timestamp::MAX),
        // What says nothing of it is from before anything is denied for.
        last: alert.last.or(Timestamp::from_millis(0)).unwrap_or(Timestamp::MAX),
        decided,
    }
}
