//! Times as the clouds, and the tools that export their logs, write them: the normalize step's
//! only reader of time.
//!
//! ISO 8601 with or without fraction and zone (UTC where there is none), the American
//! `12/12/2025 3:03:58 PM`, and digits since the Unix epoch. What is finer than a millisecond is
//! cut off. A date that no calendar has, a lone date, and a year outside 1970 to 9998 are no time.

use callerwatch_detection::timestamp::Timestamp;

/// The longest text that is looked at; the longest form read here takes 41 bytes.
const TEXT_MAX_BYTES: usize = 64;

/// Reads a time; none where the text is no time.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Some(fields) = plain_utc(text.as_bytes()) {
        return fields.timestamp();
    }
    let text = text.trim();
    if text.len() > TEXT_MAX_BYTES {
        None
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        since_epoch(text)
    } else if text.contains('/') {
        american(text)
    } else {
        iso(text)
    }
}

/// A date and time of day, not yet checked, and how far its zone is ahead of UTC.
#[derive(Default)]
struct Fields {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    millis: u32,
    ahead_minutes: i32,
}

impl Fields {
    fn timestamp(&self) -> Option<Timestamp> {
        let in_range = (1970..=9998).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        if !in_range {
            return None;
        }
        let days = i64::from(days_since_epoch(self.year, self.month, self.day));
        let minute_of_day = i64::from(self.hour * 60 + self.minute);
        let minutes = days * 1440 + minute_of_day - i64::from(self.ahead_minutes);
        let seconds = minutes * 60 + i64::from(self.second);
        Timestamp::from_millis(seconds * 1000 + i64::from(self.millis))
    }
}

/// A plain time whose digits are all zero, and one whose digits are all the highest.
const ZERO: [u8; 20] = *b"0000-00-00T00:00:00Z";
const NINE: [u8; 20] = *b"9999-99-99T99:99:99Z";

/// Exactly `2026-03-02T09:15:00Z`, the form of every `CloudTrail` event.
fn plain_utc(text: &[u8]) -> Option<Fields> {
    let mut digits: [u8; 20] = text.try_into().ok()?;
    // Without an end before the last, so that the compiler looks at many bytes at once.
    let is_plain =
        digits.iter_mut().zip(ZERO.iter().zip(NINE)).fold(true, |all, (it, (zero, nine))| {
            *it ^= zero;
            let is_possible = *it <= nine ^ zero;
            all & is_possible
        });
    let [y1, y2, y3, y4, _, m1, m2, _, d1, d2, _, h1, h2, _, i1, i2, _, s1, s2, _] = digits;
    let pair = |tens: u8, ones: u8| u32::from(tens) * 10 + u32::from(ones);
    is_plain.then(|| Fields {
        year: pair(y1, y2) * 100 + pair(y3, y4),
        month: pair(m1, m2),
        day: pair(d1, d2),
        hour: pair(h1, h2),
        minute: pair(i1, i2),
        second: pair(s1, s2),
        ..Fields::default()
    })
}

/// Seconds, milliseconds or microseconds since the epoch, told apart by magnitude: all three mean
/// a time between 1973 and 5138. Smaller numbers are counters and years, not times.
fn since_epoch(digits: &str) -> Option<Timestamp> {
    let millis = match digits.parse::<i64>().ok()? {
        seconds @ 100_000_000..100_000_000_000 => seconds * 1000,
        millis @ 100_000_000_000..100_000_000_000_000 => millis,
        micros @ 100_000_000_000_000..100_000_000_000_000_000 => micros / 1000,
        _ => return None,
    };
    Timestamp::from_millis(millis)
}

