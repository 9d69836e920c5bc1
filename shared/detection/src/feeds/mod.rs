//! Feeds: where intelligence comes from, and whether a copy of it may be believed.
//!
//! A feed is a list of addresses, or a database of countries or networks, that is fetched again and
//! again. Those that ship are data here; a policy switches them off, mirrors them, and adds others.
//! Fetching is done elsewhere: nothing here does I/O.

mod judgement;
mod shipped;

use std::fmt;

pub use self::judgement::{Judge, Refusal, is_of_the_internet};
pub use self::shipped::{SHIPPED, ShippedFeed};
use crate::intelligence::Category;

/// The compiled lists, among the files that are made of feeds. Named after the version of their
/// format, so that functions of two versions have each what they can read.
pub const LISTS: &str = "current-4.cwi";
/// The list of the user's own addresses, as accounts of AWS tell them: what no feed may be called.
pub const EGRESS: &str = "egress";
/// The database of countries in use; empty where there is none.
pub const COUNTRIES: &str = "countries.mmdb";
/// The database of networks in use; empty where there is none.
pub const NETWORKS: &str = "networks.mmdb";

/// How large a file is at most that is made of feeds, for who writes and for who reads it.
pub const FILE_MAX_BYTES: usize = 64 << 20;
/// How large a list is at most.
const LIST_MAX_BYTES: usize = 32 << 20;
/// How many prefixes a list may have, and all compiled lists together: in a file that is well below
/// [`FILE_MAX_BYTES`], and in the memory of a function.
pub const LISTS_PREFIXES_MAX: usize = 1_000_000;

/// Something that is fetched again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// What alerts and files call it: lower-case letters, digits and hyphens.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// What is in it.
    pub content: Content,
    /// The column or field that holds the addresses, where it was named.
    pub column: Option<String>,
    /// How long a copy of it is good enough.
    pub refresh_minutes: u32,
}

/// Where a feed is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// On the web; begins with `https://`.
    Web(String),
    /// An object of S3.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// Beside the policy, as it is written there.
    File(String),
}

/// What is in a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Addresses, and what the list says of them.
    List(Category),
    /// Countries, as an MMDB file.
    Countries,
    /// Autonomous systems, as an MMDB file.
    Networks,
}

impl Content {
    /// Its name in policy files.
    pub fn name(self) -> &'static str {
        match self {
            Self::List(category) => category.name(),
            Self::Countries => "countries",
            Self::Networks => "networks",
        }
    }

    /// How large a copy of it is at most, inflated.
    pub fn max_bytes(self) -> usize {
        match self {
            Self::List(_) => LIST_MAX_BYTES,
            Self::Countries | Self::Networks => FILE_MAX_BYTES,
        }
    }
}

/// Without what stands behind a question mark, which may be a key to a feed that is paid for.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => f.write_str(url.split(['?', '#']).next().unwrap_or_default()),
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::File(path) => f.write_str(path),
        }
    }
}
