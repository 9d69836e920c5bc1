//! Time: milliseconds since 1970-01-01T00:00:00Z, and UTC days and hours of it.

use std::fmt;

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// An instant of event time, in milliseconds since the Unix epoch, within the years 1970 to 9998.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest instant that can be told: the end of the year 9998 (a round bound below what calendars here can print).
    pub const MAX: Self = Self(253_370_764_799_999);

    /// Takes milliseconds since the Unix epoch; none outside the years 1970 to 9998.
    pub fn from_millis(millis: i64) -> Option<Self> {
        (0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `secs` seconds, kept within what can be told.
    #[must_use]
    pub fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1000)).clamp(0, Self::MAX.0))
    }

    /// The UTC day this instant lies in.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / DAY_MILLIS).unwrap_or(0))
    }
}

impl Timestamp {
    /// The UTC hour this instant lies in.
    pub fn hour(self) -> Hour {
        Hour(u32::try_from(self.0 / HOUR_MILLIS).unwrap_or(0))
    }
}

/// `2026-03-02T09:15:00Z`, with milliseconds only where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// The first instant of the day.
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0) * DAY_MILLIS)
    }

    /// So many days after 1970-01-01; none outside the years 1970 to 9998.
    pub fn from_number(number: u32) -> Option<Self> {
        Timestamp::from_millis(i64::from(number) * DAY_MILLIS).map(Timestamp::day)
    }

    /// Days since 1970-01-01.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Reads `2026-03-02`; none where it is no date of the years 1970 to 9998.
    pub fn parse(text: &str) -> Option<Self> {
        let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
        let start = date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Timestamp::from_millis(start.timestamp().as_millisecond()).map(Timestamp::day)
    }

    /// The last instant of the day.
    pub fn end(self) -> Timestamp {
        Timestamp(self.start().0 + DAY_MILLIS - 1)
    }

    /// The day before, but for the first one, which is its own.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// `2026-03-02`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.get(..10).unwrap_or(&text))
    }
}

/// A UTC hour, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(u32);

impl Hour {
    /// The hour that began so many hours after 1970-01-01.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Hours since 1970-01-01.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The first instant of the hour.
    pub fn start(self) -> Timestamp {
        Timestamp((i64::from(self.0) * HOUR_MILLIS).min(Timestamp::MAX.0))
    }

    /// The hour so many before; the first one where there is none.
    #[must_use]
    pub fn back(self, hours: u32) -> Self {
        Self(self.0.saturating_sub(hours))
    }
}

/// `2026-03-02T09`.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.get(..13).unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_display() {
        let time = Timestamp::from_millis(1_772_443_500_000).unwrap();
        assert_eq!(time.to_string(), "2026-03-02T09:25:00Z");
        assert_eq!(time.day().to_string(), "2026-03-02");
        assert_eq!(time.day().start().to_string(), "2026-03-02T00:00:00Z");
        assert_eq!(time.day().end().day(), time.day());
        assert_eq!(time.day().previous().to_string(), "2026-03-01");
        assert_eq!(time.plus_secs(-300).to_string(), "2026-03-02T09:20:00Z");
        assert_eq!(Timestamp::MAX.day().to_string(), "9998-12-31");
        assert_eq!(Day::parse("2026-03-02"), Some(time.day()));
        assert_eq!(Day::from_number(time.day().number()), Some(time.day()));
        assert_eq!(Day::from_number(u32::MAX), None);
        for text in ["2026-02-30", "2026-3-2", "20260302", "1969-12-31", "2026-03-02T00:00:00"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Timestamp::from_millis(-1), None);
        assert_eq!(time.hour().to_string(), "2026-03-02T09");
        assert_eq!(time.hour().back(10).to_string(), "2026-03-01T23");
        assert_eq!(time.hour().start().to_string(), "2026-03-02T09:00:00Z");
    }
}
