//! One source, as `investigate` tells of it from logs.

use serde_json::{Value, json};

use crate::command::{Done, command, finish, project, run};
use crate::folder::Folder;
use crate::records::{brute_force, call, denied_burst, document, failed_sign_in};

fn told(args: &str) -> Done {
    let done = run(project(), &format!("investigate {args} --no-fetched"));
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{args}");
    done
}

fn object(args: &str) -> Value {
    let done = told(&format!("{args} --format json"));
    serde_json::from_str(&done.stdout).expect("one object")
}

#[test]
fn all_that_is_known_of_an_address() {
    let done = told(
        "198.51.100.71 samples/logs --list malicious=samples/known-bad.txt --policy samples/policy.toml",
    );
    for part in [
        "198.51.100.71\n",
        "malicious   198.51.100.64/28 on known-bad, of ",
        "trusted     in no trusted network",
        "calls       13: 12 success, 1 denied",
        "first       2026-03-10T13:5",
        "last        2026-03-10T14:0",
        "principals  ",
        "operations  ",
        "accounts    GCP example-shop",
        "by 10 min   2026-03-10 13:50",
        "samples     2026-03-10T13:5",
        "1 alert: 1 Critical",
        "+40 listed: malicious (known-bad)",
    ] {
        assert!(done.stdout.contains(part), "{part:?} is not in\n{}", done.stdout);
    }
    assert!(!done.stdout.contains("203.0.113."), "of nobody else\n{}", done.stdout);
}

#[test]
fn calls_and_findings_are_those_of_a_scan() {
    let whole = run(project(), "scan samples/logs --no-fetched --format json");
    for address in ["203.0.113.87", "198.51.100.23", "203.0.113.44", "192.0.2.10", "192.0.2.71"] {
        let object = object(&format!("{address} samples/logs"));
        let found = object["findings"].as_array().expect("findings").clone();
        let is_about = |finding: &Value| {
            let title = finding["finding_info"]["title"].as_str().unwrap_or_default();
            title.contains(&format!("from {address}"))
        };
        let expected: Vec<Value> = whole.findings().into_iter().filter(is_about).collect();
        assert_eq!(found, expected, "{address}");
        let sum: u64 = object["principals"]
            .as_array()
            .expect("principals")
            .iter()
            .filter_map(|it| it["calls"]["count"].as_u64())
            .sum();
        assert_eq!(object["calls"]["count"], sum, "{address}");
        assert_eq!((&object["source"], &object["is_known"]), (&json!(address), &json!(true)));
    }
    let burst = object("203.0.113.87 samples/logs");
    assert_eq!(burst["calls"]["outcomes"], json!({ "denied": 40, "success": 2 }));
    assert_eq!(burst["evidence"], 41);
    assert_eq!(burst["samples"].as_array().map(Vec::len), Some(12));
}

#[test]
fn an_ipv6_address_means_its_network() {
    let one = told("2001:db8:bad:17::1 samples/logs");
    let net = told("2001:db8:bad:17::/64 samples/logs");
    assert_eq!(one.stdout, net.stdout);
    assert!(one.stdout.starts_with("2001:db8:bad:17::/64\n"), "{}", one.stdout);
    assert!(one.stdout.contains("a /64: one caller holds all of it"), "{}", one.stdout);
    assert!(one.stdout.contains("12 sign-in failed"), "{}", one.stdout);
}

#[test]
fn of_a_stranger_nothing_is_known() {
    for (address, says) in [
        ("203.0.113.99", "calls       none: nothing is known of it in what was read"),
        ("10.9.9.9", "a private address: it is never looked up"),
        ("no.such.place", "no address, but text that stood where one should"),
    ] {
        let done = told(&format!("{address} samples/logs"));
        assert!(done.stdout.contains(says), "{}", done.stdout);
        assert!(done.stdout.contains("none: nothing is known"), "{}", done.stdout);
        assert!(!done.stdout.contains("alert"), "{}", done.stdout);
        assert_eq!(object(&format!("{address} samples/logs"))["is_known"], false);
    }
    for address in ["-", "0.0.0.0"] {
        let done = run(project(), &format!("investigate {address} samples/logs"));
        assert_eq!(done.status, Some(2), "{address}");
        assert!(done.stderr.contains("no address to look for"), "{}", done.stderr);
    }
}

