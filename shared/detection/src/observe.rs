//! The observe step, first half: which calls are evidence, and of what.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use crate::activity::{ApiActivity, Outcome};
use crate::baseline::Sighting;
use crate::detections::{is_accused, is_relocated};
use crate::evidence::{Entry, is_stranger, operation_hash, principal_hash};
use crate::history::AccountDay;
use crate::intelligence::Intelligence;
use crate::policy::Policy;
use crate::sample::Sample;
use crate::source::{LedgerKey, Source};
use crate::timestamp::{Day, Timestamp};
use crate::{view, wide};

/// How far ahead of now an event may be dated. One forged date would otherwise put all real evidence
/// of a source past its horizon.
const AHEAD_MAX_SECS: i64 = 15 * 60;

/// How many operations an observer remembers the hashes of: the few that most calls are of. A power
/// of two.
const OPERATIONS: usize = 1 << 8;
/// Longer than nearly any real operation; what is longer is not remembered.
const OPERATION_MAX_BYTES: usize = 64;

/// How many (source, principal, day) an observer remembers to have seen. A power of two.
const REMEMBERED: usize = 1 << 13;

/// Whether an event is dated too far ahead of now to be believed.
pub fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    time > now.plus_secs(AHEAD_MAX_SECS)
}

/// What one call adds to a ledger: that of its source, or of the network or principal it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Whose ledger.
    pub key: LedgerKey,
    /// The call itself, where it is evidence, with its sample.
    pub call: Option<(Entry, Sample)>,
    /// For an ordinary call that succeeded: that the principal was seen there that day, where this may
    /// be the first sign of it.
    pub seen: Option<Entry>,
    /// For any call that succeeded: from where its principal called, where this may be the first
    /// time.
    pub sighting: Option<Sighting>,
    /// For an ordinary call that succeeded: that its account had one that day, where this may be the
    /// first sign of it.
    pub account_day: Option<AccountDay>,
}

/// Tells evidence from ordinary calls, and remembers who was seen where lately, so that an ordinary
/// call of the same principal at the same address costs nothing more that day.
#[derive(Debug)]
pub struct Observer {
    /// Hashes of (source, principal, day) and of (account, day), each in the one place it may be in.
    /// Forgetting one makes the same be written again, which changes nothing.
    remembered: Vec<u64>,
    /// The same of (source, principal), with the earliest time of a call. Empty until there is a
    /// database that knows where sources are.
    sighted: Vec<(u64, Timestamp)>,
    /// Operations and their hashes, each in the one place it may be in.
    operations: Vec<(String, u32)>,
    /// Of this observer alone: what it makes is stored nowhere.
    hasher: RandomState,
}

impl Default for Observer {
    fn default() -> Self {
        Self {
            remembered: vec![0; REMEMBERED],
            sighted: Vec::new(),
            operations: vec![(String::new(), operation_hash("")); OPERATIONS],
            hasher: RandomState::default(),
        }
    }
}

impl Observer {
    /// What a call adds, to that of its source first, each to another ledger; nothing for one that
    /// is no evidence, has no source to count it for, no time, or a time too far ahead of `now` (no
    /// bound where that is none).
    pub fn observe(
        &mut self,
        activity: &ApiActivity<'_>,
        intelligence: &Intelligence,
        policy: &Policy,
        now: Option<Timestamp>,
    ) -> Vec<Observation> {
        let Some(time) = activity.time else { return Vec::new() };
        if now.is_some_and(|now| is_ahead(time, now))
            || matches!(activity.source, Source::Service(_) | Source::Absent)
        {
            return Vec::new();
        }
        let operation = self.operation_hash(&activity.operation);
        let sample = || {
            let resource = activity.resource.as_deref();
            let critical = resource.and_then(|resource| policy.critical_asset(resource));
            Sample::of(activity, time, &address(&activity.source), critical.is_some())
        };
        if is_evidence(activity, operation, intelligence, policy) {
            let sighting = self.sighting(activity, time, intelligence, policy, None);
            let Some(key) = activity.source.ledger_key() else { return Vec::new() };
            let (entry, sample) = (Entry::of_call(activity, time), sample());
            // One piece of memory for them, of which that of the source is to be the first.
            let mut observations = Vec::with_capacity(1 + wide::OBSERVATIONS_MAX);
            observations.extend(wide::observations(activity, &key, entry, &sample));
            let call = Some((entry, sample));
            observations
                .insert(0, Observation { key, call, seen: None, sighting, account_day: None });
            return observations;
        }
        if activity.outcome != Outcome::Success || is_stranger(activity.actor.kind) {
            return Vec::new();
        }
        let sighting = self.sighting(activity, time, intelligence, policy, Some(&sample));
        let works = !view::needs_no_permission(operation);
        let seen = works.then(|| self.first_seen(activity, time.day())).flatten();
        let account_day = works.then(|| self.first_of_account(activity, time.day())).flatten();
        if seen.is_none() && sighting.is_none() && account_day.is_none() {
            return Vec::new();
        }
        let key = activity.source.ledger_key();
        let observation = |key| Observation { key, call: None, seen, sighting, account_day };
        key.map(observation).into_iter().collect()
    }

