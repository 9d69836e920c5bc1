//! What is known of the feeds from one time to the next: `feeds.json`, beside the copies.
//!
//! Promises that one which cannot be read costs a fetch, and nothing else.

use std::collections::BTreeMap;

use callerwatch_detection::feeds::{Feed, Location};
use callerwatch_detection::hash;
use callerwatch_detection::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fetch::Version;

/// Its name in a store.
pub(crate) const STATUS: &str = "feeds.json";

/// Of each feed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status(BTreeMap<String, FeedStatus>);

/// Of one feed. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedStatus {
    /// A hash of where it is, which may hold a key.
    at: String,
    /// When it was first asked for.
    asked: i64,
    /// When its source last said that the copy is good.
    pub(crate) confirmed: Option<i64>,
    /// When the copy was made.
    pub(crate) copied: Option<i64>,
    /// What the source calls the copy.
    #[serde(flatten)]
    pub(crate) version: Version,
}

impl Status {
    /// Reads it; nothing is known where it is not understood.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// It, as text.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What is known of a feed; begun anew where it is somewhere else than it was.
    pub(crate) fn of(&mut self, feed: &Feed, now: Timestamp) -> &mut FeedStatus {
        let at = hash::identifier(&[&whole(&feed.location)]);
        let anew = FeedStatus {
            at,
            asked: now.millis(),
            confirmed: None,
            copied: None,
            version: Version::default(),
        };
        let status = self.0.entry(feed.name.clone()).or_insert_with(|| anew.clone());
        if status.at != anew.at {
            *status = anew;
        }
        status
    }

    /// Forgets feeds that are no more.
    pub(crate) fn retain(&mut self, feeds: &[Feed]) {
        self.0.retain(|name, _| feeds.iter().any(|feed| feed.name == *name));
    }
}

impl FeedStatus {
    /// Whether a copy of this age is to be asked for again. A schedule comes a little early at
    /// times.
    pub(crate) fn is_due(&self, feed: &Feed, now: Timestamp) -> bool {
        const EARLY_MILLIS: u64 = 60_000;
        let minutes = u64::from(feed.refresh_minutes);
        self.confirmed.is_none_or(|confirmed| {
            now.millis().abs_diff(confirmed) + EARLY_MILLIS >= minutes * 60_000
        })
    }

    /// Seconds since the copy was last known to be good, or since it was first asked for in vain.
    pub(crate) fn age_secs(&self, now: Timestamp) -> u64 {
        now.millis().abs_diff(self.confirmed.unwrap_or(self.asked)) / 1000
    }
}

/// All of a location, as it is not to be shown.
fn whole(location: &Location) -> String {
    match location {
        Location::Web(url) => url.clone(),
        other => other.to_string(),
    }
}
