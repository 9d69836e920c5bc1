//! Networks the user trusts, by name, each for good or until a day.
//!
//! Promises the most specific network around an address that is trusted on a day. What trust is worth is not known here.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::intelligence::parse_prefix;
use crate::timestamp::Day;

/// A network the user trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedNetwork<'a> {
    /// What alerts call it.
    pub name: &'a str,
    /// Its addresses.
    pub network: IpNet,
    /// The last day on which it is trusted; none where it is for good.
    pub until: Option<Day>,
}

impl TrustedNetwork<'_> {
    /// Whether it is trusted on a day: that of the evidence, so that a scan of old logs says what was
    /// said then.
    pub fn holds(&self, day: Day) -> bool {
        is_trusted(self.until, day)
    }
}

/// Networks with names.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustedNetworks {
    names: Vec<(String, Option<Day>)>,
    /// With the place of its name, the longest prefix first.
    networks: Vec<(IpNet, usize)>,
}

/// The widest networks one user can own.
const V4_SHORTEST: u8 = 8;
const V6_SHORTEST: u8 = 32;
/// IPv6 sources are counted by this prefix.
const V6_LONGEST: u8 = 64;

impl TrustedNetworks {
    /// Adds networks under a name; [`finish`](Self::finish) is to be called after the last.
    pub(super) fn add(
        &mut self,
        name: &str,
        until: Option<Day>,
        networks: impl IntoIterator<Item = IpNet>,
    ) {
        let place = self.names.len();
        self.names.push((name.to_owned(), until));
        self.networks.extend(networks.into_iter().map(|network| (network, place)));
    }

    /// Puts the longest prefixes first, where they are found first.
    pub(super) fn finish(&mut self) {
        self.networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
    }

    /// The name of the most specific network trusted on a day that an address lies in.
    pub(super) fn name_of(&self, ip: IpAddr, day: Day) -> Option<&str> {
        let ip = ip.to_canonical();
        let around = self.networks.iter().filter(|(network, _)| network.contains(&ip));
        let mut trusted = around
            .filter_map(|(_, place)| self.names.get(*place))
            .filter(|(_, until)| is_trusted(*until, day));
        trusted.next().map(|(name, _)| name.as_str())
    }

    /// Each name and its last day, in the order they were added, with its networks, the longest
    /// prefix first.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<Day>, Vec<IpNet>)> {
        let mut own = vec![Vec::new(); self.names.len()];
        for (network, place) in &self.networks {
            if let Some(own) = own.get_mut(*place) {
                own.push(*network);
            }
        }
        let named = self.names.iter().zip(own);
        named.map(|((name, until), own)| (name.as_str(), *until, own))
    }
}

fn is_trusted(until: Option<Day>, day: Day) -> bool {
    until.is_none_or(|until| day <= until)
}

/// Reads one network; says why where it is none to be trusted.
pub(super) fn parse(text: &str) -> Result<IpNet, String> {
    let network = parse_prefix(text).map_err(|why| format!("is {why}"))?;
    let trunc = network.trunc();
    match network {
        IpNet::V4(v4) if v4.prefix_len() < V4_SHORTEST => {
            Err(format!("is wider than /{V4_SHORTEST}"))
        }
        IpNet::V6(v6) if v6.prefix_len() < V6_SHORTEST => {
            Err(format!("is wider than /{V6_SHORTEST}"))
        }
        IpNet::V6(v6) if v6.prefix_len() > V6_LONGEST => {
            let whole = IpNet::new(v6.addr().into(), V6_LONGEST).unwrap_or(network).trunc();
            Err(format!("is narrower than /64, by which IPv6 sources are counted; write {whole}"))
        }
        _ if network != trunc => {
            Err(format!("has bits set behind its prefix; did you mean {trunc}?"))
        }
        _ => Ok(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly() {
        for (text, expected) in [
            ("198.51.100.0/24", "198.51.100.0/24"),
            ("198.51.100.7", "198.51.100.7/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("198.51.100.7/24", "has bits set behind its prefix; did you mean 198.51.100.0/24?"),
            ("8.0.0.0/7", "is wider than /8"),
            ("2001:d00::/24", "is wider than /32"),
            ("198.51.100.0/33", "is not a prefix length"),
            ("198.51.100.07", "is an octet with a leading zero"),
            ("hq", "is not an address or a prefix"),
            (
                "2001:db8::7",
                "is narrower than /64, by which IPv6 sources are counted; write 2001:db8::/64",
            ),
        ] {
            let read = parse(text).map_or_else(|why| why, |network| network.to_string());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn the_most_specific_network_names_an_address() {
        let mut trusted = TrustedNetworks::default();
        let day = |text: &str| Day::parse(text).unwrap();
        trusted.add("wide", None, parse("198.51.100.0/24"));
        let until = Some(day("2026-03-02"));
        trusted.add(
            "narrow",
            until,
            ["198.51.100.8/29", "2001:db8::/48"].iter().flat_map(|n| parse(n)),
        );
        trusted.finish();
        for (ip, expected) in [
            ("198.51.100.7", Some("wide")),
            ("198.51.100.8", Some("narrow")),
            ("::ffff:198.51.100.8", Some("narrow")),
            ("2001:db8:0:1::", Some("narrow")),
            ("203.0.113.7", None),
        ] {
            let found = trusted.name_of(ip.parse().unwrap(), day("2026-03-02"));
            assert_eq!(found, expected, "{ip}");
        }
        // What was trusted for a time leaves an address to the wider one.
        for (ip, expected) in [("198.51.100.8", Some("wide")), ("2001:db8:0:1::", None)] {
            let found = trusted.name_of(ip.parse().unwrap(), day("2026-03-03"));
            assert_eq!(found, expected, "{ip}");
        }
    }
}
