//! `alerts show`: all of one alert, with its life.

use std::io::{self, Write};

use callerwatch_adapters::ledger::{State, StoredAlert};
use callerwatch_detection::ocsf;
use callerwatch_response::guard::network_of_text;
use serde_json::Value;

use super::{state, status};
use crate::args::Format;
use crate::report::{brief, plain, plain_json};

pub(super) fn show(alert: &StoredAlert, table: &str, format: Format) -> anyhow::Result<u8> {
    let mut finding = serde_json::from_str(&alert.finding).unwrap_or(Value::Null);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match format {
        Format::Json => {
            as_it_is_now(&mut finding, &alert.state);
            writeln!(out, "{}", plain_json(&finding.to_string()))?;
        }
        Format::Text => text(&mut out, alert, table, &finding)?,
    }
    out.flush()?;
    Ok(0)
}

/// The finding says how it was told; its state has changed since.
fn as_it_is_now(finding: &mut Value, state: &State) {
    let detail = match state {
        State::Closed(reason) | State::Suppressed(reason) => Some(reason.as_str()),
        State::Open | State::Quiet => None,
    };
    ocsf::set_status(finding, status(state), detail);
}

fn text(out: &mut impl Write, alert: &StoredAlert, table: &str, finding: &Value) -> io::Result<()> {
    let StoredAlert { uid, day, severity, score, title, source, detection, .. } = alert;
    writeln!(out, "{severity} {score}  {}", plain(title))?;
    let mut field = |label: &str, text: &str| writeln!(out, "  {label:9}{text}");
    field("state", &state(&alert.state))?;
    let texts = |at: &str| {
        let values = finding.pointer(at).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(plain).collect::<Vec<_>>()
    };
    for (index, reason) in texts("/unmapped/score_reasons").iter().enumerate() {
        field(if index == 0 { "why" } else { "" }, reason)?;
    }
    let related = finding.pointer("/finding_info/related_analytics").and_then(Value::as_array);
    let related = related.into_iter().flatten().filter_map(|it| it.get("uid")?.as_str());
    let found: Vec<String> =
        std::iter::once(detection.as_str()).chain(related).map(plain).collect();
    field("found", &found.join(", "))?;
    let silent = finding.pointer("/unmapped/suppressed").and_then(Value::as_array);
    for (index, part) in silent.into_iter().flatten().enumerate() {
        field(if index == 0 { "silent" } else { "" }, &suppressed(part))?;
    }
    field("source", &plain(source))?;
    field("day", &format!("{} (UTC)", plain(day)))?;
    field("calls", &alert.calls.to_string())?;
    let told = if alert.told.is_empty() { "not told".to_owned() } else { plain(&alert.told) };
    for (label, time, more) in [
        ("last", alert.last, String::new()),
        ("opened", alert.opened, String::new()),
        ("told", alert.told_at, format!(", {told}")),
        ("amended", alert.amended, String::new()),
        ("decided", alert.closed, String::new()),
    ] {
        if let Some(time) = time {
            field(label, &format!("{time}{more}"))?;
        }
    }
    let evidences = finding.pointer("/evidences").and_then(Value::as_array);
    for (index, evidence) in evidences.into_iter().flatten().enumerate() {
        field(if index == 0 { "evidence" } else { "" }, &call(evidence))?;
    }
    if let Ok(network) = network_of_text(source) {
        let table = plain(table);
        field("deny", &format!("callerwatch block explain {network} --table {table}"))?;
    }
    field("uid", uid)
}

/// `login-failures until 2026-12-31: a drill`.
fn suppressed(part: &Value) -> String {
    let text = |name: &str| part.get(name).and_then(Value::as_str).map(brief).unwrap_or_default();
    format!("{} until {}: {}", text("analytic"), text("until"), text("reason"))
}

/// `2026-03-02T09:15:00Z ConsoleLogin by alice from 203.0.113.7: sign-in failed`.
fn call(evidence: &Value) -> String {
    let text = |at: &str| evidence.pointer(at).and_then(Value::as_str).map(brief);
    let mut line = text("/data/time").unwrap_or_default();
    let parts = [
        (" ", text("/api/operation")),
        (" on ", text("/resources/0/uid")),
        (" by ", text("/actor/user/name")),
        (" from ", text("/src_endpoint/ip").or_else(|| text("/src_endpoint/name"))),
        (" in ", text("/data/account")),
        (": ", text("/api/response/message").or_else(|| text("/api/response/error"))),
    ];
    for (before, part) in parts {
        if let Some(part) = part {
            line.push_str(before);
            line.push_str(&part);
        }
    }
    line
}
