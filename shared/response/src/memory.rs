//! A target, a store and an announcer in memory: the executable specification of these ports, for
//! tests.
//!
//! Each can be told to die at an instruction, as a function may: then what was done before stays done.

mod announcer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;
use thiserror::Error;

pub use self::announcer::MemoryAnnouncer;
use crate::denial::Denial;
use crate::outbox::Entry;
use crate::store::{CHANGES, Change, Claim, Placed, Settings, Store};
use crate::target::{Held, Room, Target, TargetId, Written};

/// It was told to die here, or to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Failed {
    /// Whatever was asked.
    #[error("the world failed")]
    World,
    /// A target that there is not.
    #[error("there is no such target")]
    Missing,
    /// It will never be announced.
    #[error("refused for good")]
    Refused,
}

/// When to die: after so many more mutating calls, before or after the next is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fuse {
    left: Option<(usize, bool)>,
}

impl Fuse {
    /// After `calls` more, and whether the one that fails is done all the same.
    pub fn after(calls: usize, is_done: bool) -> Self {
        Self { left: Some((calls, is_done)) }
    }

    /// Whether the next call fails, and if so whether it is done.
    fn burns(&mut self) -> Option<bool> {
        let (left, is_done) = self.left.as_mut()?;
        match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                None
            }
            None => Some(std::mem::take(is_done)),
        }
    }
}

/// A target in memory.
#[derive(Debug)]
pub struct MemoryTarget {
    id: TargetId,
    inner: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    networks: BTreeSet<IpNet>,
    room: Room,
    flaws: Vec<String>,
    /// Flaws that no write mends, and why, once that was tried.
    unmendable: BTreeMap<String, String>,
    unmended: BTreeMap<String, String>,
    version: u64,
    fuse: Fuse,
    is_down: bool,
    is_missing: bool,
    writes: usize,
    /// Of how many writes the answer is lost: they are made, and asked for again.
    lost: usize,
    /// What it held before, where that is still read once.
    stale: Option<BTreeSet<IpNet>>,
    /// What somebody else puts there between the next reading and writing.
    meanwhile: Vec<IpNet>,
}

