//! What is on its way to the workers: inputs as a walk meets them, and ledgers to decide on.

use std::sync::{Mutex, PoisonError};

/// So many are taken at once where each is little work.
const FEW: usize = 64;

/// Where workers take the next from. Whoever takes an input walks on to it: handing each over from a
/// thread that walks takes longer than the walk.
pub(super) struct Queue<'a, T>(Mutex<Box<dyn Iterator<Item = T> + Send + 'a>>);

impl<'a, T> Queue<'a, T> {
    pub(super) fn new(of: impl Iterator<Item = T> + Send + 'a) -> Self {
        Self(Mutex::new(Box::new(of)))
    }

    /// The next one; none at the end.
    pub(super) fn next(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// The next few; none at the end.
    pub(super) fn few(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_ref().take(FEW).collect()
    }
}
