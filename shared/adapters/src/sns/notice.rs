//! What is no alert and must be known all the same: a change of the policy.
//!
//! Text for everybody who is subscribed to alerts of Medium and above, bounded like theirs.

use super::escape::{ascii, defanged};
use super::message::{Message, SUBJECT_MAX};

const LINES_MAX: usize = 500;
const LINE_MAX: usize = 500;
/// Far below what a message may hold.
const TEXT_MAX_BYTES: usize = 100 * 1024;

/// `detection` is what filters may call it.
pub(super) fn notice(detection: &str, title: &str, text: &str) -> Message {
    let title = defanged(title, LINE_MAX);
    let mut body = format!("{title}\n\n");
    for (index, line) in text.lines().enumerate() {
        let line = defanged(line, LINE_MAX);
        if index == LINES_MAX || body.len() + line.len() > TEXT_MAX_BYTES {
            body.push_str("(more lines are not shown)\n");
            break;
        }
        body.push_str(&line);
        body.push('\n');
    }
    Message {
        body,
        is_structured: false,
        subject: Some(ascii(&title, SUBJECT_MAX)),
        attributes: vec![
            ("severity", "String", "Medium".to_owned()),
            ("detection", "String", detection.to_owned()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_text() {
        let told = notice("policy-change", "The policy changed", "@@ -1 +1 @@\n-a\n+\u{1b}b.c\n");
        assert_eq!(told.body, "The policy changed\n\n@@ -1 +1 @@\n-a\n+\\u{1b}b[.]c\n");
        assert_eq!(told.subject.as_deref(), Some("The policy changed"));
        assert!(!told.is_structured);
    }

    #[test]
    fn it_is_bounded() {
        for text in
            ["@a\n".repeat(100_000), "@a".repeat(100_000), ("東".repeat(490) + "\n").repeat(499)]
        {
            let told = notice("policy-change", &text, &text);
            assert!(told.bytes() < 2 * TEXT_MAX_BYTES, "{}", told.bytes());
            assert!(told.subject.is_some_and(|it| it.len() < 100 && it.is_ascii()));
        }
        assert!(
            notice("a", "b", &"c\n".repeat(501)).body.ends_with("c\n(more lines are not shown)\n")
        );
    }
}
