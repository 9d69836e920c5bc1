//! Whether a fresh copy of a feed may take the place of the last good one.
//!
//! A feed that is broken, or written to by somebody else, must neither accuse the Internet nor
//! excuse it, and must not fall silent unnoticed. Promises a reason for each refusal, and that
//! whatever the copy holds, judging it takes bounded memory. Must not know how copies are fetched
//! and kept.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use thiserror::Error;

use super::{Content, Feed, LISTS_PREFIXES_MAX};
use crate::detections::accuses;
use crate::intelligence::{
    Bounds, Builder, Category, DatabaseError, Intelligence, ListError, ListFault, Ranges,
};
use crate::policy::Policy;
use crate::timestamp::Day;

/// Why a copy is refused.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It is no list: an error page, nothing, or nothing that was understood; or too long a one.
    #[error(transparent)]
    List(#[from] ListFault),
    /// It is no database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It is larger than whoever judges calls could load.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// It has lost more than half.
    #[error("it shrank from {before} to {now} {unit}")]
    Shrank {
        /// What the last good one had.
        before: usize,
        /// What it has.
        now: usize,
        /// Of what.
        unit: &'static str,
    },
    /// It names a part of the Internet that nobody holds alone.
    #[error("it names a prefix wider than anybody holds")]
    TooWide,
    /// It accuses a part of the Internet that no attacker holds.
    #[error("it accuses {0}, which is wider than any attacker holds")]
    TooWideToAccuse(IpNet),
    /// It names what is not of the Internet.
    #[error("it names {0}, which is not of the Internet")]
    NotOfTheInternet(IpNet),
    /// It accuses the user.
    #[error("it accuses {prefix}, which is your own: {owner}")]
    Own {
        /// What it names.
        prefix: IpNet,
        /// What the policy calls it.
        owner: String,
    },
    /// It names too much.
    #[error("it covers over {percent}% of IPv4")]
    TooMuch {
        /// What it may cover.
        percent: u32,
    },
    /// It accuses too much of IPv6.
    #[error("it accuses over a /{0} of IPv6")]
    TooMuchV6(u32),
    /// It newly accuses a good part of a cloud.
    #[error("it newly accuses {0}, which is a cloud's")]
    Cloud(IpNet),
    /// It newly accuses a good part of the clouds, here and there.
    #[error("it newly accuses {0} addresses of clouds")]
    Clouds(u128),
}

impl Refusal {
    /// Whether it is for what it says of the clouds.
    pub fn is_of_clouds(&self) -> bool {
        matches!(self, Self::Cloud(_) | Self::Clouds(_))
    }
}

/// A list of attackers that covers more of IPv4 is a list of bystanders.
const PERCENT_MAX: u32 = 2;
/// Data centers hold nearly a tenth of IPv4, and the largest clouds several hundredths.
const CONTEXT_PERCENT_MAX: u32 = 20;
/// The widest that a list may accuse of IPv6. Providers hold a /29 or a few of them, and so do the
/// widest entries of lists in use; the largest network ever given to one was a /20 or two.
const ACCUSED_V6_SHORTEST: u8 = 20;
/// As much as this prefix has, a list may accuse of IPv6 in all: lists in use accuse a fiftieth of
/// it.
const ACCUSED_V6_LENGTH: u32 = 18;
/// What one customer of a cloud may have to himself, in a run: a /24, or a /48 of IPv6.
const CLOUD_V4_RUN: u128 = 1 << 8;
const CLOUD_V6_RUN: u128 = 1 << 80;
/// And how many of such runs all of its customers, before they are the cloud.
const CLOUD_RUNS: u128 = 1 << 8;
/// So many of the user's own addresses a first copy may name, where they are at most one in so many
/// of its prefixes: somebody held them before, or one list is mistaken.
const OWN_FEW: usize = 8;
const OWN_ONE_IN: usize = 100;
/// One source holds a whole /64 of IPv6.
const SOURCE_V6_LENGTH: u8 = 64;

/// What nobody on the Internet has. Ranges for documentation are let through: examples use them.
const NOT_OF_THE_INTERNET: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/16",
    "fc00::/7",
    "fe80::/9",
    "ff00::/8",
];
static SPECIAL: LazyLock<Ranges> =
    LazyLock::new(|| Ranges::of(NOT_OF_THE_INTERNET.iter().filter_map(|it| it.parse().ok())));

