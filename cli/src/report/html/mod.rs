//! The report as one page for a browser, which asks nothing of the network.
//!
//! Promises that it is there whole or as it was before, that the same logs give the same bytes, and
//! that no text of callers is more than text in it. The page tells all of it without its script,
//! which only sorts, filters and opens; a policy in it names that script by its hash and forbids
//! every other.

mod escape;
mod moment;
mod row;
mod survey;
mod timeline;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use anyhow::Context;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use callerwatch_detection::alert::Alert;
use callerwatch_detection::score::Severity;
use sha2::{Digest, Sha256};

pub(crate) use self::escape::Plain;
use self::moment::{Moment, counted, grouped};
use self::row::Row;
use self::survey::Place;
pub(crate) use self::survey::Survey;
use self::timeline::{Timeline, class_of};
use super::text::bytes;
use super::{brief, suppressed};
use crate::file;
use crate::report::shown;
use crate::scan::Summary;
use crate::setup::Setup;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The most alerts shown: what a browser still opens at once.
const ALERTS_MAX: usize = 10_000;
/// More alerts than a browser lays out unnoticed.
const LONG: usize = 200;
/// The most lines of alerts that are suppressed, and about files that were rejected, unread or passed
/// over, each.
const LINES_MAX: usize = 100;

/// Writes the page to a file.
pub(crate) fn html(
    file: &Path,
    summary: &Summary,
    alerts: &[Alert],
    survey: &Survey,
    setup: &Setup,
) -> anyhow::Result<()> {
    let (suppressed, alerts) = alerts.iter().partition(|alert| alert.is_suppressed());
    let page = Page {
        policy: policy(),
        summary,
        alerts,
        suppressed,
        survey,
        setup,
        style: STYLE,
        script: SCRIPT,
        version: env!("CARGO_PKG_VERSION"),
    };
    let write = |out: &mut dyn io::Write| page.write_into(out);
    file::write_whole(file, write)
        .with_context(|| format!("cannot write the report {}", shown(file)))
}

/// What the page may load and run: its own style and script, by their hashes, and nothing else.
fn policy() -> String {
    let hash = |text: &str| BASE64.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; \
         base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    policy: String,
    summary: &'a Summary,
    alerts: Vec<&'a Alert>,
    /// What the policy calls nothing.
    suppressed: Vec<&'a Alert>,
    survey: &'a Survey,
    setup: &'a Setup,
    style: &'static str,
    script: &'static str,
    version: &'static str,
}

/// A figure at the head of the page.
struct Tile {
    label: &'static str,
    figure: String,
    note: String,
}

/// How many alerts there are of a severity.
struct OfSeverity {
    name: &'static str,
    class: &'static str,
    id: u8,
    count: usize,
}

/// Countries or networks.
struct Places<'a> {
    title: &'static str,
    /// What would have to be given to know more.
    note: Option<&'static str>,
    lines: Vec<(&'a str, Place)>,
    more: usize,
}

/// Lines, and how many more there are.
struct Lines {
    lines: Vec<String>,
    more: usize,
}

