//! Whose network an address lies in: the number and the name of an autonomous system.
//!
//! Context for whoever reads an alert, and never an accusation. Promises that what is missing is
//! unknown. Must not know what a network is worth.

use std::fmt;
use std::net::IpAddr;

use maxminddb::PathElement;

use super::database::{Database, DatabaseError, Found, text};

/// An autonomous system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutonomousSystem {
    /// Its number.
    pub number: u32,
    /// What the database calls it, in others' words.
    pub name: Option<String>,
}

/// `AS64500 Example Hosting`.
impl fmt::Display for AutonomousSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.number)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// A database of networks.
pub(super) struct Networks(Database);

/// In the databases of `MaxMind`, DB-IP, iptoasn and ip-location-db; in those of `IPinfo`, which
/// write `AS64500`.
const NUMBERS: [&str; 3] = ["autonomous_system_number", "asn", "as_number"];
const NAMES: [&str; 4] = ["autonomous_system_organization", "as_name", "as_organization", "name"];
/// Longer than any name in use.
const NAME_MAX_CHARS: usize = 120;

impl Networks {
    /// Takes the bytes of an MMDB file.
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        Database::open(bytes, "networks", |found| number(found).is_some()).map(Self)
    }

    /// The network of an address, where it is known.
    pub(super) fn of(&self, ip: IpAddr) -> Option<AutonomousSystem> {
        let found = self.0.find(ip)?;
        let number = number(&found)?;
        let names = NAMES.iter().filter_map(|name| text(&found, &[PathElement::Key(name)]));
        let name = names.map(|name| name.trim().chars().take(NAME_MAX_CHARS).collect::<String>());
        Some(AutonomousSystem { number, name: name.into_iter().find(|name| !name.is_empty()) })
    }

    /// What the database calls itself, and when it was built in seconds since 1970.
    pub(super) fn edition(&self) -> (&str, u64) {
        self.0.edition()
    }
}

/// Number 0 is kept for what is routed nowhere.
fn number(found: &Found<'_>) -> Option<u32> {
    let of = |name: &&str| {
        let path = [PathElement::Key(name)];
        let number = found.decode_path::<u32>(&path).ok().flatten();
        number.or_else(|| text(found, &path)?.trim_start_matches("AS").parse().ok())
    };
    NUMBERS.iter().find_map(of).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::super::country::tests::database;
    use super::*;

    #[test]
    fn databases_of_each_schema() {
        const NUMBER: &[u8] = b"\x58autonomous_system_number\xc2\xfb\xf4";
        let number = [b"\xe2", NUMBER, b"\x5d\x01autonomous_system_organization"].concat();
        let named = |name: &[u8]| [&number[..], name].concat();
        for (record, expected) in [
            (named(b"\x4bExample Net"), Some("AS64500 Example Net")),
            (named(b"\x42 \t"), Some("AS64500")),
            ([b"\xe1", NUMBER].concat(), Some("AS64500")),
            (b"\xe2\x43asn\x47AS64501\x47as_name\x43Net".to_vec(), Some("AS64501 Net")),
            (b"\xe2\x43asn\x47AS64501\x44name\x43Net".to_vec(), Some("AS64501 Net")),
            (b"\xe1\x43asn\x40".to_vec(), None),
            (b"\xe1\x43asn\x43AS0".to_vec(), None),
            (b"\xe1\x4ccountry_code\x42US".to_vec(), None),
        ] {
            let networks = Networks::new(database(&record));
            let network = networks.as_ref().ok().and_then(|it| it.of([1, 2, 3, 4].into()));
            assert_eq!(network.map(|it| it.to_string()).as_deref(), expected);
            match networks {
                Ok(networks) => assert_eq!(networks.of([203, 0, 113, 7].into()), None),
                Err(error) => {
                    assert_eq!(error.to_string(), "the database `Test-Country` tells no networks");
                }
            }
        }
    }
}
