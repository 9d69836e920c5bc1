//! The policy really denies: an independent evaluator of IAM policies, which honors their conditions,
//! is asked of the documents that are written. It needs npm, and says so where there is none.

#![expect(clippy::expect_used, reason = "what a test cannot do without fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callerwatch_response::document::{self, SID};
use ipnet::IpNet;
use serde_json::{Value, json};

const BREAK_GLASS: &str = "arn:aws:iam::111111111111:role/BreakGlass*";
const ALICE: &str = "arn:aws:iam::111111111111:user/alice";
const ROLE: &str = "arn:aws:iam::111111111111:role/Deploy";
const IN_ANGER: &str = "arn:aws:iam::111111111111:role/BreakGlass-1";

/// As CloudTrail tells it. What conditions are held to is its role.
const SESSION_IN_ANGER: &str = "arn:aws:sts::111111111111:assumed-role/BreakGlass-1/alice";
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/Deploy/alice";

/// Who calls, from where, whether through a service of AWS, and what is to become of it.
const CALLS: [(&str, Option<&str>, &str, &str); 17] = [
    (ALICE, Some("203.0.113.7"), "false", "ExplicitlyDenied"),
    (ROLE, Some("203.0.113.7"), "false", "ExplicitlyDenied"),
    (ALICE, Some("198.51.100.129"), "false", "ExplicitlyDenied"),
    (ALICE, Some("2001:db8:1:2::1"), "false", "ExplicitlyDenied"),
    (ALICE, Some("2001:db8:1:2:ffff:ffff:ffff:ffff"), "false", "ExplicitlyDenied"),
    // Another address.
    (ALICE, Some("203.0.113.8"), "false", "Allowed"),
    (ALICE, Some("198.51.100.127"), "false", "Allowed"),
    (ALICE, Some("2001:db8:1:3::1"), "false", "Allowed"),
    // A break-glass principal.
    (IN_ANGER, Some("203.0.113.7"), "false", "Allowed"),
    (IN_ANGER, Some("2001:db8:1:2::1"), "false", "Allowed"),
    // Sessions: of a break-glass role, and of another.
    (SESSION_IN_ANGER, Some("203.0.113.7"), "false", "Allowed"),
    (SESSION, Some("203.0.113.7"), "false", "ExplicitlyDenied"),
    (SESSION, Some("203.0.113.8"), "false", "Allowed"),
    // A service that calls on somebody's behalf.
    (ALICE, Some("203.0.113.7"), "true", "Allowed"),
    (ALICE, Some("2001:db8:1:2::1"), "true", "Allowed"),
    // Within a network, there is no address of the Internet.
    (ALICE, None, "false", "Allowed"),
    (ROLE, None, "true", "Allowed"),
];

fn request(policy: &Value, organization: bool, call: (&str, Option<&str>, &str)) -> Value {
    let (principal, source, via_service) = call;
    let of_role = role_of(principal);
    let mut context = BTreeMap::from([
        ("aws:ViaAWSService", via_service),
        ("aws:PrincipalArn", of_role.as_str()),
    ]);
    context.extend(source.map(|source| ("aws:SourceIp", source)));
    json!({
        "policy": policy,
        "organization": organization,
        "principal": principal,
        "action": "iam:CreateAccessKey",
        "resource": "arn:aws:iam::111111111111:user/alice",
        "context": context,
    })
}

/// A session's role; whatever else calls, as it is.
fn role_of(principal: &str) -> String {
    let session = principal.strip_prefix("arn:aws:sts::111111111111:assumed-role/");
    let role = session.and_then(|it| it.split('/').next());
    role.map_or(principal.to_owned(), |role| format!("arn:aws:iam::111111111111:role/{role}"))
}

#[test]
fn the_policy_denies_whom_it_should_and_nobody_else() {
    let Some(evaluator) = evaluator() else { return };
    let denied = ["203.0.113.7/32", "198.51.100.128/25", "2001:db8:1:2::/64"];
    let denied: BTreeSet<IpNet> =
        denied.iter().map(|text| text.parse().expect("it is a prefix")).collect();
    let break_glass = [BREAK_GLASS.to_owned()];
    let others = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Others","Effect":"Deny",
        "Action":"s3:DeleteBucket","Resource":"*"}},{{"Sid":"{SID}","Effect":"Deny","Action":"*",
        "Resource":"*"}}]}}"#
    );
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    for before in ["", &others] {
        let denying = written(before, &denied, &break_glass);
        let without = written(before, &denied, &[]);
        let of_sessions = written(before, &denied, &[SESSION_IN_ANGER.to_owned()]);
        let nothing = written(before, &BTreeSet::new(), &break_glass);
        for organization in [false, true] {
            for (principal, source, via_service, answer) in CALLS {
                let call = (principal, source, via_service);
                requests.push(request(&denying, organization, call));
                expected.push(answer);
                requests.push(request(&nothing, organization, call));
                expected.push("Allowed");
            }
            requests.push(request(
                &without,
                organization,
                (IN_ANGER, Some("203.0.113.7"), "false"),
            ));
            expected.push("ExplicitlyDenied");
            // A pattern of sessions excepts nobody, which is why none is taken.
            let call = (SESSION_IN_ANGER, Some("203.0.113.7"), "false");
            requests.push(request(&of_sessions, organization, call));
            expected.push("ExplicitlyDenied");
        }
    }
    let answers = ask(&evaluator, &requests);
    assert_eq!(answers.len(), expected.len());
    for ((answer, expected), request) in answers.iter().zip(expected).zip(&requests) {
        assert_eq!(answer, expected, "{request}");
    }
}

fn written(before: &str, denied: &BTreeSet<IpNet>, break_glass: &[String]) -> Value {
    let text = document::write(before, denied, break_glass).expect("what was before is a policy");
    serde_json::from_str(&text).expect("what is written is JSON")
}

fn ask(evaluator: &Path, requests: &[Value]) -> Vec<String> {
    let mut node = Command::new("node")
        .arg("evaluate.mjs")
        .current_dir(evaluator)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is where npm is");
    let mut input = node.stdin.take().expect("it is piped");
    let text = Value::from(requests.to_vec()).to_string();
    input.write_all(text.as_bytes()).expect("the evaluator reads");
    drop(input);
    let done = node.wait_with_output().expect("the evaluator ends");
    assert!(done.status.success(), "the evaluator failed");
    serde_json::from_slice(&done.stdout).expect("the evaluator writes JSON")
}

/// Where the evaluator is installed, as its lock file has it; none where there is no npm.
fn evaluator() -> Option<PathBuf> {
    if !Command::new("npm").arg("--version").output().is_ok_and(|it| it.status.success()) {
        // Not through the macro, whose words nobody sees where a test passes.
        let text =
            "\nNOT TESTED: that the policy denies. npm (of Node 20 or later) is missing.\n\n";
        std::io::stderr().write_all(text.as_bytes()).expect("there is a standard error");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/iam");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("iam");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    let read = |path: PathBuf| fs::read(path).ok();
    let is_installed = read(source.join("package-lock.json")) == read(folder.join("installed"));
    for name in ["package.json", "package-lock.json", "evaluate.mjs"] {
        fs::copy(source.join(name), folder.join(name)).expect("the target folder can be written");
    }
    if !is_installed {
        let done = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .expect("npm was just there");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "npm ci failed in {}: {said}", folder.display());
        fs::copy(folder.join("package-lock.json"), folder.join("installed"))
            .expect("the target folder can be written");
    }
    Some(folder)
}
