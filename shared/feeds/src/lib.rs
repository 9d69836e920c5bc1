//! Feeds of the intelligence: fetched, judged, and kept.

mod address;
mod body;
mod fetch;

pub use self::address::Reach;
pub use self::fetch::{Answer, FetchFault, Fetcher, Limits, TrustError, Version};
