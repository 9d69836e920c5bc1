//! `alerts suppress`: the lines of a policy that suppress what follows an alert.
//!
//! Promises lines that the policy's reader understands, that would have suppressed the alert itself,
//! and that name its source or its principal and no other; and where there are none, why.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, bail};
use callerwatch_adapters::ledger::StoredAlert;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Day;
use serde_json::Value;

/// Without it nothing is suppressed of a Critical alert.
const CRITICAL: &str = "# What is Critical is announced all the same, unless the suppression says \
                        so: from then on\n# nothing of this is, however bad it becomes.\n\
                        critical = true\n";

/// What is said below the mark: sections of a policy, one for each of the alert's detections, or why
/// there are none. Fails where the options are wrong, and nothing is to be marked.
pub(super) fn policy_lines(
    alert: &StoredAlert,
    until: Day,
    reason: &str,
    today: Day,
) -> anyhow::Result<String> {
    let finding: Value = serde_json::from_str(&alert.finding).unwrap_or_default();
    let related = finding.pointer("/finding_info/related_analytics").and_then(Value::as_array);
    let related = related.into_iter().flatten().filter_map(|it| it.get("uid")?.as_str());
    let detections: Vec<&str> = std::iter::once(alert.detection.as_str()).chain(related).collect();
    let sections = |subject: &str| {
        // Strings of JSON are strings of TOML.
        let reason = Value::from(reason);
        let critical = if alert.severity == Severity::Critical { CRITICAL } else { "" };
        let section = |detection: &&str| {
            let detection = Value::from(*detection);
            format!(
                "\n[[suppressions]]\ndetection = {detection}\n{subject}until = {until}\nreason = \
                 {reason}\n{critical}"
            )
        };
        detections.iter().map(section).collect::<String>()
    };
    let policy = Policy::parse(&sections("")).map_err(anyhow::Error::from);
    let policy = policy.context("no suppression can be made of these options")?;
    if let Some(warning) = policy.warnings(today).first() {
        bail!("{warning}");
    }
    let lines = subject(alert, &finding).and_then(|subject| {
        let lines = sections(&subject);
        Policy::parse(&lines).map_err(|_| "a policy cannot name whom it is about")?;
        Ok(lines)
    });
    Ok(match lines {
        Ok(lines) => format!("# To suppress what follows, add to the policy:\n{lines}"),
        Err(why) => {
            format!("# There are no lines of a policy that suppress what follows: {why}.\n")
        }
    })
}

/// The line that says whom it is about.
fn subject(alert: &StoredAlert, finding: &Value) -> Result<String, &'static str> {
    let mut line = String::new();
    let source = alert.source.as_str();
    if source.starts_with("principal:") {
        let principal = principal(finding).ok_or("its evidence does not name one principal")?;
        line.push_str("# From wherever it calls.\n");
        let _ = writeln!(line, "principal = {}", Value::from(principal));
        return Ok(line);
    }
    let address = source.split('@').next().unwrap_or_default();
    if !address.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return Err("its source is no address, and by principal or account they would be about \
                    others too");
    }
    if address.ends_with("/24") || address.ends_with("/48") {
        line.push_str("# Each single address of it too.\n");
    }
    let _ = writeln!(line, "source = {}", Value::from(address));
    Ok(line)
}

/// The one principal that all of the evidence names, if it can be told from others: `*` and `?`
/// stand for any text in a policy.
fn principal(finding: &Value) -> Option<&str> {
    let evidences = finding.pointer("/evidences").and_then(Value::as_array)?;
    let users = evidences.iter().map(|it| it.pointer("/actor/user/uid").and_then(Value::as_str));
    let users: BTreeSet<Option<&str>> = users.collect();
    let one = users.first().copied().flatten().filter(|_| users.len() == 1);
    one.filter(|uid| !uid.contains(['*', '?']))
}

#[cfg(test)]
mod tests {
    use callerwatch_adapters::ledger::State;
    use serde_json::json;

    use super::*;

    fn alert(source: &str) -> StoredAlert {
        StoredAlert {
            uid: "0".repeat(32),
            day: "2026-03-02".to_owned(),
            severity: Severity::High,
            score: 60,
            title: String::new(),
            source: source.to_owned(),
            detection: "error-burst".to_owned(),
            calls: 1,
            state: State::Open,
            told: String::new(),
            last: None,
            opened: None,
            told_at: None,
            amended: None,
            closed: None,
            finding: r#"{"finding_info":{"related_analytics":[{"uid":"login-failures"}]}}"#
                .to_owned(),
        }
    }

