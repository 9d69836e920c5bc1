//! An alert as one line on a telephone.

use callerwatch_detection::alert::Alert;
use callerwatch_detection::source::Subject;
use callerwatch_detection::words;

use super::escape::{ascii, defanged};

/// What one message holds; longer ones are charged and shown in parts.
const SMS_MAX: usize = 140;

/// `callerwatch High: 42 failed sign-ins from 203.0.113.7 (NL); 2 succeeded`. Whether any did
/// is never what is cut off; that none did is said where it is known.
pub(super) fn line(alert: &Alert) -> String {
    let success = match (alert.succeeded, alert.passwords_correct) {
        (0, 0) if alert.key.subject() != Subject::Source => "; no success known".to_owned(),
        (0, 0) => "; none succeeded".to_owned(),
        (0, _) => "; a password was correct".to_owned(),
        (count, _) => format!("; {count} succeeded"),
    };
    let headline = format!("callerwatch {}", words::headline(alert, defanged));
    ascii(&headline, SMS_MAX.saturating_sub(success.len())) + &success
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sns::cases;

    #[test]
    fn it_is_a_line() {
        for (alert, expected) in [
            (
                cases::spray(),
                "callerwatch High: 7 failed sign-ins of 7 accounts from 203.0.113.7; none succeeded",
            ),
            (
                cases::hostile(),
                "callerwatch Low: 20 denied API calls from unrecognized source \
                 \"hxxps[:]//evil[.]example/\\u{202e}?\"; none succeeded",
            ),
            (
                cases::rotating(),
                "callerwatch High: 7 failed sign-ins of 7 accounts from 203.0.113.0/24 (7 addresses); \
                 no success known",
            ),
            (
                cases::guessed(),
                "callerwatch High: 1 sign-in after 7 failures from 203.0.113.0/24 (8 addresses); 1 \
                 succeeded",
            ),
        ] {
            assert_eq!(line(&alert), expected);
        }
        let mut alert = cases::spray();
        alert.findings[0].headline = "\u{e9}".repeat(1000);
        let line = line(&alert);
        assert_eq!((line.len(), line.is_ascii()), (SMS_MAX, true));
        assert!(line.ends_with("...; none succeeded"), "{line}");
    }
}
