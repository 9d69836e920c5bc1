//! Inputs on their way from the walk to the workers.

use std::sync::{Mutex, PoisonError};

use super::Input;

/// Where workers take inputs from. Whoever takes one walks on to it: handing each over from a thread
/// that walks takes longer than the walk.
pub(super) struct Queue<'a>(Mutex<Box<dyn Iterator<Item = Result<Input, String>> + Send + 'a>>);

impl<'a> Queue<'a> {
    pub(super) fn new(inputs: impl Iterator<Item = Result<Input, String>> + Send + 'a) -> Self {
        Self(Mutex::new(Box::new(inputs)))
    }

    /// The next input, or what could not be looked into; none at the end.
    pub(super) fn next(&self) -> Option<Result<Input, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}
