//! Findings: what one detection makes of one source's evidence, at most one a UTC day.

use crate::detections::Detection;
use crate::score::{self, Reason};
use crate::timestamp::Day;
use crate::view::Selection;

/// What one detection found in a source's evidence of one day.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The detection.
    pub detection: &'static Detection,
    /// The UTC day of the evidence that completes it.
    pub day: Day,
    /// What happened, for a headline, without the address: `42 failed sign-ins`.
    pub headline: String,
    /// Why it is worth attention at all.
    pub base: Reason,
    /// Whether the base says something of the address that adds to any other finding of the day
    /// (it is listed), rather than being one reading of the same calls among others (they failed,
    /// they failed on many accounts).
    pub adds: bool,
    /// What else of these calls raises or lowers the score.
    pub reasons: Vec<Reason>,
    /// Whether what the calls touched (root, a critical asset) may raise the score. Not where they
    /// achieved nothing and the address alone is held against them.
    pub weighs_targets: bool,
    /// The evidence it rests on.
    pub(crate) selection: Selection,
}

impl Finding {
    /// Its score by itself.
    pub fn score(&self) -> u8 {
        score::total(std::iter::once(&self.base).chain(&self.reasons))
    }
}
