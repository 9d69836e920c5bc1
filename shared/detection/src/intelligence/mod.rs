//! The enrich step: what is known of an address. Which lists name it, in which country it lies, and
//! in whose network.
//!
//! Lists and databases come as bytes and become one immutable value that answers in tens of
//! nanoseconds. Promises that every list which names an address is reported, that what is not
//! known is said to be unknown, and that only public addresses are ever looked up. Does no I/O, and
//! must not know what a hit is worth.

mod address;
mod aligned;
mod block;
mod buckets;
mod builder;
mod category;
mod chain;
mod compiled;
pub(crate) mod country;
mod database;
mod input;
mod json;
mod layout;
mod list;
mod list_info;
mod network;
mod published;
mod ranges;
mod table;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

pub(crate) use self::block::prefix as parse_prefix;
pub(crate) use self::builder::Bounds;
pub use self::builder::{Builder, ListError};
pub use self::category::{Category, UnknownCategory};
use self::chain::{Chain, Link};
use self::compiled::Compiled;
pub use self::compiled::CompiledError;
use self::country::Countries;
pub use self::country::{CountryCode, UnknownCountry};
pub use self::database::DatabaseError;
pub use self::list::{ListFault, RefusedLine};
pub use self::list_info::ListInfo;
pub use self::network::AutonomousSystem;
use self::network::Networks;
pub(crate) use self::ranges::Ranges;
use crate::activity::Cloud;
use crate::source::LedgerKey;

/// What is known of addresses. Empty by default: then nothing is known of any.
#[derive(Default)]
pub struct Intelligence {
    compiled: Compiled,
    countries: Option<Countries>,
    networks: Option<Networks>,
}

/// That a list names an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The list.
    pub list: &'a ListInfo,
    /// What the address is accused of: the list's category, or what the level makes of it.
    pub category: Category,
    /// How many lists name the address, where the list says; 254 stands for that many or more.
    pub level: Option<u32>,
    /// The prefix as the list has it.
    pub prefix: IpNet,
}

impl Intelligence {
    /// Starts with nothing known.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Takes the bytes of a compiled file, which are used as they are.
    ///
    /// # Errors
    ///
    /// When they are no compiled file, or a damaged one, or one of another version.
    pub fn load(bytes: impl Into<Vec<u8>>) -> Result<Self, CompiledError> {
        Self::builder().compiled(bytes).map(Builder::build)
    }

