//! Readers of the clouds' audit logs: bytes in, API activities out.
//!
//! [`read()`] takes an input as it was delivered and hands over an [`Event`] for each record. The
//! readers of the clouds are modules of the same name, each the only place that knows the fields
//! of its provider. Nothing here does I/O of its own, reads a clock or the environment, or judges.

mod aws;
mod azure;
mod envelope;
mod gcp;
mod gunzip;
mod instant;
mod lenient;
mod reading;
mod stream;

pub use reading::Reading;
pub use stream::{Buffers, Event, Extent, ReadError, Rejected, Why, read, read_document};
