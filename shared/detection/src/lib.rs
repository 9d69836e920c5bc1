//! The callerwatch engine: from one normalized call to the alerts of its source address.
//!
//! The steps are modules, in the order an event falls through them:
//! [`activity`] (what a reader hands over) → [`intelligence`] (what is known of the address) →
//! [`evidence`] (what of it is kept) → [`ledger`] (kept where, once) → [`decide`](decide()) with
//! [`detections`] (what the ledger means) → [`alert`] (what a person is told).
//!
//! Nothing here does I/O, reads a clock or the environment, or knows a provider's field names.
//! Time is in the events, and everything a function needs is a value passed to it.

pub mod activity;
pub mod detections;
pub mod hash;
pub mod intelligence;
pub mod policy;
pub mod source;
pub mod timestamp;
