//! What was denied, let go or repaired, for people and machines: one message for all changes of a run.
//!
//! Promises that it fits, and that whatever is not in it is counted. Its attribute is `response` and
//! neither a severity nor a detection, so that who wants alerts is not sent it, and what denies for
//! alerts is not fed by it.

use std::collections::BTreeSet;
use std::fmt::Write;

use callerwatch_detection::plain::plain_json;
use callerwatch_response::{Announcer, Change, Mode};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::escape::{ascii, defanged};
use super::message::{BATCH_MAX_BYTES, Message, SUBJECT_MAX};
use super::{SinkError, SnsSink};

const WHY_MAX: usize = 500;
const SMS_MAX: usize = 140;
/// How many changes are told one by one: as many as fit.
const SHOWN: [usize; 4] = [200, 50, 10, 1];
/// How many addresses a headline names.
const NAMED_MAX: usize = 3;

impl Announcer for SnsSink {
    type Error = SinkError;

    async fn announce(&self, changes: &[Change]) -> Result<(), SinkError> {
        self.publish_response(changes, Mode::Enforce).await
    }

    fn is_for_good(error: &SinkError) -> bool {
        matches!(error, SinkError::Refused { is_for_good: true, .. })
    }
}

/// For the topic of alerts.
pub(super) fn message(changes: &[Change], mode: Mode) -> Message {
    let headline = headline(changes, mode);
    let with = |shown: usize| Message {
        body: json!({
            "default": plain_json(&summary(changes, mode, shown).to_string()),
            "email": text(&headline, changes, mode, shown),
            "sms": ascii(&format!("callerwatch: {headline}"), SMS_MAX),
        })
        .to_string(),
        is_structured: true,
        subject: Some(ascii(&headline, SUBJECT_MAX)),
        attributes: vec![("response", "String", word(mode).to_owned())],
    };
    let fits = |message: &Message| message.bytes() <= BATCH_MAX_BYTES;
    SHOWN.into_iter().map(with).find(fits).unwrap_or_else(|| with(0))
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "dry-run",
        Mode::Enforce => "enforce",
    }
}

/// `denied 203.0.113.7/32, 203.0.113.8/32; refused 198.51.100.9/32`; in a dry run `would have: …`.
fn headline(changes: &[Change], mode: Mode) -> String {
    let mut words: Vec<&str> = Vec::new();
    for change in changes {
        if !words.contains(&change.what) {
            words.push(change.what);
        }
    }
    let told = words.into_iter().map(|what| {
        let of = changes.iter().filter(|it| it.what == what);
        let networks: BTreeSet<IpNet> = of.filter_map(|it| it.network).collect();
        let named: Vec<String> = networks.iter().take(NAMED_MAX).map(shown).collect();
        match networks.len() {
            0 => what.to_owned(),
            count if count > NAMED_MAX => format!("{what} {count} addresses"),
            _ => format!("{what} {}", named.join(", ")),
        }
    });
    let told = told.collect::<Vec<_>>().join("; ");
    match mode {
        Mode::DryRun => format!("would have: {told}"),
        Mode::Enforce => told,
    }
}

/// One IPv4 address without the length of its prefix.
fn shown(network: &IpNet) -> String {
    match network {
        IpNet::V4(one) if one.prefix_len() == 32 => one.addr().to_string(),
        other => other.to_string(),
    }
}

fn text(headline: &str, changes: &[Change], mode: Mode, most: usize) -> String {
    let mut text = format!("{headline}\n\n");
    if mode == Mode::DryRun {
        text.push_str(
            "This is a dry run: nothing was changed. Nothing is kept of it either, so that the limit \
             of an hour is not counted from one run to the next: enforced, fewer may be denied.\n\n",
        );
    }
    for change in changes.iter().take(most) {
        let network = change.network.as_ref().map(|it| format!(" {}", shown(it)));
        let target = change.target.as_ref().map(|it| format!(" in {it}"));
        let about = [network, target].into_iter().flatten().collect::<String>();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}{about}", change.what);
        let _ = writeln!(text, "  {}", defanged(&change.why, WHY_MAX));
    }
    if let Some(more) = changes.len().checked_sub(most).filter(|it| *it > 0) {
        let _ = writeln!(text, "and {more} more, which the audit trail tells");
    }
    text.push_str(
        "\nWhat is denied, and why: callerwatch block list\nWhat speaks against denying an address: \
         callerwatch block explain ADDRESS\n",
    );
    text
}

