//! The only room with an SDK and with the environment: what the functions need of the world.
//!
//! Nothing here judges a call. Each module is one port's implementation or one need of a function.

pub mod clients;
pub mod clock;
pub mod config;
#[cfg(feature = "operator")]
pub mod drill;
pub mod feeds;
pub mod https;
#[cfg(feature = "operator")]
pub mod identity;
pub mod ledger;
pub mod objects;
pub mod oidc;
pub mod policy;
pub mod quarantine;
pub mod response;
pub mod sns;
pub mod telemetry;
