//! Observe to notify: the evidence of an invocation is kept, decided on, and announced.
//!
//! Promises that what fails is told with the messages that brought it, and nothing else is, and
//! that no alert is lost, whatever fails when: it is claimed before it is published and marked after.

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use callerwatch_detection::alert::Alert;
use callerwatch_detection::announce::{Due, due};
use callerwatch_detection::decide;
use callerwatch_detection::ledger::{Claim, Ledger, Mark, Record};
use callerwatch_detection::ocsf::{self, Activity};
use callerwatch_detection::sink::{AlertSink, Announcement};
use callerwatch_detection::source::LedgerKey;
use futures_util::stream::{self, StreamExt};

use crate::intake::{Judgement, Observed, Pending};

/// How many sources are settled at once.
const AT_ONCE: usize = 8;

/// What became of an invocation.
#[derive(Debug)]
pub struct Settled<L: Error + 'static, S: Error + 'static> {
    /// The messages that are to come back.
    pub failed: BTreeSet<usize>,
    /// Why.
    pub failures: Vec<Failure<L, S>>,
    /// Findings of the sources met.
    pub findings: u64,
    /// Alerts that went out.
    pub published: u64,
}

/// Why the evidence of a source is to come back.
#[derive(Debug, thiserror::Error)]
pub enum Failure<L: Error + 'static, S: Error + 'static> {
    /// Its ledger failed.
    #[error("keeping the evidence of {key}")]
    Ledger {
        /// The source.
        key: LedgerKey,
        /// Why.
        source: L,
    },
    /// Its alert was refused.
    #[error("publishing the alert {uid} of {key}")]
    Sink {
        /// The source.
        key: LedgerKey,
        /// The alert.
        uid: String,
        /// Why.
        source: S,
    },
    /// The sink did not say whether its alert went out.
    #[error("publishing the alert {uid} of {key}: no answer")]
    Unanswered {
        /// The source.
        key: LedgerKey,
        /// The alert.
        uid: String,
    },
    /// Deciding on it broke.
    #[error("deciding on {key}: the engine failed unexpectedly")]
    Undecided {
        /// The source.
        key: LedgerKey,
    },
    /// Another function announces its alert at this moment, and may yet fail.
    #[error("the alert {uid} of {key} is being announced by another function")]
    Held {
        /// The source.
        key: LedgerKey,
        /// The alert.
        uid: String,
    },
}

/// An alert that this function has the right to announce.
struct Granted {
    alert: Alert,
    mark: Mark,
    activity: Activity,
    messages: BTreeSet<usize>,
}

/// What became of one source.
struct Outcome<L: Error + 'static, S: Error + 'static> {
    findings: u64,
    granted: Vec<Granted>,
    failures: Vec<Failure<L, S>>,
    messages: BTreeSet<usize>,
}

/// Keeps the evidence of an invocation, decides, and announces what is news.
///
/// Where messages failed, the observer they were observed with must be replaced: it remembers that
/// somebody was seen, and the ledger may not.
pub async fn settle<L: Ledger + Sync, S: AlertSink + Sync>(
    observed: Observed,
    judgement: Judgement<'_>,
    ledger: &L,
    sink: &S,
) -> Settled<L::Error, S::Error> {
    let mut settled =
        Settled { failed: BTreeSet::new(), failures: Vec::new(), findings: 0, published: 0 };
    let sources = observed.sources.into_iter();
    let mut outcomes = stream::iter(
        sources.map(|(key, pending)| settle_source::<L, S>(key, pending, judgement, ledger)),
    )
    .buffer_unordered(AT_ONCE);
    let mut granted = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        settled.findings += outcome.findings;
        if !outcome.failures.is_empty() {
            settled.failed.extend(outcome.messages);
        }
        settled.failures.extend(outcome.failures);
        granted.extend(outcome.granted);
    }
    drop(outcomes);
    announce(granted, ledger, sink, &mut settled).await;
    settled
}

