//! The user's own addresses: what accounts told of them from one time to the next, `egress.json`, and
//! the list that is made of it.
//!
//! Promises that what an account told stays while it does not answer, and goes once it answers
//! without it; that one account or region which fails costs the others nothing; and that only single
//! addresses of the Internet are ever in the list. Must not know how accounts are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use callerwatch_detection::feeds::{EGRESS, LISTS, is_of_the_internet};
use callerwatch_detection::intelligence::{Builder, Category, Intelligence};
use callerwatch_detection::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::STATUS;
use crate::store::Store;

/// What is asked of the account whose credentials these are, where it is not known which one that is.
pub const UNKNOWN: &str = "own";

/// Its name in a store.
const FILE: &str = "egress.json";
/// An address that nobody confirmed for thirty days may be anybody's.
const KEPT_SECS: u64 = 30 * 24 * 60 * 60;

/// What an account answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its number, or the role by which it was asked.
    pub account: String,
    /// Of each region that it may use.
    pub regions: Result<BTreeMap<String, Result<BTreeSet<IpAddr>, Fault>>, Fault>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What was attempted, and what came of it.
    pub message: String,
    /// Whether it is forbidden to ask.
    pub is_denied: bool,
}

/// What is to be told of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountReport {
    /// Its number, or the role by which it was asked.
    pub account: String,
    /// How many addresses of it are in the list.
    pub addresses: usize,
    /// How many of its regions tell.
    pub regions: usize,
    /// How many never told anything and may not be asked, as it is where regions are closed.
    pub closed: usize,
    /// Seconds since all of it was learned, or since it was first asked in vain.
    pub age_secs: u64,
    /// Why not all of it was learned this time.
    pub faults: Vec<Fault>,
}

/// `12 addresses in 17 regions`, and what is wrong.
impl fmt::Display for AccountReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addresses, regions, closed, faults, .. } = self;
        write!(f, "{addresses} addresses in {regions} regions")?;
        if *closed > 0 {
            write!(f, ", {closed} are closed")?;
        }
        for fault in faults {
            write!(f, "; not learned: {fault}")?;
        }
        Ok(())
    }
}

/// What is known of the accounts. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Learned {
    /// When the addresses last became others.
    changed: i64,
    accounts: BTreeMap<String, Account>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    /// When it last answered, or was first asked in vain.
    since: i64,
    regions: BTreeMap<String, Region>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Region {
    /// The same of the region.
    since: i64,
    addresses: BTreeSet<IpAddr>,
}

/// Takes what accounts answered, and keeps it. Accounts that were not asked are forgotten.
///
/// # Errors
///
/// When it cannot be read or kept.
pub async fn learn<S: Store + Sync>(
    answers: Vec<Answer>,
    store: &S,
    now: Timestamp,
) -> Result<Vec<AccountReport>, S::Error> {
    let before = Learned::read(store).await?;
    let mut learned = before.clone();
    if answers.iter().all(|answer| answer.account != UNKNOWN) {
        learned.accounts.retain(|name, _| answers.iter().any(|answer| answer.account == *name));
    }
    learned.forget(now);
    let reports = answers.into_iter().map(|answer| learned.take(answer, now)).collect();
    if learned.addresses() != before.addresses() {
        learned.changed = now.millis();
    }
    if learned != before {
        let text = serde_json::to_string_pretty(&learned).unwrap_or_default();
        store.write(FILE, text.into()).await?;
    }
    Ok(reports)
}

/// What became of the compiled lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// They are others than before.
    New,
    /// They say already what was learned.
    Unchanged,
    /// They are damaged, or not made yet of what feeds said. Whoever compiles all anew takes what
    /// was learned too.
    Unusable,
}

