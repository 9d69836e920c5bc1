//! The enrich step: what is known of an address. Which lists name it, and in which country it lies.
//!
//! Lists and a country database come as bytes and become one immutable value that answers in tens
//! of nanoseconds. Promises that every list which names an address is reported, that what is not
//! known is said to be unknown, and that only public addresses are ever looked up. Does no I/O, and
//! must not know what a hit is worth.

mod block;
mod builder;
mod category;
pub(crate) mod country;
mod layout;
mod list;
mod table;

use std::fmt;

use ipnet::IpNet;

pub(crate) use self::block::prefix as parse_prefix;
pub use self::builder::{Builder, ListError};
pub use self::category::{Category, UnknownCategory};
use self::country::Countries;
pub use self::country::{CountriesError, CountryCode, UnknownCountry};
pub use self::list::{ListFault, RefusedLine};
use self::table::Table;
use crate::source::LedgerKey;

/// What is known of addresses. Empty by default: then nothing is known of any.
#[derive(Default)]
pub struct Intelligence {
    lists: Vec<ListInfo>,
    table: Table,
    countries: Option<Countries>,
}

/// What was loaded of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListInfo {
    /// Its name in alerts.
    pub name: String,
    /// As it was given.
    pub category: Category,
    /// Lines that named an address, a prefix or a range.
    pub entries: usize,
    /// Of these, those whose level is too low to accuse anybody.
    pub unaccused: usize,
    /// Distinct prefixes that are looked up. An IPv6 address counts for its /64.
    pub prefixes: usize,
    /// Lines that were not understood, or name too much of the Internet.
    pub refused: usize,
    /// The first of those.
    pub refusals: Vec<RefusedLine>,
}

/// That a list names an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The list.
    pub list: &'a ListInfo,
    /// What the address is accused of: the list's category, or what the level makes of it.
    pub category: Category,
    /// How many lists name the address, where the list says.
    pub level: Option<u32>,
    /// The longest prefix of the list that holds the address. IPv6 prefixes end at /64.
    pub prefix: IpNet,
}

impl Intelligence {
    /// Starts with nothing known.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The lists that name a public key, the longest prefix first, one hit a list. None for other
    /// keys. A key of IPv6 is its /64, and is named when any prefix overlaps it.
    pub fn hits(&self, key: &LedgerKey) -> impl Iterator<Item = Hit<'_>> {
        let key = key_bits(key);
        self.table.records(self.set_of(key)).iter().filter_map(move |record| {
            Some(Hit {
                list: self.lists.get(usize::from(record.list))?,
                category: record.category,
                level: record.level,
                prefix: match key? {
                    KeyBits::V4(bits) => block::v4_prefix(bits, record.length),
                    KeyBits::V6(upper) => block::v6_prefix(upper, record.length),
                },
            })
        })
    }

    /// Whether any list names a key.
    #[inline]
    pub fn is_listed(&self, key: &LedgerKey) -> bool {
        self.set_of(key_bits(key)) != 0
    }

    /// The country a public key lies in, where it is known.
    pub fn country(&self, key: &LedgerKey) -> Option<CountryCode> {
        self.countries.as_ref()?.of(key.public_address()?)
    }

    /// What was loaded of each list, in the order they were given.
    pub fn lists(&self) -> &[ListInfo] {
        &self.lists
    }

    /// What the country database calls itself, and when it was built in seconds since 1970; none
    /// where there is no database, and every country is unknown.
    pub fn country_database(&self) -> Option<(&str, u64)> {
        self.countries.as_ref().map(|countries| (countries.kind(), countries.built_secs()))
    }

    #[inline]
    fn set_of(&self, key: Option<KeyBits>) -> u32 {
        match key {
            Some(KeyBits::V4(bits)) => self.table.v4_set(bits),
            Some(KeyBits::V6(upper)) => self.table.v6_set(upper),
            None => 0,
        }
    }
}

impl fmt::Debug for Intelligence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intelligence").field("lists", &self.lists).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum KeyBits {
    V4(u32),
    V6(u64),
}

#[inline]
fn key_bits(key: &LedgerKey) -> Option<KeyBits> {
    match key {
        LedgerKey::V4(ip) => Some(KeyBits::V4(ip.to_bits())),
        LedgerKey::V6Net(upper) => Some(KeyBits::V6(*upper)),
        LedgerKey::Private { .. } | LedgerKey::Unrecognized(_) => None,
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
            ("2001:db8::9", "own custom - 2001:db8::/64, vpn anonymizer - 2001:db8::/32"),
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
