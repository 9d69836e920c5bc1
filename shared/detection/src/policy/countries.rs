//! Countries from which calls are expected, or from which none is.

use std::fmt;

use crate::intelligence::CountryCode;

/// What a policy says of countries. The codes are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum CountryRules {
    /// Nothing.
    #[default]
    None,
    /// All but these are denied.
    Allow(Vec<CountryCode>),
    /// These are denied.
    Deny(Vec<CountryCode>),
}

/// Why calls from a country are not expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountryVerdict {
    /// The policy denies it.
    Denied,
    /// The policy allows others.
    NotAllowed,
}

impl CountryRules {
    /// The verdict on a country; none where calls from it are fine.
    pub(super) fn verdict(&self, country: CountryCode) -> Option<CountryVerdict> {
        match self {
            Self::None => None,
            Self::Allow(codes) => {
                codes.binary_search(&country).is_err().then_some(CountryVerdict::NotAllowed)
            }
            Self::Deny(codes) => {
                codes.binary_search(&country).is_ok().then_some(CountryVerdict::Denied)
            }
        }
    }
}

/// Follows `country KP is`.
impl fmt::Display for CountryVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Denied => "denied by the policy",
            Self::NotAllowed => "not among those the policy allows",
        })
    }
}
