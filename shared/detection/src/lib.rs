//! The callerwatch engine: from one normalized call to the alerts of its source address.
//!
//! The steps are modules, in the order an event falls through them:
//! [`activity`] (what a reader hands over) → [`intelligence`] (what is known of the address) →
//! [`observe`] (which calls are [`evidence`]) → [`ledger`] (kept where, once) →
//! [`decide`](decide()) with [`detections`] (what the ledger means) → [`alert`] (what a person is
//! told) → [`ocsf`] (what a machine is told).
//!
//! Nothing here does I/O, reads a clock or the environment, or knows a provider's field names.
//! Time is in the events, and everything a function needs is a value passed to it.

pub mod activity;
pub mod alert;
pub mod announce;
pub mod baseline;
pub mod budget;
pub mod controls;
mod decide;
pub mod detections;
pub mod digest;
pub mod evidence;
mod explanation;
pub mod feeds;
pub mod finding;
pub mod hash;
pub mod history;
pub mod intelligence;
pub mod ledger;
pub mod observe;
pub mod ocsf;
pub mod plain;
pub mod policy;
pub mod sample;
pub mod score;
pub mod sink;
pub mod source;
pub mod steps;
pub mod suppress;
pub mod timestamp;
mod view;
pub mod wide;
pub mod words;

pub use decide::decide;
pub use view::worker;
