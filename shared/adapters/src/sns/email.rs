//! An alert as a person reads it at night: what happened, how bad, why, and what to do.

use std::fmt::Write;

use callerwatch_detection::alert::Alert;
use callerwatch_detection::ocsf;
use callerwatch_detection::sample::Sample;

use super::escape::{defanged, plain};

/// Longer than any real name; what is longer is an attack on the reader.
const TEXT_MAX: usize = 160;
const SAMPLES_MAX: usize = 10;

/// The title, for a line of its own.
pub(super) fn title(alert: &Alert) -> String {
    format!("[{}] {}", alert.severity, defanged(&alert.title(), TEXT_MAX))
}

/// One line of at most 140 characters.
pub(super) fn sms(alert: &Alert) -> String {
    let line = format!("callerwatch {}", title(alert));
    let ascii: String = line.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    plain(&ascii, 139).replace('\u{2026}', "~")
}

/// The whole of it, as lines of text.
pub(super) fn text(alert: &Alert) -> String {
    let mut text = title(alert);
    text.push_str("\n\n");
    let mut line = |label: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{label:<9}{value}");
    };
    let reasons: Vec<String> =
        alert.reasons.iter().map(|it| defanged(&it.to_string(), TEXT_MAX)).collect();
    line("score", &format!("{} of 100: {}", alert.score, reasons.join(", ")));
    line("source", &defanged(&alert.address(), TEXT_MAX));
    if let Some(country) = alert.country {
        line("country", &country.to_string());
    }
    for list in &alert.lists {
        line("listed", &defanged(list, TEXT_MAX));
    }
    if let Some(network) = &alert.trusted_network {
        line("trusted", &defanged(network, TEXT_MAX));
    }
    let at_least = if alert.is_at_least { "at least " } else { "" };
    line("calls", &format!("{at_least}{}, {} to {}", alert.calls, alert.first, alert.last));
    let clouds: Vec<&str> = alert.clouds.iter().map(|cloud| cloud.name()).collect();
    line("clouds", &clouds.join(", "));
    let accounts: Vec<String> =
        accounts(alert).into_iter().map(|account| defanged(account, TEXT_MAX)).collect();
    if !accounts.is_empty() {
        line("accounts", &accounts.join(", "));
    }
    line("alert", &alert.uid);
    if let Some(earlier) = &alert.earlier {
        line("earlier", earlier);
    }
    let _ = writeln!(text, "\nSome of the calls");
    for sample in alert.samples.iter().take(SAMPLES_MAX) {
        let _ = writeln!(text, "  {}", call(sample));
    }
    for finding in &alert.findings {
        let detection = finding.detection;
        let _ = writeln!(text, "\n{} ({})\n{}", detection.title, detection.id, detection.runbook);
    }
    let mut controls: Vec<&str> = Vec::new();
    for finding in &alert.findings {
        let of = finding.detection.controls;
        controls.extend(of.nist.iter().chain(of.hitrust).chain(of.gdpr));
    }
    controls.sort_unstable();
    controls.dedup();
    let _ = writeln!(text, "\nControls: {}", controls.join(", "));
    text
}

/// The accounts known of an alert, in order.
pub(super) fn accounts(alert: &Alert) -> Vec<&str> {
    let mut accounts: Vec<&str> = alert.samples.iter().filter_map(Sample::account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

fn call(sample: &Sample) -> String {
    let who = sample.name().or(sample.principal()).unwrap_or("unknown");
    let mut call = format!(
        "{} {} {} {}: {}",
        sample.time,
        defanged(who, TEXT_MAX),
        defanged(sample.service(), TEXT_MAX),
        defanged(sample.operation(), TEXT_MAX),
        ocsf::outcome(sample.kind)
    );
    if let Some(code) = sample.status_code() {
        let _ = write!(call, " ({})", defanged(code, TEXT_MAX));
    }
    if let Some(resource) = sample.resource() {
        let _ = write!(call, ", on {}", defanged(resource, TEXT_MAX));
    }
    if let Some(agent) = sample.user_agent() {
        let _ = write!(call, ", by {}", defanged(agent, TEXT_MAX));
    }
    call
}
