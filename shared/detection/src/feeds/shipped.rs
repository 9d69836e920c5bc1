//! The feeds that ship: on unless a policy switches them off.
//!
//! Each may be used by anybody for this: its terms are named with it, and the documentation lists
//! them.

use super::{Content, Feed, Location};
use crate::intelligence::Category;

/// A feed that ships.
#[derive(Clone, Copy, Debug)]
pub struct ShippedFeed {
    /// See [`Feed::name`].
    pub name: &'static str,
    /// Where it is.
    pub url: &'static str,
    /// What is in it.
    pub content: Content,
    /// How long a copy of it is good enough; never less than its makers ask for.
    pub refresh_minutes: u32,
    /// Who makes it.
    pub maker: &'static str,
    /// Under which terms.
    pub terms: &'static str,
    /// Where these are to be read.
    pub terms_url: &'static str,
}

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

const MIT: &str = "MIT";
const PDDL: &str = "PDDL 1.0";
const UNSTATED: &str = "published for this use, without a license";
const X4BNET: &str = "https://github.com/X4BNet/lists_vpn/blob/main/LICENSE";
const IPTOASN: &str = "https://github.com/sapics/ip-location-db";
const DROP_TERMS: &str = "free of charge, with credit to Spamhaus; at most one download an hour";
const DROP: &str = "https://www.spamhaus.org/blocklists/drop-fair-use-policy/";

/// All of them.
pub static SHIPPED: [ShippedFeed; 13] = [
    ShippedFeed {
        name: "tor-exits",
        url: "https://check.torproject.org/torbulkexitlist",
        content: Content::List(Category::Tor),
        refresh_minutes: HOUR,
        maker: "The Tor Project",
        terms: UNSTATED,
        terms_url: "https://check.torproject.org/",
    },
    ShippedFeed {
        name: "spamhaus-drop",
        url: "https://www.spamhaus.org/drop/drop_v4.json",
        content: Content::List(Category::Malicious),
        refresh_minutes: DAY / 2,
        maker: "The Spamhaus Project",
        terms: DROP_TERMS,
        terms_url: DROP,
    },
    ShippedFeed {
        name: "spamhaus-drop-v6",
        url: "https://www.spamhaus.org/drop/drop_v6.json",
        content: Content::List(Category::Malicious),
        refresh_minutes: DAY / 2,
        maker: "The Spamhaus Project",
        terms: DROP_TERMS,
        terms_url: DROP,
    },
    ShippedFeed {
        name: "ipsum",
        url: "https://raw.githubusercontent.com/stamparm/ipsum/master/ipsum.txt",
        content: Content::List(Category::Malicious),
        refresh_minutes: DAY / 2,
        maker: "Miroslav Stampar",
        terms: "Unlicense",
        terms_url: "https://github.com/stamparm/ipsum/blob/master/LICENSE",
    },
    ShippedFeed {
        name: "vpn",
        url: "https://raw.githubusercontent.com/X4BNet/lists_vpn/main/output/vpn/ipv4.txt",
        content: Content::List(Category::Anonymizer),
        refresh_minutes: DAY,
        maker: "X4BNet",
        terms: MIT,
        terms_url: X4BNET,
    },
    ShippedFeed {
        name: "vpn-v6",
        url: "https://raw.githubusercontent.com/X4BNet/lists_vpn/main/output/vpn/ipv6.txt",
        content: Content::List(Category::Anonymizer),
        refresh_minutes: DAY,
        maker: "X4BNet",
        terms: MIT,
        terms_url: X4BNET,
    },
    ShippedFeed {
        name: "data-centers",
        url: "https://raw.githubusercontent.com/X4BNet/lists_vpn/main/output/datacenter/ipv4.txt",
        content: Content::List(Category::Hosting),
        refresh_minutes: DAY,
        maker: "X4BNet",
        terms: MIT,
        terms_url: X4BNET,
    },
    ShippedFeed {
        name: "data-centers-v6",
        url: "https://raw.githubusercontent.com/X4BNet/lists_vpn/main/output/datacenter/ipv6.txt",
        content: Content::List(Category::Hosting),
        refresh_minutes: DAY,
        maker: "X4BNet",
        terms: MIT,
        terms_url: X4BNET,
    },
    ShippedFeed {
        name: "aws-ranges",
        url: "https://ip-ranges.amazonaws.com/ip-ranges.json",
        content: Content::List(Category::Cloud),
        refresh_minutes: DAY,
        maker: "Amazon Web Services",
        terms: UNSTATED,
        terms_url: "https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-ranges.html",
    },
    ShippedFeed {
        name: "gcp-ranges",
        url: "https://www.gstatic.com/ipranges/cloud.json",
        content: Content::List(Category::Cloud),
        refresh_minutes: DAY,
        maker: "Google",
        terms: UNSTATED,
        terms_url: "https://support.google.com/a/answer/10026322",
    },
    ShippedFeed {
        name: "google-ranges",
        url: "https://www.gstatic.com/ipranges/goog.json",
        content: Content::List(Category::Cloud),
        refresh_minutes: DAY,
        maker: "Google",
        terms: UNSTATED,
        terms_url: "https://support.google.com/a/answer/10026322",
    },
    ShippedFeed {
        name: "countries",
        url: "https://github.com/sapics/ip-location-db/releases/download/latest/iptoasn-country.mmdb",
        content: Content::Countries,
        refresh_minutes: DAY,
        maker: "iptoasn.com, by ip-location-db",
        terms: PDDL,
        terms_url: IPTOASN,
    },
    ShippedFeed {
        name: "networks",
        url: "https://github.com/sapics/ip-location-db/releases/download/latest/iptoasn-asn.mmdb",
        content: Content::Networks,
        refresh_minutes: DAY,
        maker: "iptoasn.com, by ip-location-db",
        terms: PDDL,
        terms_url: IPTOASN,
    },
];

impl From<&ShippedFeed> for Feed {
    fn from(shipped: &ShippedFeed) -> Self {
        Self {
            name: shipped.name.to_owned(),
            location: Location::Web(shipped.url.to_owned()),
            content: shipped.content,
            column: None,
            refresh_minutes: shipped.refresh_minutes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_documented() {
        let text = include_str!("../../../../docs/OPERATIONS.md");
        for feed in &SHIPPED {
            let start = format!("| `{}` | {} |", feed.name, feed.content.name());
            let row = text.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("{start} is not documented"));
            for part in [feed.maker, feed.terms, feed.terms_url] {
                assert!(row.contains(part), "{part:?} is not in {row}");
            }
        }
    }
}
