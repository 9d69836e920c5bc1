//! A digest for every protocol: text, a line, a chat card, and JSON for machines.
//!
//! Promises that it fits, and that whatever is not in it is counted and said to be where. Its
//! severity, which filters go by, is that of the highest alert in it.

use std::fmt::Write;

use callerwatch_detection::digest::{Deferred, Digest};
use callerwatch_detection::plain::plain_json;
use callerwatch_detection::score::Severity;
use serde_json::{Value, json};

use super::escape::{ascii, defanged, for_chat};
use super::message::{BATCH_MAX_BYTES, Message, SUBJECT_MAX};

/// What filters call it.
const DETECTION: &str = "digest";
const TITLE_MAX: usize = 200;
const SOURCE_MAX: usize = 80;
const SMS_MAX: usize = 140;
const CHAT_MAX: usize = 10;
/// A description has at most 8,000 characters; what is said of the rest has room beside this.
const CHAT_MAX_CHARS: usize = 7_800;
/// Far more than a thousand accounts whose names are no attack, and far less than a message may have.
const ACCOUNTS_MAX_BYTES: usize = 80 * 1024;
/// How many alerts are told one by one: as many as fit.
const SHOWN: [usize; 4] = [100, 40, 10, 1];

/// For the topic of alerts.
pub(super) fn message(digest: &Digest) -> Message {
    let with = |shown: usize| Message {
        body: json!({
            "default": plain_json(&summary(digest, shown).to_string()),
            "email": text(digest, shown),
            "sms": ascii(&format!("callerwatch digest: {}", headline(digest)), SMS_MAX),
        })
        .to_string(),
        is_structured: true,
        subject: Some(ascii(&headline(digest), SUBJECT_MAX)),
        attributes: attributes(digest),
    };
    let fits = |message: &Message| message.bytes() <= BATCH_MAX_BYTES;
    SHOWN.into_iter().map(with).find(fits).unwrap_or_else(|| with(0))
}

/// For the topic that chat listens to.
pub(super) fn chat(digest: &Digest) -> Message {
    let mut room = CHAT_MAX_CHARS;
    // Escaped, a title may be several times as long.
    let fits = |line: &String| {
        let chars = line.chars().count();
        room = room.saturating_sub(chars + 1);
        room > 0
    };
    let lines = digest.shown.iter().take(CHAT_MAX).map(chat_line);
    let mut lines: Vec<String> = lines.take_while(fits).collect();
    lines.extend(rest(digest, lines.len()));
    let title = headline(digest);
    let id = format!("callerwatch-digest-{}", digest.last);
    let card = json!({
        "version": "1.0",
        "source": "custom",
        "id": id,
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": lines.join("\n"),
            "nextSteps": ["Read the alerts, the highest first: callerwatch alerts list"],
            "keywords": [severity(digest).name(), DETECTION],
        },
        "metadata": {
            "threadId": id,
            "summary": title,
            "eventType": DETECTION,
            "enableCustomActions": false,
        },
    });
    Message {
        body: plain_json(&card.to_string()),
        is_structured: false,
        subject: None,
        attributes: attributes(digest),
    }
}

fn severity(digest: &Digest) -> Severity {
    digest.severity().unwrap_or(Severity::Informational)
}

/// Those of an alert, so that a filter on any of them gets the digest that holds one of its alerts.
fn attributes(digest: &Digest) -> Vec<(&'static str, &'static str, String)> {
    let mut attributes = vec![
        ("severity", "String", severity(digest).name().to_owned()),
        ("detection", "String", DETECTION.to_owned()),
    ];
    let clouds: Vec<&str> = digest.clouds.iter().map(|cloud| cloud.name()).collect();
    let mut room = ACCOUNTS_MAX_BYTES;
    let fits = |account: &&str| {
        room = room.saturating_sub(json!(account).to_string().len() + 1);
        room > 0
    };
    let accounts: Vec<&str> = digest.accounts.iter().map(String::as_str).take_while(fits).collect();
    for (name, values) in [("cloud", clouds), ("account", accounts)] {
        if !values.is_empty() {
            attributes.push((name, "String.Array", plain_json(&json!(values).to_string())));
        }
    }
    attributes
}

/// `412 more alerts: 3 High, 409 Medium`.
fn headline(digest: &Digest) -> String {
    let counts = digest.counts.iter().rev().map(|(severity, count)| format!("{count} {severity}"));
    let counts: Vec<String> = counts.collect();
    let at_least = if digest.is_at_least { "at least " } else { "" };
    let noun = if digest.count() == 1 { "alert" } else { "alerts" };
    format!("{at_least}{} more {noun}: {}", digest.count(), counts.join(", "))
}

/// What is not told one by one.
fn rest(digest: &Digest, shown: usize) -> Option<String> {
    let more = digest.count().checked_sub(digest.shown.len().min(shown)).filter(|it| *it > 0)?;
    Some(format!("and {more} more: list them with `callerwatch alerts list`"))
}

fn text(digest: &Digest, shown: usize) -> String {
    let mut text = format!("{}\n\n", headline(digest));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "They exceeded what is announced by itself (`[announcements]` of the policy), from {}:00 \
         to {}:59 UTC.\n",
        digest.first, digest.last
    );
    for due in digest.shown.iter().take(shown) {
        let Deferred { uid, severity, score, detection, title, .. } = due;
        let title = defanged(title, TITLE_MAX);
        let _ = writeln!(text, "{severity} {score}  {title}\n    {detection}, uid {uid}");
    }
    if let Some(rest) = rest(digest, shown) {
        let _ = writeln!(text, "{rest}");
    }
    text.push_str("\nOne of them in full: `callerwatch alerts show UID`.\n");
    text
}