impl MemoryTarget {
    /// One that holds nothing.
    pub fn new(id: TargetId, room: Room) -> Self {
        let inner = Mutex::new(Inside {
            networks: BTreeSet::new(),
            room,
            flaws: Vec::new(),
            unmendable: BTreeMap::new(),
            unmended: BTreeMap::new(),
            version: 0,
            fuse: Fuse::default(),
            is_down: false,
            is_missing: false,
            writes: 0,
            lost: 0,
            stale: None,
            meanwhile: Vec::new(),
        });
        Self { id, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inside> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it holds.
    pub fn networks(&self) -> BTreeSet<IpNet> {
        self.inner().networks.clone()
    }

    /// How often it was written.
    pub fn writes(&self) -> usize {
        self.inner().writes
    }

    /// Somebody else puts something there.
    pub fn add(&self, network: IpNet) {
        let mut inner = self.inner();
        inner.networks.insert(network);
        inner.version += 1;
    }

    /// Somebody else takes something out.
    pub fn take_out(&self, network: &IpNet) {
        let mut inner = self.inner();
        inner.networks.remove(network);
        inner.version += 1;
    }

    /// Somebody else puts something there between the next reading and the writing after it.
    pub fn add_meanwhile(&self, network: IpNet) {
        self.inner().meanwhile.push(network);
    }

    /// Somebody else changes what else is to be so of it.
    pub fn spoil(&self, flaw: &str) {
        let mut inner = self.inner();
        inner.flaws.push(flaw.to_owned());
        inner.version += 1;
    }

    /// The same of what no write mends.
    pub fn spoil_for_good(&self, flaw: &str, why: &str) {
        self.spoil(flaw);
        self.inner().unmendable.insert(flaw.to_owned(), why.to_owned());
    }

    /// Whether it fails whatever is asked of it.
    pub fn set_down(&self, is_down: bool) {
        self.inner().is_down = is_down;
    }

    /// Whether it was deleted.
    pub fn set_missing(&self, is_missing: bool) {
        self.inner().is_missing = is_missing;
    }

    /// The answer to the next write is lost: it is made, asked for again, and meets itself.
    pub fn lose_answer(&self) {
        self.inner().lost += 1;
    }

    /// The next reading is of a while ago, when it held these.
    pub fn read_stale(&self, networks: BTreeSet<IpNet>) {
        self.inner().stale = Some(networks);
    }

    /// When its writing is to fail.
    pub fn set_fuse(&self, fuse: Fuse) {
        self.inner().fuse = fuse;
    }
}

impl Target for MemoryTarget {
    type Error = Failed;

    fn id(&self) -> &TargetId {
        &self.id
    }

    async fn read(&self) -> Result<Held, Failed> {
        let mut inner = self.inner();
        if inner.is_down || inner.is_missing {
            return Err(if inner.is_missing { Failed::Missing } else { Failed::World });
        }
        let stale = inner.stale.take();
        let held = Held {
            networks: stale.unwrap_or_else(|| inner.networks.clone()),
            room: inner.room,
            flaws: inner.flaws.clone(),
            version: inner.version.to_string(),
            rest: String::new(),
        };
        for network in std::mem::take(&mut inner.meanwhile) {
            inner.networks.insert(network);
            inner.version += 1;
        }
        Ok(held)
    }

    async fn write(&self, held: &Held, networks: &BTreeSet<IpNet>) -> Result<Written, Failed> {
        let mut inner = self.inner();
        if inner.is_down {
            return Err(Failed::World);
        }
        if held.version != inner.version.to_string() {
            return Ok(Written::Conflict);
        }
        let burnt = inner.fuse.burns();
        if burnt == Some(false) {
            return Err(Failed::World);
        }
        inner.networks.clone_from(networks);
        inner.flaws.clear();
        inner.unmended = inner.unmendable.clone();
        inner.version += 1;
        inner.writes += 1;
        if let Some(lost) = inner.lost.checked_sub(1) {
            inner.lost = lost;
            return Ok(Written::Conflict);
        }
        burnt.map_or(Ok(Written::Done), |_| Err(Failed::World))
    }

    fn unmended(&self) -> BTreeMap<String, String> {
        self.inner().unmended.clone()
    }

    fn is_missing(error: &Failed) -> bool {
        *error == Failed::Missing
    }
}

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    denials: BTreeMap<IpNet, Denial>,
    placed: BTreeMap<TargetId, Placed>,
    changes: Vec<Change>,
    outbox: Vec<Entry>,
    /// How much was ever put into the outbox.
    count: usize,
    settings: Option<Settings>,
    lease: Option<(String, Timestamp)>,
    fuse: Fuse,
    writes: usize,
}

impl Kept {
    fn leave(&mut self, holder: String, changes: Option<Vec<Change>>) {
        self.count += 1;
        self.outbox.push(Entry { id: self.count.to_string(), holder, changes });
    }
}

impl MemoryStore {
    fn inner(&self) -> MutexGuard<'_, Kept> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The audit trail.
    pub fn changes(&self) -> Vec<Change> {
        self.inner().changes.clone()
    }

    /// Puts something into the outbox that cannot be read.
    pub fn spoil_outbox(&self) {
        self.inner().leave("somebody".to_owned(), None);
    }

    /// How often it was written, the audit trail and leases too.
    pub fn writes(&self) -> usize {
        self.inner().writes
    }

    /// What the function says it denies by.
    pub fn set_settings(&self, settings: Settings) {
        self.inner().settings = Some(settings);
    }

    /// When its writing is to fail.
    pub fn set_fuse(&self, fuse: Fuse) {
        self.inner().fuse = fuse;
    }

