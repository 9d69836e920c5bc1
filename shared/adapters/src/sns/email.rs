//! An alert as a person reads it at night: what happened, how bad, why, what to do, and the calls.
//!
//! Plain text, since SNS sends nothing else. Must not hold a link that the caller wrote; those of
//! `steps` are ours.

use std::fmt::Write;

use callerwatch_detection::controls;
use callerwatch_detection::ocsf::Activity;
use callerwatch_detection::sink::Announcement;
use callerwatch_detection::steps::steps;
use callerwatch_detection::words;

use super::escape::defanged;

const SAMPLES_MAX: usize = 10;

/// The whole of it, as lines of text.
pub(super) fn text(announcement: &Announcement<'_>) -> String {
    let alert = announcement.alert;
    let mut mail = Mail { text: format!("{}\n", words::headline(alert, defanged)) };
    if announcement.activity == Activity::Update {
        mail.line(if alert.has_success {
            "Told before under the same uid: less severe, or while nothing had succeeded."
        } else {
            "Told before at a lower severity, under the same uid."
        });
    }
    mail.line("");
    mail.field("score", [format!("{} of 100", alert.score)]);
    for field in words::fields(alert, defanged) {
        mail.field(field.label, field.lines);
    }
    for finding in &alert.findings {
        let detection = finding.detection;
        mail.line(&format!("\n{} ({})", detection.title, detection.id));
        mail.line(detection.runbook);
    }
    for step in steps(alert) {
        // Not defanged: these are ours, and to be followed and copied.
        mail.line(&format!("\n{}: {}", step.cloud, step.title));
        mail.line(&format!("  {}", step.text));
    }
    let samples = words::samples(alert, SAMPLES_MAX);
    mail.line(&format!("\n{}", words::over_samples(alert, samples.len())));
    for sample in samples {
        mail.line(&format!("  {}", words::call(alert, sample, defanged)));
    }
    mail.line("");
    let detections = alert.findings.iter().map(|finding| finding.detection.id);
    for (framework, ids) in controls::identifiers(detections) {
        let framework = framework.split(' ').next().unwrap_or_default();
        mail.field(framework, [ids.join(", ")]);
    }
    mail.field("uid", [alert.uid.clone()]);
    mail.field("earlier", alert.earlier.iter().map(|uid| format!("{uid} (the day before)")));
    mail.text
}

struct Mail {
    text: String,
}

impl Mail {
    fn line(&mut self, line: &str) {
        self.text.extend([line, "\n"]);
    }

    /// A label and the lines beside it; nothing where there are none.
    fn field(&mut self, label: &str, lines: impl IntoIterator<Item = String>) {
        for (index, line) in lines.into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{label:<9}{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sns::cases;

    #[test]
    fn it_reads_well_at_night() {
        let alert = cases::spray();
        let announcement = Announcement { alert: &alert, activity: Activity::Create };
        cases::check("spray.txt", &text(&announcement));
    }

    #[test]
    fn what_callers_wrote_is_harmless() {
        let alert = cases::hostile();
        let announcement = Announcement { alert: &alert, activity: Activity::Update };
        let text = text(&announcement);
        cases::check("hostile.txt", &text);
        for live in ["http:", "https:", "evil.example", "@corp", "\u{202e}", "\u{1b}", "\r"] {
            assert!(!text.contains(live), "{live:?}");
        }
    }

    #[test]
    fn a_source_of_which_no_call_was_kept() {
        let mut alert = cases::spray();
        alert.samples.clear();
        alert.is_at_least = true;
        let text = text(&Announcement { alert: &alert, activity: Activity::Create });
        assert!(text.contains(" (UTC), at least 7 calls\n"), "{text}");
        assert!(text.contains("\ncalls not kept: too much else happened that day\n"), "{text}");
        assert!(text.contains("\nagainst  AWS\n"), "{text}");
    }
}
