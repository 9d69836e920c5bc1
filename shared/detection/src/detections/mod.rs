//! The catalogue of detections.
//!
//! One file a detection: what it is, when it fires, its defaults, its score, its tests. Adding one
//! touches its file and [`DETECTIONS`].

/// What a parameter's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things: failures, accounts, operations.
    Count,
    /// Minutes of event time.
    Minutes,
}

/// A number a policy may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in the policy file.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Its value where the policy says nothing. At least 1.
    pub default: u32,
    /// What it means, in a few words.
    pub meaning: &'static str,
}
