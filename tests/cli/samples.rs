//! The sample incident, told by the command as its README tells it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::command::{Done, project, run, run_reading};

const SCAN: &str = "scan samples/logs --list malicious=samples/known-bad.txt";

/// A row of the README's table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    leading: String,
    /// `High 65`.
    severity: String,
}

/// What a table of the README says of each source: its columns `leading detection` (3) and, at
/// `column`, severity and score.
fn readme(column: usize) -> BTreeMap<String, Row> {
    let text = fs::read_to_string(project().join("samples/README.md")).expect("the README");
    let (_, section) = text.split_once("## What a scan finds").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let is_about_source = |cells: &Vec<&str>| cells.len() > 5 && cells[1].contains(['.', ':']);
    let rows = section.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(is_about_source)
        .map(|cells| {
            let leading = cells[3].split('`').nth(1).expect("a detection").to_owned();
            let severity = cells[column].split(':').next().unwrap_or_default().to_owned();
            (cells[1].to_owned(), Row { leading, severity })
        })
        .collect()
}

/// The same of a run.
fn found(done: &Done) -> BTreeMap<String, Row> {
    let row = |finding: Value| {
        let titled = finding["finding_info"]["title"].as_str().expect("a title").to_owned();
        let source = titled.split([' ', '(', ')']).find(|word| word.parse::<Address>().is_ok());
        let leading = finding["finding_info"]["analytic"]["uid"].as_str().expect("a detection");
        let severity = finding["severity"].as_str().expect("a severity");
        let severity = format!("{severity} {}", finding["risk_score"]);
        (source.expect("a source").to_owned(), Row { leading: leading.to_owned(), severity })
    };
    done.findings().into_iter().map(row).collect()
}

/// An address or a prefix.
struct Address;

impl std::str::FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.split('/').next().unwrap_or_default();
        address.parse::<std::net::IpAddr>().map(|_| Self)
    }
}

#[test]
fn the_readme_tells_what_a_scan_finds() {
    for (more, column) in [("", 4), (" --policy samples/policy.toml", 5)] {
        let done = run(project(), &format!("{SCAN} --format json{more}"));
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
        assert_eq!(found(&done), readme(column), "with{more}");
    }
}

#[test]
fn text_has_summary_scores_and_runbook() {
    let done = run(project(), SCAN);
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let readme = fs::read_to_string(project().join("samples/README.md")).expect("the README");
    assert!(readme.contains("27 files with 677 records, 670 of them calls"));
    for part in [
        "670 calls in 27 files",
        "span     2026-03-10T01:",
        "AWS ",
        "Azure ",
        "GCP ",
        "public ",
        "private ",
        "cloud service ",
        "known-bad: malicious, 4 entries",
        "digest 1, insight 1",
        "6 alerts:",
        "CRITICAL 100",
        "+40 listed: malicious (known-bad)",
        "+25 a call succeeded",
        "maya.halloran",
        "AttachUserPolicy",
        "Deny the address",
    ] {
        assert!(done.stdout.contains(part), "{part:?} is not in\n{}", done.stdout);
    }
    for label in ["  why ", "  who ", "  what ", "  where ", "  when ", "  do ", "  uid "] {
        let lines = done.stdout.lines().filter(|line| line.starts_with(label)).count();
        assert_eq!(lines, 6, "{label:?}");
    }
    assert!(!done.stdout.contains("amazonaws.com from"), "no service is accused");
    assert!(!done.stdout.contains('\x1b'), "no colors in a pipe");
}

#[test]
fn json_has_what_is_promised_of_a_finding() {
    let findings = run(project(), &format!("{SCAN} --format json")).findings();
    assert_eq!(findings.len(), 6);
    let mut scores = Vec::new();
    for finding in &findings {
        let info = &finding["finding_info"];
        assert_eq!(finding["class_uid"], 2004);
        assert_eq!(finding["metadata"]["version"].as_str().map(|it| &it[..3]), Some("1.8"));
        assert!(info["uid"].as_str().is_some_and(|uid| uid.len() == 32));
        assert!(info["analytic"]["uid"].is_string());
        for analytic in info["related_analytics"].as_array().into_iter().flatten() {
            assert!(analytic["uid"].is_string());
            assert_ne!(analytic["uid"], info["analytic"]["uid"], "the leading one is not related");
        }
        assert!(finding["count"].as_u64().is_some_and(|count| count >= 10));
        let evidences = finding["evidences"].as_array().expect("evidences");
        assert!((1..=10).contains(&evidences.len()));
        let observed: Vec<&Value> = finding["observables"]
            .as_array()
            .expect("observables")
            .iter()
            .filter(|it| it["type_id"] == 2)
            .map(|it| &it["value"])
            .collect();
        for evidence in evidences {
            let ip = &evidence["src_endpoint"]["ip"];
            assert!(ip.as_str().is_some_and(|ip| ip.parse::<Address>().is_ok()), "{ip}");
            assert!(observed.contains(&ip), "{ip} is not among the observables");
            assert!(evidence["api"]["operation"].is_string());
            assert!(evidence["actor"].is_object());
        }
        let score = finding["risk_score"].as_u64().expect("a score");
        let severity = match score {
            0..20 => 1,
            20..40 => 2,
            40..60 => 3,
            60..80 => 4,
            _ => 5,
        };
        assert_eq!(finding["severity_id"], severity, "of {score}");
        scores.push(score);
    }
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let related = |finding: &Value| {
        let related = finding["finding_info"]["related_analytics"].as_array();
        related.is_some_and(|related| related.iter().any(|it| it["uid"] == "cross-cloud"))
    };
    assert!(related(&findings[0]), "the spray is found in two clouds");
}

#[test]
fn fail_on_is_told_by_the_exit_status() {
    for (args, status) in [
        ("scan samples/logs/aws --fail-on critical", 0),
        ("scan samples/logs/aws --fail-on Medium", 1),
        ("scan samples/logs --fail-on critical", 1),
        ("scan samples/logs --fail-on high --format json", 1),
        ("scan samples/logs/aws/AWSLogs/222222222222 --fail-on informational", 0),
    ] {
        let done = run(project(), args);
        assert_eq!((done.status, done.stderr.as_str()), (Some(status), ""), "{args}");
    }
}

#[test]
fn without_the_list_only_the_listed_source_is_missing() {
    let done = run(project(), "scan samples/logs --format json");
    let mut expected = readme(4);
    expected.remove("198.51.100.71").expect("the listed source");
    assert_eq!(found(&done), expected);
}

#[test]
fn standard_input_is_one_more_file() {
    let file = "samples/logs/azure/event-hubs-sign-ins-phone.json.gz";
    let plain = "samples/logs/gcp/example-shop-activity.ndjson";
    for path in [file, plain] {
        let bytes = fs::File::open(project().join(path)).expect("a sample");
        let piped = run_reading(project(), "scan -", bytes);
        let named = run(project(), &format!("scan {path}"));
        assert_eq!((piped.status, piped.stderr.as_str()), (Some(0), ""), "{path}");
        assert_eq!(piped.stdout, named.stdout, "{path}");
    }
}
