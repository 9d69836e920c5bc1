//! Feeds of the intelligence: fetched, judged, kept, and compiled.
//!
//! Which feeds there are, and when a copy may be believed, is known in `callerwatch-detection`; here
//! is the web ([`Fetcher`]), and what is done with all feeds at once ([`refresh()`]) over a [`Store`],
//! which is a bucket or a folder. Without an SDK, so that a laptop fetches as a function does. Must
//! not know what a list says of an address.

mod address;
mod body;
mod compile;
pub mod egress;
mod fetch;
mod refresh;
mod status;
mod store;

pub use self::address::Reach;
pub use self::compile::rebuild;
pub use self::fetch::{Answer, FetchFault, Fetcher, Limits, TrustError, Version};
pub use self::refresh::{Failure, Outcome, Refreshed, Report, refresh};
pub use self::store::{Store, Unread};
