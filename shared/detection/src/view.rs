//! A view: one source's evidence, put in order for the detections to look at.
//!
//! Of a network or a principal it has only what no alert of an address tells. Every event is there
//! once. Where feeds tell one event differently, the least entry counts, first of those that say a
//! workload called; so that which copy came first changes nothing.

use crate::activity::Cloud;
use crate::detections::{Detection, Parameter, new_origin};
use crate::evidence::{Entry, Kind, keep_distinct};
use crate::intelligence::Intelligence;
use crate::ledger::SourceLedger;
use crate::policy::Policy;
use crate::source::{LedgerKey, Subject};
use crate::timestamp::{Day, Timestamp};
use crate::wide;

/// How far back a success makes a principal known at an address.
const KNOWN_SECS: i64 = 3 * 24 * 3600;

/// One ledger's evidence, and what to judge it by.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// The source, network or principal.
    pub(crate) key: &'a LedgerKey,
    /// Its calls, each once, by time.
    pub(crate) calls: Vec<Entry>,
    /// Its `Seen` entries, which are no calls.
    seen: Vec<Entry>,
    /// What is kept beside its entries: samples, baselines.
    pub(crate) ledger: &'a SourceLedger,
    /// What is known of addresses.
    pub(crate) intelligence: &'a Intelligence,
    /// What the user wants.
    pub(crate) policy: &'a Policy,
    /// Every success, by principal and time.
    successes: Vec<Success>,
}

/// That a principal succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Success {
    principal: u64,
    /// Of a `Seen` entry the last instant of its day, since it does not say when in it.
    time: Timestamp,
    cloud: Cloud,
    sort: Sort,
}

/// What a success shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    /// The principal may do something here, as it does every day.
    Work,
    /// The principal has the password.
    Login,
    /// A privileged operation. What a thief does with a credential must not make its earlier
    /// failures look like an owner's mistakes.
    Privileged,
}

impl<'a> View<'a> {
    /// Puts entries in order. `entries` may hold repeats, in any order, and are taken out of the
    /// `ledger`.
    pub(crate) fn new(
        key: &'a LedgerKey,
        mut entries: Vec<Entry>,
        ledger: &'a SourceLedger,
        intelligence: &'a Intelligence,
        policy: &'a Policy,
    ) -> Self {
        let is_told = |entry: &Entry| new_origin::news(&ledger.baselines, entry, policy).is_some();
        entries.retain(|entry| entry.kind() != Kind::Origin || is_told(entry));
        keep_distinct(&mut entries);
        wide::keep_first_sign_ins(&mut entries);
        let mut successes: Vec<_> =
            entries.iter().filter_map(|entry| success(entry, policy)).collect();
        successes.sort_unstable();
        let mut calls = entries;
        let seen = calls.iter().filter(|entry| entry.kind() == Kind::Seen).copied().collect();
        calls.retain(|entry| entry.kind() != Kind::Seen);
        let mut view = Self { key, calls, seen, ledger, intelligence, policy, successes };
        if key.subject() != Subject::Source {
            view.calls = wide::without_alerting(&view);
        }
        view
    }

