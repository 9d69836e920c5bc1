//! Response: an address is denied for a time, where the cloud can deny it, and let go again.
//!
//! What is wanted is a set of [`Denial`]s in a [`Store`]; what there is, is what a [`Target`] holds.
//! Nothing here knows an SDK, a runtime or a clock: the world is behind these two ports.

mod denial;
mod store;
mod target;

pub use denial::{By, Cause, Denial, State};
pub use store::{Change, Claim, Placed, Settings, Store};
pub use target::{Held, Mode, Room, Target, TargetId, TargetKind, Written};
