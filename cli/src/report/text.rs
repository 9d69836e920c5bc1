//! The report for people: what was read, then the alerts, the highest score first.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, StdoutLock, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::evidence::Kind;
use callerwatch_detection::ocsf;
use callerwatch_detection::score::Severity;
use textwrap::{Options, WordSplitter};

use super::plain::{brief, plain, shown};
use crate::scan::Summary;
use crate::setup::Setup;

/// How many of a kind are named before "and more".
const NAMED_MAX: usize = 6;
const LABEL_WIDTH: usize = 8;
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Prints it to standard output.
pub(crate) fn text(summary: &Summary, found: &[Alert], setup: &Setup) -> io::Result<()> {
    page().summary(summary, setup)?;
    alerts(found)
}

/// Prints the alerts alone.
pub(crate) fn alerts(alerts: &[Alert]) -> io::Result<()> {
    let mut page = page();
    page.headline(alerts)?;
    for alert in alerts {
        page.alert(alert)?;
    }
    page.out.flush()
}

fn page() -> Page<AutoStream<StdoutLock<'static>>> {
    let stdout = io::stdout();
    // Wrapped for a terminal only: what reads a pipe wants whole lines.
    let width = if stdout.is_terminal() {
        terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0).max(40))
    } else {
        usize::MAX
    };
    Page { out: AutoStream::auto(stdout.lock()), width }
}

struct Page<W: Write> {
    out: W,
    width: usize,
}

impl<W: Write> Page<W> {
    fn summary(&mut self, summary: &Summary, setup: &Setup) -> io::Result<()> {
        let calls: u64 = summary.calls.values().sum();
        self.field(
            "read",
            &format!(
                "{calls} calls in {} {}, {}",
                summary.files,
                if summary.files == 1 { "file" } else { "files" },
                bytes(summary.text_bytes)
            ),
        )?;
        if let Some((first, last)) = summary.span {
            self.field("span", &format!("{first} to {last}"))?;
        }
        let clouds = summary.calls.iter().map(|(cloud, count)| format!("{cloud} {count}"));
        self.list("clouds", clouds)?;
        let sources = summary.sources;
        let sources = [
            ("public", sources.public),
            ("private", sources.private),
            ("cloud service", sources.service),
            ("unrecognized", sources.unrecognized),
            ("none", sources.absent),
        ];
        let met = sources.into_iter().filter(|(_, count)| *count > 0);
        self.list("sources", met.map(|(what, count)| format!("{what} {count}")))?;
        let lists = setup.intelligence.lists();
        if lists.is_empty() {
            self.field(
                "lists",
                "none: run `callerwatch intel fetch`, or give some with --list CATEGORY=FILE, to \
                 find listed addresses",
            )?;
        }
        if let Some(fetched) = &setup.fetched {
            self.field("fetched", &format!("from {}", shown(&fetched.folder)))?;
        }
        for list in lists {
            let refused = match list.refused {
                0 => String::new(),
                count => format!(", {count} lines refused"),
            };
            let (name, category) = (plain(&list.name), list.category);
            self.field("list", &format!("{name}: {category}, {} entries{refused}", list.entries))?;
        }
        let others = summary.not_calls.iter().map(|(what, count)| format!("{what} {count}"));
        self.list("no calls", others)?;
        if summary.without_time > 0 {
            self.field("no time", &format!("{} calls, evidence of nothing", summary.without_time))?;
        }
        if !summary.passed_over.is_empty() {
            let names = summary.passed_over.iter().cloned();
            self.field("no log", &named(names, summary.passed_over.len()))?;
        }
        self.rejected(summary)?;
        for fault in &summary.faults {
            self.field("unread", fault)?;
        }
        writeln!(self.out)
    }

    fn rejected(&mut self, summary: &Summary) -> io::Result<()> {
        let count = summary.rejected_count();
        if count == 0 {
            return Ok(());
        }
        self.field("rejected", &format!("{count} records"))?;
        for ((why, path), of_file) in summary.rejected.iter().take(2 * NAMED_MAX) {
            let (count, at) = (of_file.count, of_file.first_at);
            self.field("", &format!("{path}: {count} {why}, the first at byte {at}"))?;
        }
        match summary.rejected.len().checked_sub(2 * NAMED_MAX) {
            Some(more @ 1..) => self.field("", &format!("and {more} files more")),
            _ => Ok(()),
        }
    }

