//! Inputs on their way from the walk to the workers: a few at a time.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::Input;

/// Enough that no worker waits for the walk, and few enough to need no memory worth naming.
const INPUTS_MAX: usize = 256;

/// Where workers take inputs from. The walk ends where nobody holds one any more.
#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<Receiver<Input>>>);

impl Queue {
    /// An empty one, and where it is fed.
    pub(super) fn new() -> (SyncSender<Input>, Self) {
        let (sender, receiver) = sync_channel(INPUTS_MAX);
        (sender, Self(Arc::new(Mutex::new(receiver))))
    }

    /// The next input, once there is one; none at the end.
    pub(super) fn next(&self) -> Option<Input> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}