fn summary(changes: &[Change], mode: Mode, most: usize) -> Value {
    let change = |it: &Change| it.to_json(WHY_MAX);
    json!({
        "response": word(mode),
        "changes": changes.iter().take(most).map(change).collect::<Vec<_>>(),
        "more": changes.len().saturating_sub(most),
    })
}

#[cfg(test)]
mod tests {
    use callerwatch_detection::timestamp::Timestamp;
    use callerwatch_response::{TargetId, TargetKind};

    use super::*;

    fn change(what: &'static str, network: Option<&str>, why: &str) -> Change {
        let arn = "arn:aws:iam::111111111111:policy/deny".to_owned();
        Change {
            time: Timestamp::from_millis(1_772_443_500_000).unwrap(),
            what,
            network: network.map(|it| it.parse().unwrap()),
            target: Some(TargetId { kind: TargetKind::Policy, arn }),
            why: why.to_owned(),
        }
    }

    fn part(message: &Message, name: &str) -> String {
        let body: Value = serde_json::from_str(&message.body).unwrap();
        body[name].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_run_is_told_at_once() {
        let changes = [
            change("denied", Some("203.0.113.7/32"), "7 failed sign-ins from http://evil.example"),
            change("denied", Some("2001:db8:7::/64"), "12 calls"),
            change("repaired", None, "it was attached to nothing"),
        ];
        let message = message(&changes, Mode::Enforce);
        let headline = "denied 203.0.113.7, 2001:db8:7::/64; repaired";
        assert_eq!(message.subject.as_deref(), Some(headline));
        assert_eq!(part(&message, "sms"), format!("callerwatch: {headline}"));
        assert_eq!(message.attributes, [("response", "String", "enforce".to_owned())]);
        let text = part(&message, "email");
        let policy = "policy arn:aws:iam::111111111111:policy/deny";
        assert!(
            text.starts_with(&format!(
                "{headline}\n\ndenied 203.0.113.7 in {policy}\n  7 failed sign-ins from \
                 hxxp[:]//evil[.]example\n"
            )),
            "{text}"
        );
        let told: Value = serde_json::from_str(&part(&message, "default")).unwrap();
        assert_eq!(told["response"], "enforce");
        assert_eq!(told["changes"][1]["network"], "2001:db8:7::/64");
        assert_eq!(told["changes"][2]["network"], Value::Null);
        assert_eq!(told["more"], 0);
    }

    #[test]
    fn a_dry_run_says_that_it_is_one() {
        let changes = [change("denied", Some("203.0.113.7/32"), "7 failed sign-ins")];
        let message = message(&changes, Mode::DryRun);
        assert_eq!(message.subject.as_deref(), Some("would have: denied 203.0.113.7"));
        let text = part(&message, "email");
        assert!(text.contains("nothing was changed") && text.contains("the limit of an hour"));
        assert_eq!(message.attributes, [("response", "String", "dry-run".to_owned())]);
    }

    #[test]
    fn whatever_is_in_it_it_fits() {
        let networks: Vec<String> =
            (0..5000).map(|n| format!("198.51.{}.{}/32", n / 256, n % 256)).collect();
        let why = "\u{202e}\u{1}\"<>".repeat(2000);
        let changes: Vec<Change> =
            networks.iter().map(|it| change("denied", Some(it), &why)).collect();
        let message = message(&changes, Mode::Enforce);
        assert!(message.bytes() <= BATCH_MAX_BYTES, "{}", message.bytes());
        let told: Value = serde_json::from_str(&part(&message, "default")).unwrap();
        let shown = told["changes"].as_array().unwrap().len();
        assert!(shown >= 10);
        assert_eq!(told["more"], 5000 - shown);
        assert_eq!(message.subject.as_deref(), Some("denied 5000 addresses"));
        let text = part(&message, "email");
        assert!(text.contains(&format!("and {} more", 5000 - shown)));
        assert!(text.chars().all(|it| it == '\n' || !it.is_control() && it != '\u{202e}'));
    }
}
