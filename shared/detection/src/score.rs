//! Scores: 0 to 100, the sum of named reasons, each of which is printed.

use std::fmt;

/// One named reason of a score.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// What it adds; negative where it explains the calls away.
    pub points: i32,
    /// Why, for a person.
    pub text: String,
}

impl Reason {
    /// A reason of so many points.
    pub fn new(points: i32, text: impl Into<String>) -> Self {
        Self { points, text: text.into() }
    }
}

/// `+40 listed: malicious (ipsum, 6 lists)`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} {}", self.points, self.text)
    }
}

/// The sum of reasons, kept within 0 to 100.
pub fn total<'a>(reasons: impl IntoIterator<Item = &'a Reason>) -> u8 {
    let sum: i32 = reasons.into_iter().map(|reason| reason.points).sum();
    u8::try_from(sum.clamp(0, 100)).unwrap_or(100)
}

/// How bad, in OCSF's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Under 20.
    Informational = 1,
    /// From 20.
    Low = 2,
    /// From 40.
    Medium = 3,
    /// From 60.
    High = 4,
    /// From 80.
    Critical = 5,
}

impl Severity {
    /// All of them, rising.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The severity of a score.
    pub fn of_score(score: u8) -> Self {
        match score {
            0..20 => Self::Informational,
            20..40 => Self::Low,
            40..60 => Self::Medium,
            60..80 => Self::High,
            80.. => Self::Critical,
        }
    }

    /// The lowest score of this severity.
    pub fn points(self) -> i32 {
        match self {
            Self::Informational => 0,
            Self::Low => 20,
            Self::Medium => 40,
            Self::High => 60,
            Self::Critical => 80,
        }
    }

    /// OCSF `severity_id`.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// OCSF `severity`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_kept_in_bounds() {
        let reasons =
            |points: &[i32]| points.iter().map(|p| Reason::new(*p, "")).collect::<Vec<_>>();
        for (points, score, severity) in [
            (&[][..], 0, Severity::Informational),
            (&[20, -30], 0, Severity::Informational),
            (&[19], 19, Severity::Informational),
            (&[20], 20, Severity::Low),
            (&[40, 25], 65, Severity::High),
            (&[60, 35, 20], 100, Severity::Critical),
        ] {
            let score_of = total(&reasons(points));
            assert_eq!((score_of, Severity::of_score(score_of)), (score, severity));
        }
        for severity in Severity::ALL {
            let score = u8::try_from(severity.points()).unwrap();
            assert_eq!(Severity::of_score(score), severity);
        }
        assert_eq!(Reason::new(40, "listed").to_string(), "+40 listed");
        assert_eq!(Reason::new(-30, "trusted").to_string(), "-30 trusted");
    }
}
