//! Samples: the few calls of a source that are kept in words, since hashes name nobody.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::activity::{ApiActivity, Cloud};
use crate::evidence::{self, Kind, cloud_byte, cloud_from_byte, operation_hash, principal_hash};
use crate::hash;
use crate::source::LedgerKey;
use crate::timestamp::{Day, Timestamp};

/// A source with much evidence has its samples chosen anew again and again.
type Map<K, V> = HashMap<K, V, RandomState>;

/// The format of a stored sample; the first byte of each.
const VERSION: u8 = 2;
/// The format before it, which has no credential. Samples of it are stored, and still read.
const VERSION_WITHOUT_CREDENTIAL: u8 = 1;

/// How the identifier of an access key of AWS begins that lasts, of which a user has two at most.
/// Sessions have keys of their own, as many as there are sessions:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes>.
const LASTING_KEY: &str = "AKIA";

/// How many samples are kept of a source and day.
pub const SAMPLES_PER_DAY: usize = 12;
/// How many are kept of a network or a principal and day, until it is known which to tell of.
const WIDE_SAMPLES_PER_DAY: usize = 20 * SAMPLES_PER_DAY;
/// How many are kept of a day that differ in nothing but time and event: more would tell no more.
const ALIKE_MAX: u32 = 3;

/// The longest text kept; what is longer is cut. Long enough for an ARN with a path.
const TEXT_MAX_BYTES: usize = 256;
/// Of a longer name of a resource, the room for its end, which tells it from others.
const TAIL_MAX_BYTES: usize = 96;
/// What stands for what was left out between.
const LEFT_OUT: &str = "\u{2026}";
/// Longer than any real event identifier or operation.
const HASHED_MAX_BYTES: usize = 2048;

/// One call, in words. Its texts are written by whoever made the call: escape them for where they go.
///
/// All texts lie in one piece, since a scan may keep a sample of each of very many sources, which
/// the ledgers that one call is evidence in share. They follow the sample's time, kind and cloud in
/// its order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sample {
    weight: Weight,
    /// When it happened.
    pub time: Timestamp,
    /// What it is evidence of.
    pub kind: Kind,
    /// The cloud that recorded it.
    pub cloud: Cloud,
    texts: Arc<str>,
    ends: [u16; Text::COUNT],
}

/// What is kept first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Weight {
    /// It touched what the policy calls a critical asset.
    Critical,
    /// Any other.
    Ordinary,
}

/// The texts of a sample, in the order they lie in.
#[derive(Clone, Copy)]
enum Text {
    Uid,
    Address,
    Principal,
    Name,
    Service,
    Operation,
    Account,
    Region,
    Resource,
    UserAgent,
    StatusCode,
    Credential,
}

impl Text {
    const COUNT: usize = Self::Credential as usize + 1;
}

