//! `alerts suppress`: the lines of a policy that suppress an alert.
//!
//! Promises lines that the policy's reader understands, and that are about the alert's source alone.

use std::fmt::Write;

use anyhow::{Context, bail};
use callerwatch_adapters::ledger::StoredAlert;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::timestamp::Day;
use serde_json::Value;

/// One section for each of the alert's detections.
pub(super) fn policy_lines(
    alert: &StoredAlert,
    until: Day,
    reason: &str,
    today: Day,
) -> anyhow::Result<String> {
    let finding: Value = serde_json::from_str(&alert.finding).unwrap_or_default();
    let related = finding.pointer("/finding_info/related_analytics").and_then(Value::as_array);
    let related = related.into_iter().flatten().filter_map(|it| it.get("uid")?.as_str());
    let address = alert.source.split('@').next().unwrap_or_default();
    if !address.starts_with(|first: char| first.is_ascii_hexdigit()) {
        bail!("{} is no address: suppress it by principal or account", alert.source.escape_debug());
    }
    let mut lines = String::new();
    for detection in std::iter::once(alert.detection.as_str()).chain(related) {
        // Strings of JSON are strings of TOML.
        let (detection, address) = (Value::from(detection), Value::from(address));
        let reason = Value::from(reason);
        writeln!(
            lines,
            "\n[[suppressions]]\ndetection = {detection}\nsource = {address}\nuntil = {until}\n\
             reason = {reason}"
        )?;
    }
    let policy = Policy::parse(&lines).map_err(anyhow::Error::from);
    let policy = policy.context("no suppression can be made of this alert and these options")?;
    if let Some(warning) = policy.warnings(today).first() {
        bail!("{warning}");
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use callerwatch_adapters::ledger::State;
    use callerwatch_detection::score::Severity;

    use super::*;

    fn lines(source: &str, until: &str, reason: &str) -> Result<String, String> {
        let alert = StoredAlert {
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
        };
        let until = Day::parse(until).unwrap();
        policy_lines(&alert, until, reason, Day::parse("2026-03-02").unwrap())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn they_are_understood() {
        let section = |id: &str, source: &str| {
            format!(
                "\n[[suppressions]]\ndetection = \"{id}\"\nsource = \"{source}\"\nuntil = \
                 2026-05-01\nreason = \"a \\\"scan\\\"\"\n"
            )
        };
        for (source, address) in [
            ("203.0.113.7", "203.0.113.7"),
            ("10.0.0.5@vpce-1", "10.0.0.5"),
            ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ] {
            let expected = section("error-burst", address) + &section("login-failures", address);
            assert_eq!(lines(source, "2026-05-01", "a \"scan\""), Ok(expected));
        }
        for (source, until, reason, why) in [
            ("unrecognized:10.*", "2026-05-01", "x", "is no address"),
            ("203.0.113.7", "2026-03-01", "x", "ended with"),
            ("203.0.113.7", "2028-03-01", "x", "in more than a year"),
            ("203.0.113.7", "2026-05-01", " ", "no suppression can be made"),
        ] {
            let told = lines(source, until, reason).expect_err(until);
            assert!(told.contains(why), "{told}");
        }
    }
}
