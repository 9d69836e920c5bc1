//! Baselines: from where a principal is used to call, as the first call from each country and from
//! each network.
//!
//! Of each origin the earliest call counts, so uniting what was seen commutes and repeats change
//! nothing. Promises to be small whoever calls from wherever: a principal that is used from more
//! origins than are kept is used from everywhere, and nothing is new to it.
//!
//! An origin is what intelligence said when the call was read. It changes with every edition of a
//! database, and asked again later it would make half of what is known new.

mod first;
mod sighting;
mod who;

pub use self::first::{First, Origin};
pub use self::sighting::{OfPrincipal, Sighting, Sightings};
pub use self::who::Who;
use crate::detections::learning_days;
use crate::evidence::Entry;
use crate::intelligence::CountryCode;
use crate::policy::Policy;
use crate::timestamp::Timestamp;

/// With more countries than these a principal is used from everywhere. Five years of somebody who
/// travels; a service with customers everywhere passes it in days.
pub const COUNTRIES_MAX: usize = 8;
/// The same of networks: of a telephone, some months.
pub const NETWORKS_MAX: usize = 30;
/// A policy may want no less.
pub const LEARNING_DAYS_MIN: u32 = 1;
const DAY_SECS: i64 = 24 * 3600;

/// From where a principal is used to call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// One an origin, by time.
    firsts: Vec<First>,
}

/// What a call is the first sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Its principal was never seen to call from that country.
    Country(CountryCode),
    /// Its principal was never seen to call from that network, of a country that it had called from.
    Network(u32),
    /// Its principal is used from more countries than are kept.
    EveryCountry,
    /// Its principal is used from more networks than are kept.
    EveryNetwork,
}

impl Baseline {
    /// The first call from each origin, by time.
    pub fn firsts(&self) -> &[First] {
        &self.firsts
    }

    /// Whether nothing is known of the principal.
    pub fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }

    /// Adds a call. Whether it is the first from its origin, of those that are kept.
    pub fn add(&mut self, first: First) -> bool {
        if let Some(at) = self.firsts.iter().position(|it| it.origin == first.origin) {
            if self.firsts.get(at).is_some_and(|known| *known <= first) {
                return false;
            }
            self.firsts.remove(at);
        }
        let at = self.firsts.partition_point(|it| *it < first);
        self.firsts.insert(at, first);
        // One more than counts, which is the one that says so.
        let most = first.origin.most() + 1;
        let alike = |it: &First| it.origin.is_place() && it.origin.is_alike(first.origin);
        if self.firsts.iter().filter(|it| alike(it)).count() > most
            && let Some(last) = self.firsts.iter().rposition(alike)
        {
            return self.firsts.remove(last) != first;
        }
        true
    }

    /// Adds all of another. Whether that changed anything.
    pub fn unite(&mut self, other: &Self) -> bool {
        other.firsts.iter().fold(false, |changed, first| self.add(*first) | changed)
    }

    /// What of another would change this one.
    #[must_use]
    pub fn lacks(&self, other: &Self) -> Self {
        let mut whole = self.clone();
        whole.unite(other);
        whole.firsts.retain(|first| !self.firsts.contains(first));
        whole
    }

    /// When the principal was first seen with a database at hand that knows such origins.
    pub fn since(&self, like: Origin) -> Option<Timestamp> {
        self.firsts.iter().find(|first| first.origin.is_alike(like)).map(|first| first.time)
    }

    /// Whether a call is the first from any origin.
    pub fn begins_with(&self, call: &Entry) -> bool {
        self.made_by(call).next().is_some()
    }

    /// What a call is the first sign of, where it is learned for so long.
    pub fn news(&self, call: &Entry, learning_days: u32) -> Option<News> {
        // A call from a new country is as a rule one from a new network too.
        self.made_by(call).find_map(|first| self.news_of(first, learning_days))
    }

    /// Whether a call is the first sign of anything, and is to be told.
    pub fn is_news(&self, call: &Entry, policy: &Policy) -> bool {
        learning_days(policy).and_then(|days| self.news(call, days)).is_some()
    }

    fn made_by(&self, call: &Entry) -> impl Iterator<Item = &First> {
        let (time, uid) = (call.time(), call.uid());
        let made = self.firsts.iter().filter(move |it| it.time == time && it.uid == uid);
        made.filter(|it| it.origin.is_place())
    }

    fn news_of(&self, first: &First, learning_days: u32) -> Option<News> {
        let until = |like: Origin| {
            let before = self.firsts.iter().take_while(move |it| *it <= first);
            before.filter(move |it| it.origin.is_place() && it.origin.is_alike(like)).count()
        };
        let countries = until(Origin::Country(None));
        let networks = until(Origin::Network(None));
        if countries > COUNTRIES_MAX {
            let is_last = matches!(first.origin, Origin::Country(_));
            return is_last.then_some(News::EveryCountry);
        }
        if matches!(first.origin, Origin::Network(_)) && networks > NETWORKS_MAX {
            return Some(News::EveryNetwork);
        }
        let learning_secs = i64::from(learning_days) * DAY_SECS;
        let has_learned = self.since(first.origin)?.plus_secs(learning_secs) <= first.time;
        match first.origin {
            Origin::Country(Some(country)) if has_learned => Some(News::Country(country)),
            Origin::Network(Some(network)) if has_learned => Some(News::Network(network)),
            _ => None,
        }
    }

    /// The origins like one that were known before a call, the first first.
    pub fn before(&self, call: &Entry, like: Origin) -> impl Iterator<Item = Origin> {
        let (time, uid) = (call.time(), call.uid());
        let before = self.firsts.iter().take_while(move |it| (it.time, it.uid) < (time, uid));
        let alike = before.filter(move |it| it.origin.is_place() && it.origin.is_alike(like));
        alike.map(|first| first.origin)
    }
}

