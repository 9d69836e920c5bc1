//! `callerwatch alerts`: the alerts of a deployed stack, for whoever looks after them.

mod show;
mod suppress;

use std::io::{self, Write};

use anyhow::bail;
use callerwatch_adapters::ledger::{ByHand, Listed, State, StoredAlert, StoredAlerts, Wanted};
use callerwatch_adapters::{clients, clock};
use callerwatch_detection::ocsf::Status;
use serde_json::json;

use crate::args::{AlertsCommand, Format, ListAlertsOptions};
use crate::report::{brief, plain, plain_json};

/// Longer is no reason but a report.
const REASON_MAX_CHARS: usize = 200;

/// Runs one of the commands.
pub(crate) fn run(command: &AlertsCommand) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = clients::load().await;
        match command {
            AlertsCommand::List(options) => {
                list(&StoredAlerts::new(&config, &options.table), options).await
            }
            AlertsCommand::Show { uid, table, format } => {
                let alert = StoredAlerts::new(&config, table).find(uid, clock::now()).await?;
                show::show(&alert, table, *format)
            }
            AlertsCommand::Close { uid, reason, table } => {
                let reason = reason.trim();
                if reason.is_empty() || reason.chars().count() > REASON_MAX_CHARS {
                    bail!("the reason must have 1 to {REASON_MAX_CHARS} characters");
                }
                let alerts = StoredAlerts::new(&config, table);
                alerts.decide(uid, ByHand::Close, reason, clock::now()).await?;
                writeln!(io::stdout(), "closed {}", plain(uid))?;
                Ok(0)
            }
            AlertsCommand::Suppress { uid, until, reason, table } => {
                let alerts = StoredAlerts::new(&config, table);
                let alert = alerts.find(uid, clock::now()).await?;
                let lines = suppress::policy_lines(&alert, *until, reason, clock::now().day())?;
                alerts.decide(uid, ByHand::Suppress, reason, clock::now()).await?;
                write!(io::stdout(), "# suppressed {}\n{lines}", plain(uid))?;
                Ok(0)
            }
        }
    })
}

async fn list(alerts: &StoredAlerts, options: &ListAlertsOptions) -> anyhow::Result<u8> {
    let now = clock::now();
    let since = options.since.unwrap_or_else(|| now.plus_secs(-7 * 24 * 3600).day());
    let ListAlertsOptions { all, severity, limit, format, .. } = options;
    let wanted = Wanted { since, all: *all, least: *severity, most: *limit };
    let Listed { alerts, more, is_at_least } = alerts.list(&wanted, now).await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for alert in &alerts {
        match format {
            Format::Text => line(&mut out, alert)?,
            Format::Json => writeln!(out, "{}", plain_json(&summary(alert).to_string()))?,
        }
    }
    if *format == Format::Text {
        let at_least = if is_at_least { "at least " } else { "" };
        match (alerts.is_empty(), more) {
            (true, 0) if *all => writeln!(out, "no alerts since {since}")?,
            (true, 0) => writeln!(out, "no open alerts; --all lists closed ones too")?,
            (false, 0) => {}
            (_, more) => writeln!(out, "and {at_least}{more} more: raise --limit")?,
        }
    }
    out.flush()?;
    Ok(0)
}

fn line(out: &mut impl Write, alert: &StoredAlert) -> io::Result<()> {
    let StoredAlert { uid, day, severity, score, title, detection, .. } = alert;
    writeln!(out, "{severity} {score}  {day}  {}", plain(title))?;
    let told = if alert.told.is_empty() { "not told" } else { &alert.told };
    let (state, told) = (state(&alert.state), plain(told));
    writeln!(out, "    {state}; {}; {told}; uid {uid}", plain(detection))
}

/// In a few words.
fn state(state: &State) -> String {
    match state {
        State::Open => "open".to_owned(),
        State::Quiet => "closed, for it was quiet for a day".to_owned(),
        State::Closed(reason) => format!("closed: {}", brief(reason)),
        State::Suppressed(reason) => format!("suppressed: {}", brief(reason)),
    }
}

/// OCSF's word and number of a state.
fn status(state: &State) -> Status {
    match state {
        State::Open => Status::New,
        State::Suppressed(_) => Status::Suppressed,
        State::Quiet | State::Closed(_) => Status::Resolved,
    }
}

fn summary(alert: &StoredAlert) -> serde_json::Value {
    let status = status(&alert.state);
    json!({
        "uid": alert.uid,
        "day": alert.day,
        "severity_id": alert.severity.id(),
        "severity": alert.severity.name(),
        "risk_score": alert.score,
        "status_id": status.id(),
        "status": status.name(),
        "analytic": alert.detection,
        "source": alert.source,
        "count": alert.calls,
        "told": alert.told,
        "title": alert.title,
    })
}