/// Whether somebody on the Internet may have an address.
pub fn is_of_the_internet(ip: IpAddr) -> bool {
    !SPECIAL.overlap(ip.into())
}

/// Judges copies, by what is the user's own and what is the clouds'.
#[derive(Debug)]
pub struct Judge {
    own: Vec<(String, IpNet)>,
    own_ranges: Ranges,
    /// The same, with all of each source.
    own_sources: Ranges,
    clouds: Ranges,
}

impl Judge {
    /// Knows the networks a policy trusts today.
    pub fn new(policy: &Policy, today: Day) -> Self {
        let trusted = policy.trusted_networks().filter(|it| it.holds(today));
        let own = trusted.map(|it| (it.name.to_owned(), it.network));
        Self::of(own.collect(), Ranges::default())
    }

    /// Takes what good lists say of the clouds' addresses and of the user's own, besides what is
    /// known.
    #[must_use]
    pub fn knowing(self, lists: &Intelligence) -> Self {
        let Self { mut own, clouds, .. } = self;
        let of = |category| lists.prefixes().filter(move |(list, _)| list.category == category);
        own.extend(of(Category::Own).map(|(list, prefix)| (list.name.clone(), prefix)));
        Self::of(own, clouds.with(of(Category::Cloud).map(|(_, prefix)| prefix)))
    }

    fn of(own: Vec<(String, IpNet)>, clouds: Ranges) -> Self {
        let own_ranges = Ranges::of(own.iter().map(|(_, network)| *network));
        let own_sources = Ranges::of(own.iter().map(|(_, network)| source_of(*network)));
        Self { own, own_ranges, own_sources, clouds }
    }

    /// Whether any address is known to be a cloud's.
    pub fn knows_clouds(&self) -> bool {
        !self.clouds.is_empty()
    }

    /// Adds the list of a feed to others. Where it accuses, the user's own addresses are taken out
    /// of it: it may have been good before they were the user's, or somebody's before.
    ///
    /// # Errors
    ///
    /// When there is not one address in it, or too many.
    pub fn add_to(
        &self,
        builder: &mut Builder,
        feed: &Feed,
        category: Category,
        bytes: &[u8],
    ) -> Result<(), ListError> {
        let spared = accuses(category).then_some(&self.own_sources);
        let bounds = Bounds { spared, ..BOUNDS };
        builder.add_bounded(&feed.name, category, bytes, feed.column.as_deref(), bounds)
    }

    /// Whether a copy may take the place of `last`, the last good one of the same location.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn judge(&self, feed: &Feed, fresh: &[u8], last: Option<&[u8]>) -> Result<(), Refusal> {
        let max = feed.content.max_bytes();
        if fresh.len() > max {
            return Err(Refusal::TooLarge(max));
        }
        match feed.content {
            Content::List(category) => self.judge_list(feed, category, fresh, last),
            Content::Countries => {
                Intelligence::builder().countries(fresh)?;
                judge_length(fresh, last)
            }
            Content::Networks => {
                Intelligence::builder().networks(fresh)?;
                judge_length(fresh, last)
            }
        }
    }

    fn judge_list(
        &self,
        feed: &Feed,
        category: Category,
        fresh: &[u8],
        last: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let fresh = list(feed, category, fresh)?;
        if fresh.lists().iter().any(|list| list.too_wide > 0) {
            return Err(Refusal::TooWide);
        }
        let ranges = Ranges::of(prefixes(&fresh));
        let percent = if is_of_hosts(category) { CONTEXT_PERCENT_MAX } else { PERCENT_MAX };
        if ranges.count_v4() * 100 > u128::from(percent) << 32 {
            return Err(Refusal::TooMuch { percent });
        }
        if category != Category::Own
            && let Some(prefix) = prefixes(&fresh).find(|prefix| SPECIAL.overlap(*prefix))
        {
            return Err(Refusal::NotOfTheInternet(prefix));
        }
        // What cannot be read is no reason to keep it.
        let last = last.and_then(|last| list(feed, category, last).ok());
        if accuses(category) {
            judge_v6(&fresh, &ranges)?;
            self.judge_own(&fresh, last.is_none())?;
            self.judge_clouds(&fresh, &ranges, last.as_ref())?;
        }
        let count = |lists: &Intelligence| prefixes(lists).count();
        let (before, now) = (last.as_ref().map_or(0, count), count(&fresh));
        if now * 2 < before {
            return Err(Refusal::Shrank { before, now, unit: "prefixes" });
        }
        Ok(())
    }

    /// Where there is no last copy, one that names a few single addresses is better than none: they
    /// are taken out of it.
    fn judge_own(&self, fresh: &Intelligence, is_first: bool) -> Result<(), Refusal> {
        let mut own = prefixes(fresh).filter(|prefix| self.own_ranges.overlap(*prefix));
        let Some(prefix) = own.next() else { return Ok(()) };
        let few = OWN_FEW.min(prefixes(fresh).count() / OWN_ONE_IN);
        let others: Vec<IpNet> = own.take(OWN_FEW).collect();
        if is_first && others.len() < few && is_source(prefix) && others.into_iter().all(is_source)
        {
            return Ok(());
        }
        let held = Ranges::of([prefix]);
        let owner = self.own.iter().find(|(_, network)| held.overlap(*network));
        let owner = owner.map(|(name, _)| name.clone()).unwrap_or_default();
        Err(Refusal::Own { prefix, owner })
    }

    /// What is accused anew of the clouds, however it is cut into prefixes.
    fn judge_clouds(
        &self,
        fresh: &Intelligence,
        ranges: &Ranges,
        last: Option<&Intelligence>,
    ) -> Result<(), Refusal> {
        let last = last.map(|last| Ranges::of(prefixes(last))).unwrap_or_default();
        let accused = ranges.minus(&last).within(&self.clouds);
        if let Some(first) = accused.first_longer(CLOUD_V4_RUN, CLOUD_V6_RUN) {
            let names = |prefix: &IpNet| prefix.contains(&first);
            let widest = prefixes(fresh).filter(names).min_by_key(IpNet::prefix_len);
            return Err(Refusal::Cloud(widest.unwrap_or(first.into())));
        }
        let (v4, v6) = (accused.count_v4(), accused.count_v6());
        if v4 > CLOUD_RUNS * CLOUD_V4_RUN {
            Err(Refusal::Clouds(v4))
        } else if v6 > CLOUD_RUNS * CLOUD_V6_RUN {
            Err(Refusal::Clouds(v6))
        } else {
            Ok(())
        }
    }
}

