//! Whether it is an address at all, and no more than may be denied.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use callerwatch_detection::plain::plain;
use callerwatch_detection::source::{LedgerKey, Source};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Guard, Verdict};
use crate::document;

/// The widest that is ever denied.
pub(crate) const V4_SHORTEST: u8 = 24;
pub(crate) const V6_SHORTEST: u8 = 48;
/// By which IPv6 sources are counted, and denied.
const V6_LONGEST: u8 = 64;
/// How many ledgers of a network are worth to be read: those of a /24.
pub const KEYS_MAX: usize = 256;
/// No prefix is longer than that.
const TEXT_MAX: usize = 64;

/// What would be denied for an alert of such a key.
///
/// # Errors
///
/// Why nothing can be, as a person would say it.
pub fn network_of_key(key: &LedgerKey) -> Result<IpNet, String> {
    let net = |ip, length| IpNet::new(ip, length).map_err(|error| error.to_string());
    match key {
        LedgerKey::V4(ip) => net((*ip).into(), 32),
        LedgerKey::V6Net(_) => {
            net(key.public_address().unwrap_or(Ipv6Addr::UNSPECIFIED.into()), V6_LONGEST)
        }
        LedgerKey::Private { ip, .. } => Err(format!("{ip} is a private address")),
        LedgerKey::Unrecognized(text) => Err(format!("`{}` is no address", plain(text, TEXT_MAX))),
        LedgerKey::Network(_) => Err(format!(
            "the alert is of the network {key}, and who works from the rest of the network is not known"
        )),
        LedgerKey::Principal { .. } => {
            Err("the alert is of a principal, and not of an address".to_owned())
        }
    }
}

/// What a person asks to be denied. What is narrower than an IPv6 /64 becomes its /64, and IPv4 that
/// is mapped into IPv6 becomes IPv4.
///
/// # Errors
///
/// Why it is none, as a person would say it.
pub fn network_of_text(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let none = || format!("`{}` is neither an address nor a prefix", plain(text, TEXT_MAX));
    if text.len() > TEXT_MAX {
        return Err(none());
    }
    let network: IpNet = match text.parse::<IpAddr>() {
        Ok(ip) => ip.into(),
        Err(_) => text.parse().map_err(|_| none())?,
    };
    let network = unmapped(network);
    if network != network.trunc() {
        let meant = network.trunc();
        return Err(format!("{network} has bits set behind its prefix; did you mean {meant}?"));
    }
    Ok(match network {
        IpNet::V6(v6) if v6.prefix_len() > V6_LONGEST => {
            Ipv6Net::new(v6.addr(), V6_LONGEST).map_or(network, |whole| whole.trunc().into())
        }
        other => other,
    })
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = v4.and_then(|(ip, length)| Ipv4Net::new(ip, length).ok());
    v4.map_or(network, IpNet::V4)
}

/// The keys of all ledgers within a network; none where there are more than [`KEYS_MAX`].
pub fn keys(network: IpNet) -> Option<Vec<LedgerKey>> {
    let count = count(network).filter(|count| *count <= KEYS_MAX)?;
    Some(keys_within(network).take(count).collect())
}

/// How many keys are within a network that may be denied; none where it is wider.
pub(super) fn count(network: IpNet) -> Option<usize> {
    let (longest, shortest) = match network {
        IpNet::V4(_) => (32, V4_SHORTEST),
        IpNet::V6(_) => (V6_LONGEST, V6_SHORTEST),
    };
    let length = network.prefix_len();
    (length >= shortest).then(|| 1 << longest.max(length).saturating_sub(length))
}

/// The keys from the first of a network on.
pub(super) fn keys_within(network: IpNet) -> impl Iterator<Item = LedgerKey> {
    (0u32..).map(move |place| match network.network() {
        IpAddr::V4(first) => {
            LedgerKey::V4(Ipv4Addr::from_bits(first.to_bits().saturating_add(place)))
        }
        first @ IpAddr::V6(_) => match LedgerKey::of_public(first) {
            LedgerKey::V6Net(upper) => LedgerKey::V6Net(upper.saturating_add(place.into())),
            other => other,
        },
    })
}

pub(super) fn judge(network: IpNet, verdict: &mut Verdict) {
    let ends = [network.network(), network.broadcast()];
    let fault = ends.into_iter().find_map(|ip| match Source::from_address(ip.to_string(), "") {
        Source::Public(_) => None,
        Source::Private { .. } => Some(format!("{ip} is a private address")),
        _ => Some(format!("{ip} is no address that anybody on the Internet has")),
    });
    if let Some(fault) = fault {
        verdict.refuse(Guard::Address, fault);
    } else if network == document::nobody() {
        let text = format!("{network} stands in a policy for that nothing is denied");
        verdict.refuse(Guard::Address, text);
    }
    if count(network).is_none() {
        let widest = if matches!(network, IpNet::V4(_)) { V4_SHORTEST } else { V6_SHORTEST };
        verdict.refuse(Guard::Width, format!("{network} is wider than /{widest}"));
    }
}
