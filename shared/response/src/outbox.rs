//! The outbox: what was recorded and is not announced yet, whoever recorded it.
//!
//! Promises that what is recorded is announced at least once, the oldest first, what one holder of the
//! claim recorded in one message. What was announced is taken out after that, so that whoever dies in
//! between has one message announced twice. Must not know where anything is announced.

use std::error::Error;
use std::future::Future;

use crate::store::{Change, Store};

/// How many messages are announced at once: of more, the oldest.
const MESSAGES_MAX: usize = 20;

/// What was recorded at once, in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which it is.
    pub id: String,
    /// Who recorded it.
    pub holder: String,
    /// What was recorded; none where it cannot be read.
    pub changes: Option<Vec<Change>>,
}

/// The port to who is told of changes.
pub trait Announcer {
    /// What can go wrong with the world.
    type Error: Error + Send + Sync + 'static;

    /// Announces them, in one message.
    fn announce(&self, changes: &[Change]) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether these changes will never be taken, however often they are announced.
    fn is_for_good(error: &Self::Error) -> bool;
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Announced<E> {
    /// Messages that went out.
    pub messages: usize,
    /// What could not be read, by id. It is in the audit trail alone from now on.
    pub unreadable: Vec<String>,
    /// Why messages were refused for good. They are in the audit trail alone from now on.
    pub refused: Vec<E>,
    /// Why the rest is still there, and to be announced by whoever comes next.
    pub failed: Option<E>,
}

/// What one holder recorded.
struct Message {
    holder: String,
    ids: Vec<String>,
    changes: Vec<Change>,
}

/// Announces what is in the outbox. Whoever calls has the claim: nobody else records anything
/// meanwhile, nor announces it.
///
/// # Errors
///
/// When the store fails: what was announced last may be announced again.
pub async fn announce<S: Store, A: Announcer>(
    store: &S,
    announcer: &A,
) -> Result<Announced<A::Error>, S::Error> {
    let mut messages: Vec<Message> = Vec::new();
    let mut unreadable = Vec::new();
    for Entry { id, holder, changes } in store.outbox().await? {
        let Some(changes) = changes else {
            unreadable.push(id);
            continue;
        };
        if let Some(message) = messages.iter_mut().find(|it| it.holder == holder) {
            message.ids.push(id);
            message.changes.extend(changes);
        } else {
            messages.push(Message { holder, ids: vec![id], changes });
        }
    }
    if !unreadable.is_empty() {
        store.take_out(&unreadable).await?;
    }
    let mut out = Announced { messages: 0, unreadable, refused: Vec::new(), failed: None };
    for Message { ids, changes, .. } in messages.into_iter().take(MESSAGES_MAX) {
        match announcer.announce(&changes).await {
            Ok(()) => out.messages += 1,
            Err(error) if A::is_for_good(&error) => out.refused.push(error),
            Err(error) => {
                out.failed = Some(error);
                break;
            }
        }
        store.take_out(&ids).await?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