/// `1/9/2007 9:41:00 AM`: month, day, year; seconds and `AM` or `PM` may be missing.
fn american(text: &str) -> Option<Timestamp> {
    let mut rest = Rest(text);
    let month = rest.number(1, 2)?;
    rest.expect(&['/'])?;
    let day = rest.number(1, 2)?;
    rest.expect(&['/'])?;
    let mut fields = Fields { year: rest.number(4, 4)?, month, day, ..Fields::default() };
    rest.expect(&[' '])?;
    rest.time_of_day(1, &mut fields)?;
    // Some formatters put a narrow no-break space before the half of the day.
    let half = rest.0.trim_start();
    if !half.is_empty() {
        let afternoon = half.eq_ignore_ascii_case("PM");
        if !(afternoon || half.eq_ignore_ascii_case("AM")) || !(1..=12).contains(&fields.hour) {
            return None;
        }
        fields.hour = fields.hour % 12 + if afternoon { 12 } else { 0 };
    }
    fields.timestamp()
}

/// `2022-12-11 02:57:48.693+02:00` and its like.
fn iso(text: &str) -> Option<Timestamp> {
    let mut rest = Rest(text);
    let year = rest.number(4, 4)?;
    rest.expect(&['-'])?;
    let month = rest.number(2, 2)?;
    rest.expect(&['-'])?;
    let mut fields = Fields { year, month, day: rest.number(2, 2)?, ..Fields::default() };
    rest.expect(&['T', 't', ' '])?;
    rest.time_of_day(2, &mut fields)?;
    fields.ahead_minutes = zone(rest.0.trim_start())?;
    fields.timestamp()
}

/// `Z`, `UTC`, `+02:00`, `+0200` or `+02`, in minutes ahead of UTC; nothing is UTC.
fn zone(text: &str) -> Option<i32> {
    if text.is_empty() || text.eq_ignore_ascii_case("Z") || text.eq_ignore_ascii_case("UTC") {
        return Some(0);
    }
    let (behind, offset) = match text.strip_prefix('+') {
        Some(offset) => (false, offset),
        None => (true, text.strip_prefix('-')?),
    };
    let (hours, minutes) = offset.split_at_checked(2)?;
    let hours = two_digits(hours)?;
    let minutes = match minutes {
        "" => 0,
        minutes => two_digits(minutes.strip_prefix(':').unwrap_or(minutes))?,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead = i32::try_from(hours * 60 + minutes).ok()?;
    Some(if behind { -ahead } else { ahead })
}

fn two_digits(text: &str) -> Option<u32> {
    let mut rest = Rest(text);
    let number = rest.number(2, 2)?;
    rest.0.is_empty().then_some(number)
}

/// What is left of a text that is read from its front.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes one of the characters, or fails.
    fn expect(&mut self, any: &[char]) -> Option<()> {
        self.0 = self.0.strip_prefix(any)?;
        Some(())
    }

    /// Takes all the digits there are, which must be `min` to `max`.
    fn digits(&mut self, min: usize, max: usize) -> Option<&'a str> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        (min..=max).contains(&count).then_some(digits)
    }

    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        self.digits(min, max)?.parse().ok()
    }

    /// Takes `9:41`, `09:41:00` or `09:41:00.123456789012`.
    fn time_of_day(&mut self, hour_digits: usize, fields: &mut Fields) -> Option<()> {
        fields.hour = self.number(hour_digits, 2)?;
        self.expect(&[':'])?;
        fields.minute = self.number(2, 2)?;
        if self.expect(&[':']).is_some() {
            fields.second = self.number(2, 2)?;
            if self.expect(&['.', ',']).is_some() {
                let fraction = self.digits(1, 12)?.bytes().chain(*b"00").take(3);
                fields.millis = fraction.fold(0, |sum, digit| sum * 10 + u32::from(digit & 15));
            }
        }
        Some(())
    }
}

