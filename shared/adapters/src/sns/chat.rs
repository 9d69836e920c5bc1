//! An alert in the schema of custom notifications that Amazon Q Developer shows in chat.
//!
//! Source: docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html. Promises its limits,
//! in characters, and that no text of a caller formats, links or calls anybody.

use callerwatch_detection::sink::Announcement;
use callerwatch_detection::steps::{Action, steps};
use callerwatch_detection::words;
use serde_json::{Value, json};

use super::escape::for_chat;

const TITLE_MAX: usize = 250;
const DESCRIPTION_MAX: usize = 8000;
const STEP_MAX: usize = 350;
const KEYWORD_MAX: usize = 75;
/// Chat is to be seen at a glance; the rest is in the mail and in the finding.
const STEPS_MAX: usize = 3;
const SAMPLES_MAX: usize = 5;

/// The alert's uid is the thread, so that what is told again lies beside what was told.
pub(super) fn notification(announcement: &Announcement<'_>) -> Value {
    let alert = announcement.alert;
    let detections = || alert.findings.iter().map(|finding| finding.detection);
    let title = cut(&words::headline(alert, for_chat), TITLE_MAX);
    let steps: Vec<String> =
        detections().take(STEPS_MAX).map(|it| sentences(it.runbook, STEP_MAX)).collect();
    let mut keywords = vec![alert.severity.name().to_owned()];
    keywords.extend(alert.clouds.iter().map(|cloud| cloud.name().to_owned()));
    keywords.extend(detections().map(|it| cut(it.id, KEYWORD_MAX)));
    json!({
        "version": "1.0",
        "source": "custom",
        "id": alert.uid,
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": cut(&description(announcement), DESCRIPTION_MAX),
            "nextSteps": steps,
            "keywords": keywords,
        },
        "metadata": {
            "threadId": alert.uid,
            "summary": title,
            "eventType": detections().next().map_or("", |leading| leading.id),
            "enableCustomActions": false,
        },
    })
}

fn description(announcement: &Announcement<'_>) -> String {
    let alert = announcement.alert;
    let mut lines = vec![format!("*score* {} of 100", alert.score)];
    let fields = words::fields(alert, for_chat).into_iter();
    lines.extend(fields.map(|field| format!("*{}* {}", field.label, field.lines.join(" · "))));
    lines.push(format!("*uid* {}", alert.uid));
    lines.extend(alert.earlier.iter().map(|uid| format!("*earlier* {uid} (the day before)")));
    // Each as a whole or not at all: what is cut off a query asks something else.
    let mut length: usize = lines.iter().map(|line| line.chars().count() + 1).sum();
    let mut push_whole = |line: String| {
        length += line.chars().count() + 1;
        if length <= DESCRIPTION_MAX {
            lines.push(line);
        }
    };
    for step in steps(alert) {
        let text = match step.action {
            Action::See => step.text,
            Action::Query | Action::Deny => format!("```{}```", step.text),
        };
        push_whole(format!("*{}* {}\n{text}", step.cloud, step.title));
    }
    let samples = words::samples(alert, SAMPLES_MAX);
    push_whole(format!("*{}*", words::over_samples(alert, samples.len())));
    for sample in samples {
        push_whole(words::call(alert, sample, for_chat));
    }
    lines.join("\n")
}

/// As many whole sentences as fit, or else as much of the first as fits.
fn sentences(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    // The space after a sentence need not fit.
    let start: String = text.chars().take(most + 1).collect();
    match start.rfind(". ") {
        Some(end) => start.get(..=end).unwrap_or_default().to_owned(),
        None => cut(text, most),
    }
}

/// At most so many characters, the last of which says that there were more.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::alert::Alert;
    use callerwatch_detection::ocsf::Activity;

    use super::*;
    use crate::sns::cases;

    fn told(alert: &Alert) -> Value {
        notification(&Announcement { alert, activity: Activity::Create })
    }

    #[test]
    fn it_is_in_the_schema() {
        let alert = cases::spray();
        cases::check("spray.chat.json", &format!("{:#}\n", told(&alert)));
    }

    #[test]
    fn what_callers_wrote_is_harmless() {
        let alert = cases::hostile();
        let told = told(&alert);
        cases::check("hostile.chat.json", &format!("{told:#}\n"));
        let text = told.to_string();
        for live in ["<", ">", "@", "`", "http:", "evil.example", "[", "_admin_", "&"] {
            let is_there = told["content"]["description"].as_str().unwrap().contains(live)
                || told["content"]["title"].as_str().unwrap().contains(live);
            assert!(!is_there, "{live:?} in {text}");
        }
    }

    #[test]
    fn limits_are_kept() {
        let mut alert = cases::hostile();
        alert.findings[0].headline = "_".repeat(1000);
        alert.reasons = vec![alert.reasons[0].clone(); 1000];
        alert.reasons.iter_mut().for_each(|reason| reason.text = "é<".repeat(1000));
        alert.lists = vec!["*".repeat(1000); 1000];
        let told = told(&alert);
        let content = &told["content"];
        let length = |value: &Value| value.as_str().unwrap().chars().count();
        assert!(length(&content["title"]) <= TITLE_MAX);
        assert!(length(&content["description"]) <= DESCRIPTION_MAX);
        assert_eq!(sentences("One. Two three. Four.", 15), "One. Two three.");
        assert_eq!(sentences("One. Two three. Four.", 12), "One.");
        assert_eq!(sentences("One two", 4), "One…");
    }

    #[test]
    fn every_runbook_is_a_step() {
        for detection in callerwatch_detection::detections::DETECTIONS {
            let step = sentences(detection.runbook, STEP_MAX);
            assert!(step.ends_with('.') && step.chars().count() <= STEP_MAX, "{step}");
            assert!(
                detection.id.len() <= KEYWORD_MAX
                    && !detection.runbook.contains(['<', '*', '_', '`'])
            );
        }
    }
}
