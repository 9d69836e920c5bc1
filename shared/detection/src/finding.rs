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
    /// Whether the base says something of the address itself (it is listed), which the headline then
    /// names. It adds to any other finding of the day, where other bases are readings of the same
    /// calls (they failed, they failed on many accounts), of which one counts.
    pub is_of_address: bool,
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

/// The finding of a day in a list by day, made where there is none yet. The strongest of the bases
/// it is given stays, and of equal ones the first.
pub(crate) fn finding_of_day<'a>(
    findings: &'a mut Vec<Finding>,
    detection: &'static Detection,
    day: Day,
    base: Reason,
) -> Option<&'a mut Finding> {
    match findings.last_mut() {
        Some(last) if last.day == day => {
            if base.points > last.base.points {
                last.base = base;
            }
        }
        _ => findings.push(Finding {
            detection,
            day,
            headline: String::new(),
            base,
            is_of_address: false,
            reasons: Vec::new(),
            weighs_targets: true,
            selection: Selection::default(),
        }),
    }
    findings.last_mut()
}
