//! A dossier for people.

use std::io::{self, Write};

use callerwatch_detection::ocsf;
use callerwatch_detection::source::{LedgerKey, Subject};
use callerwatch_detection::timestamp::Timestamp;

use super::around::Others;
use super::dossier::{Dossier, Step, Tally};
use crate::intel;
use crate::report::{self, brief, plain};
use crate::setup::Setup;

/// How many lines there are of a kind before "and more".
const LINES_MAX: usize = 40;
const LABEL_WIDTH: usize = 11;
/// The longest bar.
const BAR_MAX: usize = 30;

/// Prints it to standard output.
pub(super) fn text(dossier: &Dossier, setup: &Setup) -> io::Result<()> {
    let mut out = io::stdout().lock();
    about(&mut out, dossier, setup)?;
    if dossier.is_empty() {
        let what = if dossier.has_all_calls { "what was read" } else { "the ledger" };
        return field(&mut out, "calls", &format!("none: nothing is known of it in {what}"));
    }
    calls(&mut out, dossier)?;
    lists(&mut out, dossier)?;
    timeline(&mut out, dossier)?;
    samples(&mut out, dossier)?;
    writeln!(out)?;
    drop(out);
    alerts(dossier)
}

/// Its own alerts, then those of others that are about calls of it.
fn alerts(dossier: &Dossier) -> io::Result<()> {
    let whose = if dossier.others.is_empty() { "" } else { " of its own" };
    report::alerts(&dossier.alerts, whose)?;
    let (sources, wide): (Vec<&Others>, Vec<&Others>) =
        dossier.others.iter().partition(|it| it.key.subject() == Subject::Source);
    for Others { key, alerts } in wide {
        writeln!(io::stdout())?;
        let whose = match key.subject() {
            Subject::Principal => format!(" of a principal that called from it ({key})"),
            _ => format!(" of its network {key}"),
        };
        report::alerts(alerts, &whose)?;
    }
    if sources.is_empty() {
        return Ok(());
    }
    writeln!(io::stdout())?;
    let whose = match dossier.key.subject() {
        Subject::Principal => " of single addresses that it called from",
        _ => " of single addresses in it",
    };
    report::in_brief(sources.iter().flat_map(|it| &it.alerts), whose)
}

fn about(out: &mut impl Write, dossier: &Dossier, setup: &Setup) -> io::Result<()> {
    let key = &dossier.key;
    match key {
        LedgerKey::V4(_) | LedgerKey::V6Net(_) => {
            writeln!(out, "{key}")?;
            if let Some(ip) = key.public_address() {
                intel::known(out, &setup.intelligence, ip)?;
            }
        }
        LedgerKey::Network(first) => {
            writeln!(out, "{key}")?;
            intel::whereabouts(out, &setup.intelligence, key)?;
            let prefix = if first.is_ipv4() { "a /24" } else { "a /48" };
            field(out, "is", &format!("{prefix}: failures from all of it are counted together"))?;
            listed(out, dossier, setup)?;
        }
        LedgerKey::Principal { cloud, .. } => {
            writeln!(out, "{key}")?;
            let name = dossier.principals.first().map(|(name, _)| format!(": {name}"));
            field(out, "is", &format!("a principal of {cloud}{}", name.unwrap_or_default()))?;
            listed(out, dossier, setup)?;
        }
        LedgerKey::Private { ip, scope } => {
            writeln!(out, "{ip}")?;
            let scope =
                if scope.is_empty() { String::new() } else { format!(" of {}", brief(scope)) };
            field(out, "is", &format!("a private address{scope}: it is never looked up"))?;
        }
        LedgerKey::Unrecognized(_) => {
            writeln!(out, "{}", brief(&key.to_string()))?;
            field(
                out,
                "is",
                "no address, but text that stood where one should: it is never looked up",
            )?;
        }
    }
    if matches!(key, LedgerKey::V6Net(_)) {
        field(out, "is", "a /64: one caller holds all of it, so its addresses are one source")?;
    }
    let trusted = dossier.trusted_network(&setup.policy);
    field(
        out,
        "trusted",
        &trusted.map_or("in no trusted network".to_owned(), |it| format!("in {}", plain(it))),
    )
}

/// What lists say of each address that is known of a network or principal.
fn listed(out: &mut impl Write, dossier: &Dossier, setup: &Setup) -> io::Result<()> {
    let told = dossier.each_address().into_iter().flat_map(|ip| {
        let hits = setup.intelligence.named(ip).into_iter();
        hits.map(move |hit| format!("{ip}: {}, {}", hit.category.name(), intel::named(&hit, ip)))
    });
    let told: Vec<String> = told.collect();
    some(out, "listed", told.into_iter())
}