    /// The hash of an operation, which takes longer to make than to find.
    fn operation_hash(&mut self, operation: &str) -> u32 {
        let at = usize::try_from(self.hasher.hash_one(operation)).unwrap_or_default() % OPERATIONS;
        match self.operations.get_mut(at) {
            Some((known, hash)) if known == operation => *hash,
            Some(place) if operation.len() <= OPERATION_MAX_BYTES => {
                *place = (operation.to_owned(), operation_hash(operation));
                place.1
            }
            _ => operation_hash(operation),
        }
    }

    /// The sighting of a call, unless an earlier one of its principal from there is remembered.
    fn sighting(
        &mut self,
        activity: &ApiActivity<'_>,
        time: Timestamp,
        intelligence: &Intelligence,
        policy: &Policy,
        sample: Option<&dyn Fn() -> Sample>,
    ) -> Option<Sighting> {
        if !Sighting::is_possible(activity, intelligence, policy) {
            return None;
        }
        let uid = activity.actor.uid.as_deref()?;
        let mark = self.hasher.hash_one((&activity.source, activity.cloud, uid));
        let at = usize::try_from(mark).unwrap_or_default() % REMEMBERED;
        self.sighted.resize(REMEMBERED, (0, Timestamp::MAX));
        let place = self.sighted.get_mut(at)?;
        if place.0 == mark && place.1 < time {
            return None;
        }
        *place = (mark, time);
        Sighting::of(activity, time, sample, intelligence, policy)
    }

    /// The entry that says that a principal succeeded at a source on a day, unless that is remembered
    /// to have been said.
    fn first_seen(&mut self, activity: &ApiActivity<'_>, day: Day) -> Option<Entry> {
        let uid = activity.actor.uid.as_deref()?;
        if self.is_remembered((&activity.source, activity.cloud, uid, day)) {
            return None;
        }
        Some(Entry::of_seen(activity.cloud, principal_hash(activity.cloud, Some(uid))?, day))
    }

    /// That a principal that is known by name did something in an account, unless that is remembered
    /// to have been said.
    fn first_of_account(&mut self, activity: &ApiActivity<'_>, day: Day) -> Option<AccountDay> {
        activity.actor.uid.as_ref()?;
        let account = activity.account.as_deref()?;
        let is_remembered = self.is_remembered((activity.cloud, account, day));
        if is_remembered { None } else { AccountDay::of(activity.cloud, account, day) }
    }

    /// Whether something was remembered; it is from now on.
    fn is_remembered(&mut self, it: impl Hash) -> bool {
        let mark = self.hasher.hash_one(it);
        let at = usize::try_from(mark).unwrap_or_default() % REMEMBERED;
        self.remembered.get_mut(at).is_some_and(|place| std::mem::replace(place, mark) == mark)
    }
}

/// Failures and sign-ins always; of the rest, calls from accused addresses and denied countries,
/// those of workloads outside their cloud, and privileged operations.
fn is_evidence(
    activity: &ApiActivity<'_>,
    operation: u32,
    intelligence: &Intelligence,
    policy: &Policy,
) -> bool {
    match activity.outcome {
        Outcome::LoginFailed
        | Outcome::LoginSucceeded
        | Outcome::PasswordCorrect
        | Outcome::Denied => true,
        Outcome::Success if policy.is_privileged(operation) => true,
        Outcome::Success | Outcome::Throttled | Outcome::OtherError => {
            let Source::Public(ip) = activity.source else { return false };
            let key = LedgerKey::of_public(ip);
            is_accused(intelligence, &key)
                || is_relocated(activity, &key, intelligence, policy)
                || (policy.has_country_rules()
                    && intelligence
                        .country(&key)
                        .is_some_and(|country| policy.country_verdict(country).is_some()))
        }
    }
}

fn address<'a>(source: &'a Source<'_>) -> std::borrow::Cow<'a, str> {
    match source {
        Source::Public(ip) | Source::Private { ip, .. } => ip.to_string().into(),
        Source::Service(text) | Source::Unrecognized(text) => text.as_ref().into(),
        Source::Absent => "".into(),
    }
}
