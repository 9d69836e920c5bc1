//! The page that `scan --report` writes, as a file. What a browser makes of it is tested in one.

use std::fs;
use std::path::Path;

use crate::command::{Done, command, finish, project, run};
use crate::folder::Folder;
use crate::records::{denied_burst, document};

const SCAN: [&str; 4] = ["scan", "samples/logs", "--list", "malicious=samples/known-bad.txt"];

/// Scans the samples, and reads the page.
fn page(folder: &Path, more: &[&str]) -> (Done, String) {
    let file = folder.join("report.html");
    let path = file.to_str().expect("a path in UTF-8");
    let report = ["--report", path];
    let args = SCAN.iter().chain(&report).chain(more);
    let done = finish(command(project(), args), std::io::empty());
    (done, fs::read_to_string(file).expect("the page"))
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

#[test]
fn it_is_written_beside_what_is_printed() {
    let folder = Folder::new("report");
    let plain = run(project(), &SCAN.join(" "));
    let (done, page) = page(&folder, &[]);
    assert_eq!((done.status, &done.stdout, done.stderr.as_str()), (Some(0), &plain.stdout, ""));
    assert_eq!(names(&folder), ["report.html"]);
    for part in [
        "<title>callerwatch: 6 alerts, 1 of them Critical</title>",
        "13 failed sign-ins of 13 accounts from 198.51.100.23",
        "<td>+60</td><td>password spray on 13 accounts",
        "+110 in all, kept within 0 to 100",
        "datetime=\"2026-03-10T02:11:04",
        "10 Mar 2026, 02:11:04 UTC",
        "malicious (known-bad)",
        "Deny the address",
        // Of each detection found, and not of the leading one alone.
        "<p class=\"runbook\"><code>success-after-denials</code> ",
        "<p class=\"runbook\"><code>error-burst</code> ",
        "<b>deny</b> AWS: deny it in the whole organization",
        "WHERE sourceIPAddress IN (&#39;203.0.113.87&#39;)",
        "AttachUserPolicy",
        "2001:db8:bad::/48",
        "<dt>Evidence</dt><dd><b>243</b>",
        "of 12 looked at",
        "services of the clouds",
        "Nothing was rejected, and everything was read.",
    ] {
        assert!(page.contains(part), "{part:?} is not in the page");
    }
    for finding in run(project(), &format!("{} --format json", SCAN.join(" "))).findings() {
        let uid = finding["finding_info"]["uid"].as_str().expect("a uid");
        assert!(page.contains(&format!("id=\"alert-{uid}\"")), "{uid}");
    }
}

/// Where links of the page may lead, which is asked for when somebody follows them and not before.
const CONSOLES: [&str; 4] = [
    "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events/",
    "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/",
    "https://portal.azure.com/#view/Microsoft_Azure_ActivityLog/ActivityLogBlade",
    "https://console.cloud.google.com/logs/query;query=",
];

#[test]
fn it_names_nothing_outside_of_itself() {
    let folder = Folder::new("report-alone");
    let (_, page) = page(&folder, &[]);
    let (mut links, mut rest) = (0, String::new());
    for (n, part) in page.split("<a href=\"").enumerate() {
        let console = CONSOLES.iter().find(|console| part.starts_with(*console) && n > 0);
        let Some(console) = console else {
            assert!(n == 0 || part.starts_with('#'), "a link leads to {part:.200}");
            rest.push_str(part);
            continue;
        };
        // It leads where it says, and nothing else of it is a name.
        let (to, part) = part.split_once("\" rel=\"noreferrer\">").expect("a link");
        let (says, part) = part.split_once("</a></code>").expect("its end");
        assert!(says == to && to.matches("https").count() == 1, "{to}, {console}");
        links += 1;
        rest.push_str(part);
    }
    assert!(links >= 6, "{links} links");
    let page = rest.replace(
        "az rest --method post --url https://graph.microsoft.com/v1.0/identity/conditionalAccess/\
         namedLocations --headers ",
        "",
    );
    assert!(page.contains("http-equiv=\"x-dns-prefetch-control\" content=\"off\""));
    for part in ["http:", "https:", "src=", "url(", "@import", " style=", " onclick", "innerHTML"] {
        assert!(!page.contains(part), "{part:?} is in the page");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn the_same_logs_give_the_same_bytes() {
    let folder = Folder::new("report-again");
    let (_, first) = page(&folder, &["--threads", "1"]);
    let (_, again) = page(&folder, &["--threads", "7", "--format", "json"]);
    let (_, repeated) = page(&folder, &["samples/logs/azure/../azure"]);
    assert_eq!(first, again);
    // Read twice, it is counted twice as read, and as evidence once.
    assert_ne!(first, repeated);
    let evidence = |page: &str| {
        let (_, alerts) = page.split_once("<section id=\"alerts\"").expect("the alerts");
        alerts.split_once("<section id=\"reading\"").expect("what was read").0.to_owned()
    };
    assert_eq!(evidence(&first), evidence(&repeated));
}

#[test]
fn where_it_cannot_be_written_all_is_printed() {
    let folder =
        Folder::new("report-nowhere").with("log.json", document(&denied_burst("203.0.113.7")));
    folder.put("taken/file", "");
    for (file, format) in [("gone/report.html", "text"), ("taken", "json")] {
        let done = run(&folder, &format!("scan log.json --report {file} --format {format}"));
        assert_eq!(done.status, Some(2), "{file}");
        assert!(done.stdout.contains("denied API calls from 203.0.113.7"), "{}", done.stdout);
        let told = format!("callerwatch: cannot write the report {file}: ");
        assert!(done.stderr.starts_with(&told), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1);
    }
    assert_eq!(names(&folder), ["log.json", "taken"]);
}

#[test]
fn what_is_suppressed_is_listed_and_counted_apart() {
    let folder = Folder::new("report-suppressed")
        .with("log.json", document(&denied_burst("203.0.113.7")))
        .with(
            "policy.toml",
            "[[suppressions]]\nsource = \"203.0.113.0/24\"\nuntil = 2026-12-31\n\
             reason = \"our <b>scanner</b>\"\n",
        );
    run(&folder, "scan log.json --policy policy.toml --report report.html");
    let page = fs::read_to_string(folder.join("report.html")).expect("the page");
    for part in [
        "<h1>No alerts</h1>",
        "Nothing that was read gives reason for one that is not suppressed.",
        "<h3>Suppressed by the policy</h3>",
        "our &#60;b&#62;scanner&#60;/b&#62; (until 2026-12-31)</li>",
    ] {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
    assert!(!page.contains("id=\"alert-"), "{page}");
}

#[test]
fn a_scan_of_nothing_is_a_page_too() {
    let folder =
        Folder::new("report-empty").with("logs/empty.json", "[]").with("logs/bad.json", "{");
    let done = run(&folder, "scan logs --report report.html");
    assert_eq!(done.status, Some(2));
    let page = fs::read_to_string(folder.join("report.html")).expect("the page");
    for part in [
        "<h1>No alerts</h1>",
        "gives reason for one.",
        "Not all of it was read.",
        "bad.json: not wholly read",
    ] {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
}
