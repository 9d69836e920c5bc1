//! Readers of the clouds' audit logs: bytes in, API activities out.

mod aws;
mod azure;
mod gcp;
mod instant;
mod lenient;
mod reading;

pub use reading::Reading;
