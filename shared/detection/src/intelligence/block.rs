//! One cell of a list: an address, a prefix or a range becomes blocks of addresses.
//!
//! Promises blocks of any length, with their host bits cleared. Refuses what would accuse a good
//! part of the Internet. Must not know what list the cell is from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

/// The addresses that share their first `length` bits with `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Block {
    /// Of IPv4.
    V4 {
        /// The first address.
        start: u32,
        /// At most 32.
        length: u8,
    },
    /// Of IPv6.
    V6 {
        /// The first address.
        start: u128,
        /// At most 128.
        length: u8,
    },
}

impl Block {
    /// It, as a prefix.
    pub(super) fn prefix(self) -> IpNet {
        match self {
            Self::V4 { start, length } => v4_prefix(start, length),
            Self::V6 { start, length } => v6_prefix(start, length),
        }
    }
}

/// The widest IPv4 prefix a list may hold: what one organization was ever given.
const V4_SHORTEST: u8 = 8;
/// The widest IPv6 prefix a list may hold.
const V6_SHORTEST: u8 = 16;
const WIDER_V4: &str = "wider than /8";
const WIDER_V6: &str = "wider than /16";
/// Longer texts are no address, prefix or range.
const TEXT_MAX_BYTES: usize = 128;

/// Reads `a`, `a/length` or `a-b` into blocks; says why where it is none of them. Host bits of a
/// prefix are cleared. IPv4 mapped into IPv6 is IPv4.
pub(super) fn parse(text: &str) -> Result<Vec<Block>, &'static str> {
    if text.len() > TEXT_MAX_BYTES {
        return Err("not an address or a prefix");
    }
    if let Some((first, last)) = text.split_once('-') {
        return range(address(first.trim_end())?, address(last.trim_start())?);
    }
    block(prefix(text)?).map(|block| vec![block])
}

/// Whether it is for its width that [`parse`] refused something.
pub(super) fn is_too_wide(reason: &str) -> bool {
    [WIDER_V4, WIDER_V6].contains(&reason)
}

/// Whether the text is something [`parse`] takes, or refuses for its width alone.
pub(super) fn is_network(text: &str) -> bool {
    text.len() <= TEXT_MAX_BYTES
        && match text.split_once('-') {
            Some((first, last)) => {
                address(first.trim_end()).is_ok() && address(last.trim_start()).is_ok()
            }
            None => prefix(text).is_ok(),
        }
}

/// Reads `a` or `a/length`, of any width and with its host bits as they stand.
pub(crate) fn prefix(text: &str) -> Result<IpNet, &'static str> {
    let Some((ip, length)) = text.split_once('/') else {
        return address(text).map(IpNet::from);
    };
    let bare = ip.parse::<IpAddr>().map_err(|_| why_no_address(ip))?;
    let length = parse_length(length).ok_or("not a prefix length")?;
    let prefix = IpNet::new(bare, length).map_err(|_| "not a prefix length")?;
    Ok(match (bare.to_canonical(), length.checked_sub(96)) {
        // A mapped prefix that reaches beyond IPv4 stays IPv6, where it is refused as too wide.
        (v4 @ IpAddr::V4(_), Some(length)) if bare.is_ipv6() => {
            IpNet::new(v4, length).unwrap_or(prefix)
        }
        _ => prefix,
    })
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| why_no_address(text))
}

/// Programs disagree on whether `010` is eight or ten.
fn why_no_address(text: &str) -> &'static str {
    let is_leading_zero = |octet: &str| {
        octet.len() > 1 && octet.starts_with('0') && octet.bytes().all(|b| b.is_ascii_digit())
    };
    if text.split('.').count() == 4 && text.split('.').any(is_leading_zero) {
        "an octet with a leading zero"
    } else {
        "not an address or a prefix"
    }
}

/// Digits alone: `str::parse` would take `+8`.
fn parse_length(text: &str) -> Option<u8> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// A prefix as a block, where it is not too wide.
pub(super) fn block(prefix: IpNet) -> Result<Block, &'static str> {
    match prefix.trunc() {
        IpNet::V4(net) if net.prefix_len() < V4_SHORTEST => Err(WIDER_V4),
        IpNet::V6(net) if net.prefix_len() < V6_SHORTEST => Err(WIDER_V6),
        IpNet::V4(net) => {
            Ok(Block::V4 { start: net.network().to_bits(), length: net.prefix_len() })
        }
        IpNet::V6(net) => {
            Ok(Block::V6 { start: net.network().to_bits(), length: net.prefix_len() })
        }
    }
}

/// The fewest prefixes that make up a range: at most 62 of IPv4, 254 of IPv6.
fn range(first: IpAddr, last: IpAddr) -> Result<Vec<Block>, &'static str> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Ipv4Subnets::new(first, last, 0).map(|net| block(net.into())).collect()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Ipv6Subnets::new(first, last, 0).map(|net| block(net.into())).collect()
        }
        _ => Err("a range that ends before it begins"),
    }
}

/// The prefix of `length` bits that begins at an IPv4 address.
pub(super) fn v4_prefix(bits: u32, length: u8) -> IpNet {
    Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap_or_default().into()
}

/// The prefix of `length` bits that begins at an IPv6 address.
pub(super) fn v6_prefix(bits: u128, length: u8) -> IpNet {
    Ipv6Net::new(Ipv6Addr::from_bits(bits), length).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let blocks = match parse(text) {
            Ok(blocks) => blocks,
            Err(reason) => return reason.to_owned(),
        };
        blocks.iter().map(|block| block.prefix().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn cells() {
        const NONE: &str = "not an address or a prefix";
        for (text, expected) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("203.0.113.7/32", "203.0.113.7/32"),
            ("203.0.0.0/8", "203.0.0.0/8"),
            ("203.0.0.0/7", "wider than /8"),
            ("0.0.0.0/0", "wider than /8"),
            ("::/0", "wider than /16"),
            ("2001::/15", "wider than /16"),
            ("2001::/16", "2001::/16"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8:1:2:3::7/80", "2001:db8:1:2:3::/80"),
            ("2001:DB8:1::/48", "2001:db8:1::/48"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:0:0/96", "wider than /8"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
            ("203.0.113.8-203.0.113.15", "203.0.113.8/29"),
            ("203.0.113.7 - 203.0.113.9", "203.0.113.7/32 203.0.113.8/31"),
            ("203.0.113.9-203.0.113.7", "a range that ends before it begins"),
            ("203.0.113.9-2001:db8::", "a range that ends before it begins"),
            ("0.0.0.0-255.255.255.255", "wider than /8"),
            ("2001:db8::-2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8::/63"),
            ("203.0.113.07", "an octet with a leading zero"),
            ("203.0.113.07/32", "an octet with a leading zero"),
            ("203.0.113.7/33", "not a prefix length"),
            ("203.0.113.7/+8", "not a prefix length"),
            ("203.0.113.7/", "not a prefix length"),
            ("203.0.113.7/255.255.255.0", "not a prefix length"),
            ("203.0.113", NONE),
            ("203.0.113.7:443", NONE),
            ("example.com", NONE),
            ("-", NONE),
            ("", NONE),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
        assert_eq!(show(&"1".repeat(10_000)), NONE);
    }
}
