//! Typed provenance: what the text in a record that claims to be an address really is, decided
//! once, before any rule; and the key under which a source's evidence is kept.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::activity::Cloud;
use crate::hash;

/// Where a call came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source<'a> {
    /// An address of the Internet. Counted, and looked up in lists and geography.
    Public(IpAddr),
    /// An address that means something only within `scope` (the VPC endpoint, or else the account,
    /// it was seen in). Counted there; never looked up.
    Private {
        /// The address.
        ip: IpAddr,
        /// Where the address is to be understood.
        scope: Cow<'a, str>,
    },
    /// The cloud's own back end, by name. Never counted, never alerted on.
    Service(Cow<'a, str>),
    /// Anything else that stands where an address should. Counted under its text; never looked up.
    Unrecognized(Cow<'a, str>),
    /// Nothing.
    Absent,
}

/// The longest unrecognized source kept; what is longer is cut.
const UNRECOGNIZED_MAX_BYTES: usize = 64;

impl<'a> Source<'a> {
    /// Reads what stands where an address should: IPv4 or IPv6, bare, with a port, or in brackets;
    /// IPv4 mapped into IPv6 is unwrapped. Names of the cloud's own services are the readers' to
    /// recognize, before they ask here. `scope` is where a private address is to be understood.
    pub fn from_address(text: impl Into<Cow<'a, str>>, scope: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let trimmed = text.trim();
        let Some(ip) = parse_address(trimmed) else {
            return Self::unrecognized(text);
        };
        if ip.is_unspecified() {
            Self::Absent
        } else if is_private(ip) {
            Self::Private { ip, scope: scope.into() }
        } else if is_global_unicast(ip) {
            Self::Public(ip)
        } else {
            Self::unrecognized(text)
        }
    }

    /// The source of a record that has something in the place of an address which is none.
    fn unrecognized(text: Cow<'a, str>) -> Self {
        let is_placeholder = matches!(
            text.trim().to_ascii_lowercase().as_str(),
            "" | "-" | "<null>" | "null" | "none" | "n/a"
        );
        if is_placeholder {
            return Self::Absent;
        }
        if text.len() <= UNRECOGNIZED_MAX_BYTES {
            return Self::Unrecognized(text);
        }
        let end = text.floor_char_boundary(UNRECOGNIZED_MAX_BYTES);
        Self::Unrecognized(Cow::Owned(text.get(..end).unwrap_or_default().to_owned()))
    }

    /// The key of this source's ledger; none for what is never counted.
    pub fn ledger_key(&self) -> Option<LedgerKey> {
        match self {
            Self::Public(ip) => Some(LedgerKey::of_public(*ip)),
            Self::Private { ip, scope } => {
                Some(LedgerKey::Private { ip: *ip, scope: scope.as_ref().into() })
            }
            Self::Unrecognized(text) => Some(LedgerKey::Unrecognized(text.as_ref().into())),
            Self::Service(_) | Self::Absent => None,
        }
    }
}

/// What one ledger is about. An IPv6 source is its /64, which one attacker holds whole.
///
/// Beside those of sources there are wide ones, for attackers who change their address: their
/// *members* are the sources whose failures they gather.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerKey {
    /// A public IPv4 address.
    V4(Ipv4Addr),
    /// A public IPv6 /64, by its upper 64 bits.
    V6Net(u64),
    /// A private address and where it is to be understood.
    Private {
        /// The address.
        ip: IpAddr,
        /// The VPC endpoint or account.
        scope: Box<str>,
    },
    /// An unrecognized source, by its text.
    Unrecognized(Box<str>),
    /// The IPv4 /24 or IPv6 /48 around public sources, by its first address.
    Network(IpAddr),
    /// A principal seen from public sources, by its fingerprint.
    Principal {
        /// The cloud it belongs to.
        cloud: Cloud,
        /// As entries hold it.
        hash: u64,
    },
}

/// What sort of thing a ledger is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One source: an address, a /64, or what stands in their place.
    Source,
    /// The network around public sources.
    Network,
    /// One principal, from wherever it calls.
    Principal,
}

