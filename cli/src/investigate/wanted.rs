//! Who is asked for: a source, a network or a principal, as somebody types it or as alerts print it,
//! and as ledgers are keyed.

use std::net::IpAddr;

use anyhow::{Context, bail};
use callerwatch_detection::activity::{ApiActivity, Cloud};
use callerwatch_detection::evidence::principal_hash;
use callerwatch_detection::source::{LedgerKey, Source};
use ipnet::IpNet;

/// What a principal's key begins with, and how many digits it ends with.
const PRINCIPAL: &str = "principal:";
const DIGITS: usize = 16;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One source, network or principal.
    One(LedgerKey),
    /// A private address, in whatever scope.
    InAnyScope(IpAddr),
}

impl Wanted {
    /// Reads what alerts print of a source: an address, `10.0.0.5@SCOPE`, a /64, the network around
    /// it (a /24 or /48), `principal:AWS:` and a number, or the text that stood where an address
    /// should.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(rest) = text.strip_prefix(PRINCIPAL) {
            let key = principal(rest);
            let key = key.context("a principal is given as principal:AWS:0123456789abcdef")?;
            return Ok(Self::One(key));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return network_of(network);
        }
        let (address, scope) = text.split_once('@').unwrap_or((text, ""));
        Ok(match Source::from_address(address, scope) {
            Source::Public(ip) => Self::One(LedgerKey::of_public(ip)),
            Source::Private { ip, .. } if scope.is_empty() => Self::InAnyScope(ip),
            Source::Private { ip, scope } => {
                Self::One(LedgerKey::Private { ip, scope: scope.as_ref().into() })
            }
            Source::Unrecognized(_) => {
                let text = text.strip_prefix("unrecognized:").unwrap_or(text);
                match Source::from_address(text, "").ledger_key() {
                    Some(key) => Self::One(key),
                    None => bail!("there is no source to look for"),
                }
            }
            Source::Service(_) | Source::Absent => bail!("there is no address to look for"),
        })
    }

    /// Whether a ledger is about it.
    pub(crate) fn is(&self, key: &LedgerKey) -> bool {
        match self {
            Self::One(one) => one == key,
            Self::InAnyScope(wanted) => {
                matches!(key, LedgerKey::Private { ip, .. } if ip == wanted)
            }
        }
    }

    /// Under what key a call counts for it; none where it does not.
    pub(super) fn counts(&self, activity: &ApiActivity<'_>) -> Option<LedgerKey> {
        let key = match self {
            Self::One(LedgerKey::Network(_)) => activity.source.ledger_key()?.network()?.0,
            Self::One(LedgerKey::Principal { .. }) => LedgerKey::Principal {
                cloud: activity.cloud,
                hash: principal_hash(activity.cloud, activity.actor.uid.as_deref())?,
            },
            _ => activity.source.ledger_key()?,
        };
        self.is(&key).then_some(key)
    }

    /// The key to tell of where nothing is known.
    pub(super) fn key(&self) -> LedgerKey {
        match self {
            Self::One(key) => key.clone(),
            Self::InAnyScope(ip) => LedgerKey::Private { ip: *ip, scope: "".into() },
        }
    }
}

/// One that has a ledger: a single address, or what is counted as one.
fn network_of(network: IpNet) -> anyhow::Result<Wanted> {
    let first = network.network();
    match (network, network.prefix_len()) {
        (IpNet::V4(_), 32) | (IpNet::V6(_), 64 | 128) => Wanted::parse(&first.to_string()),
        (IpNet::V4(_), 24) | (IpNet::V6(_), 48) if is_public(first) => {
            Ok(Wanted::One(LedgerKey::Network(first)))
        }
        _ => bail!(
            "of {} there is no ledger: networks are counted by the /24 of IPv4 and the /48 of \
             IPv6, where their addresses are public",
            network.trunc()
        ),
    }
}

fn is_public(ip: IpAddr) -> bool {
    matches!(Source::from_address(ip.to_string(), ""), Source::Public(_))
}

/// `AWS:0123456789abcdef`.
fn principal(text: &str) -> Option<LedgerKey> {
    let (cloud, digits) = text.split_once(':')?;
    let cloud = Cloud::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(cloud))?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|it| it.is_ascii_hexdigit());
    let hash = u64::from_str_radix(digits, 16).ok().filter(|_| is_number)?;
    Some(LedgerKey::Principal { cloud, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_as_they_are_printed() {
        for (text, key) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("203.0.113.7:443", "203.0.113.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:3::4/128", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("203.0.113.9/24", "203.0.113.0/24"),
            ("2001:db8:1:2::/48", "2001:db8:1::/48"),
            ("principal:AWS:00000000000000ab", "principal:AWS:00000000000000ab"),
            ("principal:azure:FFFFFFFFFFFFFFFF", "principal:Azure:ffffffffffffffff"),
            ("10.0.0.5@vpce-1", "10.0.0.5@vpce-1"),
            ("10.0.0.5", "10.0.0.5@"),
            ("30.*.0.210", "unrecognized:30.*.0.210"),
            ("unrecognized:30.*.0.210", "unrecognized:30.*.0.210"),
            ("unrecognized:10.0.0.0/24", "unrecognized:10.0.0.0/24"),
        ] {
            let wanted = Wanted::parse(text).unwrap();
            assert_eq!(wanted.key().to_string(), key, "{text}");
            assert!(wanted.is(&wanted.key()));
        }
        let scoped = LedgerKey::Private { ip: "10.0.0.5".parse().unwrap(), scope: "a".into() };
        assert!(Wanted::parse("10.0.0.5").unwrap().is(&scoped));
        assert!(!Wanted::parse("10.0.0.5@b").unwrap().is(&scoped));
        for text in ["", "-", "0.0.0.0", "unrecognized:"] {
            assert!(Wanted::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_has_no_ledger_is_refused_and_not_taken_for_text() {
        for (text, why) in [
            ("203.0.113.0/25", "of 203.0.113.0/25 there is no ledger"),
            ("203.0.113.9/16", "of 203.0.0.0/16 there is no ledger"),
            ("10.0.0.0/24", "where their addresses are public"),
            ("2001:db8::/32", "the /48 of IPv6"),
            ("principal:alice", "is given as principal:AWS:"),
            ("principal:AWS:+0000000000000ab", "is given as principal:AWS:"),
            ("principal:IBM:00000000000000ab", "is given as principal:AWS:"),
        ] {
            let told = Wanted::parse(text).unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