    fn headline(&mut self, alerts: &[Alert]) -> io::Result<()> {
        let mut by_severity: BTreeMap<Severity, usize> = BTreeMap::new();
        for alert in alerts {
            *by_severity.entry(alert.severity).or_default() += 1;
        }
        let counts: Vec<String> = by_severity
            .iter()
            .rev()
            .map(|(severity, count)| format!("{count} {severity}"))
            .collect();
        match alerts.len() {
            0 => writeln!(self.out, "{BOLD}No alerts.{BOLD:#}"),
            1 => writeln!(self.out, "{BOLD}1 alert:{BOLD:#} {}", counts.join(", ")),
            count => writeln!(self.out, "{BOLD}{count} alerts:{BOLD:#} {}", counts.join(", ")),
        }
    }

    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        let style = color(alert.severity);
        let severity = alert.severity.name().to_uppercase();
        let title = plain(&alert.title());
        writeln!(self.out)?;
        let line = format!("{style}{severity} {}{style:#}  {BOLD}{title}{BOLD:#}", alert.score);
        writeln!(self.out, "{}", self.wrapped(&line, "  "))?;
        for (index, reason) in alert.reasons.iter().enumerate() {
            self.field(if index == 0 { "why" } else { "" }, &plain(&reason.to_string()))?;
        }
        let sum: i32 = alert.reasons.iter().map(|reason| reason.points).sum();
        if sum != i32::from(alert.score) {
            self.field("", &format!("{sum:+} in all, kept within 0 to 100"))?;
        }
        let findings: Vec<&str> = alert.findings.iter().map(|it| it.detection.id).collect();
        self.field("found", &findings.join(", "))?;
        self.field("who", &who(alert))?;
        self.field("what", &what(alert))?;
        self.field("where", &whence(alert))?;
        let calls =
            if alert.calls == 1 { "1 call".to_owned() } else { format!("{} calls", alert.calls) };
        self.field("when", &format!("{} to {}, {calls}", alert.first, alert.last))?;
        if let Some(leading) = alert.findings.first() {
            self.field("do", leading.detection.runbook)?;
        }
        self.field("uid", &alert.uid)
    }

    /// A line as lines no longer than the page is wide.
    fn wrapped(&self, line: &str, indent: &str) -> String {
        if self.width == usize::MAX {
            return line.to_owned();
        }
        // Names and addresses are to be copied: they are not broken at their hyphens.
        let whole = WordSplitter::NoHyphenation;
        let options = Options::new(self.width).subsequent_indent(indent).word_splitter(whole);
        textwrap::wrap(line, options).join("\n")
    }

    fn list(&mut self, label: &str, items: impl Iterator<Item = String>) -> io::Result<()> {
        let items: Vec<String> = items.collect();
        if items.is_empty() { Ok(()) } else { self.field(label, &items.join(", ")) }
    }

    /// A label and a text beside it, wrapped to the width of the page.
    fn field(&mut self, label: &str, text: &str) -> io::Result<()> {
        let indent = " ".repeat(LABEL_WIDTH + 3);
        // The label is wrapped with the text, so that the first line is as long as the others.
        let wrapped = self.wrapped(&format!("  {label:LABEL_WIDTH$} {text}"), &indent);
        let (label, rest) = wrapped.split_at_checked(LABEL_WIDTH + 2).unwrap_or(("", &wrapped));
        writeln!(self.out, "{DIM}{label}{DIM:#}{rest}")
    }
}

fn color(severity: Severity) -> Style {
    let color = match severity {
        Severity::Informational => return DIM,
        Severity::Low => AnsiColor::Cyan,
        Severity::Medium => AnsiColor::Yellow,
        Severity::High => AnsiColor::Red,
        Severity::Critical => AnsiColor::Magenta,
    };
    Style::new().bold().fg_color(Some(color.into()))
}

/// The principals, by what a person calls them. Samples are few: there may be others.
fn who(alert: &Alert) -> String {
    let identities = alert.samples.iter().map(|sample| (sample.name(), sample.principal()));
    let principals: BTreeSet<String> = identities
        .filter_map(|identity| match identity {
            (Some(name), Some(uid)) if name != uid => {
                Some(format!("{} ({})", brief(name), brief(uid)))
            }
            (name, uid) => name.or(uid).map(brief),
        })
        .collect();
    let has_hidden = alert.samples.iter().any(|it| it.name().or(it.principal()).is_none());
    let count = principals.len();
    let hidden = match (has_hidden, count) {
        (false, _) => "",
        (true, 0) => "not told by the cloud",
        (true, _) => ", and some the cloud hides",
    };
    named(principals.into_iter(), count) + hidden + among(alert)
}

/// The operations and how they ended, what succeeded first.
fn what(alert: &Alert) -> String {
    let operations: BTreeSet<(Kind, String)> = alert
        .samples
        .iter()
        .map(|sample| {
            let on = sample.resource().map(|it| format!(" on {}", brief(it))).unwrap_or_default();
            (sample.kind, format!("{}{on}", brief(sample.operation())))
        })
        .collect();
    let count = operations.len();
    let told = operations.into_iter();
    let told = told.map(|(kind, operation)| format!("{operation}: {}", ocsf::outcome(kind)));
    named(told, count) + among(alert)
}

/// `, among others` where samples may not tell all.
fn among(alert: &Alert) -> &'static str {
    match alert.samples.len() {
        0 => "not kept: too much else happened that day",
        count if count < alert.calls => ", among others",
        _ => "",
    }
}

fn whence(alert: &Alert) -> String {
    let mut parts = vec![plain(&alert.address())];
    let addresses = alert.addresses();
    if addresses.len() > 1 {
        parts.push(named(addresses.iter().map(ToString::to_string), addresses.len()));
    }
    if let Some(country) = alert.country {
        parts.push(country.to_string());
    }
    parts.extend(alert.autonomous_system.iter().map(|network| brief(&network.to_string())));
    parts.extend(alert.lists.iter().map(|list| plain(list)));
    parts.extend(alert.trusted_network.iter().map(|network| format!("in {}", plain(network))));
    let mut accounts: Vec<String> = alert
        .samples
        .iter()
        .filter_map(|sample| Some(format!("{} {}", sample.cloud, brief(sample.account()?))))
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    let count = accounts.len();
    if count > 0 {
        parts.push(format!("against {}", named(accounts.into_iter(), count)));
    }
    parts.join(" · ")
}

/// The first few, and how many more there are.
fn named(items: impl Iterator<Item = String>, count: usize) -> String {
    let mut shown: Vec<String> = items.take(NAMED_MAX).collect();
    if count > NAMED_MAX {
        shown.push(format!("and {} more", count - NAMED_MAX));
    }
    shown.join(", ")
}

/// `3.2 MB`.
pub(super) fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut divisor: u64 = 1;
    let mut unit = 0;
    while count / divisor >= 1000 && unit + 1 < units.len() {
        divisor *= 1000;
        unit += 1;
    }
    let tenths = count * 10 / divisor;
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{count} B") } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}