    /// Nothing but those calls of it, which are in order and each there once.
    pub(crate) fn with_calls(&self, calls: Vec<Entry>) -> View<'a> {
        let Self { key, ledger, intelligence, policy, .. } = *self;
        let (seen, successes) = (Vec::new(), Vec::new());
        View { key, calls, seen, ledger, intelligence, policy, successes }
    }

    /// The same source as one cloud alone sees it.
    pub(crate) fn of_cloud(&self, cloud: Cloud) -> View<'a> {
        let entries = self.calls.iter().chain(&self.seen);
        let entries = entries.filter(|entry| entry.cloud() == cloud).copied().collect();
        View::new(self.key, entries, self.ledger, self.intelligence, self.policy)
    }

    /// What the policy says of a number that counts things.
    pub(crate) fn count(&self, detection: &Detection, parameter: &Parameter) -> usize {
        usize::try_from(self.policy.value(detection, parameter)).unwrap_or(usize::MAX)
    }

    /// What the policy says of a window, in seconds.
    pub(crate) fn secs(&self, detection: &Detection, window: &Parameter) -> i64 {
        i64::from(self.policy.value(detection, window)) * 60
    }

    /// The calls of some kinds, with their places, by time.
    pub(crate) fn of_kinds<'b>(
        &'b self,
        kinds: &'b [Kind],
    ) -> impl Iterator<Item = (usize, Entry)> {
        let calls = self.calls.iter().copied().enumerate();
        calls.filter(|(_, entry)| kinds.contains(&entry.kind()))
    }

    /// When a principal first worked or signed in here, on the day or the day before: its failures
    /// are then likelier mistakes.
    pub(crate) fn first_healthy(&self, principal: u64, day: Day) -> Option<Timestamp> {
        let (start, end) = (day.previous().start(), day.end());
        let of_principal = self.successes_since(principal, start);
        of_principal
            .take_while(|success| success.time <= end)
            .find(|success| success.sort != Sort::Privileged)
            .map(|success| success.time)
    }

    /// Whether a principal did ordinary work here, on the day or the day before. A sign-in alone
    /// does not show that it may do anything.
    pub(crate) fn works_here(&self, principal: u64, day: Day) -> bool {
        self.successes_since(principal, day.previous().start())
            .take_while(|success| success.time <= day.end())
            .any(|success| success.sort == Sort::Work)
    }

    /// Whether a principal had worked or signed in here before an instant, in the last days.
    pub(crate) fn is_known_before(&self, principal: u64, before: Timestamp) -> bool {
        self.successes_since(principal, before.plus_secs(-KNOWN_SECS))
            .take_while(|success| success.time < before)
            .any(|success| success.sort != Sort::Privileged)
    }

    /// Whether the principal whose ledger this is had signed in from the network of a call before an
    /// instant, in the last days.
    pub(crate) fn is_known_network_before(&self, call: &Entry, before: Timestamp) -> bool {
        let at = |time| self.calls.partition_point(|it| it.time() < time);
        let since = before.plus_secs(-KNOWN_SECS);
        let calls = self.calls.get(at(since)..at(before)).unwrap_or_default();
        let mut sign_ins = calls.iter().filter(|it| it.kind() == Kind::LoginSucceeded);
        sign_ins.any(|it| wide::network_of(it) == wide::network_of(call))
    }

    /// The principals that worked or signed in here on the day or the day before, in those clouds.
    pub(crate) fn healthy(&self, day: Day, clouds: &[Cloud]) -> impl Iterator<Item = u64> {
        let (start, end) = (day.previous().start(), day.end());
        let is_healthy = move |success: &Success| {
            (start..=end).contains(&success.time)
                && success.sort != Sort::Privileged
                && clouds.contains(&success.cloud)
        };
        self.successes
            .chunk_by(|a, b| a.principal == b.principal)
            .filter(move |of_one| of_one.iter().any(is_healthy))
            .filter_map(|of_one| of_one.first().map(|success| success.principal))
    }

    fn successes_since(&self, principal: u64, start: Timestamp) -> impl Iterator<Item = &Success> {
        let at = self.successes.partition_point(|it| (it.principal, it.time) < (principal, start));
        let rest = self.successes.get(at..).unwrap_or_default();
        rest.iter().take_while(move |success| success.principal == principal)
    }
}

/// The principal that an entry shows to be at work here: it succeeded at what its credential alone does
/// not give, or signed in. A privileged operation shows no work, since it is what thieves do.
pub fn worker(entry: &Entry, policy: &Policy) -> Option<u64> {
    let success = success(entry, policy)?;
    (success.sort != Sort::Privileged).then_some(success.principal)
}

/// Whether an entry can show a principal at work, whatever a policy calls privileged.
pub(crate) fn may_show_work(entry: &Entry) -> bool {
    match entry.kind() {
        Kind::Seen | Kind::LoginSucceeded => true,
        Kind::Success => !needs_no_permission(entry.operation()) && !entry.traits().is_stranger(),
        _ => false,
    }
}

fn success(entry: &Entry, policy: &Policy) -> Option<Success> {
    let principal = entry.principal()?;
    let (time, sort) = match entry.kind() {
        Kind::Seen => (entry.time().day().end(), Sort::Work),
        Kind::Success if !may_show_work(entry) => return None,
        Kind::Success if policy.is_privileged(entry.operation()) => {
            (entry.time(), Sort::Privileged)
        }
        Kind::Success => (entry.time(), Sort::Work),
        Kind::LoginSucceeded => (entry.time(), Sort::Login),
        _ => return None,
    };
    Some(Success { principal, time, cloud: entry.cloud(), sort })
}

/// Operations that succeed for whoever holds a credential: the first thing a thief tries. They do
/// not show that a principal works from an address.
pub(crate) fn needs_no_permission(operation: u32) -> bool {
    use std::sync::LazyLock;
    static OPERATIONS: LazyLock<[u32; 5]> = LazyLock::new(|| {
        [
            "GetCallerIdentity",
            "GetSessionToken",
            "GetAccessKeyInfo",
            "TestIamPermissions",
            "google.iam.v1.IAMPolicy.TestIamPermissions",
        ]
        .map(crate::evidence::operation_hash)
    });
    OPERATIONS.contains(&operation)
}

/// A set of places in [`View::calls`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection(Vec<u64>);

impl Selection {
    /// Adds a place.
    pub(crate) fn insert(&mut self, place: usize) {
        let word = place / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (place % 64);
        }
    }

    /// Adds all places of another.
    pub(crate) fn unite(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (bits, more) in self.0.iter_mut().zip(&other.0) {
            *bits |= more;
        }
    }

    /// Whether a place is in it.
    pub(crate) fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|bits| bits & (1 << (place % 64)) != 0)
    }

    /// The selected calls, by time.
    pub(crate) fn of<'a>(&'a self, calls: &'a [Entry]) -> impl Iterator<Item = &'a Entry> {
        calls.iter().enumerate().filter(|(place, _)| self.contains(*place)).map(|(_, call)| call)
    }
}

impl FromIterator<usize> for Selection {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut selection = Self::default();
        places.into_iter().for_each(|place| selection.insert(place));
        selection
    }
}
