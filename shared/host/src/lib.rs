//! What the functions of all clouds share: the pipeline between its adapters, invocation by
//! invocation.
//!
//! A function unwraps what its cloud delivers and hands it to the [`Intake`] that its [`Host`] opens;
//! what was read is then settled, what can never be read set aside, and what happened is said. Must
//! not know how anything was delivered, nor what a record means.

mod host;
mod input;

pub use callerwatch_pipeline::Intake;
pub use host::{Host, Repeat};
pub use input::{Bad, Read};