    /// The compiled lists, as [`Intelligence::load`] takes them; the databases are files of their
    /// own. The same lists give the same bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.compiled.bytes.file()
    }

    /// The lists that name a public key, the longest prefix first, one hit a list. None for other
    /// keys. A key of IPv6 is its /64, and is named when any prefix overlaps it.
    pub fn hits(&self, key: &LedgerKey) -> impl Iterator<Item = Hit<'_>> {
        let (mut first, mut others): (Option<u16>, Vec<u16>) = (None, Vec::new());
        let key = Lookup::of(key);
        self.chain(key).filter_map(move |(link, place)| {
            match first {
                None => first = Some(link.list),
                Some(first) if first == link.list || others.contains(&link.list) => return None,
                Some(_) => others.push(link.list),
            }
            self.hit(key, link, place)
        })
    }

    /// All prefixes that hold an address, or another of its /64, the longest first.
    pub fn named(&self, ip: IpAddr) -> Vec<Hit<'_>> {
        let key = Lookup::of(&LedgerKey::of_public(ip.to_canonical()));
        self.chain(key).filter_map(|(link, place)| self.hit(key, link, place)).collect()
    }

    /// Whether any list names a key.
    #[inline]
    pub fn is_listed(&self, key: &LedgerKey) -> bool {
        let Compiled { bytes, v4, v6, .. } = &self.compiled;
        let bytes = bytes.room();
        match Lookup::of(key) {
            Lookup::V4(bits) => v4.holds(bytes, bits),
            Lookup::V6(upper) => v6.holds(bytes, upper),
            Lookup::None => false,
        }
    }

    /// What lists say of a key, as often as they say it.
    pub(crate) fn categories(&self, key: &LedgerKey) -> impl Iterator<Item = Category> {
        self.chain(Lookup::of(key)).filter_map(|(link, _)| {
            self.lists().get(usize::from(link.list))?.category.at_level(link.level.map(u32::from))
        })
    }

    /// What holds a key, the longest prefix first.
    #[inline]
    fn chain(&self, key: Lookup) -> Chain<'_> {
        let Compiled { bytes, v4, v6, .. } = &self.compiled;
        let bytes = bytes.room();
        match key {
            Lookup::V4(bits) => v4.around(bytes, bits),
            Lookup::V6(upper) => v6.around(bytes, upper),
            Lookup::None => Chain::default(),
        }
    }

    #[inline]
    fn hit(&self, key: Lookup, link: Link, place: usize) -> Option<Hit<'_>> {
        let Compiled { bytes, v4, v6, lists } = &self.compiled;
        let bytes = bytes.room();
        let length = link.length;
        let prefix = match key {
            Lookup::V4(bits) => block::v4_prefix(v4.start(bytes, bits, length, place), length),
            Lookup::V6(upper) => block::v6_prefix(v6.start(bytes, upper, length, place), length),
            Lookup::None => return None,
        };
        let list = lists.get(usize::from(link.list))?;
        let level = link.level.map(u32::from);
        let category = list.category.at_level(level)?;
        Some(Hit { list, category, level, prefix })
    }

    /// Every prefix of every list, with its list.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = (&ListInfo, IpNet)> {
        let Compiled { bytes, v4, v6, lists } = &self.compiled;
        let bytes = bytes.room();
        let v4 = v4.entries(bytes).map(|it| (it.list, block::v4_prefix(it.start, it.length)));
        let v6 = v6.entries(bytes).map(|it| (it.list, block::v6_prefix(it.start, it.length)));
        v4.chain(v6).filter_map(|(list, prefix)| Some((lists.get(usize::from(list))?, prefix)))
    }

    /// The country a public key lies in, where it is known.
    pub fn country(&self, key: &LedgerKey) -> Option<CountryCode> {
        self.countries.as_ref()?.of(key.public_address()?)
    }

    /// The network a public key lies in, where it is known.
    pub fn autonomous_system(&self, key: &LedgerKey) -> Option<AutonomousSystem> {
        self.networks.as_ref()?.of(key.public_address()?)
    }

    /// Whether a cloud's published ranges are known.
    pub fn has_ranges_of(&self, cloud: Cloud) -> bool {
        self.lists().iter().any(|list| list.cloud == Some(cloud))
    }

    /// What was loaded of each list, in the order they were given.
    pub fn lists(&self) -> &[ListInfo] {
        &self.compiled.lists
    }

    /// Takes the database of countries of another, in the place of its own.
    pub fn take_countries(&mut self, other: &mut Self) {
        self.countries = other.countries.take();
    }

    /// The same of the database of networks.
    pub fn take_networks(&mut self, other: &mut Self) {
        self.networks = other.networks.take();
    }

    /// What the country database calls itself, and when it was built in seconds since 1970; none
    /// where there is no database, and every country is unknown.
    pub fn country_database(&self) -> Option<(&str, u64)> {
        self.countries.as_ref().map(Countries::edition)
    }

    /// The same of the database of networks.
    pub fn network_database(&self) -> Option<(&str, u64)> {
        self.networks.as_ref().map(Networks::edition)
    }
}

impl fmt::Debug for Intelligence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intelligence").field("lists", &self.lists()).finish_non_exhaustive()
    }
}

/// What is looked up of a key.
#[derive(Clone, Copy)]
enum Lookup {
    None,
    V4(u32),
    V6(u64),
}