#[test]
fn a_private_address_is_told_of_in_each_scope() {
    let folder = Folder::new("investigate-private");
    let in_scope = |scope: &str| {
        let mut record = call(&format!("uid-{scope}"), 0, "10.0.0.5", "ListRoles");
        record["recipientAccountId"] = scope.into();
        record["errorCode"] = "AccessDenied".into();
        record
    };
    folder.put("log.json", document(&[in_scope("111111111111"), in_scope("222222222222")]));
    let both = run(&folder, "investigate 10.0.0.5 log.json --format json");
    assert_eq!((both.status, both.findings().len()), (Some(0), 2), "{}", both.stdout);
    let one = run(&folder, "investigate 10.0.0.5@222222222222 log.json --format json").findings();
    assert_eq!((one.len(), &one[0]["calls"]["count"]), (1, &json!(1)));
}

/// Eight accounts fail once each, from as many addresses of one network; one that is known there
/// calls from a ninth.
fn spray_of_a_network() -> Vec<Value> {
    let address = |n: usize| format!("203.0.113.{}", n + 1);
    let mut records: Vec<Value> =
        (0..8).map(|n| failed_sign_in(&format!("user{n}"), 20 * n, &address(n))).collect();
    records.push(call("neighbor", 0, "203.0.113.50", "DescribeInstances"));
    records
}

#[test]
fn an_alert_of_its_network_is_told_apart() {
    let folder = Folder::new("investigate-network").with("a.json", document(&spray_of_a_network()));
    let title = "8 failed sign-ins of 8 accounts from 203.0.113.0/24 (8 addresses)";
    let of = |asked: &str| run(&folder, &format!("investigate {asked} a.json --no-fetched"));
    let one = of("203.0.113.3").stdout;
    for part in ["No alerts of its own.\n\n1 alert of its network 203.0.113.0/24: 1 High\n", title]
    {
        assert!(one.contains(part), "{part:?} is not in\n{one}");
    }
    // It rests on no call of a neighbor that did nothing, nor on one of nobody.
    for asked in ["203.0.113.50", "203.0.113.99"] {
        let told = of(asked).stdout;
        assert!(!told.contains("its network") && !told.contains("failed"), "{told}");
    }
    let whole = of("203.0.113.0/24").stdout;
    for part in [
        "203.0.113.0/24\n",
        "is          a /24: failures from all of it are counted together",
        "calls       9: 1 success, 8 sign-in failed",
        "addresses   203.0.113.1\n",
        "user7 (arn:aws:iam::111111111111:user/user7): 1: 1 sign-in failed",
        "\n1 alert: 1 High\n",
        title,
    ] {
        assert!(whole.contains(part), "{part:?} is not in\n{whole}");
    }
    let scanned = run(&folder, "scan a.json --format json --no-fetched").findings();
    let one = of("203.0.113.3 --format json").findings();
    assert_eq!(one[0]["findings"], json!([]));
    assert_eq!(one[0]["others"][0]["source"], "203.0.113.0/24");
    assert_eq!(one[0]["others"][0]["type"], "network");
    assert_eq!(one[0]["others"][0]["findings"], json!(scanned));
    let whole = of("203.0.113.0/24 --format json").findings();
    assert_eq!((&whole[0]["findings"], &whole[0]["others"]), (&json!(scanned), &json!([])));
}

#[test]
fn an_alert_of_a_principal_that_called_from_it_is_told_apart() {
    let records: Vec<Value> = (0..12)
        .map(|n| failed_sign_in("alice", 20 * n, &format!("2001:db8:{}:0:0:0:0:7", n + 1)))
        .collect();
    let folder = Folder::new("investigate-principal").with("a.json", document(&records));
    let of = |asked: &str| run(&folder, &format!("investigate {asked} a.json --no-fetched"));
    let title = "12 failed sign-ins of principal alice from 12 addresses";
    let one = of("2001:db8:3::7").stdout;
    for part in ["No alerts of its own.", "(principal:AWS:", title] {
        assert!(one.contains(part), "{part:?} is not in\n{one}");
    }
    let (_, key) = one.split_once("1 alert of a principal that called from it (").expect("its key");
    let (key, _) = key.split_once("): 1 High").expect("how severe it is");
    let all = of(key).stdout;
    for part in [
        key,
        "is          a principal of AWS: alice (arn:aws:iam::111111111111:user/alice)",
        "calls       12: 12 sign-in failed",
        "2001:db8:12::7\n",
        title,
    ] {
        assert!(all.contains(part), "{part:?} is not in\n{all}");
    }
}

