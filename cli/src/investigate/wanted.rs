//! Which source is asked for: an address as somebody types it, and as ledgers are keyed.

use std::net::IpAddr;

use anyhow::bail;
use callerwatch_detection::source::{LedgerKey, Source};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One source.
    One(LedgerKey),
    /// A private address, in whatever scope.
    InAnyScope(IpAddr),
}

impl Wanted {
    /// Reads what alerts print of a source: an address, `10.0.0.5@SCOPE`, a /64, or the text that
    /// stood where an address should.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let address = text.strip_suffix("/64").unwrap_or(text);
        let (address, scope) = address.split_once('@').unwrap_or((address, ""));
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

    /// The key to tell of where nothing is known.
    pub(super) fn key(&self) -> LedgerKey {
        match self {
            Self::One(key) => key.clone(),
            Self::InAnyScope(ip) => LedgerKey::Private { ip: *ip, scope: "".into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_as_they_are_printed() {
        for (text, key) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:443", "203.0.113.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
            ("10.0.0.5@vpce-1", "10.0.0.5@vpce-1"),
            ("10.0.0.5", "10.0.0.5@"),
            ("30.*.0.210", "unrecognized:30.*.0.210"),
            ("unrecognized:30.*.0.210", "unrecognized:30.*.0.210"),
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
}