/// Puts what was learned into the compiled lists, in the place of what was learned before.
///
/// # Errors
///
/// When they cannot be read or kept.
pub async fn publish<S: Store + Sync>(store: &S) -> Result<Published, S::Error> {
    let learned = Learned::read(store).await?;
    let before = store.read(LISTS).await?.unwrap_or_default();
    let builder = if before.is_empty() {
        // Lists of it alone would be less than what is known.
        if store.read(STATUS).await?.is_some() {
            return Ok(Published::Unusable);
        }
        if learned.addresses().is_empty() {
            return Ok(Published::Unchanged);
        }
        Intelligence::builder()
    } else {
        match Intelligence::builder().compiled(before.clone()) {
            Ok(builder) => builder.without(EGRESS),
            Err(_) => return Ok(Published::Unusable),
        }
    };
    let lists = learned.add_to(builder).build();
    if lists.as_bytes() == before {
        return Ok(Published::Unchanged);
    }
    store.write(LISTS, lists.as_bytes().to_vec().into()).await?;
    Ok(Published::New)
}

impl Learned {
    /// What is known; nothing where it is not understood, until it is learned again.
    pub(crate) async fn read<S: Store + Sync>(store: &S) -> Result<Self, S::Error> {
        let text = store.read(FILE).await?.unwrap_or_default();
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Adds the list, dated as of when it last became another; none where there is nothing in it.
    pub(crate) fn add_to(&self, mut builder: Builder) -> Builder {
        let addresses: Vec<String> = self.addresses().iter().map(IpAddr::to_string).collect();
        let text = addresses.join("\n");
        match builder.add_list(EGRESS, Category::Own, text.as_bytes(), None) {
            Ok(()) => builder.dated(u64::try_from(self.changed / 1000).unwrap_or_default()),
            Err(_) => builder,
        }
    }

    fn addresses(&self) -> BTreeSet<IpAddr> {
        let regions = self.accounts.values().flat_map(|account| account.regions.values());
        regions.flat_map(|region| region.addresses.iter().copied()).collect()
    }

    /// What nobody confirmed for too long.
    fn forget(&mut self, now: Timestamp) {
        for region in self.accounts.values_mut().flat_map(|account| account.regions.values_mut()) {
            if age_secs(region.since, now) > KEPT_SECS {
                region.addresses.clear();
            }
        }
    }

    fn take(&mut self, answer: Answer, now: Timestamp) -> AccountReport {
        let anew = || Account { since: now.millis(), regions: BTreeMap::new() };
        let known = self.accounts.entry(answer.account.clone()).or_insert_with(anew);
        let (mut closed, mut faults) = (0, Vec::new());
        let regions = answer.regions.unwrap_or_else(|fault| {
            faults.push(fault);
            BTreeMap::new()
        });
        // Where no region answers, it is the account that does not.
        let has_answered = regions.values().any(Result::is_ok);
        if has_answered {
            known.since = now.millis();
            known.regions.retain(|name, _| regions.contains_key(name));
        }
        for (name, told) in regions {
            let region = known.regions.get(&name);
            let is_empty = region.is_none_or(|region| region.addresses.is_empty());
            match told {
                Ok(mut addresses) => {
                    addresses.retain(|ip| is_of_the_internet(*ip));
                    known.regions.insert(name, Region { since: now.millis(), addresses });
                }
                Err(fault) if fault.is_denied && is_empty && has_answered => {
                    known.regions.remove(&name);
                    closed += 1;
                }
                Err(fault) => {
                    let addresses = BTreeSet::new();
                    let anew = Region { since: now.millis(), addresses };
                    known.regions.entry(name).or_insert(anew);
                    faults.push(fault);
                }
            }
        }
        let ages = known.regions.values().map(|region| age_secs(region.since, now));
        AccountReport {
            account: answer.account,
            addresses: known.regions.values().map(|region| region.addresses.len()).sum(),
            regions: known.regions.len(),
            closed,
            age_secs: ages.fold(age_secs(known.since, now), u64::max),
            faults,
        }
    }
}

fn age_secs(since: i64, now: Timestamp) -> u64 {
    now.millis().abs_diff(since) / 1000
}