    fn lines(alert: &StoredAlert, until: &str, reason: &str) -> Result<String, String> {
        let until = Day::parse(until).unwrap();
        policy_lines(alert, until, reason, Day::parse("2026-03-02").unwrap())
            .map_err(|error| format!("{error:#}"))
    }

    /// An alert of a principal whose evidence names these.
    fn of_principals(uids: &[Option<&str>]) -> StoredAlert {
        let evidence = |uid: Option<&str>| match uid {
            Some(uid) => json!({ "actor": { "user": { "uid": uid, "name": "alice" } } }),
            None => json!({ "actor": { "user": { "name": "unknown" } } }),
        };
        let evidences: Vec<Value> = uids.iter().copied().map(evidence).collect();
        let finding = json!({ "evidences": evidences }).to_string();
        StoredAlert { finding, ..alert("principal:AWS:00000000000000ab") }
    }

    #[test]
    fn they_are_understood() {
        let section = |id: &str, source: &str| {
            format!(
                "\n[[suppressions]]\ndetection = \"{id}\"\n{source}until = 2026-05-01\nreason = \
                 \"a \\\"scan\\\"\"\n"
            )
        };
        for (source, line) in [
            ("203.0.113.7", "source = \"203.0.113.7\"\n"),
            ("10.0.0.5@vpce-1", "source = \"10.0.0.5\"\n"),
            ("2001:db8:1:2::/64", "source = \"2001:db8:1:2::/64\"\n"),
            ("203.0.113.0/24", "# Each single address of it too.\nsource = \"203.0.113.0/24\"\n"),
        ] {
            let sections = section("error-burst", line) + &section("login-failures", line);
            let expected = format!("# To suppress what follows, add to the policy:\n{sections}");
            assert_eq!(lines(&alert(source), "2026-05-01", "a \"scan\""), Ok(expected));
        }
        for (until, reason, why) in [
            ("2026-03-01", "x", "ended with"),
            ("2028-03-01", "x", "in more than a year"),
            ("2026-05-01", " ", "no suppression can be made"),
        ] {
            for alert in [alert("203.0.113.7"), alert("unrecognized:10.*")] {
                let told = lines(&alert, until, reason).expect_err(until);
                assert!(told.contains(why), "{told}");
            }
        }
    }

    #[test]
    fn a_critical_alert_is_suppressed_by_what_says_so() {
        let critical = StoredAlert { severity: Severity::Critical, ..alert("203.0.113.7") };
        let told = lines(&critical, "2026-05-01", "x").unwrap();
        assert_eq!(told.matches("critical = true\n").count(), 2, "{told}");
        let policy = Policy::parse(&told).unwrap();
        for suppression in policy.suppressions() {
            let told = suppression.to_string();
            assert!(told.contains("from 203.0.113.7/32, Critical ones too, until"), "{told}");
        }
        assert!(!lines(&alert("203.0.113.7"), "2026-05-01", "x").unwrap().contains("critical"));
    }

    #[test]
    fn a_principal_is_named_by_its_evidence() {
        let alice = "arn:aws:iam::111111111111:user/alice";
        let told = lines(&of_principals(&[Some(alice), Some(alice)]), "2026-05-01", "x").unwrap();
        assert!(told.contains(&format!("\nprincipal = \"{alice}\"\n")), "{told}");
        assert_eq!(Policy::parse(&told).unwrap().suppressions().len(), 1);
        let long = "a".repeat(129);
        for (alert, why) in [
            (of_principals(&[Some(alice), Some("bob")]), "does not name one principal"),
            (of_principals(&[Some(alice), None]), "does not name one principal"),
            (of_principals(&[]), "does not name one principal"),
            (of_principals(&[Some("*:user/al*")]), "does not name one principal"),
            (of_principals(&[Some(&long)]), "a policy cannot name whom it is about"),
            (alert("unrecognized:10.*"), "its source is no address"),
        ] {
            let told = lines(&alert, "2026-05-01", "x").expect("it is marked all the same");
            assert!(told.starts_with("# There are no lines") && told.contains(why), "{told}");
        }
    }
}
