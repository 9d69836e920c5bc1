//! Times and numbers as the page shows them: for people, in UTC, beside what machines read.

use std::fmt;

use callerwatch_detection::timestamp::Timestamp;

/// An instant. Prints as ISO 8601 does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    /// Milliseconds since 1970.
    pub(super) fn millis(self) -> i64 {
        self.0.millis()
    }

    /// `10 Mar 2026, 01:15:00 UTC`.
    pub(super) fn human(self) -> String {
        self.written("%-d %b %Y, %H:%M:%S UTC")
    }

    /// `10 Mar 2026, 01:15`.
    pub(super) fn minute(self) -> String {
        self.written("%-d %b %Y, %H:%M")
    }

    /// `10 Mar, 01:15`.
    pub(super) fn short(self) -> String {
        self.written("%-d %b, %H:%M")
    }

    /// `10 Mar 2026`.
    pub(super) fn date(self) -> String {
        self.written("%-d %b %Y")
    }

    fn written(self, form: &str) -> String {
        match jiff::Timestamp::from_millisecond(self.0.millis()) {
            Ok(time) => time.strftime(form).to_string(),
            Err(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `1,234,567`.
pub(super) fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 alert`, `2,000 alerts`.
pub(super) fn counted(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers() {
        let moment = Moment(Timestamp::from_millis(1_773_105_300_000).unwrap());
        assert_eq!(moment.to_string(), "2026-03-10T01:15:00Z");
        assert_eq!(moment.human(), "10 Mar 2026, 01:15:00 UTC");
        assert_eq!(moment.minute(), "10 Mar 2026, 01:15");
        assert_eq!(moment.short(), "10 Mar, 01:15");
        assert_eq!(Moment(Timestamp::MAX).date(), "31 Dec 9998");
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1_u64, "alert", "alerts"), "1 alert");
        assert_eq!(counted(2000_u64, "alert", "alerts"), "2,000 alerts");
    }
}
