//! How often refusals are told: whoever knows the URL could fill the log with them.

use callerwatch_detection::timestamp::Timestamp;

const PAUSE_SECS: i64 = 60;

/// What was refused and not told yet.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    told: Option<Timestamp>,
}

impl Refusals {
    /// Counts one. Says how many there are to be told, once a minute.
    pub(crate) fn told(&mut self, now: Timestamp) -> Option<u64> {
        self.count += 1;
        if self.told.is_some_and(|told| now < told.plus_secs(PAUSE_SECS)) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_told_once_a_minute() {
        let mut refusals = Refusals::default();
        let start = Timestamp::from_millis(1_772_443_500_000).unwrap();
        let told: Vec<_> = (0..=120).map(|secs| refusals.told(start.plus_secs(secs))).collect();
        let expected = |secs| match secs {
            0 => Some(1),
            60 | 120 => Some(60),
            _ => None,
        };
        assert_eq!(told, (0..=120).map(expected).collect::<Vec<_>>());
    }
}
