//! Observe to notify: the evidence of an invocation is kept, decided on, and announced.
//!
//! Promises that what fails is told with the messages that brought it, and nothing else is, and
//! that no alert is lost, whatever fails when: it is claimed before it is published and marked after.
//! What exceeds its budget is left to a digest, and marked too.

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use callerwatch_detection::alert::Alert;
use callerwatch_detection::announce::{Due, due};
use callerwatch_detection::budget::{Budget, Budgets, urgency};
use callerwatch_detection::decide;
use callerwatch_detection::history::AccountDay;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::ledger::{Claim, Ledger, Mark, Record, SourceLedger, Told};
use callerwatch_detection::ocsf::Activity;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sink::{AlertSink, Announcement};
use callerwatch_detection::source::LedgerKey;
use futures_util::stream::{self, StreamExt};

use crate::intake::{Judgement, Observed, Pending};
use crate::learn::{self, Unlearned};

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
    /// Alerts that exceeded their budget, and go out in a digest.
    pub deferred: u64,
    /// Alerts that the policy suppresses, in whole or in part, each time that something new is known
    /// of them.
    pub suppressed: u64,
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
    /// The baseline of a principal failed.
    #[error("learning from where the principal {principal:016x} calls")]
    Baseline {
        /// The principal's fingerprint.
        principal: u64,
        /// Why.
        source: L,
    },
    /// The history of an account failed. No message is to come back for it: the next call there says
    /// the same.
    #[error("keeping the history of the {} account {}", .day.cloud, .day.account)]
    History {
        /// The account and the day.
        day: AccountDay,
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
    suppressed: u64,
    granted: Vec<Granted>,
    failures: Vec<Failure<L, S>>,
    messages: BTreeSet<usize>,
}

/// Keeps the evidence of an invocation, decides, and announces what is news.
///
/// Where anything failed, the observer they were observed with must be replaced: it remembers that
/// somebody was seen, and the ledger may not.
pub async fn settle<L: Ledger + Sync, S: AlertSink + Sync>(
    observed: Observed,
    judgement: Judgement<'_>,
    ledger: &L,
    sink: &S,
) -> Settled<L::Error, S::Error> {
    settle_with(decide, observed, judgement, ledger, sink).await
}

/// What a ledger says of its source.
type Decide = fn(&LedgerKey, SourceLedger, &Intelligence, &Policy) -> Vec<Alert>;

async fn settle_with<L: Ledger + Sync, S: AlertSink + Sync>(
    decide: Decide,
    mut observed: Observed,
    judgement: Judgement<'_>,
    ledger: &L,
    sink: &S,
) -> Settled<L::Error, S::Error> {
    let account_days = std::mem::take(&mut observed.account_days);
    let mut settled = Settled {
        failed: BTreeSet::new(),
        failures: Vec::new(),
        findings: 0,
        published: 0,
        deferred: 0,
        suppressed: 0,
    };
    let (sources, unlearned) = learn::learn(observed, judgement, ledger).await;
    for Unlearned { principal, messages, source } in unlearned {
        settled.failed.extend(messages);
        settled.failures.push(Failure::Baseline { principal, source });
    }
    let sources = sources.into_iter();
    let mut outcomes = stream::iter(
        sources
            .map(|(key, pending)| settle_source::<L, S>(decide, key, pending, judgement, ledger)),
    )
    .buffer_unordered(AT_ONCE);
    let mut granted = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        settled.findings += outcome.findings;
        settled.suppressed += outcome.suppressed;
        if !outcome.failures.is_empty() {
            settled.failed.extend(outcome.messages);
        }
        settled.failures.extend(outcome.failures);
        granted.extend(outcome.granted);
    }
    drop(outcomes);
    announce(granted, judgement, ledger, sink, &mut settled).await;
    settled.failures.extend(keep_days(account_days, ledger).await);
    settled
}

