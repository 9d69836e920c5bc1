//! All that is known of one source, network or principal, put in order for whoever shows it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::net::IpAddr;

use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::evidence::{Entry, Kind, keep_distinct};
use callerwatch_detection::ledger::{Mark, SourceLedger};
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sample::Sample;
use callerwatch_detection::source::{LedgerKey, Subject};
use callerwatch_detection::timestamp::{Day, Timestamp};

use super::around::{Others, members};
use super::closeup::Words;
use crate::check_policy;
use crate::setup::Setup;

const HOUR_MILLIS: i64 = 3_600_000;

/// All that is known of one source, network or principal.
#[derive(Debug)]
pub(super) struct Dossier {
    pub(super) key: LedgerKey,
    /// Whether ordinary calls that succeeded are among the calls, as they are in logs.
    pub(super) has_all_calls: bool,
    /// Whether the ledger may have held more.
    pub(super) is_at_least: bool,
    pub(super) calls: Tally,
    /// How many of the calls are evidence.
    pub(super) evidence: usize,
    /// On how many days principals were seen to work here.
    pub(super) days_of_work: usize,
    pub(super) principals: Vec<(String, Tally)>,
    pub(super) operations: Vec<(String, Tally)>,
    pub(super) accounts: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) user_agents: Vec<String>,
    /// Calls by periods, those without any left out.
    pub(super) timeline: Vec<(Timestamp, Tally)>,
    pub(super) step: Step,
    /// What the deployed functions announced.
    pub(super) announced: Vec<Mark>,
    pub(super) alerts: Vec<Alert>,
    /// The alerts of others that are about calls of it.
    pub(super) others: Vec<Others>,
    /// A few of the calls, by time.
    pub(super) samples: Vec<Sample>,
}

/// How long a period of the timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    TenMinutes,
    Hour,
    Day,
}

impl Step {
    /// The one that makes a timeline neither long nor coarse.
    fn spanning(span: Option<(Timestamp, Timestamp)>) -> Self {
        let millis = span.map_or(0, |(first, last)| last.millis() - first.millis());
        match millis / HOUR_MILLIS {
            0..4 => Self::TenMinutes,
            4..48 => Self::Hour,
            _ => Self::Day,
        }
    }

    /// The start of a period.
    fn start(self, time: Timestamp) -> Timestamp {
        let millis = match self {
            Self::TenMinutes => HOUR_MILLIS / 6,
            Self::Hour => HOUR_MILLIS,
            Self::Day => 24 * HOUR_MILLIS,
        };
        Timestamp::from_millis(time.millis() / millis * millis).unwrap_or(time)
    }
}

/// How calls fared, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: usize,
    pub(super) kinds: BTreeMap<Kind, usize>,
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

impl Tally {
    fn add(&mut self, call: &Entry) {
        self.count += 1;
        *self.kinds.entry(call.kind()).or_default() += 1;
        let time = call.time();
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
    }
}