fn chat_line(due: &Deferred) -> String {
    let Deferred { uid, severity, score, title, .. } = due;
    format!("*{severity} {score}* {} ({uid})", for_chat(title, TITLE_MAX))
}

fn summary(digest: &Digest, shown: usize) -> Value {
    let alert = |due: &Deferred| {
        json!({
            "uid": due.uid,
            "severity_id": due.severity.id(),
            "severity": due.severity.name(),
            "risk_score": due.score,
            "analytic": due.detection,
            "source": due.source.chars().take(SOURCE_MAX).collect::<String>(),
            "title": due.title.chars().take(TITLE_MAX).collect::<String>(),
        })
    };
    let alerts: Vec<Value> = digest.shown.iter().take(shown).map(alert).collect();
    let counts = digest.counts.iter().map(|(severity, count)| (severity.name().to_owned(), *count));
    json!({
        "type": "callerwatch-digest",
        "start_time": digest.first.start().millis(),
        "end_time": digest.last.start().plus_secs(3600).millis(),
        "count": digest.count(),
        "count_is_at_least": digest.is_at_least,
        "counts": counts.collect::<std::collections::BTreeMap<_, _>>(),
        "more": digest.count() - alerts.len(),
        "alerts": alerts,
    })
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::activity::Cloud;
    use callerwatch_detection::timestamp::Hour;

    use super::*;

    fn digest(count: usize, title: &str) -> Digest {
        let hour = Hour::from_number(492_345);
        let mut digest = Digest::new(hour, hour);
        for n in 0..count {
            digest.add(Deferred {
                uid: format!("{n:032x}"),
                severity: if n == 0 { Severity::High } else { Severity::Medium },
                score: if n == 0 { 65 } else { 40 },
                detection: "password-spray".to_owned(),
                source: "203.0.113.7".to_owned(),
                title: title.to_owned(),
                clouds: vec![Cloud::Aws, Cloud::Gcp],
                accounts: vec!["111111111111".to_owned(), format!("{title} {n}")],
            });
        }
        digest.finish();
        digest
    }

    #[test]
    fn it_is_told_to_everybody() {
        let message = message(&digest(3, "7 failed sign-ins from 203.0.113.7"));
        let body: Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(
            body["email"],
            "3 more alerts: 1 High, 2 Medium\n\nThey exceeded what is announced by itself \
             (`[announcements]` of the policy), from 2026-03-02T09:00 to 2026-03-02T09:59 UTC.\n\n\
             High 65  7 failed sign-ins from 203.0.113.7\n    password-spray, uid \
             00000000000000000000000000000000\n\
             Medium 40  7 failed sign-ins from 203.0.113.7\n    password-spray, uid \
             00000000000000000000000000000001\n\
             Medium 40  7 failed sign-ins from 203.0.113.7\n    password-spray, uid \
             00000000000000000000000000000002\n\n\
             One of them in full: `callerwatch alerts show UID`.\n"
        );
        assert_eq!(body["sms"], "callerwatch digest: 3 more alerts: 1 High, 2 Medium");
        assert_eq!(message.subject.as_deref(), Some("3 more alerts: 1 High, 2 Medium"));
        let accounts = r#"["111111111111","of 0","of 1","of 2"]"#;
        let accounts = accounts.replace("of", "7 failed sign-ins from 203.0.113.7");
        assert_eq!(
            message.attributes,
            [
                ("severity", "String", "High".to_owned()),
                ("detection", "String", "digest".to_owned()),
                ("cloud", "String.Array", r#"["AWS","GCP"]"#.to_owned()),
                ("account", "String.Array", accounts),
            ]
        );
        let told: Value = serde_json::from_str(body["default"].as_str().unwrap()).unwrap();
        assert_eq!((&told["count"], &told["more"]), (&json!(3), &json!(0)));
        assert_eq!(told["counts"], json!({ "High": 1, "Medium": 2 }));
        assert_eq!(told["alerts"][0]["uid"], "0".repeat(32));
    }

    #[test]
    fn what_callers_wrote_is_harmless_and_it_fits() {
        for title in ["\u{1}".repeat(5000), "<b>@here https://evil.example/ ".repeat(500)] {
            let digest = digest(5000, &title);
            let told = message(&digest);
            assert!(told.bytes() <= BATCH_MAX_BYTES, "{}", told.bytes());
            let body: Value = serde_json::from_str(&told.body).unwrap();
            let text = body["email"].as_str().unwrap();
            assert!(text.contains(" more: list them with `callerwatch alerts list`"), "{text}");
            assert!(!text.contains("https:") && !text.contains("evil.example"));
            let chat = chat(&digest);
            let card: Value = serde_json::from_str(&chat.body).unwrap();
            let description = card["content"]["description"].as_str().unwrap();
            assert!(description.chars().count() <= 8000, "{}", description.chars().count());
            assert!(!description.contains(['<', '@']), "{description}");
            let shown = description.lines().count() - 1;
            let rest = format!("and {} more: list them", 5000 - shown);
            assert!(
                (5..=CHAT_MAX).contains(&shown) && description.contains(&rest),
                "{description}"
            );
        }
    }
}