/// What of a list is taken.
const BOUNDS: Bounds<'_> = Bounds { most: Some(LISTS_PREFIXES_MAX), spared: None };

fn list(feed: &Feed, category: Category, bytes: &[u8]) -> Result<Intelligence, ListFault> {
    let mut builder = Intelligence::builder();
    let column = feed.column.as_deref();
    let added = builder.add_bounded(&feed.name, category, bytes, column, BOUNDS);
    added.map_err(|error| error.fault)?;
    Ok(builder.build())
}

fn prefixes(lists: &Intelligence) -> impl Iterator<Item = IpNet> {
    lists.prefixes().map(|(_, prefix)| prefix)
}

/// All addresses of the source that a longer prefix is of; else the prefix.
fn source_of(prefix: IpNet) -> IpNet {
    match prefix {
        IpNet::V6(_) if prefix.prefix_len() > SOURCE_V6_LENGTH => {
            IpNet::new(prefix.network(), SOURCE_V6_LENGTH).unwrap_or(prefix).trunc()
        }
        _ => prefix,
    }
}

/// Whether it is one source.
fn is_source(prefix: IpNet) -> bool {
    let longest = if prefix.network().is_ipv4() { 32 } else { SOURCE_V6_LENGTH };
    prefix.prefix_len() >= longest
}

/// Whether a category is about who hosts computers, and so about much of the Internet.
fn is_of_hosts(category: Category) -> bool {
    matches!(category, Category::Cloud | Category::Hosting)
}

fn judge_v6(fresh: &Intelligence, ranges: &Ranges) -> Result<(), Refusal> {
    let is_too_wide =
        |prefix: &IpNet| prefix.network().is_ipv6() && prefix.prefix_len() < ACCUSED_V6_SHORTEST;
    if let Some(prefix) = prefixes(fresh).find(is_too_wide) {
        return Err(Refusal::TooWideToAccuse(prefix));
    }
    if ranges.count_v6() > 1 << (128 - ACCUSED_V6_LENGTH) {
        return Err(Refusal::TooMuchV6(ACCUSED_V6_LENGTH));
    }
    Ok(())
}

fn judge_length(fresh: &[u8], last: Option<&[u8]>) -> Result<(), Refusal> {
    let (before, now) = (last.unwrap_or_default().len(), fresh.len());
    if now < before / 2 {
        return Err(Refusal::Shrank { before, now, unit: "bytes" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