impl Sample {
    /// The sample of a call at `time` from `address`, which touched a critical asset or did not.
    pub fn of(
        activity: &ApiActivity<'_>,
        time: Timestamp,
        address: &str,
        is_critical: bool,
    ) -> Self {
        let resource = shortened(activity.resource.as_deref().unwrap_or_default());
        let parts: [&str; Text::COUNT] = [
            // These two are hashed in entries, which a sample is told from.
            cut(&activity.uid, HASHED_MAX_BYTES),
            address,
            brief(activity.actor.uid.as_ref()),
            brief(activity.actor.name.as_ref()),
            brief(Some(&activity.service)),
            cut(&activity.operation, HASHED_MAX_BYTES),
            brief(activity.account.as_ref()),
            brief(activity.region.as_ref()),
            &resource,
            brief(activity.user_agent.as_ref()),
            brief(activity.status_code.as_ref()),
            brief(activity.actor.credential.as_ref()),
        ];
        let mut texts = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            texts.push_str(part);
            u16::try_from(texts.len()).unwrap_or(u16::MAX)
        });
        Self {
            weight: if is_critical { Weight::Critical } else { Weight::Ordinary },
            time,
            kind: activity.outcome.into(),
            cloud: activity.cloud,
            texts: texts.into(),
            ends,
        }
    }

    /// The bytes to store: version, weight, time, kind, cloud, the end of each text, the texts.
    /// Numbers are big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.weight as u8];
        bytes.extend(self.time.millis().to_be_bytes());
        bytes.extend([self.kind as u8, cloud_byte(self.cloud)]);
        bytes.extend(self.ends.iter().flat_map(|end| end.to_be_bytes()));
        bytes.extend(self.texts.as_bytes());
        bytes
    }

    /// Reads a stored sample; none where its version or content is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, bytes) = bytes.split_first_chunk::<2>()?;
        let (time, bytes) = bytes.split_first_chunk::<8>()?;
        let (what, bytes) = bytes.split_first_chunk::<2>()?;
        let [version, weight] = *head;
        let count = match version {
            VERSION => Text::COUNT,
            VERSION_WITHOUT_CREDENTIAL => Text::Credential as usize,
            _ => return None,
        };
        let weight = match weight {
            0 => Weight::Critical,
            1 => Weight::Ordinary,
            _ => return None,
        };
        let [kind, cloud] = *what;
        let (ends, texts) = bytes.split_at_checked(2 * count)?;
        let texts = str::from_utf8(texts).ok()?;
        let mut ends = ends.as_chunks().0.iter();
        let (mut places, mut end) = ([0; Text::COUNT], 0);
        for place in &mut places {
            // A text that is not stored is empty: it ends where the one before it does.
            end = ends.next().map_or(end, |end| u16::from_be_bytes(*end));
            *place = end;
        }
        let is_sound = places.is_sorted()
            && places.iter().all(|end| texts.is_char_boundary((*end).into()))
            && places.last().is_some_and(|end| usize::from(*end) == texts.len());
        let sample = Self {
            weight,
            time: Timestamp::from_millis(i64::from_be_bytes(*time))?,
            kind: Kind::from_byte(kind)?,
            cloud: cloud_from_byte(cloud)?,
            texts: texts.into(),
            ends: places,
        };
        is_sound.then_some(sample)
    }

    /// The provider's identifier of the event.
    pub fn uid(&self) -> &str {
        self.text(Text::Uid)
    }

    /// The address, or what stands in its place.
    pub fn address(&self) -> &str {
        self.text(Text::Address)
    }

    /// The principal's stable identity.
    pub fn principal(&self) -> Option<&str> {
        self.optional(Text::Principal)
    }

    /// What a person calls the principal.
    pub fn name(&self) -> Option<&str> {
        self.optional(Text::Name)
    }

    /// The service called.
    pub fn service(&self) -> &str {
        self.text(Text::Service)
    }

    /// The operation called.
    pub fn operation(&self) -> &str {
        self.text(Text::Operation)
    }

    /// Account, subscription or project.
    pub fn account(&self) -> Option<&str> {
        self.optional(Text::Account)
    }

    /// The region.
    pub fn region(&self) -> Option<&str> {
        self.optional(Text::Region)
    }

    /// The resource it was about.
    pub fn resource(&self) -> Option<&str> {
        self.optional(Text::Resource)
    }

    /// Whether it touched a critical asset whose name is too long to be kept whole.
    pub(crate) fn touched_critical_of_long_name(&self) -> bool {
        let is_shortened = |it: &str| it.len() > TEXT_MAX_BYTES / 2 && it.contains(LEFT_OUT);
        self.weight == Weight::Critical && self.resource().is_some_and(is_shortened)
    }

    /// What the caller says it is.
    pub fn user_agent(&self) -> Option<&str> {
        self.optional(Text::UserAgent)
    }

    /// The provider's code for how it ended.
    pub fn status_code(&self) -> Option<&str> {
        self.optional(Text::StatusCode)
    }

    /// The identifier of the access key it was called with.
    pub fn credential(&self) -> Option<&str> {
        self.optional(Text::Credential)
    }

    /// That of an access key which lasts until somebody ends it.
    pub fn lasting_key(&self) -> Option<&str> {
        self.credential().filter(|key| key.starts_with(LASTING_KEY))
    }

    /// The fingerprint of its event, as entries hold it.
    pub fn uid_hash(&self) -> u64 {
        hash::of_parts(&[self.cloud.name(), self.uid()])
    }

    /// Whether it tells the same as an entry of a ledger: of one event that feeds tell differently,
    /// one entry is counted, and only that one's sample may be shown.
    pub fn tells(&self, entry: &evidence::Entry, ledger: &LedgerKey) -> bool {
        let principal = entry.principal_within(ledger);
        entry.uid() == self.uid_hash()
            && entry.time() == self.time
            && entry.kind() == self.kind
            && entry.operation() == operation_hash(self.operation())
            && self
                .principal()
                .is_none_or(|uid| is_cut(uid) || principal == principal_hash(self.cloud, Some(uid)))
    }

    /// What it tells but which event it was, and when, and which session: a workload has a new one
    /// every few hours, and would fill the day with calls that are alike.
    fn words(&self) -> (Kind, Cloud, &str, Option<&str>) {
        let words = self.texts.get(self.end(Text::Uid)..self.end(Text::StatusCode));
        (self.kind, self.cloud, words.unwrap_or_default(), self.lasting_key())
    }

    fn text(&self, text: Text) -> &str {
        let place = text as usize;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        self.texts.get(usize::from(*start)..self.end(text)).unwrap_or_default()
    }

    fn end(&self, text: Text) -> usize {
        self.ends.get(text as usize).copied().unwrap_or_default().into()
    }

    fn optional(&self, text: Text) -> Option<&str> {
        Some(self.text(text)).filter(|text| !text.is_empty())
    }
}

/// Whether a text may have been longer.
fn is_cut(text: &str) -> bool {
    text.len() > TEXT_MAX_BYTES - char::MAX_LEN_UTF8
}

