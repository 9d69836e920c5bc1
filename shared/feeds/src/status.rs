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
    /// When it was last asked for, on the web.
    #[serde(default)]
    attempted: Option<i64>,
    /// How many times in a row it was asked for in vain.
    #[serde(default)]
    failures: u32,
    /// When its source last said that the copy is good.
    pub(crate) confirmed: Option<i64>,
    /// When the copy was made.
    pub(crate) copied: Option<i64>,
    /// Whether the copy is of where it was before, and so of another feed.
    #[serde(default)]
    pub(crate) is_moved: bool,
    /// Whether the copy was judged while no address was known to be a cloud's.
    #[serde(default)]
    pub(crate) is_without_clouds: bool,
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
            attempted: None,
            failures: 0,
            confirmed: None,
            copied: None,
            is_moved: false,
            is_without_clouds: false,
            version: Version::default(),
        };
        let status = self.0.entry(feed.name.clone()).or_insert_with(|| anew.clone());
        if status.at != anew.at {
            *status = FeedStatus { is_moved: true, ..anew };
        }
        status
    }

    /// Forgets feeds that are no more.
    pub(crate) fn retain(&mut self, feeds: &[Feed]) {
        self.0.retain(|name, _| feeds.iter().any(|feed| feed.name == *name));
    }
}

/// How long a feed that was asked for in vain is left alone at first.
const PAUSE_MINUTES: u64 = 60;

impl FeedStatus {
    /// Whether the feed is to be asked for. A copy of its age is, and a feed that has none; but one
    /// of the web that was asked for in vain only after an hour, and each time in vain after twice
    /// that, until it is as seldom as one that answers.
    pub(crate) fn is_due(&self, feed: &Feed, has_copy: bool, now: Timestamp) -> bool {
        let minutes = u64::from(feed.refresh_minutes);
        if self.failures > 0
            && let Some(attempted) = self.attempted
        {
            let doubled = 1_u64.checked_shl(self.failures - 1).unwrap_or(u64::MAX);
            return has_passed(attempted, PAUSE_MINUTES.saturating_mul(doubled).min(minutes), now);
        }
        !has_copy || self.confirmed.is_none_or(|confirmed| has_passed(confirmed, minutes, now))
    }

    /// Takes note that the source answered with what is believed.
    pub(crate) fn confirm(&mut self, now: Timestamp) {
        self.confirmed = Some(now.millis());
        self.failures = 0;
    }

    /// Takes note that the source did not answer, or with what is not believed. One that is not of
    /// the web costs nobody anything, and may be asked again at once.
    pub(crate) fn fail(&mut self, feed: &Feed, now: Timestamp) {
        if matches!(feed.location, Location::Web(_)) {
            self.attempted = Some(now.millis());
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// Seconds since what is in the copy was new.
    pub(crate) fn content_age_secs(&self, now: Timestamp) -> Option<u64> {
        self.copied.map(|copied| now.millis().abs_diff(copied) / 1000)
    }

    /// Seconds since the copy was last known to be good, or since it was first asked for in vain.
    pub(crate) fn age_secs(&self, now: Timestamp) -> u64 {
        now.millis().abs_diff(self.confirmed.unwrap_or(self.asked)) / 1000
    }
}

/// Whether it is so long ago. A schedule comes a little early at times.
fn has_passed(then: i64, minutes: u64, now: Timestamp) -> bool {
    const EARLY_MILLIS: u64 = 60_000;
    now.millis().abs_diff(then).saturating_add(EARLY_MILLIS) >= minutes.saturating_mul(60_000)
}

/// All of a location, as it is not to be shown.
fn whole(location: &Location) -> String {
    match location {
        Location::Web(url) => url.clone(),
        other => other.to_string(),
    }
}