impl FromIterator<First> for Baseline {
    fn from_iter<I: IntoIterator<Item = First>>(firsts: I) -> Self {
        let mut baseline = Self::default();
        for first in firsts {
            baseline.add(first);
        }
        baseline
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activity::Outcome;
    use crate::evidence::tests::call;

    const DAY: i64 = 86_400_000;

    fn country(code: &str) -> Origin {
        Origin::Country(Some(code.parse().unwrap()))
    }

    fn first(millis: i64, uid: u64, origin: Origin) -> First {
        First { time: Timestamp::from_millis(millis).unwrap(), uid, origin }
    }

    /// The call `n` at a time, and its firsts from origins.
    fn seen(n: u32, millis: i64, origins: &[Origin]) -> (Entry, Vec<First>) {
        let activity = call(&format!("e-{n}"), millis, Outcome::Success);
        let entry = Entry::of_call(&activity, activity.time.unwrap());
        let firsts = origins.iter().map(|it| first(millis, entry.uid(), *it)).collect();
        (entry, firsts)
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(
            drawn in proptest::collection::vec((0..40_i64, 0..3_u64, 0..90_u32), 0..120),
            cut in 0..120_usize,
        ) {
            let codes = ["DE", "FR", "US", "BR", "JP", "IN", "ZA", "AU", "CN", "KR", "GB", "CA"];
            let origin = |n: u32| match usize::try_from(n).unwrap() {
                0 => Origin::Country(None),
                1 => Origin::Network(None),
                n if n % 2 == 0 => country(codes[n / 2 % codes.len()]),
                _ => Origin::Network(Some(n)),
            };
            let firsts: Vec<First> =
                drawn.iter().map(|(time, uid, of)| first(*time, *uid, origin(*of))).collect();
            let whole: Baseline = firsts.iter().copied().collect();
            let (a, b) = firsts.split_at(cut.min(firsts.len()));
            let (a, mut b): (Baseline, Baseline) =
                (a.iter().copied().collect(), b.iter().rev().copied().collect());
            let lacking = b.lacks(&a);
            prop_assert_eq!(b.clone().unite(&a), !lacking.is_empty());
            b.unite(&lacking);
            prop_assert_eq!(&b, &whole);
            prop_assert!(!b.unite(&a));
            prop_assert!(whole.firsts().len() <= COUNTRIES_MAX + NETWORKS_MAX + 4);
        }
    }

    #[test]
    fn a_country_is_news_after_learning() {
        let (de, br) = (country("DE"), country("BR"));
        let code = "BR".parse().unwrap();
        for (millis, expected) in [
            (14 * DAY - 1, None),
            (14 * DAY, Some(News::Country(code))),
            (90 * DAY, Some(News::Country(code))),
        ] {
            let (_, mut firsts) = seen(1, 0, &[de]);
            let (entry, new) = seen(2, millis, &[br, Origin::Network(Some(7))]);
            firsts.extend(new);
            let baseline: Baseline = firsts.into_iter().collect();
            assert_eq!(baseline.news(&entry, 14), expected, "{millis}");
            assert_eq!(baseline.before(&entry, de).collect::<Vec<_>>(), [de]);
        }
    }

    /// A database that comes later makes nobody new, nor does a place that teaches nothing.
    #[test]
    fn each_database_learns_by_itself() {
        let mut baseline: Baseline =
            seen(1, 0, &[Origin::Network(Some(7))]).1.into_iter().collect();
        let (entry, new) = seen(2, 30 * DAY, &[country("DE"), Origin::Network(Some(7))]);
        baseline.unite(&new.into_iter().collect());
        assert_eq!(baseline.news(&entry, 14), None);
        let mut baseline: Baseline = seen(1, 0, &[Origin::Country(None)]).1.into_iter().collect();
        let (entry, new) = seen(2, 30 * DAY, &[country("DE")]);
        baseline.unite(&new.into_iter().collect());
        let code = "DE".parse().unwrap();
        assert_eq!(baseline.news(&entry, 14), Some(News::Country(code)));
    }

    #[test]
    fn everywhere_is_said_once() {
        let codes = ["DE", "FR", "US", "BR", "JP", "IN", "ZA", "AU", "CN", "KR", "GB"];
        let mut baseline = Baseline::default();
        let mut told = Vec::new();
        for (n, code) in (0_u32..).zip(codes) {
            let network = Origin::Network(Some(n + 1));
            let (entry, new) = seen(n, i64::from(n) * 20 * DAY, &[country(code), network]);
            baseline.unite(&new.into_iter().collect());
            told.push(baseline.news(&entry, 14));
        }
        let new = |code: &str| Some(News::Country(code.parse().unwrap()));
        assert_eq!(told[0], None);
        let codes = codes[1..COUNTRIES_MAX].iter().map(|code| new(code)).collect::<Vec<_>>();
        assert_eq!(told[1..COUNTRIES_MAX], codes);
        assert_eq!(told[COUNTRIES_MAX..], [Some(News::EveryCountry), None, None]);
    }

    #[test]
    fn many_networks_say_nothing_of_countries() {
        let mut baseline = Baseline::default();
        let mut told = Vec::new();
        for n in 0..40_u32 {
            let origins = [country("DE"), Origin::Network(Some(n + 1))];
            let (entry, new) = seen(n, i64::from(n) * 20 * DAY, &origins);
            baseline.unite(&new.into_iter().collect());
            told.push(baseline.news(&entry, 14));
        }
        assert_eq!(told[1], Some(News::Network(2)));
        assert_eq!(
            told[NETWORKS_MAX - 1..][..3],
            [Some(News::Network(30)), Some(News::EveryNetwork), None]
        );
        let (entry, new) = seen(99, 900 * DAY, &[country("BR"), Origin::Network(Some(99))]);
        baseline.unite(&new.into_iter().collect());
        let code = "BR".parse().unwrap();
        assert_eq!(baseline.news(&entry, 14), Some(News::Country(code)));
    }
}