fn calls(out: &mut impl Write, dossier: &Dossier) -> io::Result<()> {
    let at_least = if dossier.is_at_least { "at least " } else { "" };
    field(out, "calls", &format!("{at_least}{}", fared(&dossier.calls)))?;
    if dossier.has_all_calls {
        field(out, "evidence", &format!("{} of them", dossier.evidence))?;
    } else {
        field(out, "", "of which others are ordinary calls that succeeded: those are not kept")?;
    }
    if let Some((first, last)) = dossier.calls.span {
        field(out, "first", &first.to_string())?;
        field(out, "last", &last.to_string())?;
    }
    if dossier.days_of_work > 0 {
        let days = if dossier.days_of_work == 1 { "day" } else { "days" };
        field(out, "work", &format!("ordinary work on {} {days}", dossier.days_of_work))?;
    }
    let announced = dossier.announced.iter().map(|mark| {
        let success = if mark.has_success { " (something succeeded)" } else { "" };
        format!("{} {}{success}", mark.day, mark.severity)
    });
    some(out, "announced", announced)
}

fn lists(out: &mut impl Write, dossier: &Dossier) -> io::Result<()> {
    let told = |(name, tally): &(String, Tally)| format!("{name}: {}{}", fared(tally), span(tally));
    some(out, "principals", dossier.principals.iter().map(told))?;
    some(out, "operations", dossier.operations.iter().map(told))?;
    some(out, "accounts", dossier.accounts.iter().cloned())?;
    if dossier.addresses.len() > 1 {
        some(out, "addresses", dossier.addresses.iter().cloned())?;
    }
    some(out, "agents", dossier.user_agents.iter().cloned())
}

fn timeline(out: &mut impl Write, dossier: &Dossier) -> io::Result<()> {
    let most = dossier.timeline.iter().map(|(_, tally)| tally.count).max().unwrap_or(1).max(1);
    let (label, precision) = match dossier.step {
        Step::TenMinutes => ("by 10 min", "2026-03-10T04:00".len()),
        Step::Hour => ("by hour", "2026-03-10T04:00".len()),
        Step::Day => ("by day", "2026-03-10".len()),
    };
    let line = |(from, tally): &(Timestamp, Tally)| {
        let bar = "#".repeat((tally.count * BAR_MAX / most).max(1));
        let from = from.to_string();
        let from = from.get(..precision).unwrap_or(&from).replace('T', " ");
        format!("{from}  {bar:BAR_MAX$}  {}", fared(tally))
    };
    some(out, label, dossier.timeline.iter().map(line))
}

fn samples(out: &mut impl Write, dossier: &Dossier) -> io::Result<()> {
    let line = |sample: &callerwatch_detection::sample::Sample| {
        let mut line = format!("{} {}", sample.time, brief(sample.operation()));
        line.extend(sample.resource().map(|it| format!(" on {}", brief(it))));
        line.extend([": ", ocsf::outcome(sample.kind)]);
        line.extend(sample.status_code().map(|it| format!(" ({})", brief(it))));
        line.extend(sample.name().or(sample.principal()).map(|it| format!(", by {}", brief(it))));
        line
    };
    some(out, "samples", dossier.samples.iter().map(line))
}

/// `44: 40 denied, 4 success`.
fn fared(tally: &Tally) -> String {
    let kinds = tally.kinds.iter().map(|(kind, count)| format!("{count} {}", ocsf::outcome(*kind)));
    format!("{}: {}", tally.count, kinds.collect::<Vec<_>>().join(", "))
}

fn span(tally: &Tally) -> String {
    match tally.span {
        Some((first, last)) if first == last => format!("; {first}"),
        Some((first, last)) => format!("; {first} to {last}"),
        None => String::new(),
    }
}

/// Lines under one label, and how many more there are.
fn some(
    out: &mut impl Write,
    label: &str,
    lines: impl ExactSizeIterator<Item = String>,
) -> io::Result<()> {
    let more = lines.len().saturating_sub(LINES_MAX);
    for (index, line) in lines.take(LINES_MAX).enumerate() {
        field(out, if index == 0 { label } else { "" }, &line)?;
    }
    if more > 0 { field(out, "", &format!("and {more} more")) } else { Ok(()) }
}

fn field(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {label:LABEL_WIDTH$} {text}")
}
