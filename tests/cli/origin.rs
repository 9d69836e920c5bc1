//! `new-origin` over folders of logs: who is told, what is said, and that neither the order of
//! records nor the number of threads changes a byte of it.

use callerwatch_tests::mmdb::{Field, Mmdb};
use serde_json::{Value, json};

use crate::command::run;
use crate::folder::Folder;
use crate::records::{call, document, ndjson};

const SCAN: &str = "scan logs --country-db country.mmdb --asn-db asn.mmdb";

/// A folder with databases: 192.0.2.0/24 is in DE, 198.51.100.0/24 in FR, 203.0.113.0/24 in BR, and
/// each pair of addresses is a network.
fn folder(name: &str) -> Folder {
    let (mut countries, mut networks) = (Mmdb::default(), Mmdb::default());
    let mut number = 64_500;
    for (network, country) in [("192.0.2", "DE"), ("198.51.100", "FR"), ("203.0.113", "BR")] {
        let address = |n: u8| format!("{network}.{n}").parse().expect("an address");
        let record = countries.record(&[("country_code", Field::Text(country))]);
        countries.insert(address(0), 24, record);
        for n in (0..64).step_by(2) {
            let record = networks.record(&[
                ("autonomous_system_number", Field::Number(number)),
                ("autonomous_system_organization", Field::Text("Example Net")),
            ]);
            networks.insert(address(n), 31, record);
            number += 1;
        }
    }
    Folder::new(name).with("country.mmdb", countries.bytes()).with("asn.mmdb", networks.bytes())
}

/// A call of somebody behind a role that many use, on a day of January 2026.
fn of_session(session: &str, day: usize, address: &str, operation: &str) -> Value {
    let mut record = call(&format!("{session}-{day}-{address}"), 0, address, operation);
    let arn = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef";
    record["userIdentity"] = json!({
        "type": "AssumedRole",
        "principalId": format!("AROAEXAMPLE:{session}"),
        "arn": format!("{arn}/{session}"),
        "accountId": "111111111111",
        "sessionContext": { "sessionIssuer": {
            "type": "Role",
            "arn": "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/\
                    AWSReservedSSO_Admin_0123456789abcdef",
            "accountId": "111111111111",
            "userName": "AWSReservedSSO_Admin_0123456789abcdef",
        } },
    });
    record["eventTime"] = format!("2026-01-{:02}T10:00:00Z", 1 + day).into();
    record
}

#[test]
fn people_behind_one_role_are_told_apart() {
    let records = [
        of_session("alice@example.com", 0, "192.0.2.1", "DescribeInstances"),
        of_session("bob@example.com", 0, "203.0.113.1", "DescribeInstances"),
        of_session("bob@example.com", 20, "203.0.113.1", "DescribeInstances"),
        of_session("alice@example.com", 20, "203.0.113.1", "DescribeInstances"),
    ];
    let folder = folder("origin-sessions").with("logs/a.json", document(&records));
    let done = run(&folder, &format!("{SCAN} --format json"));
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let [finding] = &done.findings()[..] else { panic!("not one finding: {}", done.stdout) };
    assert_eq!(finding["finding_info"]["analytic"]["uid"], "new-origin");
    assert_eq!(finding["severity"], "Low");
    assert_eq!(finding["count"], 1);
    assert_eq!(
        finding["finding_info"]["title"],
        "AWSReservedSSO_Admin_0123456789abcdef/alice@example.com called from a new country \
         (203.0.113.1, BR)"
    );
    let done = run(&folder, SCAN);
    for part in ["+30 new country BR; since 2026-01-01 used from DE", "Example Net", "trusted"] {
        assert!(done.stdout.contains(part), "{part:?} is not in\n{}", done.stdout);
    }
    assert!(!done.stdout.contains("learning"), "{}", done.stdout);
}

#[test]
fn whoever_asks_for_an_address_is_told_what_a_scan_tells() {
    let records = [
        of_session("alice@example.com", 0, "192.0.2.1", "DescribeInstances"),
        of_session("alice@example.com", 20, "203.0.113.1", "DescribeInstances"),
    ];
    let folder = folder("origin-asked").with("logs/a.json", document(&records));
    let scanned = run(&folder, &format!("{SCAN} --format json")).findings();
    let asked = SCAN.replace("scan", "investigate 203.0.113.1");
    let asked = run(&folder, &format!("{asked} --format json")).findings();
    assert_eq!((scanned.len(), &asked[0]["findings"]), (1, &json!(scanned)));
}

#[test]
fn logs_that_are_too_short_say_so() {
    let records = [
        of_session("alice@example.com", 0, "192.0.2.1", "DescribeInstances"),
        of_session("alice@example.com", 13, "203.0.113.1", "DescribeInstances"),
    ];
    let folder = folder("origin-short").with("logs/a.json", document(&records));
    let done = run(&folder, SCAN);
    let silent =
        "new-origin is silent until it knows a principal for 14 days, and these logs span 13";
    assert!(done.stdout.contains(silent), "{}", done.stdout);
    assert!(done.stdout.contains("No alerts"), "{}", done.stdout);
    folder.put("policy.toml", "[detections.new-origin]\nlearning_days = 13\n");
    let done = run(&folder, &format!("{SCAN} --policy policy.toml"));
    assert!(done.stdout.contains("1 Low"), "{}", done.stdout);
    let done = run(&folder, "scan logs");
    assert!(!done.stdout.contains("new-origin"), "{}", done.stdout);
}

#[test]
fn neither_order_nor_threads_change_anything() {
    let mut records = Vec::new();
    for day in 0..30 {
        for who in 0..6 {
            // Everybody comes around, at a pace of their own.
            let network = ["192.0.2", "198.51.100", "203.0.113"][(day * who / 17) % 3];
            let address = format!("{network}.{}", (day * (who + 3) / 2) % 64);
            let operation = if day % 9 == who { "CreateAccessKey" } else { "DescribeInstances" };
            records.push(of_session(&format!("user{who}"), day, &address, operation));
        }
    }
    let scan = |name: &str, records: &[Value], files: usize, threads: usize| {
        let folder = folder(name);
        for (n, part) in records.chunks(records.len().div_ceil(files)).enumerate() {
            folder.put(&format!("logs/{n}.jsonl"), ndjson(part));
        }
        let done = run(&folder, &format!("{SCAN} --format json --threads {threads}"));
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
        done.stdout
    };
    let expected = scan("origin-order", &records, 1, 1);
    assert!(expected.matches("new-origin").count() > 20, "{expected}");
    let mut backward = records.clone();
    backward.reverse();
    assert_eq!(scan("origin-backward", &backward, 1, 1), expected);
    let mut mixed: Vec<Value> =
        (0..records.len()).map(|n| records[n * 7 % records.len()].clone()).collect();
    mixed.extend_from_slice(&records[40..90]);
    assert_eq!(scan("origin-mixed", &mixed, 9, 2), expected);
}
