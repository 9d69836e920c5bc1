//! Where an address lies: a country code, and the database that knows it.
//!
//! Promises that what is missing, unreadable or no country (`ZZ`, `EU`, an anonymous proxy) is
//! unknown, never a country. Must not know what a policy makes of a country.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use maxminddb::PathElement;
use thiserror::Error;

use super::database::{Database, DatabaseError, Found, text};

/// A country, by its two letters in ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

/// ISO 3166-1 alpha-2, and `XK`, by which everybody means Kosovo.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ \
    BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY \
    HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ \
    LA LB LC LI LK LR LS LT LU LV LY \
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ \
    NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA \
    RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ \
    TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU \
    WF WS XK YE YT ZA ZM ZW";

impl CountryCode {
    /// The two upper-case letters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no country's code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a country; two letters of ISO 3166-1 are expected, such as DE or US")]
pub struct UnknownCountry;

impl FromStr for CountryCode {
    type Err = UnknownCountry;

    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        let code = <[u8; 2]>::try_from(text.as_bytes()).map_err(|_| UnknownCountry)?;
        let code = code.map(|letter| letter.to_ascii_uppercase());
        let is_known = CODES.as_bytes().chunks(3).any(|known| known.starts_with(&code));
        if is_known { Ok(Self(code)) } else { Err(UnknownCountry) }
    }
}

/// A country database.
pub(super) struct Countries(Database);

/// Where the code is: in the databases of `MaxMind` and DB-IP; in the files of iptoasn and
/// ip-location-db; in those of `IPinfo`. `registered_country` is where the owner of a network is
/// registered, and says of no address where it lies.
const PATHS: [&[PathElement<'_>]; 3] = [
    &[PathElement::Key("country"), PathElement::Key("iso_code")],
    &[PathElement::Key("country_code")],
    &[PathElement::Key("country")],
];

impl Countries {
    /// Takes the bytes of an MMDB file.
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        Database::open(bytes, "countries", |found| code(found).is_some()).map(Self)
    }

    /// The country of an address, where it is known.
    pub(super) fn of(&self, ip: IpAddr) -> Option<CountryCode> {
        code(&self.0.find(ip)?)
    }

    /// What the database calls itself, and when it was built in seconds since 1970.
    pub(super) fn edition(&self) -> (&str, u64) {
        self.0.edition()
    }
}

fn code(found: &Found<'_>) -> Option<CountryCode> {
    PATHS.iter().find_map(|path| text(found, path)?.parse().ok())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn codes() {
        assert_eq!(CODES.split(' ').count(), 250);
        assert!(CODES.split(' ').is_sorted());
        for code in CODES.split(' ') {
            assert_eq!(code.parse::<CountryCode>().map(|c| c.to_string()).as_deref(), Ok(code));
        }
        for (text, expected) in [("de", Some("DE")), ("Us", Some("US"))] {
            assert_eq!(
                text.parse::<CountryCode>().ok().map(|c| c.to_string()).as_deref(),
                expected
            );
        }
        for text in ["", "D", "DEU", "ZZ", "XX", "EU", "UK", "A1", "D ", " D", "ß", "--"] {
            assert_eq!(text.parse::<CountryCode>(), Err(UnknownCountry), "{text}");
        }
    }

    /// A database in which every IPv4 address lies in one country.
    pub(crate) fn all_in(country: &str) -> Vec<u8> {
        let record = [b"\xe1\x4ccountry_code\x42", country.as_bytes()].concat();
        of_nodes(&[[0, 0, 17, 0, 0, 17]], 4, &record)
    }

    /// A database in which 0.0.0.0/1 has the record, and 128.0.0.0/1 has none.
    pub(crate) fn database(record: &[u8]) -> Vec<u8> {
        of_nodes(&[[0, 0, 17, 0, 0, 1]], 4, record)
    }

    /// A database of less than 240 nodes, whose halves point at other nodes, at the record (the
    /// count of nodes and the separator of 16 bytes) or at nothing (the count itself).
    fn of_nodes(nodes: &[[u8; 6]], ip_version: u8, record: &[u8]) -> Vec<u8> {
        fn text(text: &str) -> Vec<u8> {
            let length = u8::try_from(text.len()).unwrap();
            let head = if length < 29 { vec![0x40 | length] } else { panic!("too long") };
            [head, text.as_bytes().to_vec()].concat()
        }
        fn number(kind: u8, value: u8) -> Vec<u8> {
            if kind == 9 { vec![0x01, 2, value] } else { vec![(kind << 5) | 1, value] }
        }
        let count = u8::try_from(nodes.len()).unwrap();
        let metadata = [
            vec![0xe9],
            [text("binary_format_major_version"), number(5, 2)].concat(),
            [text("binary_format_minor_version"), number(5, 0)].concat(),
            [text("build_epoch"), number(9, 100)].concat(),
            [text("database_type"), text("Test-Country")].concat(),
            [text("description"), vec![0xe0]].concat(),
            [text("ip_version"), number(5, ip_version)].concat(),
            [text("languages"), vec![0x00, 4]].concat(),
            [text("node_count"), number(6, count)].concat(),
            [text("record_size"), number(5, 24)].concat(),
        ]
        .concat();
        [nodes.as_flattened(), &[0; 16], record, b"\xab\xcd\xefMaxMind.com", &metadata].concat()
    }

    #[test]
    fn databases_of_each_schema() {
        let ip = IpAddr::from([1, 2, 3, 4]);
        for (record, expected) in [
            (&b"\xe1\x47country\xe1\x48iso_code\x42DE"[..], Some("DE")),
            (b"\xe1\x52registered_country\xe1\x48iso_code\x42FR", None),
            (b"\xe2\x47country\xe0\x52registered_country\xe1\x48iso_code\x42FR", None),
            (b"\xe1\x4ccountry_code\x42US", Some("US")),
            (b"\xe1\x47country\x42JP", Some("JP")),
            (b"\xe1\x4ccountry_code\x42ZZ", None),
            (b"\xe1\x4ccountry_code\x40", None),
            (b"\xe1\x4ccountry_code\x41D", None),
            (b"\xe1\x4casn_number_x\x42US", None),
            (b"\xe0", None),
        ] {
            let countries = Countries::new(database(record));
            let code = countries.as_ref().ok().and_then(|c| c.of(ip)).map(|c| c.to_string());
            assert_eq!(code.as_deref(), expected);
            if let Ok(countries) = countries {
                assert_eq!(countries.of(IpAddr::from([203, 0, 113, 7])), None);
                assert_eq!(countries.of("2001:db8::".parse().unwrap()), None);
                assert_eq!(countries.edition(), ("Test-Country", 100));
            }
        }
        for bytes in
            [&b""[..], b"<html>", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe9"]
        {
            assert!(matches!(Countries::new(bytes.to_vec()), Err(DatabaseError::Unreadable(_))));
        }
    }

    /// Both halves of each node lead to the next one, so that a kilobyte has more networks than
    /// anybody can look at; of none of them anything is known.
    #[test]
    fn a_small_file_of_countless_networks_is_refused_at_once() {
        for (levels, ip_version) in [(127, 6), (128, 6), (32, 4)] {
            let nodes: Vec<[u8; 6]> = (1..=levels).map(|next| [0, 0, next, 0, 0, next]).collect();
            let error = Countries::new(of_nodes(&nodes, ip_version, b"\xe0")).err().unwrap();
            assert_eq!(error.to_string(), "the database `Test-Country` tells no countries");
        }
    }
}
