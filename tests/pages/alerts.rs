//! `docs/ALERTS.md`: what people read, of the sample incident, in every place they read it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use callerwatch_adapters::sns::message;
use callerwatch_detection::alert::Alert;
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ocsf::Activity;
use callerwatch_detection::sink::Announcement;
use callerwatch_tests::mmdb::{Field, Mmdb};
use callerwatch_tests::{files_under, scan};
use serde_json::Value;

use crate::command::{command, finish, project};
use crate::{RENEW, check};

/// A listed address with a leaked key in Google Cloud: told in every form.
const LISTED: &str = "198.51.100.71";
/// A stolen key in AWS, and a spray in Entra with a leaked key in Google Cloud.
const OTHERS: [&str; 2] = ["203.0.113.87", "198.51.100.23"];
/// 2026-03-07T12:00:00Z, three days before the incident: when its list was written.
const DATED: Duration = Duration::from_hours(492_468);

#[test]
fn alerts_are_told() {
    check("ALERTS.md", &page());
}

fn page() -> String {
    let incident = Incident::new();
    let alerts = incident.alerts();
    let of = |address: &str| {
        let address: IpAddr = address.parse().expect("an address");
        let found = alerts.iter().find(|alert| alert.addresses().contains(&address));
        found.unwrap_or_else(|| panic!("no alert of {address}"))
    };
    let listed = of(LISTED);
    let told = told(listed);
    let body = |protocol: &str| told.body[protocol].as_str().expect("a text").to_owned();
    let mut page = format!(
        "# What an alert looks like\n\n<!-- Made by a test of what the program writes: do not edit, run \
         `{RENEW}`. -->\n\nThe alerts of the made-up incident in `samples/`.\nEach says what happened, \
         why it is told, whether anything succeeded, who did what, from where, and what to do: where to \
         look, the query that finds all calls of the address, and the command that denies it.\n\nWhat \
         callers wrote never is a link, a mention or a format; links, queries and commands are made of \
         addresses, days and plain identifiers alone, and are meant to be followed.\n"
    );
    let mut section = |title: &str, about: &str, language: &str, text: &str| {
        let text = text.trim_end();
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {title}\n\n{about}\n\n````{language}\n{text}\n````\n");
    };
    section("E-mail", &format!("Subject: `{}`", told.subject), "text", &body("email"));
    section("SMS", "One part of 140 bytes.", "text", &body("sms"));
    section(
        "Chat",
        "The schema of custom notifications that Amazon Q Developer shows in Slack and Teams.",
        "json",
        &format!("{:#}", told.chat),
    );
    section(
        "In a terminal",
        "`callerwatch scan`, of the same source.",
        "text",
        &incident.printed(LISTED),
    );
    let finding: Value = serde_json::from_str(&body("default")).expect("a finding");
    section(
        "For machines",
        "An OCSF 1.8 Detection Finding, which every other subscriber gets, and `--format json` prints.",
        "json",
        &format!("{finding:#}"),
    );
    for address in OTHERS {
        let told = self::told(of(address));
        let email = told.body["email"].as_str().expect("a text");
        section(&format!("E-mail: {}", told.subject), "The same of another source.", "text", email);
    }
    page
}

/// An alert as it is published.
struct Told {
    subject: String,
    body: Value,
    chat: Value,
}

fn told(alert: &Alert) -> Told {
    let announcement = Announcement { alert, activity: Activity::Create };
    let message = message::alert(&announcement);
    Told {
        subject: message.subject.expect("a subject"),
        body: serde_json::from_str(&message.body).expect("a part for each protocol"),
        chat: serde_json::from_str(&message::chat(&announcement).body).expect("a notification"),
    }
}

/// The sample logs, with a list of a known age, and databases in a folder of this test.
struct Incident {
    folder: PathBuf,
}

impl Incident {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alerts-page");
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(project().join("samples/known-bad.txt"), folder.join("known-bad.txt"))
            .expect("the list");
        let list = File::options().append(true).open(folder.join("known-bad.txt"));
        list.expect("the list").set_modified(UNIX_EPOCH + DATED).expect("its age");
        let (mut countries, mut networks) = (Mmdb::default(), Mmdb::default());
        for (prefix, country, number, name) in [
            ("192.0.2.0", "DE", 64496, "Example Access"),
            ("198.51.100.0", "NL", 64500, "Example Hosting"),
            ("203.0.113.0", "BR", 64501, "Example Mobile"),
        ] {
            let prefix = prefix.parse().expect("a prefix");
            let country = countries.record(&[("country_code", Field::Text(country))]);
            countries.insert(prefix, 24, country);
            let network = networks.record(&[
                ("autonomous_system_number", Field::Number(number)),
                ("autonomous_system_organization", Field::Text(name)),
            ]);
            networks.insert(prefix, 24, network);
        }
        fs::write(folder.join("countries.mmdb"), countries.bytes()).expect("countries");
        fs::write(folder.join("networks.mmdb"), networks.bytes()).expect("networks");
        Self { folder }
    }

    fn alerts(&self) -> Vec<Alert> {
        let file = |name: &str| fs::read(self.folder.join(name)).expect(name);
        let list = file("known-bad.txt");
        let known = Intelligence::builder().list("known-bad", Category::Malicious, &list);
        let known = known.expect("a list").dated(DATED.as_secs());
        let known = known.countries(file("countries.mmdb")).expect("countries");
        let known = known.networks(file("networks.mmdb")).expect("networks").build();
        let logs = project().join("samples/logs");
        let files = files_under(&logs, &[".json", ".json.gz", ".ndjson"]);
        scan(&files, &known, &mut |_| {}).expect("a scan")
    }

    /// What the command prints of a source.
    fn printed(&self, address: &str) -> String {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let list = format!("malicious={}", file("known-bad.txt"));
        let (countries, networks) = (file("countries.mmdb"), file("networks.mmdb"));
        let lists = ["scan", "samples/logs", "--no-fetched", "--list", &list];
        let databases = ["--country-db", &countries, "--asn-db", &networks];
        let args = lists.iter().chain(&databases);
        let done = finish(command(project(), args), std::io::empty());
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
        let mut paragraphs = done.stdout.split("\n\n").filter(|it| it.contains(address));
        paragraphs.next().expect("its alert").to_owned()
    }
}