impl Lookup {
    #[inline]
    fn of(key: &LedgerKey) -> Self {
        match key {
            LedgerKey::V4(ip) => Self::V4(ip.to_bits()),
            LedgerKey::V6Net(upper) => Self::V6(*upper),
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> LedgerKey {
        LedgerKey::of_public(text.parse().unwrap())
    }

    fn sample() -> Intelligence {
        let ipsum = "203.0.113.5\t5\n203.0.113.4\t4\n203.0.113.2\t2\n203.0.113.4\t1\nbad\t1\n";
        Intelligence::builder()
            .list("ipsum", Category::Malicious, ipsum.as_bytes())
            .and_then(|b| b.list("vpn", Category::Anonymizer, b"203.0.113.0/24\n2001:db8::/32\n"))
            .and_then(|b| b.list("own", Category::Custom, b"203.0.113.0/29\n2001:db8::7\n"))
            .unwrap()
            .build()
    }

    #[test]
    fn every_list_that_names_a_key_is_reported() {
        let intelligence = sample();
        for (address, expected) in [
            (
                "203.0.113.5",
                "ipsum malicious 5 203.0.113.5/32, own custom - 203.0.113.0/29, vpn anonymizer - 203.0.113.0/24",
            ),
            (
                "203.0.113.4",
                "ipsum reported 4 203.0.113.4/32, own custom - 203.0.113.0/29, vpn anonymizer - 203.0.113.0/24",
            ),
            ("203.0.113.2", "own custom - 203.0.113.0/29, vpn anonymizer - 203.0.113.0/24"),
            ("203.0.113.9", "vpn anonymizer - 203.0.113.0/24"),
            ("203.0.114.0", ""),
            ("2001:db8::9", "own custom - 2001:db8::7/128, vpn anonymizer - 2001:db8::/32"),
            ("2001:db8:0:1::9", "vpn anonymizer - 2001:db8::/32"),
            ("2001:db9::", ""),
        ] {
            let show = |hit: Hit<'_>| {
                let level = hit.level.map_or("-".to_owned(), |level| level.to_string());
                format!("{} {} {level} {}", hit.list.name, hit.category, hit.prefix)
            };
            let hits: Vec<String> = intelligence.hits(&key(address)).map(show).collect();
            assert_eq!(hits.join(", "), expected, "{address}");
            assert_eq!(intelligence.is_listed(&key(address)), !expected.is_empty(), "{address}");
        }
    }

    #[test]
    fn all_prefixes_are_named_as_the_lists_have_them() {
        let lists = "2001:db8::/32\n2001:db8::/48\n2001:db8::7\n2001:db8::8/126\n203.0.113.0/24\n";
        let builder = Intelligence::builder().list("a", Category::Tor, lists.as_bytes()).unwrap();
        let intelligence = builder.list("b", Category::Tor, b"2001:db8::/48\n").unwrap().build();
        let loaded = Intelligence::load(intelligence.as_bytes()).unwrap();
        assert_eq!(loaded.as_bytes(), intelligence.as_bytes());
        assert_eq!(loaded.lists(), intelligence.lists());
        for (address, expected) in [
            (
                "2001:db8::9",
                "a 2001:db8::7/128, a 2001:db8::8/126, a 2001:db8::/48, b 2001:db8::/48, a 2001:db8::/32",
            ),
            ("2001:db8:0:1::", "a 2001:db8::/48, b 2001:db8::/48, a 2001:db8::/32"),
            ("::ffff:203.0.113.7", "a 203.0.113.0/24"),
            ("192.0.2.1", ""),
        ] {
            let named = loaded.named(address.parse().unwrap());
            let show = |hit: &Hit<'_>| format!("{} {}", hit.list.name, hit.prefix);
            assert_eq!(
                named.iter().map(show).collect::<Vec<_>>().join(", "),
                expected,
                "{address}"
            );
        }
    }

    /// A compiled file and the lists it was made of mean the same, alone and beside others.
    #[test]
    fn compiled_files_join_other_lists() {
        let custom = |builder: Builder| builder.list("mine", Category::Custom, b"203.0.113.5\n");
        let whole = custom(Intelligence::builder()).unwrap();
        let whole = whole.compiled(sample().as_bytes()).unwrap();
        let after = Intelligence::builder().compiled(sample().as_bytes()).unwrap();
        let after = custom(after).unwrap().build();
        let key = key("203.0.113.5");
        let names = |it: &Intelligence| it.hits(&key).map(|hit| hit.list.name.clone()).collect();
        let (first, last): (Vec<_>, Vec<_>) = (names(&whole.build()), names(&after));
        assert_eq!(first, ["mine", "ipsum", "own", "vpn"]);
        assert_eq!(last, ["ipsum", "mine", "own", "vpn"]);
    }

    #[test]
    fn a_list_is_dropped() {
        let without = |it: &Intelligence, name| {
            let builder = Intelligence::builder().compiled(it.as_bytes()).unwrap();
            builder.without(name).build()
        };
        let left = without(&sample(), "vpn");
        let names = |it: &Intelligence, text: &str| {
            let named = it.named(text.parse().unwrap());
            named.iter().map(|hit| hit.list.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&left, "203.0.113.5"), ["ipsum", "own"]);
        assert_eq!(names(&left, "203.0.113.9"), [""; 0]);
        assert_eq!(names(&left, "2001:db8::7"), ["own"]);
        assert_eq!(without(&sample(), "none").as_bytes(), sample().as_bytes());
    }

    #[test]
    fn dates_of_lists() {
        let lists = Intelligence::builder().list("a", Category::Tor, b"203.0.113.7\n").unwrap();
        let lists = lists.dated(7).list("b", Category::Tor, b"203.0.113.7\n").unwrap();
        let drop = b"{\"cidr\":\"203.0.113.7\"}\n{\"type\":\"metadata\",\"timestamp\":9}\n";
        let lists = lists.list("c", Category::Tor, drop).unwrap().dated(8).build();
        let dates: Vec<_> = lists.lists().iter().map(|list| list.dated_secs).collect();
        assert_eq!(dates, [Some(7), None, Some(9)]);
    }

    #[test]
    fn what_is_not_public_is_not_looked_up() {
        let intelligence =
            Intelligence::builder().list("own", Category::Custom, b"10.0.0.0/8").unwrap().build();
        let private = LedgerKey::Private { ip: [10, 0, 0, 1].into(), scope: "vpce-1".into() };
        for key in [private, LedgerKey::Unrecognized("203.0.113.05".into())] {
            assert!(!intelligence.is_listed(&key));
            assert_eq!(intelligence.hits(&key).count(), 0);
            assert_eq!(intelligence.country(&key), None);
        }
    }

    #[test]
    fn what_was_loaded_is_told() {
        let intelligence = sample();
        let [ipsum, vpn, own] = intelligence.lists() else { panic!("not three lists") };
        assert_eq!((ipsum.entries, ipsum.prefixes, ipsum.unaccused, ipsum.refused), (4, 2, 1, 1));
        assert_eq!((vpn.entries, vpn.prefixes, vpn.unaccused, vpn.refused), (2, 2, 0, 0));
        assert_eq!((own.entries, own.prefixes), (2, 2));
        assert_eq!(ipsum.refusals[0].line, 5);
        assert_eq!(intelligence.country_database(), None);
    }

    #[test]
    fn a_list_without_addresses_is_an_error() {
        let error = Intelligence::builder().list("tor", Category::Tor, b"<html>").err().unwrap();
        assert_eq!(
            error.to_string(),
            "cannot use the list `tor`: no address in it: it is an HTML page"
        );
        assert!(!Intelligence::default().is_listed(&key("203.0.113.7")));
        assert!(!Intelligence::default().is_listed(&key("2001:db8::")));
    }
}