async fn settle_source<L: Ledger + Sync, S: AlertSink>(
    key: LedgerKey,
    pending: Pending,
    judgement: Judgement<'_>,
    ledger: &L,
) -> Outcome<L::Error, S::Error> {
    let Pending { batch, messages, .. } = pending;
    let mut outcome = Outcome { findings: 0, granted: Vec::new(), failures: Vec::new(), messages };
    let whole = match ledger.observe(&key, &batch).await {
        Ok(whole) => whole,
        Err(source) => {
            outcome.failures.push(Failure::Ledger { key, source });
            return outcome;
        }
    };
    let marks = whole.marks.clone();
    let since = judgement.bounds.first_whole_day(&whole.entries);
    // Texts of strangers reach this far; whatever they do here, they do it to one source.
    let decided = catch_unwind(AssertUnwindSafe(|| {
        decide(&key, whole, judgement.intelligence, judgement.policy)
    }));
    let Ok(alerts) = decided else {
        outcome.failures.push(Failure::Undecided { key });
        return outcome;
    };
    outcome.findings =
        alerts.iter().map(|alert| u64::try_from(alert.findings.len()).unwrap_or(0)).sum();
    for (alert, mark, what) in due(&alerts, &marks, since) {
        let told = match what {
            Due::Continues => ledger.mark(&key, mark, Some(&record(alert, Activity::Create))).await,
            Due::Announce(activity) => match ledger.claim(&key, mark, judgement.now).await {
                Ok(Claim::Granted) => {
                    outcome.granted.push(Granted {
                        alert: alert.clone(),
                        mark,
                        activity,
                        messages: outcome.messages.clone(),
                    });
                    Ok(())
                }
                // Whoever announced it recorded it, and did not live to say so here, or does so now.
                Ok(Claim::Announced) => ledger.mark(&key, mark, None).await,
                Ok(Claim::Held) => {
                    let uid = alert.uid.clone();
                    outcome.failures.push(Failure::Held { key: key.clone(), uid });
                    Ok(())
                }
                Err(source) => Err(source),
            },
        };
        if let Err(source) = told {
            outcome.failures.push(Failure::Ledger { key: key.clone(), source });
        }
    }
    outcome
}

async fn announce<L: Ledger, S: AlertSink>(
    mut granted: Vec<Granted>,
    ledger: &L,
    sink: &S,
    settled: &mut Settled<L::Error, S::Error>,
) {
    if granted.is_empty() {
        return;
    }
    // What matters most goes out first, whatever happens then.
    granted.sort_by(|a, b| (b.mark.severity, &a.alert.uid).cmp(&(a.mark.severity, &b.alert.uid)));
    let announcements: Vec<Announcement<'_>> =
        granted.iter().map(|it| Announcement { alert: &it.alert, activity: it.activity }).collect();
    let answers = sink.publish(&announcements).await;
    let mut answers = answers.into_iter();
    for Granted { alert, mark, activity, messages } in granted {
        let Alert { key, uid, .. } = &alert;
        let failure = match answers.next() {
            Some(Ok(())) => {
                settled.published += 1;
                let marked = ledger.mark(key, mark, Some(&record(&alert, activity))).await;
                marked.err().map(|source| Failure::Ledger { key: key.clone(), source })
            }
            Some(Err(source)) => Some(Failure::Sink { key: key.clone(), uid: uid.clone(), source }),
            None => Some(Failure::Unanswered { key: key.clone(), uid: uid.clone() }),
        };
        if let Some(failure) = failure {
            settled.failed.extend(messages);
            settled.failures.push(failure);
        }
    }
}

fn record(alert: &Alert, activity: Activity) -> Record {
    Record {
        title: alert.title(),
        score: alert.score,
        finding: ocsf::finding_of(alert, activity, ocsf::EVIDENCES_MAX).to_string(),
    }
}
