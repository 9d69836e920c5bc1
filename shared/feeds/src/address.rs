//! Which addresses a feed may be fetched from: those of the Internet.
//!
//! A name can be made to mean any address, and a policy or a redirect any name; so what a name
//! means is judged, and connected to, in one. Must not know of names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where connections may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To addresses of the Internet.
    Internet,
    /// To this machine too, for tests.
    InternetAndLoopback,
}

impl Reach {
    /// Whether an address may be connected to.
    pub(crate) fn allows(self, ip: IpAddr) -> bool {
        is_of_the_internet(ip) || (self == Self::InternetAndLoopback && ip.is_loopback())
    }
}

/// Special purposes of IPv4 (RFC 6890 and its successors); the metadata of clouds is link-local.
const SPECIAL_V4: [([u8; 4], u8); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

/// Azure's servers of names and metadata answer at an address that looks like anybody's.
const AZURE_WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_of_the_internet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_of_the_internet_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_of_the_internet_v4(v4),
            None => is_of_the_internet_v6(v6),
        },
    }
}

fn is_of_the_internet_v4(ip: Ipv4Addr) -> bool {
    let is_within = |(start, length): &([u8; 4], u8)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
        ip.to_bits() & mask == Ipv4Addr::from(*start).to_bits()
    };
    ip != AZURE_WIRE_SERVER && !SPECIAL_V4.iter().any(is_within)
}

/// What is given out, but for documentation, and for tunnels that end who knows where.
fn is_of_the_internet_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The IPv4 address that is meant: mapped, or behind a translator (RFC 6052).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_asked() {
        for (text, expected) in [
            ("8.8.8.8", true),
            ("172.15.255.255", true),
            ("172.16.0.0", false),
            ("172.31.255.255", false),
            ("172.32.0.0", true),
            ("100.63.255.255", true),
            ("100.64.0.0", false),
            ("169.254.169.254", false),
            ("169.254.170.2", false),
            ("168.63.129.16", false),
            ("127.0.0.1", false),
            ("127.255.255.255", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("192.168.0.1", false),
            ("198.18.0.1", false),
            ("198.20.0.0", true),
            ("203.0.113.7", false),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1", true),
            ("2001:4860:4860::8888", true),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("2002:a00:1::", false),
            ("3fff::1", false),
            ("::", false),
            ("::1", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b::808:808", true),
            ("64:ff9b:1::808:808", false),
        ] {
            let ip = text.parse().unwrap();
            assert_eq!(Reach::Internet.allows(ip), expected, "{text}");
            let with_loopback = Reach::InternetAndLoopback.allows(ip);
            assert_eq!(with_loopback, expected || ip.is_loopback(), "{text}");
        }
    }
}