#[test]
fn alerts_of_single_addresses_are_told_of_their_network() {
    let mut records = denied_burst("203.0.113.7");
    records.extend(brute_force("203.0.113.9"));
    let folder = Folder::new("investigate-members").with("a.json", document(&records));
    let told = run(&folder, "investigate 203.0.113.0/24 a.json --no-fetched").stdout;
    for part in [
        "No alerts of its own.",
        "2 alerts of single addresses in it: ",
        "High 60  1 sign-in after 12 failures from 203.0.113.9",
        "20 denied API calls from 203.0.113.7",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn what_is_suppressed_is_told_apart() {
    let folder = Folder::new("investigate-suppressed")
        .with("log.json", document(&denied_burst("203.0.113.7")))
        .with(
            "policy.toml",
            "[[suppressions]]\nsource = \"203.0.113.7\"\nuntil = 2026-12-31\n\
             reason = \"our scanner\"\n",
        );
    for verb in ["investigate 203.0.113.7", "scan"] {
        let told = run(&folder, &format!("{verb} log.json --policy policy.toml")).stdout;
        let said = "No alerts that are not suppressed.\n\n1 suppressed alert\n";
        assert!(told.contains(said), "{told}");
        let line = "20 denied API calls from 203.0.113.7: our scanner (until 2026-12-31)\n";
        assert!(told.ends_with(line), "{told}");
        assert!(!told.contains("uid"), "it is told in brief\n{told}");
    }
}

#[test]
fn order_and_threads_change_nothing() {
    let folder = Folder::new("investigate-order");
    let mut records = denied_burst("203.0.113.7");
    records.extend(brute_force("203.0.113.7"));
    for (name, part) in records.chunks(7).enumerate() {
        folder.put(&format!("{name}.json"), document(part));
        folder.put(&format!("again/{}.json", 9 - name), document(part));
    }
    let one = run(&folder, "investigate 203.0.113.7 . --threads 1");
    let many = run(&folder, "investigate 203.0.113.7 again . --threads 5");
    assert_eq!((one.status, &one.stdout), (Some(0), &many.stdout));
    assert!(one.stdout.contains("calls       33: "), "{}", one.stdout);
}

#[test]
fn hostile_text_is_written_out() {
    let folder = Folder::new("investigate-hostile");
    let hostile = "\x1b[2J\u{202e}\n  calls       0: forged";
    let mut records = denied_burst("203.0.113.7");
    for record in &mut records {
        record["userIdentity"]["userName"] = hostile.into();
        record["userIdentity"]["arn"] = hostile.repeat(10_000).into();
        record["eventName"] = format!("{hostile}{}", record["eventName"]).into();
        record["eventSource"] = hostile.into();
        record["userAgent"] = hostile.into();
        record["recipientAccountId"] = hostile.into();
        record["resources"] = json!([{ "ARN": hostile }]);
    }
    let mut other = call("other", 0, hostile, "ListRoles");
    other["errorCode"] = "AccessDenied".into();
    folder.put("log.json", document(&[records, vec![other]].concat()));
    for address in ["203.0.113.7", hostile] {
        for format in ["text", "json"] {
            let args = ["investigate", address, "log.json", "--format", format];
            let done = finish(command(&folder, args), std::io::empty());
            assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{address:?}");
            assert!(!done.stdout.contains(['\x1b', '\u{202e}']), "{}", done.stdout);
            let forged = done.stdout.lines().filter(|it| it.starts_with("  calls       0"));
            assert_eq!(forged.count(), 0, "{}", done.stdout);
            let longest = done.stdout.lines().map(str::len).max();
            assert!(longest.is_some_and(|it| it < 128 * 1024), "{longest:?}");
        }
    }
}

#[test]
fn what_is_not_read_is_told() {
    let folder =
        Folder::new("investigate-faults").with("log.json", document(&denied_burst("203.0.113.7")));
    folder.put("broken.json", "{\"Records\":[");
    let done = run(&folder, "investigate 203.0.113.7 .");
    assert_eq!(done.status, Some(2));
    assert!(done.stdout.contains("20 denied API calls from 203.0.113.7"), "{}", done.stdout);
    assert!(done.stderr.contains("broken.json: not wholly read"), "{}", done.stderr);
    assert_eq!(run(&folder, "investigate 203.0.113.7").status, Some(2), "no path");
}
