//! Wide ledgers: of the network around an address, and of one principal wherever it calls from.
//!
//! An attacker who changes the address stays below every threshold of each. So failures are kept
//! there a second and a third time, by members: the addresses they came from; and so are sign-ins,
//! which tell who belongs there, and who got in. Promises that what a member's own alert tells is not
//! told again, and that making some addresses noisy hides no others: what a member says by itself is
//! left out, and what remains has to be enough by itself.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::activity::ApiActivity;
use crate::detections::{alert_alone, days_of_sprays};
use crate::evidence::{Entry, Kind, is_stranger};
use crate::intelligence::Intelligence;
use crate::ledger::{Batch, SourceLedger};
use crate::observe::Observation;
use crate::policy::Policy;
use crate::sample::Sample;
use crate::source::LedgerKey;
use crate::timestamp::{Day, Timestamp};
use crate::view::View;

/// Failures, of which alerts of wide ledgers are made.
pub(crate) fn is_failure(kind: Kind) -> bool {
    matches!(kind, Kind::LoginFailed | Kind::Denied)
}

/// Sign-ins, and right passwords that were stopped.
fn is_sign_in(kind: Kind) -> bool {
    matches!(kind, Kind::LoginSucceeded | Kind::PasswordCorrect)
}

/// A call is evidence in so many wide ledgers at most: of its network and of its principal.
pub(crate) const OBSERVATIONS_MAX: usize = 2;

/// What a call of a public source adds to the wide ledgers around it.
///
/// Strangers are no principals of the user: anybody's failures may carry their name.
pub(crate) fn observations(
    activity: &ApiActivity<'_>,
    source: &LedgerKey,
    entry: Entry,
    sample: &Sample,
) -> impl Iterator<Item = Observation> {
    let of = |key, entry| {
        let call = Some((entry, sample.clone()));
        Observation { key, call, seen: None, sighting: None, account_day: None }
    };
    // All else that is evidence lies in the ledger of its source alone.
    let is_kept = is_failure(entry.kind()) || is_sign_in(entry.kind());
    let kept = Some(source).filter(|_| is_kept);
    let is_stranger = is_stranger(activity.actor.kind);
    // Of a sign-in nothing but who it was is asked.
    let is_told = !is_sign_in(entry.kind()) || (entry.principal().is_some() && !is_stranger);
    let network = kept.filter(|_| is_told).and_then(LedgerKey::network);
    let network = network.map(|(key, member)| of(key, entry.in_network(member)));
    let principal = entry.principal().filter(|_| !is_stranger);
    let principal = principal.zip(kept.and_then(LedgerKey::fingerprint)).map(|(hash, member)| {
        of(LedgerKey::Principal { cloud: entry.cloud(), hash }, entry.in_principal(member))
    });
    let both: [Option<Observation>; OBSERVATIONS_MAX] = [network, principal];
    both.into_iter().flatten()
}

/// The days on which failed sign-ins from one public source, of those at hand, are a password spray by
/// themselves.
///
/// Each of very many accounts fails there once, and the ledger of each account would be written for
/// what one alert tells. Whoever writes ledgers leaves such entries out ([`leave_out`]), as a flood is
/// left out: without looking at what else there is.
pub fn spray_days(
    source: &LedgerKey,
    entries: &[Entry],
    intelligence: &Intelligence,
    policy: &Policy,
) -> Vec<Day> {
    let failed = entries.iter().filter(|entry| entry.kind() == Kind::LoginFailed);
    let failed: Vec<Entry> = failed.copied().collect();
    if !source.is_public() || failed.len() < 2 {
        return Vec::new();
    }
    let ledger = SourceLedger::default();
    days_of_sprays(&View::new(source, failed, &ledger, intelligence, policy))
}

/// Leaves out of a batch for a principal's ledger the failed sign-ins from some sources on some days.
pub fn leave_out(batch: &mut Batch, sprays: &BTreeSet<(u64, Day)>) {
    let is_told = |kind, member: Option<u64>, time: Timestamp| {
        kind == Kind::LoginFailed && member.is_some_and(|it| sprays.contains(&(it, time.day())))
    };
    batch.entries.retain(|entry| !is_told(entry.kind(), entry.member(), entry.time()));
    batch.samples.retain(|sample| {
        let address = sample.address().parse().ok();
        let member = address.and_then(|ip| LedgerKey::of_public(ip).fingerprint());
        !is_told(sample.kind, member, sample.time)
    });
}

/// The sign-ins of one principal from one network on one day, of a kind. The first of them tells when
/// it came, and the others tell nothing more.
pub(crate) type SignIns = (Option<u64>, u64, Kind, Day);

/// Which of them an entry of a wide ledger is; none of any other.
pub(crate) fn sign_ins(entry: &Entry) -> Option<SignIns> {
    let kind = Some(entry.kind()).filter(|kind| is_sign_in(*kind))?;
    Some((entry.principal(), network_of(entry)?, kind, entry.time().day()))
}

/// Leaves of entries of a wide ledger, which are in order, the first sign-in of each principal,
/// network and day.
pub(crate) fn keep_first_sign_ins(entries: &mut Vec<Entry>) {
    let mut known = HashSet::new();
    entries.retain(|entry| sign_ins(entry).is_none_or(|it| known.insert(it)));
}

/// The network of the member that an entry of a principal's ledger names; the same for all of a
/// network's own.
pub(crate) fn network_of(entry: &Entry) -> Option<u64> {
    entry.member().map(|member| member >> 32)
}

/// What a member did of one kind on one day: it is left out or stays as a whole. Failed sign-ins of
/// applications apart: a burst of one of them is always Low, and would excuse those of people.
pub(crate) type Deeds = (u64, Kind, bool, Day);

/// Whose deeds an entry of a wide ledger is part of; none of any other.
pub(crate) fn deeds(entry: &Entry) -> Option<Deeds> {
    let kind = Some(entry.kind()).filter(|kind| is_failure(*kind))?;
    let is_apart = kind == Kind::LoginFailed && entry.traits().is_application();
    Some((entry.member()?, kind, is_apart, entry.time().day()))
}

/// The calls of a wide ledger but those of members that raise an alert of their own by such calls,
/// that day.
///
/// Each day is taken by itself, so that a part of what was done tells as much as all of it once
/// that part is enough: ledgers need to keep no more.
pub(crate) fn without_alerting(view: &View<'_>) -> Vec<Entry> {
    let mut members: HashMap<Deeds, Vec<Entry>> = HashMap::new();
    for call in &view.calls {
        if let Some(deeds) = deeds(call) {
            members.entry(deeds).or_default().push(*call);
        }
    }
    let is_left_out = |calls| alert_alone(&view.with_calls(calls));
    members.retain(|_, calls| is_left_out(std::mem::take(calls)));
    let calls = view.calls.iter().copied();
    calls.filter(|call| deeds(call).is_none_or(|it| !members.contains_key(&it))).collect()
}