impl Page<'_> {
    fn headline(&self) -> String {
        let of = self.severities();
        match of.first() {
            None => "No alerts".to_owned(),
            Some(highest) if highest.count == self.alerts.len() => {
                let alert = format!("{} alert", highest.name);
                counted(self.alerts.len(), &alert, &format!("{alert}s"))
            }
            Some(highest) => format!(
                "{}, {} of them {}",
                counted(self.alerts.len(), "alert", "alerts"),
                grouped(highest.count),
                highest.name
            ),
        }
    }

    fn span(&self) -> Option<(Moment, Moment)> {
        self.summary.span.map(|(first, last)| (Moment(first), Moment(last)))
    }

    /// Those there are, falling.
    fn severities(&self) -> Vec<OfSeverity> {
        let count = |severity| self.alerts.iter().filter(|it| it.severity == severity).count();
        let all = Severity::ALL.into_iter().rev().map(|severity| OfSeverity {
            name: severity.name(),
            class: class_of(severity),
            id: severity.id(),
            count: count(severity),
        });
        all.filter(|of| of.count > 0).collect()
    }

    fn tiles(&self) -> Vec<Tile> {
        let summary = self.summary;
        let calls: u64 = summary.calls.values().sum();
        let clouds = summary.calls.iter();
        let clouds: Vec<String> =
            clouds.map(|(cloud, count)| format!("{cloud} {}", grouped(*count))).collect();
        let accused: BTreeSet<_> = self.alerts.iter().map(|alert| &alert.key).collect();
        let rejected = summary.rejected_count();
        let unread = summary.faults.len();
        vec![
            Tile { label: "Calls read", figure: grouped(calls), note: clouds.join(", ") },
            Tile {
                label: "Evidence",
                figure: grouped(self.survey.evidence),
                note: "calls that failed, were refused, or say something of their source"
                    .to_owned(),
            },
            Tile {
                label: "Sources with alerts",
                figure: grouped(accused.len()),
                note: format!("of {} looked at", grouped(self.survey.sources)),
            },
            Tile {
                label: "Files",
                figure: grouped(summary.files),
                note: format!("{} of text", bytes(summary.text_bytes)),
            },
            Tile {
                label: "Records rejected",
                figure: grouped(rejected),
                note: match unread {
                    0 => "everything was read".to_owned(),
                    _ => counted(unread, "input not wholly read", "inputs not wholly read"),
                },
            },
        ]
    }

    fn timeline(&self) -> Option<&Timeline> {
        self.survey.timeline.as_ref()
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let alerts = self.alerts.iter().take(ALERTS_MAX).enumerate();
        alerts.map(|(place, alert)| Row::new(place, alert))
    }

    /// Whether only those in sight may be laid out, which whoever takes a picture of it all sees.
    fn is_long(&self) -> bool {
        self.alerts.len() > LONG
    }

    /// What there is beyond the alerts shown.
    fn beyond(&self) -> Option<String> {
        let more = self.alerts.get(ALERTS_MAX..).filter(|more| !more.is_empty())?;
        let mut told: Vec<String> = Vec::new();
        for severity in Severity::ALL.into_iter().rev() {
            let count = more.iter().filter(|alert| alert.severity == severity).count();
            if count > 0 {
                told.push(format!("{} {severity}", grouped(count)));
            }
        }
        Some(format!(
            "The {} alerts with the highest scores are shown. {} more are not: {}. All are in the \
             output of --format json.",
            grouped(ALERTS_MAX),
            grouped(more.len()),
            told.join(", ")
        ))
    }

    /// The detections that found anything, in order.
    fn detections(&self) -> BTreeSet<&'static str> {
        self.alerts.iter().flat_map(|it| &it.findings).map(|it| it.detection.id).collect()
    }

    fn clouds(&self) -> BTreeSet<&'static str> {
        self.alerts.iter().flat_map(|it| &it.clouds).map(|cloud| cloud.name()).collect()
    }

    /// Where sources are.
    fn places(&self) -> [Places<'_>; 2] {
        let intelligence = &self.setup.intelligence;
        let has_countries = intelligence.country_database().is_some();
        let has_networks = intelligence.network_database().is_some();
        let (countries, more_countries) = self.survey.countries();
        let (networks, more_networks) = self.survey.networks();
        [
            Places {
                title: "Country",
                note: (!has_countries).then_some(
                    "Countries are not known. To know them, run callerwatch intel fetch, or give a \
                     database with --country-db FILE.",
                ),
                lines: if has_countries { countries } else { Vec::new() },
                more: more_countries,
            },
            Places {
                title: "Network",
                note: (!has_networks).then_some(
                    "The names of networks are not known: these are the blocks around addresses, \
                     /24 and /48. To know names, run callerwatch intel fetch, or give a database \
                     with --asn-db FILE.",
                ),
                lines: networks,
                more: more_networks,
            },
        ]
    }

    /// What calls came from, and how many of each.
    fn sources(&self) -> Vec<(&'static str, String)> {
        let sources = self.summary.sources;
        let all = [
            ("public addresses", sources.public),
            ("private addresses", sources.private),
            ("services of the clouds", sources.service),
            ("something that is no address", sources.unrecognized),
            ("nowhere named", sources.absent),
        ];
        let met = all.into_iter().filter(|(_, count)| *count > 0);
        met.map(|(what, count)| (what, grouped(count))).collect()
    }

    fn lists(&self) -> Vec<String> {
        let told = self.setup.intelligence.lists().iter().map(|list| {
            let refused = match list.refused {
                0 => String::new(),
                count => format!(", {count} lines refused"),
            };
            let dated = list.dated_secs.and_then(|secs| {
                let millis = i64::try_from(secs).ok()?.checked_mul(1000)?;
                callerwatch_detection::timestamp::Timestamp::from_millis(millis)
            });
            let dated = dated.map(|time| format!(", of {}", Moment(time).date()));
            format!(
                "{}: {}, {} entries{refused}{}",
                brief(&list.name),
                list.category,
                grouped(list.entries),
                dated.unwrap_or_default()
            )
        });
        told.collect()
    }

    /// Those that the policy calls nothing, the highest first.
    fn suppressed(&self) -> Lines {
        lines(self.suppressed.iter().map(|alert| suppressed(alert)))
    }

    /// Rejected records, by reason and file.
    fn rejected(&self) -> Lines {
        let told = self.summary.rejected.iter().map(|((why, path), of_file)| {
            let records = counted(of_file.count, "record is", "records are");
            format!("{path}: {records} {why}, the first at byte {}", grouped(of_file.first_at))
        });
        lines(told)
    }

    fn unread(&self) -> Lines {
        lines(self.summary.faults.iter().cloned())
    }

    fn passed_over(&self) -> Lines {
        lines(self.summary.passed_over.iter().cloned())
    }

    fn not_calls(&self) -> Vec<(&'static str, String)> {
        self.summary.not_calls.iter().map(|(what, count)| (*what, grouped(*count))).collect()
    }
}

fn lines(lines: impl ExactSizeIterator<Item = String>) -> Lines {
    let more = lines.len().saturating_sub(LINES_MAX);
    Lines { lines: lines.take(LINES_MAX).collect(), more }
}
