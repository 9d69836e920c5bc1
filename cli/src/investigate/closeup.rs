//! What is kept of the calls of whom is wanted while logs are read: every call, and the words that
//! evidence knows hashes of.
//!
//! Words are bounded, and which are kept is a total order, so that neither the order of files nor
//! the number of threads changes anything.

use std::collections::{BTreeMap, BTreeSet};

use callerwatch_detection::activity::{ApiActivity, Cloud};
use callerwatch_detection::evidence::{Entry, operation_hash, principal_hash};
#[cfg(feature = "aws")]
use callerwatch_detection::sample::Sample;
use callerwatch_detection::source::{LedgerKey, Source};

use super::wanted::Wanted;
use crate::report::brief;

/// How many words of a sort are kept; more than anybody reads.
const WORDS_MAX: usize = 10_000;

/// The calls of one source, network or principal.
#[derive(Debug)]
pub(crate) struct Closeup {
    wanted: Wanted,
    /// All calls, by whose they are: a private address is another in each scope.
    pub(super) calls: BTreeMap<LedgerKey, Vec<Entry>>,
    pub(super) words: Words,
}

/// What hashes stand for, and what entries do not hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// `alice (arn:…)`.
    pub(super) principals: BTreeMap<u64, String>,
    /// `AttachUserPolicy of iam.amazonaws.com`.
    pub(super) operations: BTreeMap<u32, String>,
    pub(super) accounts: BTreeSet<String>,
    pub(super) addresses: BTreeSet<String>,
    pub(super) user_agents: BTreeSet<String>,
}

impl Closeup {
    pub(crate) fn of(wanted: Wanted) -> Self {
        Self { wanted, calls: BTreeMap::new(), words: Words::default() }
    }

    /// Keeps a call, where it is one of whom is wanted.
    pub(crate) fn take(&mut self, activity: &ApiActivity<'_>) {
        let Some(key) = self.wanted.counts(activity) else { return };
        if let Some(time) = activity.time {
            self.calls.entry(key).or_default().push(Entry::of_call(activity, time));
        }
        let address = match activity.source {
            Source::Public(ip) | Source::Private { ip, .. } => Some(ip.to_string()),
            _ => None,
        };
        self.words.learn(&Told {
            cloud: activity.cloud,
            principal: activity.actor.uid.as_deref(),
            name: activity.actor.name.as_deref(),
            operation: &activity.operation,
            service: &activity.service,
            account: activity.account.as_deref(),
            address: address.as_deref(),
            user_agent: activity.user_agent.as_deref(),
        });
    }

    /// Adds what another worker kept.
    pub(crate) fn unite(&mut self, other: Self) {
        for (key, mut calls) in other.calls {
            self.calls.entry(key).or_default().append(&mut calls);
        }
        let Words { principals, operations, accounts, addresses, user_agents } = other.words;
        let own = &mut self.words;
        for (hash, word) in principals {
            name(&mut own.principals, hash, word);
        }
        for (hash, word) in operations {
            name(&mut own.operations, hash, word);
        }
        for (own, others) in [
            (&mut own.accounts, accounts),
            (&mut own.addresses, addresses),
            (&mut own.user_agents, user_agents),
        ] {
            for word in others {
                add(own, word);
            }
        }
    }
}

/// What a call tells in words.
struct Told<'a> {
    cloud: Cloud,
    principal: Option<&'a str>,
    name: Option<&'a str>,
    operation: &'a str,
    service: &'a str,
    account: Option<&'a str>,
    address: Option<&'a str>,
    user_agent: Option<&'a str>,
}

impl Words {
    /// What samples tell.
    #[cfg(feature = "aws")]
    pub(super) fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut words = Self::default();
        for sample in samples {
            words.learn(&Told {
                cloud: sample.cloud,
                principal: sample.principal(),
                name: sample.name(),
                operation: sample.operation(),
                service: sample.service(),
                account: sample.account(),
                address: Some(sample.address()),
                user_agent: sample.user_agent(),
            });
        }
        words
    }

    fn learn(&mut self, told: &Told<'_>) {
        if let (Some(hash), Some(uid)) =
            (principal_hash(told.cloud, told.principal), told.principal)
        {
            let word = match told.name.filter(|name| *name != uid) {
                Some(name) => format!("{} ({})", brief(name), brief(uid)),
                None => brief(uid),
            };
            name(&mut self.principals, hash, word);
        }
        let operation = format!("{} of {}", brief(told.operation), brief(told.service));
        name(&mut self.operations, operation_hash(told.operation), operation);
        if let Some(account) = told.account {
            add(&mut self.accounts, format!("{} {}", told.cloud, brief(account)));
        }
        if let Some(address) = told.address {
            add(&mut self.addresses, brief(address));
        }
        if let Some(user_agent) = told.user_agent {
            add(&mut self.user_agents, brief(user_agent));
        }
    }
}

/// Of what differs in what no hash knows the least word stays, and of too many hashes the lowest.
fn name<H: Ord>(words: &mut BTreeMap<H, String>, hash: H, word: String) {
    let slot = words.entry(hash).or_insert_with(|| word.clone());
    if word < *slot {
        *slot = word;
    }
    if words.len() > WORDS_MAX {
        words.pop_last();
    }
}

fn add(words: &mut BTreeSet<String>, word: String) {
    words.insert(word);
    if words.len() > WORDS_MAX {
        words.pop_last();
    }
}