/// A text as it is kept in words.
pub(crate) fn brief<'a>(text: Option<&'a Cow<'_, str>>) -> &'a str {
    cut(text.map_or("", |text| text.as_ref()), TEXT_MAX_BYTES)
}

/// The name of a resource as it is kept: of a long one the start, where it lies, and the end, what it
/// is.
fn shortened(name: &str) -> Cow<'_, str> {
    if name.len() <= TEXT_MAX_BYTES {
        return Cow::Borrowed(name);
    }
    let start = cut(name, TEXT_MAX_BYTES - TAIL_MAX_BYTES - LEFT_OUT.len());
    let end = name.get(name.ceil_char_boundary(name.len() - TAIL_MAX_BYTES)..).unwrap_or_default();
    Cow::Owned([start, LEFT_OUT, end].concat())
}

fn cut(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or_default()
}

/// Keeps the best ([`keep_best`]) of each source by itself: of a wide ledger, of which it shows only at
/// the end whose calls are left out. Of a day with very many sources first one of each, then a second
/// of each, and so on, for as long as there is room; among sources by their order, so that here too it
/// is the same to keep of parts first.
pub fn keep_best_of_each(samples: &mut Vec<Sample>) {
    keep_of_each(samples, WIDE_SAMPLES_PER_DAY);
}

fn keep_of_each(samples: &mut Vec<Sample>, room_of_day: usize) {
    if samples.len() < 2 {
        return;
    }
    samples.sort_unstable();
    samples.dedup();
    let mut days: Map<Day, Map<Option<LedgerKey>, Vec<Sample>>> = Map::default();
    for sample in samples.drain(..) {
        let source = sample.address().parse().ok().map(LedgerKey::of_public);
        let of_day = days.entry(sample.time.day()).or_default();
        of_day.entry(source).or_default().push(sample);
    }
    for (_, sources) in days {
        let mut ranked: Vec<(usize, Option<LedgerKey>, Sample)> = Vec::new();
        for (source, of_one) in sources {
            let places = best_of_day(of_one).enumerate();
            ranked.extend(places.map(|(place, sample)| (place, source.clone(), sample)));
        }
        ranked.sort_unstable();
        ranked.truncate(room_of_day);
        samples.extend(ranked.into_iter().map(|(_, _, sample)| sample));
    }
    samples.sort_unstable();
}

/// Keeps the samples of each day that tell most: first one of each kind, successes first, then a
/// second of each, and so on; within a kind what touched a critical asset first, then one of each
/// principal, then the earliest. Of those that are alike, the earliest three.
///
/// This is a total order of the samples' content. Keeping the best of all is the same as keeping
/// the best of the best of its parts, so it does not matter in which order or in how many batches
/// samples came.
pub fn keep_best(samples: &mut Vec<Sample>) {
    // Most sources have one.
    if samples.len() < 2 {
        return;
    }
    samples.sort_unstable();
    samples.dedup();
    let mut days: Map<Day, Vec<Sample>> = Map::default();
    for sample in samples.drain(..) {
        days.entry(sample.time.day()).or_default().push(sample);
    }
    for (_, of_day) in days {
        samples.extend(best_of_day(of_day));
    }
    samples.sort_unstable();
}

/// `of_day` in order.
fn best_of_day(mut of_day: Vec<Sample>) -> impl Iterator<Item = Sample> {
    let mut alike: Map<_, u32> = Map::default();
    let is_new: Vec<bool> =
        of_day.iter().map(|sample| next(alike.entry(sample.words())) <= ALIKE_MAX).collect();
    let mut is_new = is_new.into_iter();
    of_day.retain(|_| is_new.next().unwrap_or(true));
    // Place of each sample among those of its kind, weight and principal: 1 for the earliest.
    let mut of_principal: Map<(Kind, Weight, Option<&str>), u32> = Map::default();
    let places = of_day
        .iter()
        .map(|sample| next(of_principal.entry((sample.kind, sample.weight, sample.principal()))));
    let places: Vec<u32> = places.collect();
    let mut ranked: Vec<(u32, Sample)> = places.into_iter().zip(of_day).collect();
    ranked.sort_unstable_by(|a, b| (a.1.weight, a.0, &a.1).cmp(&(b.1.weight, b.0, &b.1)));
    // Place of each among those of its kind, in that order: kinds take turns, and of two samples no
    // two have both in common.
    let mut of_kind: Map<Kind, u32> = Map::default();
    for (place, sample) in &mut ranked {
        *place = next(of_kind.entry(sample.kind));
    }
    ranked.sort_unstable_by_key(|(place, sample)| (*place, sample.kind));
    ranked.truncate(SAMPLES_PER_DAY);
    ranked.into_iter().map(|(_, sample)| sample)
}

fn next<K>(count: Entry<'_, K, u32>) -> u32 {
    *count.and_modify(|count| *count += 1).or_insert(1)
}

#[cfg(test)]
mod tests;
