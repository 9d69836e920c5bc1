//! Before observing: baselines learn from where principals called, and calls from somewhere new
//! become evidence of their sources.
//!
//! Promises that nothing is asked of the world for a call from where its principal is known to call
//! from, once a function has met that principal.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use callerwatch_detection::baseline::{Baseline, OfPrincipal};
use callerwatch_detection::ledger::{Ledger, SourceLedger};
use callerwatch_detection::source::LedgerKey;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::intake::{Judgement, Observed, Pending};

/// How many principals are looked up at once: a cold function may meet thousands.
const AT_ONCE: usize = 16;

/// A principal of whom nothing could be learned.
pub(crate) struct Unlearned<E> {
    pub(crate) principal: u64,
    pub(crate) messages: BTreeSet<usize>,
    pub(crate) source: E,
}

/// Learns what was observed. Answers with all evidence by source, calls from somewhere new among
/// it, and with what failed.
pub(crate) async fn learn<L: Ledger + Sync>(
    observed: Observed,
    judgement: Judgement<'_>,
    ledger: &L,
) -> (HashMap<LedgerKey, Pending>, Vec<Unlearned<L::Error>>) {
    let Observed { mut sources, sightings, mut sighted_by, .. } = observed;
    let principals = sightings.into_principals().map(|(principal, seen)| async move {
        let OfPrincipal { who, baseline, calls } = seen;
        (principal, calls, ledger.learn(principal, &baseline, who.as_ref()).await)
    });
    let mut learned = stream::iter(principals).buffer_unordered(AT_ONCE);
    let mut failed = Vec::new();
    while let Some((principal, calls, answer)) = learned.next().await {
        let messages = sighted_by.remove(&principal).unwrap_or_default();
        let baseline = match answer {
            Ok(baseline) => baseline,
            Err(source) => {
                failed.push(Unlearned { principal, messages, source });
                continue;
            }
        };
        for (key, entry, sample) in calls {
            if baseline.is_news(&entry, judgement.policy) {
                let pending = sources.entry(key).or_default();
                pending.batch.entries.push(entry);
                pending.batch.samples.extend(sample);
                pending.messages.extend(&messages);
            }
        }
    }
    drop(learned);
    (sources, failed)
}

/// The baselines of those whose calls in a ledger may be from somewhere new; else of whom nothing
/// could be learned, and why.
pub(crate) async fn baselines<L: Ledger>(
    whole: &SourceLedger,
    ledger: &L,
) -> Result<BTreeMap<u64, Baseline>, (u64, L::Error)> {
    let asked = whole.newcomers().into_iter().map(|principal| async move {
        let answer = ledger.learn(principal, &Baseline::default(), None).await;
        answer.map(|baseline| (principal, baseline)).map_err(|error| (principal, error))
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await
}
