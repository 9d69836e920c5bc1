//! Every finding, with the least and the most that can be in it, passes the schema of OCSF 1.8.0, as
//! a validator says that knows nothing of callerwatch (`ocsf.py`).

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use callerwatch_adapters::sns::message;
use callerwatch_detection::activity::{ActorKind, Cloud, Outcome};
use callerwatch_detection::alert::Alert;
use callerwatch_detection::detections::DETECTIONS;
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ocsf::{Activity, EVIDENCES_MAX, Status, finding_of, set_status};
use callerwatch_detection::policy::Policy;
use callerwatch_detection::sink::Announcement;
use callerwatch_detection::source::Source;
use callerwatch_tests::incidents::{Telling, alerts, decided};
use callerwatch_tests::{call, files_under, scan};
use serde_json::{Value, json};

/// Findings to be judged, a line each.
#[derive(Default)]
struct Findings {
    lines: String,
    count: usize,
}

impl Findings {
    fn add(&mut self, case: &str, finding: &Value) {
        writeln!(self.lines, "{}", json!({ "case": case, "finding": finding })).expect("a line");
        self.count += 1;
    }

    /// An alert that opens with all evidence, and one that rises and had to leave evidence out.
    fn add_alert(&mut self, case: &str, alert: &Alert) {
        self.add(case, &finding_of(alert, Activity::Create, EVIDENCES_MAX));
        for evidences in [0, 1] {
            self.add(
                &format!("{case}, {evidences} evidences"),
                &finding_of(alert, Activity::Update, evidences),
            );
        }
    }
}

#[test]
fn every_finding_passes_the_schema() {
    let mut findings = Findings::default();
    of_every_detection(&mut findings);
    of_every_source(&mut findings);
    of_samples(&mut findings);
    of_what_became_of_them(&mut findings);
    of_messages(&mut findings);
    let Some(faults) = judged(&findings) else { return };
    assert_eq!(faults, "", "of {} findings", findings.count);
}

/// A validator that says nothing proves nothing.
#[test]
fn faults_are_found() {
    let telling = Telling::Maximal;
    let alert = alerts(DETECTIONS[0], Cloud::Aws, telling).pop().expect("an alert");
    let sound = finding_of(&alert, Activity::Create, EVIDENCES_MAX);
    for (path, value, fault) in [
        ("/severity_id", json!(7), "7 is not one of"),
        ("/severity", json!("Low"), "severity: 'Low' is not the caption of"),
        ("/type_uid", json!(200_402), "type_uid"),
        ("/metadata/version", json!("1.7.0"), "version"),
        ("/evidences/0", json!({}), "evidences/0: none of"),
        ("/evidences/0/src_endpoint/ip", json!("evil.example"), "is no ip_t"),
        ("/finding_info", json!({ "uid": "a", "product_uid": "b" }), "product_uid is deprecated"),
        ("/cloud", json!({ "provider": "AWS", "zones": 1 }), "zones"),
    ] {
        let mut broken = sound.clone();
        *broken.pointer_mut(path).expect("a place") = value;
        let mut findings = Findings::default();
        findings.add(path, &broken);
        let Some(faults) = judged(&findings) else { return };
        assert!(faults.contains(fault), "{path}: {faults:?}");
    }
}

fn of_every_detection(findings: &mut Findings) {
    for detection in DETECTIONS {
        for cloud in Cloud::ALL {
            for telling in Telling::ALL {
                let case = format!("{} in {cloud}, {telling:?}", detection.id);
                let mut is_found = false;
                for alert in alerts(detection, cloud, telling) {
                    is_found |= alert.findings.iter().any(|it| it.detection.id == detection.id);
                    findings.add_alert(&case, &alert);
                }
                assert!(is_found, "{case}");
            }
        }
    }
}

/// What stands where an address should, and principals that the cloud hides.
fn of_every_source(findings: &mut Findings) {
    for (address, scope) in [
        ("10.0.0.5", ""),
        ("10.0.0.5", "vpce-1"),
        ("fd00::5", "111111111111"),
        ("30.*.0.210", ""),
        ("https://evil.example/\u{202e}", ""),
        ("2001:db8::7", ""),
    ] {
        // Two days of it, the second of which names the first.
        let calls: Vec<_> = (0..40)
            .map(|n| {
                let secs = n + if n < 20 { 0 } else { 86_400 };
                let mut call = call(&format!("e-{n}"), secs, address, "-", Outcome::Denied);
                call.source = Source::from_address(address, scope);
                call.actor.uid = None;
                call.actor.name = None;
                call.actor.kind = ActorKind::Unknown;
                call
            })
            .collect();
        for telling in Telling::ALL {
            let told = decided(&calls, &Intelligence::default(), &Policy::default(), telling);
            assert_eq!(told.len(), 2, "{address}");
            assert!(told[1].earlier.is_some());
            for alert in told {
                findings.add_alert(&format!("from {address} in {scope:?}, {telling:?}"), &alert);
            }
        }
    }
}

