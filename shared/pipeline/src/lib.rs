//! The steps of an invocation, joined: what messages deliver is read and observed ([`Intake`]),
//! then kept, decided on and announced ([`settle()`]).
//!
//! Functions of all clouds are this, told apart only by how their input is unwrapped. Everything
//! of the world is behind the ports [`Ledger`](callerwatch_detection::ledger::Ledger) and
//! [`AlertSink`](callerwatch_detection::sink::AlertSink). Nothing here knows an SDK, a runtime or a
//! clock.

mod intake;
mod learn;
mod settle;

pub use intake::{BadInput, Counts, Intake, Judgement, Observed};
pub use settle::{Failure, Settled, settle};
