//! The history of accounts: the days on which ordinary calls of them were seen to succeed.
//!
//! Without it, that nobody was seen to work at an address means nothing: perhaps nobody looked. No
//! detection asks for it.

use std::collections::BTreeSet;

use crate::activity::Cloud;
use crate::timestamp::{Day, Timestamp};

/// How many days of an account are kept, the newest.
pub const DAYS: usize = 10;
/// Longer than the identifier of any account; what is longer is no account's.
const ACCOUNT_MAX_BYTES: usize = 256;

/// That ordinary calls of an account succeeded on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountDay {
    /// The account's cloud.
    pub cloud: Cloud,
    /// The account, subscription or project.
    pub account: String,
    /// The day.
    pub day: Day,
}

impl AccountDay {
    /// Such a day; none of what is no account.
    pub(crate) fn of(cloud: Cloud, account: &str, day: Day) -> Option<Self> {
        let is_account = (1..=ACCOUNT_MAX_BYTES).contains(&account.len());
        is_account.then(|| Self { cloud, account: account.to_owned(), day })
    }
}

/// The earliest day that is worth being kept at `now`.
pub fn first_day(now: Timestamp) -> Day {
    let days = i64::try_from(DAYS).unwrap_or(i64::MAX);
    now.plus_secs((1 - days) * 24 * 3600).day()
}

/// Keeps the newest days. Of the newest of parts they are the newest of all, so order is of no
/// account.
pub fn keep_newest(days: &mut BTreeSet<Day>) {
    while days.len() > DAYS {
        days.pop_first();
    }
}