fn of_samples(findings: &mut Findings) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let list = std::fs::read(samples.join("known-bad.txt")).expect("the list");
    let list = Intelligence::builder().list("known-bad", Category::Malicious, &list);
    let files = files_under(&samples.join("logs"), &[".json", ".json.gz", ".ndjson"]);
    let alerts = scan(&files, &list.expect("a list").build(), &mut |_| {}).expect("a scan");
    assert_eq!(alerts.len(), 6);
    for alert in &alerts {
        findings.add_alert("the sample incident", alert);
    }
}

/// What is suppressed, in part and in whole, and what `alerts show` prints of what is stored.
fn of_what_became_of_them(findings: &mut Findings) {
    let policy = |of: &str| {
        let rest = "until = 2026-12-31\nreason = \"a drill \u{202e}\"";
        Policy::parse(&format!("[[suppressions]]\n{of}\n{rest}\n")).expect("a policy")
    };
    let mut calls: Vec<_> = (0..12)
        .map(|n| call(&format!("e-{n}"), 20 * n, "203.0.113.7", "alice", Outcome::LoginFailed))
        .collect();
    calls.push(call("e-12", 300, "203.0.113.7", "alice", Outcome::LoginSucceeded));
    let in_part = "detection = \"login-failures\"";
    let whole = "source = \"203.0.113.7\"";
    for (of, expected, silent) in [(in_part, Status::New, 1), (whole, Status::Suppressed, 2)] {
        for telling in Telling::ALL {
            let told = decided(&calls, &Intelligence::default(), &policy(of), telling);
            let [alert] = &told[..] else { panic!("one alert") };
            let finding = finding_of(alert, Activity::Create, EVIDENCES_MAX);
            assert_eq!(finding["status_id"], expected.id(), "{of}");
            let parts = finding["unmapped"]["suppressed"].as_array().expect("what is suppressed");
            assert_eq!(parts.len(), silent, "{of}");
            assert_eq!(parts[0]["until"], "2026-12-31");
            findings.add_alert(&format!("suppressed by {of}, {telling:?}"), alert);
            for status in [Status::New, Status::Suppressed, Status::Resolved] {
                for detail in [None, Some("dealt with")] {
                    let mut finding = finding.clone();
                    set_status(&mut finding, status, detail);
                    let is_closed = finding["activity_id"] == 3 && finding["type_uid"] == 200_403;
                    assert_eq!(is_closed, status == Status::Resolved);
                    findings.add(&format!("{status:?} since, {of}, {detail:?}"), &finding);
                }
            }
        }
    }
}

/// What is cut until it fits into a message is a finding still.
fn of_messages(findings: &mut Findings) {
    let mut alert = alerts(DETECTIONS[0], Cloud::Aws, Telling::Maximal).pop().expect("an alert");
    for kilobytes in [0, 1, 80] {
        alert.findings[0].headline = "\u{1}é".repeat(kilobytes * 1000);
        let reason = alert.reasons[0].clone();
        alert.reasons.resize(alert.reasons.len() + 2 * kilobytes, reason);
        let announcement = Announcement { alert: &alert, activity: Activity::Create };
        let message = message::alert(&announcement);
        let body: Value = serde_json::from_str(&message.body).expect("a part for each protocol");
        let finding = serde_json::from_str(body["default"].as_str().expect("a text"));
        findings.add(&format!("published with {kilobytes} kB more"), &finding.expect("a finding"));
    }
}

/// What the validator says is wrong. None, loudly, where `make venv` did not install it.
fn judged(findings: &Findings) -> Option<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../target/venv/bin/python");
    if !python.exists() {
        // Straight to the stream: what a passing test prints by macro is thrown away.
        let line = "SKIPPED, no validator: run `make test`, or `make venv` first";
        let _ = writeln!(std::io::stderr(), "{line}");
        return None;
    }
    let mut command = Command::new(python);
    command.arg(tests.join("ocsf.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut validator = command.spawn().expect("the validator");
    let mut stdin = validator.stdin.take().expect("its input");
    stdin.write_all(findings.lines.as_bytes()).expect("it reads");
    drop(stdin);
    let told = validator.wait_with_output().expect("it ends");
    let said = String::from_utf8(told.stdout).expect("text");
    // It counts what it judged, so that ending early is no pass.
    let (faults, count) = said.trim_end().rsplit_once("judged ").expect("a count");
    assert!(told.status.success());
    assert_eq!(count, findings.count.to_string());
    Some(faults.to_owned())
}
