//! An alert in the schema of custom notifications that Amazon Q Developer shows in chat.
//!
//! Source: docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html. A title has 250
//! characters at most, a description 8,000, a next step 350.

use callerwatch_detection::alert::Alert;
use serde_json::{Value, json};

use super::email;
use super::escape::for_chat;

/// The alert's uid is the thread, so that what is told again lies beside what was told.
pub(super) fn notification(alert: &Alert) -> Value {
    let reasons: Vec<String> =
        alert.reasons.iter().map(|it| for_chat(&it.to_string(), 160)).collect();
    let at_least = if alert.is_at_least { "at least " } else { "" };
    let description = format!(
        "Score {} of 100: {}\n{at_least}{} calls, {} to {}\nAccounts: {}",
        alert.score,
        reasons.join(", "),
        alert.calls,
        alert.first,
        alert.last,
        email::accounts(alert)
            .into_iter()
            .map(|it| for_chat(it, 80))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let steps: Vec<String> =
        alert.findings.iter().take(5).map(|it| for_chat(it.detection.runbook, 349)).collect();
    let title = format!("{}: {}", alert.severity, for_chat(&alert.title(), 220));
    json!({
        "version": "1.0",
        "source": "custom",
        "id": alert.uid,
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": description.chars().take(8000).collect::<String>(),
            "nextSteps": steps,
        },
        "metadata": {
            "threadId": alert.uid,
            "summary": title,
            "eventType": alert.findings.first().map_or("", |finding| finding.detection.id),
            "enableCustomActions": false,
        },
    })
}