impl Dossier {
    /// The trusted network that all of it is in: on the day of its last call, and today where there is
    /// none.
    pub(super) fn trusted_network<'a>(&self, policy: &'a Policy) -> Option<&'a str> {
        let day = self.calls.span.map(|(_, last)| last.day()).or_else(check_policy::today)?;
        let addresses = self.each_address();
        let mut networks = addresses.iter().map(|ip| policy.trusted_network(*ip, day));
        let first = networks.next()??;
        networks.all(|it| it == Some(first)).then_some(first)
    }

    /// The one address that it is, or each that is known of a network or principal.
    pub(super) fn each_address(&self) -> Vec<IpAddr> {
        if self.key.subject() == Subject::Source {
            return self.key.address().into_iter().collect();
        }
        // What stands for a /64 stands for its first address.
        let address = |it: &String| it.split('/').next()?.parse().ok();
        self.addresses.iter().filter_map(address).collect()
    }

    /// What a ledger holds, with all calls of its source where logs were read.
    pub(super) fn of(
        key: LedgerKey,
        mut ledger: SourceLedger,
        calls: Option<Vec<Entry>>,
        words: Words,
        setup: &Setup,
    ) -> Self {
        keep_distinct(&mut ledger.entries);
        let has_all_calls = calls.is_some();
        let seen = ledger.entries.iter().filter(|entry| entry.kind() == Kind::Seen);
        let mut days: Vec<Day> = seen.map(|entry| entry.time().day()).collect();
        days.dedup();
        let evidence: Vec<Entry> =
            ledger.entries.iter().filter(|entry| entry.kind() != Kind::Seen).copied().collect();
        let mut samples = ledger.samples.clone();
        samples.sort_unstable_by(|a, b| (a.time, a).cmp(&(b.time, b)));
        let announced = ledger.marks.iter().copied().collect();
        let is_at_least = ledger.is_full;
        let count = evidence.len();
        let mut calls = calls.unwrap_or(evidence);
        keep_distinct(&mut calls);
        let mut tally = Tally::default();
        for call in &calls {
            tally.add(call);
        }
        let mut addresses: Vec<String> = words.addresses.into_iter().collect();
        if !has_all_calls && key.subject() == Subject::Network {
            // A network's entries know each, and its samples a few.
            let members: BTreeSet<LedgerKey> = members(&key, &calls).collect();
            addresses = members.iter().map(ToString::to_string).collect();
        }
        let step = Step::spanning(tally.span);
        let period = |call: &Entry| step.start(call.time());
        let operation = |hash: &u32| words.operations.get(hash).cloned();
        // In a principal's ledger its key says who it is.
        let own = match key {
            LedgerKey::Principal { hash, .. } => Some(hash),
            _ => None,
        };
        let principal = |hash: &Option<u64>| match hash {
            Some(hash) => words.principals.get(hash).cloned(),
            None => Some("nobody named".to_owned()),
        };
        Self {
            has_all_calls,
            is_at_least,
            evidence: count,
            days_of_work: days.len(),
            principals: ranked(tallied(&calls, |it| it.principal().or(own)), principal),
            operations: ranked(tallied(&calls, Entry::operation), operation),
            accounts: words.accounts.into_iter().collect(),
            addresses,
            user_agents: words.user_agents.into_iter().collect(),
            timeline: tallied(&calls, period).into_iter().collect(),
            step,
            announced,
            alerts: decide(&key, ledger, &setup.intelligence, &setup.policy),
            others: Vec::new(),
            samples,
            calls: tally,
            key,
        }
    }

    /// Whether no call of it is known.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.count == 0 && self.days_of_work == 0 && self.announced.is_empty()
    }
}

fn tallied<K: Ord + Hash>(calls: &[Entry], by: impl Fn(&Entry) -> K) -> BTreeMap<K, Tally> {
    let mut tallied: BTreeMap<K, Tally> = BTreeMap::new();
    for call in calls {
        tallied.entry(by(call)).or_default().add(call);
    }
    tallied
}

/// By name, the most calls first. Those whose names were not kept are one.
fn ranked<K: Ord>(
    tallied: BTreeMap<K, Tally>,
    name: impl Fn(&K) -> Option<String>,
) -> Vec<(String, Tally)> {
    let (mut named, mut nameless, mut count) = (Vec::new(), Tally::default(), 0_usize);
    for (key, tally) in tallied {
        if let Some(name) = name(&key) {
            named.push((name, tally));
            continue;
        }
        count += 1;
        nameless.count += tally.count;
        for (kind, count) in tally.kinds {
            *nameless.kinds.entry(kind).or_default() += count;
        }
        nameless.span = match (nameless.span, tally.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }
    named.sort_by(|(a, a_tally), (b, b_tally)| {
        (Reverse(a_tally.count), a).cmp(&(Reverse(b_tally.count), b))
    });
    if count > 0 {
        named.push((format!("{count} whose names were not kept"), nameless));
    }
    named
}
