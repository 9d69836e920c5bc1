//! Response: an address is denied for a time, where the cloud can deny it, and let go again.
//!
//! What is wanted is a set of [`Denial`]s in a [`Store`]; what there is, is what a [`Target`] holds.
//! Nothing here knows an SDK, a runtime or a clock: the world is behind these two ports, and an
//! [`Announcer`] who is told.

mod converge;
mod denial;
pub mod document;
pub mod guard;
pub mod memory;
mod outbox;
mod pack;
mod plan;
mod respond;
mod store;
mod target;

pub use converge::{Converged, converge, rollback};
pub use denial::{By, Cause, Denial, Effect, LetGo, Removal, State, ask};
pub use outbox::{Announced, Announcer, Entry, announce};
pub use pack::{Dropped, Packed, Wanted, pack};
pub use plan::{Plan, has_room, plan};
pub use respond::{
    Case, Grounds, Known, Outcome, Responded, is_worth_telling, look_after, respond,
};
pub use store::{CHANGES, Change, Claim, Placed, Settings, Store};
pub use target::{Held, Mode, Room, Target, TargetId, TargetKind, Written};
