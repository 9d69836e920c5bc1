//! What is told of a list: in a compiled file, and to whoever asks what is in use.
//!
//! Promises that a file of before, which says less, is understood. Must not know how it is searched.

use serde::{Deserialize, Serialize};

use super::category::Category;
use super::list::RefusedLine;
use crate::activity::Cloud;

/// What was loaded of one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListInfo {
    /// Its name in alerts.
    pub name: String,
    /// As it was given.
    pub category: Category,
    /// Whose ranges it is, where it is all that a cloud publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Cloud>,
    /// As of when it is, in seconds since 1970, where that is known.
    pub dated_secs: Option<u64>,
    /// Lines that named an address, a prefix or a range.
    pub entries: usize,
    /// Of these, those whose level is too low to accuse anybody.
    pub unaccused: usize,
    /// Prefixes that accused the user's own addresses, which were taken out of them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub spared: usize,
    /// Distinct prefixes that are looked up.
    pub prefixes: usize,
    /// Lines that were not understood, or name too much of the Internet.
    pub refused: usize,
    /// Of these, those that name too much of the Internet.
    pub too_wide: usize,
    /// The first of those.
    pub refusals: Vec<RefusedLine>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_none(count: &usize) -> bool {
    *count == 0
}