impl LedgerKey {
    /// The key of a public address.
    pub fn of_public(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6Net(u64::try_from(v6.to_bits() >> 64).unwrap_or_default()),
        }
    }

    /// What sort of thing it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Network(_) => Subject::Network,
            Self::Principal { .. } => Subject::Principal,
            _ => Subject::Source,
        }
    }

    /// The network around a public source, and which member of it the source is.
    pub fn network(&self) -> Option<(Self, u16)> {
        match self {
            Self::V4(ip) => {
                let [a, b, c, member] = ip.octets();
                Some((Self::Network(Ipv4Addr::new(a, b, c, 0).into()), member.into()))
            }
            Self::V6Net(upper) => {
                let member = upper & 0xffff;
                let first = first_of_net(upper - member).into();
                Some((Self::Network(first), u16::try_from(member).unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// The source that is such a member of this network.
    pub fn member(&self, member: u16) -> Option<Self> {
        match self {
            Self::Network(IpAddr::V4(first)) => {
                Some(Self::V4(Ipv4Addr::from_bits(first.to_bits() | u32::from(member & 0xff))))
            }
            Self::Network(first @ IpAddr::V6(_)) => match Self::of_public(*first) {
                Self::V6Net(upper) => Some(Self::V6Net(upper | u64::from(member))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The prefix that a network is; none of any other.
    pub fn network_prefix(&self) -> Option<IpNet> {
        let Self::Network(first) = self else { return None };
        IpNet::new(*first, if first.is_ipv4() { 24 } else { 48 }).ok()
    }

    /// A public source as a member among those of a principal: the upper half is a fingerprint of
    /// its network, the lower one of itself.
    pub fn fingerprint(&self) -> Option<u64> {
        let (Self::Network(first), member) = self.network()? else { return None };
        let first = u64::try_from(match first {
            IpAddr::V4(first) => u128::from(first.to_bits()),
            IpAddr::V6(first) => first.to_bits() >> 64,
        });
        let first = first.unwrap_or_default();
        let network = hash::of_numbers("network", &[first]);
        let own = hash::of_numbers("source", &[first, member.into()]);
        Some(network & !u64::from(u32::MAX) | own >> 32)
    }

    /// Whether lists and geography may be asked about it.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::V4(_) | Self::V6Net(_))
    }

    /// The address, public or private, or the first of the /64 or network.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Private { ip, .. } => Some(*ip),
            _ => self.public_address(),
        }
    }

    /// The public address, or the first address of the /64 or network.
    pub fn public_address(&self) -> Option<IpAddr> {
        match self {
            Self::V4(ip) => Some(IpAddr::V4(*ip)),
            Self::V6Net(upper) => Some(IpAddr::V6(first_of_net(*upper))),
            Self::Network(first) => Some(*first),
            Self::Private { .. } | Self::Unrecognized(_) | Self::Principal { .. } => None,
        }
    }
}

/// `203.0.113.7`, `2001:db8:1:2::/64`, `10.0.0.5@vpce-0123`, `unrecognized:30.*.0.210`,
/// `203.0.113.0/24`, `2001:db8:1::/48`, `principal:AWS:` and a number. Distinct keys print
/// differently, so the text may serve as a database key.
impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => write!(f, "{ip}"),
            Self::V6Net(upper) => {
                write!(f, "{}/64", first_of_net(*upper))
            }
            Self::Private { ip, scope } => write!(f, "{ip}@{scope}"),
            Self::Unrecognized(text) => write!(f, "unrecognized:{text}"),
            Self::Network(first @ IpAddr::V4(_)) => write!(f, "{first}/24"),
            Self::Network(first @ IpAddr::V6(_)) => write!(f, "{first}/48"),
            Self::Principal { cloud, hash } => write!(f, "principal:{cloud}:{hash:016x}"),
        }
    }
}

fn first_of_net(upper: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(u128::from(upper) << 64)
}

/// `v4`, `v4:port`, `v6`, `[v6]`, `[v6]:port`, `v6%zone`; IPv4-mapped IPv6 becomes IPv4. Octets
/// with leading zeros are refused, as `std` does: programs disagree on what they mean.
fn parse_address(text: &str) -> Option<IpAddr> {
    if text.len() > 64 {
        return None;
    }
    let ip = text.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip())).or_else(
        |_| {
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
            let bare = bare.split_once('%').map_or(bare, |(address, _zone)| address);
            bare.parse().map(IpAddr::V6)
        },
    );
    Some(match ip.ok()?.to_canonical() {
        IpAddr::V6(v6) => unwrap_nat64(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// The IPv4 address behind a translator's well-known prefix, `64:ff9b::/96` (RFC 6052).
fn unwrap_nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x0064, 0xff9b, 0, 0, 0, 0, ..] => {
            Some(Ipv4Addr::from_bits(u32::try_from(ip.to_bits() & 0xffff_ffff).unwrap_or_default()))
        }
        _ => None,
    }
}

/// RFC 1918, CGNAT (RFC 6598), link-local, loopback, unique-local and site-local IPv6; and a
/// private address behind the prefix of 6to4 (RFC 3056), which Google writes for callers of its own
/// networks.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_link_local()
                || v4.is_loopback()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            let is_6to4 = first == 0x2002;
            let behind = u32::try_from(v6.to_bits() >> 80 & 0xffff_ffff).unwrap_or_default();
            v6.is_loopback()
                || (is_6to4 && is_private(Ipv4Addr::from_bits(behind).into()))
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || (first & 0xffc0) == 0xfec0
        }
    }
}

/// What a caller on the Internet can have. Documentation ranges are let through: examples use them.
fn is_global_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, ..] = v4.octets();
            (1..224).contains(&a)
        }
        IpAddr::V6(v6) => {
            // 2000::/3 is what is handed out.
            let [first, ..] = v6.segments();
            (first & 0xe000) == 0x2000
        }
    }
}

#[cfg(test)]
mod tests;