/// Adds to the histories of accounts, last of all: nothing is decided on them here.
async fn keep_days<L: Ledger + Sync, S: Error + 'static>(
    days: BTreeSet<AccountDay>,
    ledger: &L,
) -> Vec<Failure<L::Error, S>> {
    let kept = days.into_iter().map(async |day| {
        let failed = ledger.keep_day(&day).await.err();
        failed.map(|source| Failure::History { day, source })
    });
    stream::iter(kept).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

async fn settle_source<L: Ledger + Sync, S: AlertSink>(
    decide: Decide,
    key: LedgerKey,
    pending: Pending,
    judgement: Judgement<'_>,
    ledger: &L,
) -> Outcome<L::Error, S::Error> {
    let Pending { batch, messages, .. } = pending;
    let mut outcome =
        Outcome { findings: 0, suppressed: 0, granted: Vec::new(), failures: Vec::new(), messages };
    let mut whole = match ledger.observe(&key, &batch).await {
        Ok(whole) => whole,
        Err(source) => {
            outcome.failures.push(Failure::Ledger { key, source });
            return outcome;
        }
    };
    whole.baselines = match learn::baselines(&whole, ledger).await {
        Ok(baselines) => baselines,
        Err((principal, source)) => {
            outcome.failures.push(Failure::Baseline { principal, source });
            return outcome;
        }
    };
    let (marks, deferred) = (whole.marks.clone(), whole.deferred.clone());
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
    for (alert, mark, what) in due(&alerts, &marks, &deferred, since) {
        let told = match what {
            Due::Keep => {
                let kept = ledger.amend(&key, mark, &kept(alert)).await;
                kept.map(|is_more| {
                    outcome.suppressed += u64::from(is_more && !alert.suppressed.is_empty());
                })
            }
            Due::Continues => {
                let record = Record::of(alert, Activity::Create, Told::Before);
                outcome.suppressed += u64::from(!alert.suppressed.is_empty());
                ledger.mark(&key, mark, Some(&record)).await
            }
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

/// What is to be kept of an alert that is not announced.
fn kept(alert: &Alert) -> Record {
    let told = if alert.is_suppressed() {
        let reasons: BTreeSet<&str> =
            alert.suppressed.iter().map(|it| it.reason.as_str()).collect();
        Told::Suppressed(reasons.into_iter().collect::<Vec<_>>().join("; "))
    } else {
        Told::Unchanged
    };
    Record::of(alert, Activity::Update, told)
}

async fn announce<L: Ledger + Sync, S: AlertSink>(
    mut granted: Vec<Granted>,
    judgement: Judgement<'_>,
    ledger: &L,
    sink: &S,
    settled: &mut Settled<L::Error, S::Error>,
) {
    if granted.is_empty() {
        return;
    }
    // What matters most goes out first, whatever happens then.
    granted.sort_by(|a, b| {
        urgency(&b.alert).cmp(&urgency(&a.alert)).then_with(|| a.alert.uid.cmp(&b.alert.uid))
    });
    let (mut alone, mut deferred) = (Vec::new(), Vec::new());
    for it in granted {
        let budgets = Budgets::of(&it.alert, judgement.policy, judgement.now);
        if is_admitted(&budgets, &it, ledger).await { alone.push(it) } else { deferred.push(it) }
    }
    let announcements: Vec<Announcement<'_>> =
        alone.iter().map(|it| Announcement { alert: &it.alert, activity: it.activity }).collect();
    let answers = if alone.is_empty() { Vec::new() } else { sink.publish(&announcements).await };
    let mut answers = answers.into_iter();
    let mut told: Vec<(Granted, Told)> = Vec::new();
    for it in alone {
        let Alert { key, uid, .. } = &it.alert;
        let failure = match answers.next() {
            Some(Ok(())) => {
                settled.published += 1;
                told.push((it, Told::Alone));
                continue;
            }
            Some(Err(source)) => Failure::Sink { key: key.clone(), uid: uid.clone(), source },
            None => Failure::Unanswered { key: key.clone(), uid: uid.clone() },
        };
        settled.failed.extend(it.messages);
        settled.failures.push(failure);
    }
    settled.deferred += u64::try_from(deferred.len()).unwrap_or(u64::MAX);
    let in_digest = || Told::InDigest(judgement.now.hour());
    told.extend(deferred.into_iter().map(|it| (it, in_digest())));
    let in_part = told.iter().filter(|(it, _)| !it.alert.suppressed.is_empty());
    settled.suppressed += u64::try_from(in_part.count()).unwrap_or(u64::MAX);
    let marks = told.into_iter().map(async |(it, told)| {
        let Granted { alert, mark, activity, messages } = it;
        let record = Record::of(&alert, activity, told);
        let marked = ledger.mark(&alert.key, mark, Some(&record)).await;
        marked.map_err(|source| (Failure::Ledger { key: alert.key, source }, messages))
    });
    let mut marked = stream::iter(marks).buffer_unordered(AT_ONCE);
    while let Some(marked) = marked.next().await {
        if let Err((failure, messages)) = marked {
            settled.failed.extend(messages);
            settled.failures.push(failure);
        }
    }
}

/// Whether an alert has a place among what is announced now. The share is asked first, so that one
/// that is spent takes nothing of the whole.
async fn is_admitted<L: Ledger + Sync>(budgets: &Budgets, it: &Granted, ledger: &L) -> bool {
    let has_place = async |budget: &Budget| {
        let admission = ledger.admit(budget, &it.alert.key, it.mark).await;
        // Where nobody can say, too much is better than too little.
        admission.map_or(true, |it| it.is_admitted())
    };
    let mut has_share = budgets.shares.is_empty();
    for share in &budgets.shares {
        has_share = has_share || has_place(share).await;
    }
    has_share && has_place(&budgets.whole).await
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use callerwatch_detection::ledger::{Bounds, SharedMemoryLedger};
    use callerwatch_detection::observe::Observer;
    use callerwatch_detection::timestamp::Timestamp;
    use callerwatch_sources::Buffers;

    use super::*;
    use crate::intake::Intake;

    /// What was told, by source.
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl AlertSink for Heard {
        type Error = Infallible;

        async fn publish(
            &self,
            announcements: &[Announcement<'_>],
        ) -> Vec<Result<(), Self::Error>> {
            let mut told = self.0.lock().unwrap();
            told.extend(announcements.iter().map(|it| it.alert.key.to_string()));
            announcements.iter().map(|_| Ok(())).collect()
        }
    }

    fn failures(address: &str) -> String {
        let failure = |n: u32| {
            format!(
                r#"{{"eventVersion":"1.08","eventID":"{address}-{n}","eventTime":"2026-03-02T09:00:{n:02}Z",
                "eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1",
                "sourceIPAddress":"{address}","recipientAccountId":"111111111111",
                "userIdentity":{{"type":"IAMUser","userName":"alice","accountId":"111111111111"}},
                "errorMessage":"Failed authentication",
                "responseElements":{{"ConsoleLogin":"Failure"}}}}"#
            )
        };
        format!("[{}]", (10..22).map(failure).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn a_decision_that_breaks_is_one_source_and_comes_back() {
        let breaks: Decide = |key, whole, intelligence, policy| {
            assert_ne!(key.to_string(), "203.0.113.7", "this ledger broke the engine");
            decide(key, whole, intelligence, policy)
        };
        let (intelligence, policy) = (Intelligence::default(), Policy::default());
        let (intelligence, policy) = (&intelligence, &policy);
        let now = Timestamp::from_millis(1_772_445_600_000).unwrap();
        let judgement = Judgement { intelligence, policy, bounds: Bounds::default(), now };
        let (mut observer, mut buffers) = (Observer::default(), Buffers::new());
        let mut intake = Intake::new(judgement, &mut observer, &mut buffers);
        for (message, address) in ["198.51.100.9", "203.0.113.7", "192.0.2.4"].iter().enumerate() {
            assert_eq!(intake.read(message, &mut failures(address).as_bytes()), []);
        }
        let (ledger, sink) = (SharedMemoryLedger::default(), Heard::default());
        let settled = settle_with(breaks, intake.finish(), judgement, &ledger, &sink);
        let settled = pollster::block_on(settled);
        assert_eq!(settled.failed, BTreeSet::from([1]));
        let why: Vec<String> = settled.failures.iter().map(ToString::to_string).collect();
        assert_eq!(why, ["deciding on 203.0.113.7: the engine failed unexpectedly"]);
        let mut told = sink.0.into_inner().unwrap();
        told.sort_unstable();
        assert_eq!(told, ["192.0.2.4", "198.51.100.9"]);
    }
}
