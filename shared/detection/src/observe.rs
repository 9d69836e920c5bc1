//! The observe step, first half: which calls are evidence, and of what.

use crate::activity::{ApiActivity, Outcome};
use crate::detections::is_accused;
use crate::evidence::{Entry, operation_hash, principal_hash};
use crate::intelligence::Intelligence;
use crate::policy::Policy;
use crate::sample::Sample;
use crate::source::{LedgerKey, Source};
use crate::timestamp::{Day, Timestamp};
use crate::{hash, view};

/// How far ahead of now an event may be dated. One forged date would otherwise put all real evidence
/// of a source past its horizon.
const AHEAD_MAX_SECS: i64 = 15 * 60;

/// How many (source, principal, day) an observer remembers to have seen. A power of two.
const REMEMBERED: usize = 1 << 13;

/// What one call adds to the ledger of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Whose ledger.
    pub key: LedgerKey,
    /// The call itself, where it is evidence, with its sample.
    pub call: Option<(Entry, Sample)>,
    /// That the principal was seen to succeed there that day, where this may be the first sign.
    pub seen: Option<Entry>,
}

/// Tells evidence from ordinary calls, and remembers who was seen where lately, so that an ordinary
/// call of the same principal at the same address costs nothing more that day.
#[derive(Debug)]
pub struct Observer {
    /// Hashes of (source, principal, day), each in the one place it may be in. Forgetting one makes
    /// the same evidence be written again, which changes nothing.
    remembered: Vec<u64>,
}

impl Default for Observer {
    fn default() -> Self {
        Self { remembered: vec![0; REMEMBERED] }
    }
}

impl Observer {
    /// What a call adds; none for one that is no evidence, has no source to count it for, no
    /// time, or a time too far ahead of `now` (no bound where that is none).
    pub fn observe(
        &mut self,
        activity: &ApiActivity<'_>,
        intelligence: &Intelligence,
        policy: &Policy,
        now: Option<Timestamp>,
    ) -> Option<Observation> {
        let time = activity.time?;
        if now.is_some_and(|now| time > now.plus_secs(AHEAD_MAX_SECS)) {
            return None;
        }
        if matches!(activity.source, Source::Service(_) | Source::Absent) {
            return None;
        }
        let seen = self.seen(activity, time.day());
        if seen.is_none() && !is_evidence(activity, intelligence, policy) {
            return None;
        }
        let key = activity.source.ledger_key()?;
        let call = is_evidence(activity, intelligence, policy).then(|| {
            let principal = principal_hash(activity.cloud, activity.actor.uid.as_deref());
            let address = address(&activity.source);
            (Entry::of_call(activity, time, principal), Sample::of(activity, time, &address))
        });
        Some(Observation { key, call, seen })
    }

    fn seen(&mut self, activity: &ApiActivity<'_>, day: Day) -> Option<Entry> {
        if activity.outcome != Outcome::Success
            || view::needs_no_permission(operation_hash(&activity.operation))
        {
            return None;
        }
        let principal = principal_hash(activity.cloud, activity.actor.uid.as_deref())?;
        let mark = source_hash(&activity.source) ^ principal.rotate_left(32) ^ day_hash(day);
        let at = usize::try_from(mark).unwrap_or_default() % REMEMBERED;
        let place = self.remembered.get_mut(at)?;
        if *place == mark {
            return None;
        }
        *place = mark;
        Some(Entry::of_seen(activity.cloud, principal, day))
    }
}

/// Failures and sign-ins always; of the rest, calls from accused addresses and denied countries, and
/// privileged operations.
fn is_evidence(activity: &ApiActivity<'_>, intelligence: &Intelligence, policy: &Policy) -> bool {
    match activity.outcome {
        Outcome::LoginFailed
        | Outcome::LoginSucceeded
        | Outcome::PasswordCorrect
        | Outcome::Denied => true,
        Outcome::Success if policy.is_privileged(operation_hash(&activity.operation)) => true,
        Outcome::Success | Outcome::Throttled | Outcome::OtherError => {
            let Source::Public(ip) = activity.source else { return false };
            let key = LedgerKey::of_public(ip);
            is_accused(intelligence, &key)
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

/// Tells sources apart within one observer's memory; stored nowhere.
fn source_hash(source: &Source<'_>) -> u64 {
    match source {
        Source::Public(std::net::IpAddr::V4(ip)) => u64::from(ip.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        Source::Public(ip) | Source::Private { ip, .. } => {
            let scope = if let Source::Private { scope, .. } = source { scope.as_ref() } else { "" };
            hash::of_parts(&[&ip.to_string(), scope])
        }
        Source::Service(text) | Source::Unrecognized(text) => hash::of_parts(&[text]),
        Source::Absent => 0,
    }
}

fn day_hash(day: Day) -> u64 {
    u64::try_from(day.start().millis()).unwrap_or_default().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
