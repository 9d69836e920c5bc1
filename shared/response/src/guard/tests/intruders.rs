//! Who came with an attack, and protects no address: what is so, and what the guards say of it.

use super::*;

pub(super) const CASES: &[Case] = &[
    (
        "no list of what AWS publishes",
        |w| w.has_ranges = false,
        "[listed] no list of AWS's own addresses is loaded: nobody knows whether it is one",
    ),
];
