//! `check-policy`, and policies of a scan.

use std::fs;

use crate::command::{project, run};
use crate::folder::Folder;
use crate::records::{denied_burst, document};

const FIVE_FAULTS: &str = "\
critical_asset = [\"prod-*\"]
[detections.login-failures]
window_minutes = 0
[[trusted_networks]]
name = \"HQ\"
networks = [\"198.51.100.7/24\"]
[countries]
allow = [\"XX\"]
[[lists]]
path = \"gone.txt\"
category = \"tor\"
";

fn example() -> String {
    let path = project().join("shared/detection/src/policy/example.toml");
    fs::read_to_string(path).expect("the example policy")
}

#[test]
fn the_example_is_understood() {
    let folder = Folder::new("example").with("policy.toml", example());
    folder.put("lists/ipsum.txt", "# ipsum\n203.0.113.7\t6\n203.0.113.8\t3\n203.0.113.9\t1\n");
    folder.put("lists/tor-exits.csv", "fingerprint,ipaddr,port\nABCD,203.0.113.10,443\n");
    let done = run(&folder, "check-policy policy.toml");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    for part in [
        "listed-source",
        "login-failures",
        "cross-cloud",
        "1440",
        "prod-*",
        "HQ VPN",
        "198.51.100.0/24",
        "RunInstances",
        "PutBucketVersioning",
        "DE",
        "list ipsum: malicious",
        "list Tor exits: tor, 1 entries, 1 prefixes",
    ] {
        assert!(done.stdout.contains(part), "{part:?} is not in\n{}", done.stdout);
    }
}

#[test]
fn missing_lists_are_told_by_line() {
    let text = example();
    let folder = Folder::new("example-bare").with("policy.toml", &text);
    let done = run(&folder, "check-policy policy.toml");
    assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""));
    for list in ["lists/ipsum.txt", "lists/tor-exits.csv"] {
        let is_path = |line: &str| line.contains(list);
        let line = 1 + text.lines().position(is_path).expect("the list");
        let told = format!("policy.toml:{line}: cannot read {list}: No such file");
        assert!(done.stderr.contains(&told), "{told:?} is not in\n{}", done.stderr);
    }
}

#[test]
fn all_faults_are_told_with_their_lines() {
    let folder = Folder::new("five").with("policy.toml", FIVE_FAULTS);
    folder.put("log.json", document(&denied_burst("203.0.113.7")));
    for args in ["check-policy policy.toml", "scan log.json --policy policy.toml"] {
        let done = run(&folder, args);
        assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""), "{args}");
        let lines: Vec<&str> = done.stderr.lines().collect();
        assert_eq!(lines.len(), 5, "{args}: {}", done.stderr);
        for (line, number) in lines.iter().zip([1, 3, 6, 8, 10]) {
            assert!(line.contains(&format!("policy.toml:{number}: ")), "{args}: {line}");
        }
    }
}

#[test]
fn a_policy_changes_what_is_found() {
    let folder = Folder::new("policies").with("log.json", document(&denied_burst("203.0.113.7")));
    for (policy, alerts) in [
        ("", 1),
        ("[detections.error-burst]\nenabled = false\n", 0),
        ("[detections.error-burst]\ndenials = 21\n", 0),
        ("[detections.error-burst]\ndenials = 20\n", 1),
        // A trusted network lowers a score and silences nothing.
        ("[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"203.0.113.0/24\"]\n", 1),
    ] {
        folder.put("policy.toml", policy);
        let done = run(&folder, "scan log.json --policy policy.toml --format json");
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{policy}");
        assert_eq!(done.findings().len(), alerts, "{policy}");
    }
}

#[test]
fn what_is_suppressed_is_listed_and_fails_nothing() {
    let folder = Folder::new("suppressed").with("log.json", document(&denied_burst("203.0.113.7")));
    let until = |until: &str| {
        format!(
            "[[suppressions]]\ndetection = \"error-burst\"\nsource = \"203.0.113.0/24\"\n\
             until = {until}\nreason = \"the scanner\"\n"
        )
    };
    folder.put("policy.toml", until("2999-12-31"));
    let scan = "scan log.json --policy policy.toml --fail-on low";
    let done = run(&folder, scan);
    assert_eq!(done.status, Some(0));
    let (before, section) = done.stdout.split_once("1 suppressed alert\n").expect("a section");
    assert!(before.contains("No alerts that are not suppressed."), "{before}");
    assert!(section.contains("203.0.113.7: the scanner (until 2999-12-31)"), "{section}");
    let done = run(&folder, &format!("{scan} --format json"));
    let findings = done.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (&findings[0]["status_id"], &findings[0]["status"]),
        (&3.into(), &"Suppressed".into())
    );
    assert_eq!(findings[0]["status_detail"], "the scanner");
    let done = run(&folder, "check-policy policy.toml");
    assert!(done.stdout.contains("warning: line 1: this suppression ends in more than a year"));

    // It ends by the day of the evidence.
    folder.put("policy.toml", until("2026-03-01"));
    let done = run(&folder, scan);
    assert_eq!(done.status, Some(1));
    assert!(!done.stdout.contains("suppressed"), "{}", done.stdout);
}
