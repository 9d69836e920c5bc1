//! An alert as one line on a telephone.

use callerwatch_detection::alert::Alert;

use super::escape::{ascii, defanged};
use super::words;

/// What one message holds; longer ones are charged and shown in parts.
const SMS_MAX: usize = 140;

/// `callerwatch High: 42 failed sign-ins from 203.0.113.7 (NL)`.
pub(super) fn line(alert: &Alert) -> String {
    ascii(&format!("callerwatch {}", words::headline(alert, defanged)), SMS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sns::cases;

    #[test]
    fn it_is_a_line() {
        for (alert, expected) in [
            (cases::spray(), "callerwatch High: 7 failed sign-ins of 7 accounts from 203.0.113.7"),
            (
                cases::hostile(),
                "callerwatch Low: 20 denied API calls from unrecognized source \
                 \"hxxps[:]//evil[.]example/\\u{202e}?\"",
            ),
        ] {
            assert_eq!(line(&alert), expected);
        }
        let mut alert = cases::spray();
        alert.findings[0].headline = "\u{e9}".repeat(1000);
        let line = line(&alert);
        assert_eq!((line.len(), line.is_ascii(), line.ends_with("...")), (SMS_MAX, true, true));
    }
}