/// Days from 1970-01-01 to a date after it, in years that begin with March, so that a leap day is
/// the last day of its year.
fn days_since_epoch(year: u32, month: u32, day: u32) -> u32 {
    let (year, months_since_march) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468 // 0000-03-01 to 1970
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_every_form() {
        for (text, expected) in [
            ("2026-03-02T09:15:00Z", "2026-03-02T09:15:00Z"),
            (" 2026-03-02T09:15:00Z\n", "2026-03-02T09:15:00Z"),
            ("2026-03-02t09:15:00z", "2026-03-02T09:15:00Z"),
            ("2026-03-02T09:15Z", "2026-03-02T09:15:00Z"),
            ("2026-03-02T09:15:00", "2026-03-02T09:15:00Z"),
            ("2026-03-02 09:15:00", "2026-03-02T09:15:00Z"),
            ("2026-03-02 09:15:00 UTC", "2026-03-02T09:15:00Z"),
            ("2026-03-02T09:15:00+02:00", "2026-03-02T07:15:00Z"),
            ("2026-03-02T09:15:00-0530", "2026-03-02T14:45:00Z"),
            ("2026-03-02T09:15:00.5+02", "2026-03-02T07:15:00.5Z"),
            ("2026-03-02 09:15:00 +00:00", "2026-03-02T09:15:00Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2026-03-02T09:15:00.1Z", "2026-03-02T09:15:00.1Z"),
            ("2026-03-02T09:15:00.1239999Z", "2026-03-02T09:15:00.123Z"),
            ("2026-03-02T09:15:00.000999999999Z", "2026-03-02T09:15:00Z"),
            ("2026-03-02T09:15:00,25Z", "2026-03-02T09:15:00.25Z"),
            ("2022-12-11 02:57:48.693000000", "2022-12-11T02:57:48.693Z"),
            ("12/12/2025 3:03:58 PM", "2025-12-12T15:03:58Z"),
            ("12/13/2025 3:03 PM", "2025-12-13T15:03:00Z"),
            ("1/9/2007 9:41:00 AM", "2007-01-09T09:41:00Z"),
            ("1/9/2007 9:41:00\u{202f}am", "2007-01-09T09:41:00Z"),
            ("01/09/2007 12:00:00 AM", "2007-01-09T00:00:00Z"),
            ("01/09/2007 12:00:00 PM", "2007-01-09T12:00:00Z"),
            ("01/09/2007 21:41:00", "2007-01-09T21:41:00Z"),
            ("1772443500", "2026-03-02T09:25:00Z"),
            ("1772443500123", "2026-03-02T09:25:00.123Z"),
            ("1772443500123456", "2026-03-02T09:25:00.123Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
            ("9998-12-31T23:59:59.999Z", "9998-12-31T23:59:59.999Z"),
        ] {
            let time = parse(text).map(|time| time.to_string());
            assert_eq!(time.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "-",
            "yesterday",
            "2026",
            "2026-03-02",
            "2026-02-30T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-03-02T24:00:00Z",
            "2026-03-02T09:60:00Z",
            "2026-03-02T09:15:60Z",
            "2026-03-02T09:15:0aZ",
            "2026-03-02T09:15:00.Z",
            "2026-03-02T09:15:00.1234567890123Z",
            "2026-03-02T09:15:00+24:00",
            "2026-03-02T09:15:00+2:00",
            "2026-03-02T09:15:00+02:",
            "2026-03-02T09:15:00+02:0",
            "2026-03-02T09:15:00+ä0",
            "2026-03-02T09:15:00 CET",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:30:00+01:00",
            "9999-01-01T00:00:00Z",
            "13/1/2025 3:03:58 PM",
            "12/12/2025 0:03:58 PM",
            "12/12/2025 13:03:58 PM",
            "12/12/25 3:03:58 PM",
            "-1772443500",
            "99999999999999999999",
            "1772443500123456789",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// A calendar's every day, against one that others wrote.
    #[test]
    fn days_are_those_of_the_calendar() {
        let mut date = jiff::civil::date(1970, 1, 1);
        for day in 0..366 * 150 {
            let text = format!("{date}T00:00:00Z");
            let millis = parse(&text).map(Timestamp::millis);
            assert_eq!(millis, Some(day * 86_400_000), "{text}");
            date = date.tomorrow().unwrap();
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(millis in 0..=Timestamp::MAX.millis()) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(parse(&time.unwrap().to_string()), time);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}", like in "[0-9]{1,5}[-/:T. ][0-9äZ:./+ -]{0,40}") {
            let _ = (parse(&text), parse(&like));
        }
    }
}
