//! The report for people: what was read, then the alerts, the highest score first.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, StdoutLock, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::detections::learning_days;
use callerwatch_detection::plain;
use callerwatch_detection::score::Severity;
use callerwatch_detection::steps::steps;
use callerwatch_detection::words;
use textwrap::{Options, WordSplitter};

use super::plain::{plain, shown};
use super::{line, silent, suppressed};
use crate::scan::Summary;
use crate::setup::Setup;

/// How many of a kind are named before "and more".
const NAMED_MAX: usize = 6;
/// How many alerts are told a line each, suppressed ones and others; JSON has all of them.
const BRIEF_MAX: usize = 50;
const LABEL_WIDTH: usize = 8;
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Prints it to standard output.
pub(crate) fn text(summary: &Summary, found: &[Alert], setup: &Setup) -> io::Result<()> {
    page().summary(summary, setup)?;
    alerts(found, "")
}

/// Prints the alerts alone, the suppressed ones last and in brief; whose they are is said in their
/// headline, as ` of its own`.
pub(crate) fn alerts(alerts: &[Alert], whose: &str) -> io::Result<()> {
    let mut page = page();
    let (suppressed, speaking) = parted(alerts);
    page.headline(&speaking, !suppressed.is_empty(), whose)?;
    for alert in speaking {
        page.alert(alert)?;
    }
    page.suppressed(&suppressed)?;
    page.out.flush()
}

/// The same, a line each.
pub(crate) fn in_brief<'a>(
    alerts: impl IntoIterator<Item = &'a Alert>,
    whose: &str,
) -> io::Result<()> {
    let mut page = page();
    let (suppressed, speaking) = parted(alerts);
    page.headline(&speaking, !suppressed.is_empty(), whose)?;
    for alert in speaking.iter().take(BRIEF_MAX) {
        page.field("", &line(alert))?;
    }
    page.more(speaking.len())?;
    page.suppressed(&suppressed)?;
    page.out.flush()
}

/// Those that the policy calls nothing, and the others.
fn parted<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> (Vec<&'a Alert>, Vec<&'a Alert>) {
    alerts.into_iter().partition(|alert| alert.is_suppressed())
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
        if let Some(silence) = silence(summary, setup) {
            self.field("learning", &silence)?;
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
        let noun = if count == 1 { "record" } else { "records" };
        self.field("rejected", &format!("{count} {noun}"))?;
        for ((why, path), of_file) in summary.rejected.iter().take(2 * NAMED_MAX) {
            let (count, at) = (of_file.count, of_file.first_at);
            self.field("", &format!("{path}: {count} {why}, the first at byte {at}"))?;
        }
        match summary.rejected.len().checked_sub(2 * NAMED_MAX) {
            Some(more @ 1..) => self.field("", &format!("and {more} files more")),
            _ => Ok(()),
        }
    }

    fn headline(&mut self, alerts: &[&Alert], has_suppressed: bool, whose: &str) -> io::Result<()> {
        let mut by_severity: BTreeMap<Severity, usize> = BTreeMap::new();
        for alert in alerts {
            *by_severity.entry(alert.severity).or_default() += 1;
        }
        let counts: Vec<String> = by_severity
            .iter()
            .rev()
            .map(|(severity, count)| format!("{count} {severity}"))
            .collect();
        let counts = counts.join(", ");
        match alerts.len() {
            0 if has_suppressed => {
                writeln!(self.out, "{BOLD}No alerts{whose} that are not suppressed.{BOLD:#}")
            }
            0 => writeln!(self.out, "{BOLD}No alerts{whose}.{BOLD:#}"),
            1 => writeln!(self.out, "{BOLD}1 alert{whose}:{BOLD:#} {counts}"),
            count => writeln!(self.out, "{BOLD}{count} alerts{whose}:{BOLD:#} {counts}"),
        }
    }

    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        let style = color(alert.severity);
        let severity = alert.severity.name().to_uppercase();
        let title = plain(&alert.title());
        writeln!(self.out)?;
        let line = format!("{style}{severity} {}{style:#}  {BOLD}{title}{BOLD:#}", alert.score);
        writeln!(self.out, "{}", self.wrapped(&line, "  "))?;
        let findings: Vec<&str> = alert.findings.iter().map(|it| it.detection.id).collect();
        self.field("found", &findings.join(", "))?;
        for line in silent(alert) {
            self.field("silent", &line)?;
        }
        for field in words::fields(alert, plain::plain) {
            let labels = std::iter::once(field.label).chain(std::iter::repeat(""));
            for (label, line) in labels.zip(&field.lines) {
                self.field(label, line)?;
            }
        }
        if let Some(leading) = alert.findings.first() {
            self.field("do", leading.detection.runbook)?;
        }
        for step in steps(alert) {
            let label = step.action.name();
            self.field(label, &format!("{}: {}", step.cloud, step.title))?;
            // Not wrapped: it is to be copied.
            writeln!(self.out, "{:width$}{}", "", step.text, width = LABEL_WIDTH + 3)?;
        }
        self.field("uid", &alert.uid)?;
        if let Some(uid) = &alert.earlier {
            self.field("earlier", &format!("{uid} (the day before)"))?;
        }
        Ok(())
    }

    /// What the policy calls nothing, a line each.
    fn suppressed(&mut self, alerts: &[&Alert]) -> io::Result<()> {
        if alerts.is_empty() {
            return Ok(());
        }
        let count = alerts.len();
        let noun = if count == 1 { "alert" } else { "alerts" };
        writeln!(self.out, "\n{BOLD}{count} suppressed {noun}{BOLD:#}")?;
        for alert in alerts.iter().take(BRIEF_MAX) {
            self.field("", &suppressed(alert))?;
        }
        self.more(count)
    }

    /// How many of so many alerts have no line.
    fn more(&mut self, count: usize) -> io::Result<()> {
        match count.checked_sub(BRIEF_MAX) {
            Some(more @ 1..) => self.field("", &format!("and {more} more")),
            _ => Ok(()),
        }
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

/// Why `new-origin` cannot have spoken: the logs do not reach back as far as it learns.
fn silence(summary: &Summary, setup: &Setup) -> Option<String> {
    let known = &setup.intelligence;
    let places = known.country_database().or(known.network_database());
    let ((first, last), days) = summary.span.zip(learning_days(&setup.policy))?;
    let reach = (last.millis() - first.millis()) / (24 * 3600 * 1000);
    (places.is_some() && reach < i64::from(days)).then(|| {
        format!(
            "new-origin is silent until it knows a principal for {days} days, and these logs span \
             {reach}"
        )
    })
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
