//! Samples: the few calls of a source that are kept in words, since hashes name nobody.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::activity::{ApiActivity, Cloud};
use crate::evidence::{self, Kind, operation_hash, principal_hash};
use crate::hash;
use crate::timestamp::Timestamp;

/// How many samples are kept of a source and day.
pub const SAMPLES_PER_DAY: usize = 12;

/// The longest text kept; what is longer is cut. Long enough for an ARN with a path.
const TEXT_MAX_BYTES: usize = 256;

/// One call, in words. Its texts are written by whoever made the call: escape them for where they go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sample {
    /// When it happened.
    pub time: Timestamp,
    /// What it is evidence of.
    pub kind: Kind,
    /// The cloud that recorded it.
    pub cloud: Cloud,
    /// The provider's identifier of the event.
    pub uid: Box<str>,
    /// The address, or what stands in its place.
    pub address: Box<str>,
    /// The principal's stable identity.
    pub principal: Option<Box<str>>,
    /// What a person calls the principal.
    pub name: Option<Box<str>>,
    /// The service called.
    pub service: Box<str>,
    /// The operation called.
    pub operation: Box<str>,
    /// Account, subscription or project.
    pub account: Option<Box<str>>,
    /// The region.
    pub region: Option<Box<str>>,
    /// The resource it was about.
    pub resource: Option<Box<str>>,
    /// What the caller says it is.
    pub user_agent: Option<Box<str>>,
    /// The provider's code for how it ended.
    pub status_code: Option<Box<str>>,
}

impl Sample {
    /// The sample of a call at `time` from `address`.
    pub fn of(activity: &ApiActivity<'_>, time: Timestamp, address: &str) -> Self {
        let cut_option = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(cut);
        Self {
            time,
            kind: activity.outcome.into(),
            cloud: activity.cloud,
            uid: cut(&activity.uid),
            address: cut(address),
            principal: cut_option(&activity.actor.uid),
            name: cut_option(&activity.actor.name),
            service: cut(&activity.service),
            operation: cut(&activity.operation),
            account: cut_option(&activity.account),
            region: cut_option(&activity.region),
            resource: cut_option(&activity.resource),
            user_agent: cut_option(&activity.user_agent),
            status_code: cut_option(&activity.status_code),
        }
    }

    /// The fingerprint of its event, as entries hold it.
    pub fn uid_hash(&self) -> u64 {
        hash::of_parts(&[self.cloud.name(), &self.uid])
    }

    /// Whether it tells the same as an entry: of one event that feeds tell differently, one entry
    /// is counted, and only that one's sample may be shown.
    pub fn tells(&self, entry: &evidence::Entry) -> bool {
        entry.uid() == self.uid_hash()
            && entry.time() == self.time
            && entry.kind() == self.kind
            && entry.operation() == operation_hash(&self.operation)
            && self.principal.as_deref().is_none_or(|uid| {
                is_cut(uid) || entry.principal() == principal_hash(self.cloud, Some(uid))
            })
    }
}

/// Whether a text may have been longer.
fn is_cut(text: &str) -> bool {
    text.len() > TEXT_MAX_BYTES - char::MAX_LEN_UTF8
}

fn cut(text: &str) -> Box<str> {
    let end = text.floor_char_boundary(TEXT_MAX_BYTES);
    text.get(..end).unwrap_or_default().into()
}

/// Keeps the samples of each day that tell most: first one of each kind and cloud, successes first,
/// then a second of each, and so on; within a kind one of each principal first, then the earliest.
///
/// This is a total order of the samples' content. Keeping the best of all is the same as keeping
/// the best of the best of its parts, so it does not matter in which order or in how many batches
/// samples came.
pub fn keep_best(samples: &mut Vec<Sample>) {
    samples.sort_unstable();
    samples.dedup();
    let mut days: HashMap<_, Vec<Sample>> = HashMap::new();
    for sample in samples.drain(..) {
        days.entry(sample.time.day()).or_default().push(sample);
    }
    for (_, of_day) in days {
        samples.extend(best_of_day(of_day));
    }
    samples.sort_unstable();
}

/// `of_day` in order of time.
fn best_of_day(of_day: Vec<Sample>) -> impl Iterator<Item = Sample> {
    // Place of each sample among those of its kind, cloud and principal: 1 for the earliest.
    let mut of_principal: HashMap<(Kind, Cloud, Option<&str>), u32> = HashMap::new();
    let places = of_day.iter().map(|sample| {
        let count = of_principal.entry((sample.kind, sample.cloud, sample.principal.as_deref()));
        next(count)
    });
    let places: Vec<u32> = places.collect();
    let mut ranked: Vec<(u32, Sample)> = places.into_iter().zip(of_day).collect();
    ranked.sort_unstable();
    // Place of each among those of its kind and cloud, in that order.
    let mut of_kind: HashMap<(Kind, Cloud), u32> = HashMap::new();
    for (place, sample) in &mut ranked {
        *place = next(of_kind.entry((sample.kind, sample.cloud)));
    }
    ranked.sort_unstable_by(|a, b| (a.0, a.1.kind, &a.1).cmp(&(b.0, b.1.kind, &b.1)));
    ranked.truncate(SAMPLES_PER_DAY);
    ranked.into_iter().map(|(_, sample)| sample)
}

fn next<K>(count: Entry<'_, K, u32>) -> u32 {
    *count.and_modify(|count| *count += 1).or_insert(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(time: i64, kind: Kind, principal: u8) -> Sample {
        let mut activity = crate::evidence::tests::call(
            &format!("e-{time}"),
            time,
            crate::activity::Outcome::Success,
        );
        activity.actor.uid = Some(format!("p-{principal}").into());
        let mut sample =
            Sample::of(&activity, Timestamp::from_millis(time).unwrap(), "203.0.113.7");
        sample.kind = kind;
        sample
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(
            drawn in proptest::collection::vec((0..200_000_000_i64, 0..8_usize, 0..5_u8), 0..120),
            cut in 0..120_usize,
        ) {
            let samples: Vec<Sample> =
                drawn.iter().map(|(time, kind, who)| sample(*time, Kind::ALL[*kind], *who)).collect();
            let mut whole = samples.clone();
            keep_best(&mut whole);
            let (a, b) = samples.split_at(cut.min(samples.len()));
            let (mut a, mut b) = (a.to_vec(), b.to_vec());
            keep_best(&mut a);
            keep_best(&mut b);
            b.extend(a);
            keep_best(&mut b);
            prop_assert_eq!(whole, b);
        }
    }

    #[test]
    fn every_kind_is_told() {
        let mut samples: Vec<Sample> = (0..900)
            .map(|n| sample(n, Kind::LoginSucceeded, u8::try_from(n % 250).unwrap()))
            .collect();
        samples.extend(
            (900..930).map(|n| sample(n, Kind::LoginFailed, u8::try_from(n % 25).unwrap())),
        );
        keep_best(&mut samples);
        assert_eq!(samples.len(), SAMPLES_PER_DAY);
        let failed: Vec<_> = samples.iter().filter(|it| it.kind == Kind::LoginFailed).collect();
        assert_eq!(failed.len(), SAMPLES_PER_DAY / 2);
        let names: std::collections::HashSet<_> = failed.iter().map(|it| &it.principal).collect();
        assert_eq!(names.len(), failed.len());
    }
}
