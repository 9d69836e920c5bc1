//! Sightings: calls that may be the first of their principal from an origin, and those of many
//! that are.
//!
//! Promises to hold no more events than a baseline has firsts, in whatever order they come.

use std::collections::HashMap;

use super::{Baseline, First, Origin, Who};
use crate::activity::{ApiActivity, Outcome};
use crate::detections::new_origin;
use crate::evidence::{Entry, is_stranger, principal_hash};
use crate::intelligence::{Category, Intelligence};
use crate::policy::Policy;
use crate::sample::Sample;
use crate::source::{LedgerKey, Source};
use crate::timestamp::{Day, Timestamp};

/// A call that may be the first of its principal from an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Whose.
    pub principal: u64,
    /// The same in words.
    pub who: Option<Who>,
    /// From where it came.
    pub baseline: Baseline,
    /// The call, as evidence of its source where it is the first.
    pub entry: Entry,
    /// The call in words; none where it is kept in words anyway.
    pub sample: Option<Sample>,
}

impl Sighting {
    /// Whether such a call can teach anything. Only what succeeded: whoever fails may be anybody.
    /// Nothing of strangers, whose identity anybody can have.
    pub(crate) fn is_possible(
        activity: &ApiActivity<'_>,
        intelligence: &Intelligence,
        policy: &Policy,
    ) -> bool {
        matches!(activity.outcome, Outcome::Success | Outcome::LoginSucceeded)
            && matches!(activity.source, Source::Public(_) | Source::Private { .. })
            && (intelligence.country_database().is_some()
                || intelligence.network_database().is_some())
            && !is_stranger(activity.actor.kind)
            && policy.is_enabled(&new_origin::DETECTION)
    }

    /// The sighting of a call at `time` for which that holds; none where its principal is hidden.
    pub(crate) fn of(
        activity: &ApiActivity<'_>,
        time: Timestamp,
        sample: Option<&dyn Fn() -> Sample>,
        intelligence: &Intelligence,
        policy: &Policy,
    ) -> Option<Self> {
        let principal = principal_hash(activity.cloud, activity.actor.uid.as_deref())?;
        let entry = Entry::of_origin(activity, time);
        let origins =
            origins(&activity.source, time.day(), intelligence, policy).into_iter().flatten();
        let first = |origin| First { time, uid: entry.uid(), origin };
        let baseline: Baseline = origins.map(first).collect();
        let sample = sample.filter(|_| baseline.begins_with(&entry)).map(|sample| {
            let mut sample = sample();
            sample.kind = entry.kind();
            sample
        });
        let who = Who::of(activity);
        Some(Self { principal, who, baseline, entry, sample })
    }
}

/// Where a source is, in the words of each database there is.
fn origins(
    source: &Source<'_>,
    day: Day,
    intelligence: &Intelligence,
    policy: &Policy,
) -> [Option<Origin>; 2] {
    let public = match source {
        Source::Public(ip) if policy.trusted_network(*ip, day).is_none() => {
            Some(LedgerKey::of_public(*ip))
        }
        _ => None,
    };
    let is = |key: &LedgerKey, categories: &[Category]| {
        intelligence.categories(key).any(|category| categories.contains(&category))
    };
    // One's own gateway may stand in any country.
    let elsewhere = public.filter(|key| !is(key, &[Category::Own, Category::Trusted]));
    // Where a database says that a cloud's address is changes with its editions.
    let located = elsewhere.as_ref().filter(|key| !is(key, &[Category::Cloud]));
    let country = located.and_then(|key| intelligence.country(key));
    let network = elsewhere.as_ref().and_then(|key| intelligence.autonomous_system(key));
    let network = network.map(|network| network.number);
    [
        intelligence.country_database().map(|_| Origin::Country(country)),
        intelligence.network_database().map(|_| Origin::Network(network)),
    ]
}

/// Of many sightings those that are the first of their principal from an origin.
#[derive(Debug, Default)]
pub struct Sightings(HashMap<u64, OfPrincipal, foldhash::fast::RandomState>);

/// What was seen of one principal.
#[derive(Debug, Default)]
pub struct OfPrincipal {
    /// Who it is.
    pub who: Option<Who>,
    /// From where it called.
    pub baseline: Baseline,
    /// The calls that it begins with: their source, the call, and the call in words.
    pub calls: Vec<(LedgerKey, Entry, Option<Sample>)>,
}

impl Sightings {
    /// Adds a call from a source.
    pub fn add(&mut self, key: &LedgerKey, sighting: Sighting) {
        let Sighting { principal, who, baseline, entry, sample } = sighting;
        let known = self.0.entry(principal).or_default();
        known.who = Who::least(known.who.take(), who);
        if known.baseline.unite(&baseline) {
            known.calls.push((key.clone(), entry, sample));
            known.keep_first();
        }
    }

    /// Adds all of another.
    pub fn unite(&mut self, other: Self) {
        for (principal, mut of_other) in other.0 {
            let known = self.0.entry(principal).or_default();
            known.who = Who::least(known.who.take(), of_other.who);
            known.baseline.unite(&of_other.baseline);
            known.calls.append(&mut of_other.calls);
            known.keep_first();
        }
    }

    /// All of them, by principal, in no order.
    pub fn into_principals(self) -> impl ExactSizeIterator<Item = (u64, OfPrincipal)> {
        self.0.into_iter()
    }
}

impl OfPrincipal {
    /// Keeps the calls that the baseline begins with.
    fn keep_first(&mut self) {
        self.calls.retain(|(_, entry, _)| self.baseline.begins_with(entry));
        // One call may be told alike by two feeds.
        self.calls.sort_unstable();
        self.calls.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
    }
}
