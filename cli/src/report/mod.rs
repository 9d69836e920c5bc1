//! What a scan prints.

mod html;
mod plain;
mod text;

use std::io::{self, BufWriter, Write};

use callerwatch_detection::alert::Alert;
use callerwatch_detection::ocsf;
use callerwatch_detection::suppress::Suppressed;

pub(crate) use self::html::{Survey, html};
pub(crate) use self::plain::{brief, plain, plain_json, shown};
pub(crate) use self::text::{alerts, in_brief, text};

/// One OCSF Detection Finding a line, and nothing else.
pub(crate) fn json(alerts: &[Alert]) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    for alert in alerts {
        let finding = ocsf::detection_finding(alert).to_string();
        writeln!(stdout, "{}", plain_json(&finding))?;
    }
    stdout.flush()
}

/// `High 60  12 failed sign-ins …`. Safe for a terminal.
fn line(alert: &Alert) -> String {
    format!("{} {}  {}", alert.severity, alert.score, plain(&alert.title()))
}

/// `High 60  12 failed sign-ins …: our scanner (until 2026-12-31)`, of an alert that the policy
/// calls nothing. Safe for a terminal.
fn suppressed(alert: &Alert) -> String {
    let of = |it: &Suppressed| format!("{} (until {})", plain(&it.reason), it.until);
    let mut reasons: Vec<String> = alert.suppressed.iter().map(of).collect();
    reasons.dedup();
    format!("{}: {}", line(alert), reasons.join("; "))
}

/// What of an alert's findings the policy calls nothing, each with why. Safe for a terminal.
fn silent(alert: &Alert) -> impl Iterator<Item = String> {
    alert.suppressed.iter().map(|Suppressed { detection, reason, until }| {
        format!("{detection}, suppressed until {until}: {}", plain(reason))
    })
}