    fn write<R>(&self, change: impl FnOnce(&mut Kept) -> R) -> Result<R, Failed> {
        let mut inner = self.inner();
        let burnt = inner.fuse.burns();
        if burnt == Some(false) {
            return Err(Failed::World);
        }
        inner.writes += 1;
        let answer = change(&mut inner);
        burnt.map_or(Ok(answer), |_| Err(Failed::World))
    }
}

impl Store for MemoryStore {
    type Error = Failed;

    async fn claim(&self, holder: &str, now: Timestamp, until: Timestamp) -> Result<Claim, Failed> {
        self.write(|kept| match &kept.lease {
            Some((other, ends)) if other != holder && *ends > now => Claim::Held,
            _ => {
                kept.lease = Some((holder.to_owned(), until));
                Claim::Granted
            }
        })
    }

    async fn release(&self, holder: &str) -> Result<(), Failed> {
        self.write(|kept| {
            if kept.lease.as_ref().is_some_and(|(other, _)| other == holder) {
                kept.lease = None;
            }
        })
    }

    async fn settings(&self) -> Result<Option<Settings>, Failed> {
        Ok(self.inner().settings.clone())
    }

    async fn denials(&self) -> Result<Vec<Denial>, Failed> {
        Ok(self.inner().denials.values().cloned().collect())
    }

    async fn keep_all(&self, denials: &[Denial]) -> Result<(), Failed> {
        self.write(|kept| {
            kept.denials.extend(denials.iter().map(|it| (it.network, it.clone())));
        })
    }

    async fn forget_all(&self, networks: &[IpNet]) -> Result<(), Failed> {
        self.write(|kept| kept.denials.retain(|network, _| !networks.contains(network)))
    }

    async fn placed(&self, target: &TargetId) -> Result<Placed, Failed> {
        Ok(self.inner().placed.get(target).cloned().unwrap_or_default())
    }

    async fn place(&self, target: &TargetId, placed: &Placed) -> Result<(), Failed> {
        self.write(|kept| {
            kept.placed.insert(target.clone(), placed.clone());
        })
    }

    async fn record(&self, changes: &[Change]) -> Result<(), Failed> {
        if changes.is_empty() {
            return Ok(());
        }
        // What has no word there is not read back from the table, and so announced to nobody.
        debug_assert!(changes.iter().all(|it| CHANGES.contains(&it.what)), "{changes:?}");
        self.write(|kept| {
            let holder = kept.lease.as_ref().map(|(holder, _)| holder.clone());
            kept.leave(holder.unwrap_or_default(), Some(changes.to_vec()));
        })?;
        self.write(|kept| kept.changes.extend_from_slice(changes))
    }

    async fn outbox(&self) -> Result<Vec<Entry>, Failed> {
        Ok(self.inner().outbox.clone())
    }

    async fn take_out(&self, ids: &[String]) -> Result<(), Failed> {
        self.write(|kept| kept.outbox.retain(|it| !ids.contains(&it.id)))
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;

    #[test]
    fn one_at_a_time_has_the_claim() {
        let store = MemoryStore::default();
        let at = |secs: i64| Timestamp::from_millis(secs * 1000).unwrap();
        let claim = |who, now, until| block_on(store.claim(who, at(now), at(until))).unwrap();
        assert_eq!(claim("a", 0, 60), Claim::Granted);
        assert_eq!(claim("b", 59, 119), Claim::Held);
        // Who has it may have it for longer, and who has not cannot give it back.
        assert_eq!(claim("a", 30, 90), Claim::Granted);
        block_on(store.release("b")).unwrap();
        assert_eq!(claim("b", 60, 120), Claim::Held);
        // It ends by itself, and is given back.
        assert_eq!(claim("b", 90, 150), Claim::Granted);
        block_on(store.release("b")).unwrap();
        assert_eq!(claim("c", 91, 151), Claim::Granted);
    }
}
