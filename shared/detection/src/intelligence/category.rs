//! What kind of list named an address, and what the level of a leveled list makes of it.
//!
//! Promises one closed set of words, the same in policy files, findings and alerts. Must not know
//! how much a category weighs: scores are the detections' business.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a list says of the addresses on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Seen attacking, by a source to be relied on.
    Malicious,
    /// The user's own list of addresses that must not call.
    Custom,
    /// An exit of the Tor network.
    Tor,
    /// Seen attacking, by few.
    Reported,
    /// A VPN or proxy that hides who calls.
    Anonymizer,
    /// A search engine of open ports, or a researcher: it looks at everybody.
    Scanner,
    /// A data center. Context, not guilt.
    Hosting,
    /// What a cloud publishes as its own addresses. Context.
    Cloud,
    /// A network of a partner. Context.
    Trusted,
    /// The user's own addresses. Context.
    Own,
}

/// A leveled list of malicious addresses (ipsum counts the lists that name each) means malicious
/// from this level on.
const MALICIOUS_FROM_LEVEL: u32 = 5;
/// And reported from this one. Below it an address is not accused: most such entries are stale, or
/// the mistake of one list.
const REPORTED_FROM_LEVEL: u32 = 3;

impl Category {
    /// All of them, gravest first.
    pub const ALL: [Self; 10] = [
        Self::Malicious,
        Self::Custom,
        Self::Tor,
        Self::Reported,
        Self::Anonymizer,
        Self::Scanner,
        Self::Hosting,
        Self::Cloud,
        Self::Trusted,
        Self::Own,
    ];

    /// Its name in policy files and alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Custom => "custom",
            Self::Tor => "tor",
            Self::Reported => "reported",
            Self::Anonymizer => "anonymizer",
            Self::Scanner => "scanner",
            Self::Hosting => "hosting",
            Self::Cloud => "cloud",
            Self::Trusted => "trusted",
            Self::Own => "own",
        }
    }

    /// What an entry of a list of this category is accused of; none where its level is too low.
    /// Only malicious lists are split by level.
    pub(super) fn at_level(self, level: Option<u32>) -> Option<Self> {
        match (self, level) {
            (Self::Malicious, Some(level)) if level < REPORTED_FROM_LEVEL => None,
            (Self::Malicious, Some(level)) if level < MALICIOUS_FROM_LEVEL => Some(Self::Reported),
            _ => Some(self),
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is no category.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "no such category; there are malicious, custom, tor, reported, anonymizer, scanner, hosting, \
     cloud, trusted, own"
)]
pub struct UnknownCategory;

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(text: &str) -> Result<Self, UnknownCategory> {
        let named = |category: &Self| category.name().eq_ignore_ascii_case(text.trim());
        Self::ALL.into_iter().find(named).ok_or(UnknownCategory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_listed_in_the_error() {
        for category in Category::ALL {
            assert_eq!(category.name().parse(), Ok(category));
            assert_eq!(category.name().to_uppercase().parse(), Ok(category));
            assert!(UnknownCategory.to_string().contains(category.name()));
        }
        assert_eq!("evil".parse::<Category>(), Err(UnknownCategory));
    }

    #[test]
    fn levels() {
        for (category, level, expected) in [
            (Category::Malicious, None, Some(Category::Malicious)),
            (Category::Malicious, Some(9), Some(Category::Malicious)),
            (Category::Malicious, Some(5), Some(Category::Malicious)),
            (Category::Malicious, Some(4), Some(Category::Reported)),
            (Category::Malicious, Some(3), Some(Category::Reported)),
            (Category::Malicious, Some(2), None),
            (Category::Malicious, Some(0), None),
            (Category::Custom, Some(1), Some(Category::Custom)),
            (Category::Hosting, Some(1), Some(Category::Hosting)),
            (Category::Own, Some(0), Some(Category::Own)),
        ] {
            assert_eq!(category.at_level(level), expected, "{category} {level:?}");
        }
    }
}
