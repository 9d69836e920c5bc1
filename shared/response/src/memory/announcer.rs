//! Who is told, in memory. Can be told to fail, and to refuse.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Failed, Fuse};
use crate::outbox::Announcer;
use crate::store::Change;

/// Who is told, in memory.
#[derive(Debug, Default)]
pub struct MemoryAnnouncer {
    inner: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    messages: Vec<Vec<Change>>,
    fuse: Fuse,
    /// Reasons, of which one is enough to refuse a message for good.
    refused: BTreeSet<String>,
}

impl MemoryAnnouncer {
    fn inner(&self) -> MutexGuard<'_, Told> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was announced, by message.
    pub fn messages(&self) -> Vec<Vec<Change>> {
        self.inner().messages.clone()
    }

    /// When it is to fail.
    pub fn set_fuse(&self, fuse: Fuse) {
        self.inner().fuse = fuse;
    }

    /// Refuses for good whatever has that reason.
    pub fn refuse(&self, why: &str) {
        self.inner().refused.insert(why.to_owned());
    }
}

impl Announcer for MemoryAnnouncer {
    type Error = Failed;

    async fn announce(&self, changes: &[Change]) -> Result<(), Failed> {
        let mut inner = self.inner();
        if changes.iter().any(|it| inner.refused.contains(&it.why)) {
            return Err(Failed::Refused);
        }
        let burnt = inner.fuse.burns();
        if burnt != Some(false) {
            inner.messages.push(changes.to_vec());
        }
        burnt.map_or(Ok(()), |_| Err(Failed::World))
    }

    fn is_for_good(error: &Failed) -> bool {
        *error == Failed::Refused
    }
}
