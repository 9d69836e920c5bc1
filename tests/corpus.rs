//! Real logs and lists that others collected: they are read, and what is known to be in them is
//! found in them, and nothing else.
//!
//! The corpus lies beside the checkout of those who develop; nothing of it is in the project. Run
//! with `--nocapture` to see the tables.

mod agreement;

use std::fs;
use std::path::{Path, PathBuf};

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::alert::Alert;
use callerwatch_detection::feeds::{Content, Feed, Judge, Location};
use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::ocsf::detection_finding;
use callerwatch_detection::policy::Policy;
use callerwatch_detection::source::{LedgerKey, Source};
use callerwatch_detection::timestamp::Day;
use callerwatch_sources::{Buffers, Event, Reading, Rejected};
use callerwatch_tests::{beside_checkout, files_under, scan};
use serde::Deserialize;

/// What the records of a log are called in the corpus, and which cloud must be seen in them.
struct Family {
    name: &'static str,
    kinds: &'static [&'static str],
    cloud: Cloud,
}

/// The first whose kind a record has is its family. What has none is of no log that is read.
const FAMILIES: [Family; 7] = [
    Family { name: "CloudTrail", kinds: &["aws.cloudtrail."], cloud: Cloud::Aws },
    Family { name: "Azure", kinds: &["azure.activity.", "azure.resource."], cloud: Cloud::Azure },
    Family { name: "Entra", kinds: &["azure.entra."], cloud: Cloud::Azure },
    Family { name: "Google Cloud", kinds: &["gcp.audit."], cloud: Cloud::Gcp },
    Family {
        name: "Workspace login",
        kinds: &["gws.reports.login", "gws.reports.logout", "gws.reports.saml"],
        cloud: Cloud::Gcp,
    },
    Family { name: "other Workspace", kinds: &["gws.reports."], cloud: Cloud::Gcp },
    Family { name: "Microsoft 365", kinds: &["o365."], cloud: Cloud::Azure },
];

/// What became of the records of one family.
#[derive(Clone, Copy, Default)]
struct Tally {
    records: usize,
    understood: usize,
    calls: usize,
    not_calls: usize,
    /// Calls that can be evidence of nothing.
    without_time: usize,
    without_source: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    kind: &'a str,
}

/// The logs of the corpus.
fn logs(untested: &str) -> Option<PathBuf> {
    beside_checkout("corpus/logs", untested)
}

#[test]
fn records_are_understood() {
    let Some(logs) = logs("the share of real records understood") else { return };
    let mut tallies = [Tally::default(); FAMILIES.len()];
    for path in files_under(&logs, &["events.ndjson"]) {
        let text = fs::read_to_string(&path).expect("a file of the corpus");
        for (number, line) in text.lines().enumerate() {
            let kind = serde_json::from_str::<Line<'_>>(line).expect("a line of the corpus").kind;
            let is_of = |family: &Family| family.kinds.iter().any(|it| kind.starts_with(it));
            let Some(place) = FAMILIES.iter().position(is_of) else { continue };
            if let Err(why) = tallies[place].take(line.as_bytes(), FAMILIES[place].cloud) {
                println!("{}:{}: {kind}: {why}", path.display(), number + 1);
            }
        }
    }
    let delivered = files_under(&logs.join("invictus-aws_dataset/raw"), &[".json"]);
    assert_eq!(delivered.len(), 55);
    for path in &delivered {
        tallies[0].take_delivery(path);
    }
    println!("{:>16} records understood          calls  other  no time  no source", "");
    for (family, tally) in FAMILIES.iter().zip(&tallies) {
        let Tally { records, understood, calls, not_calls, without_time, without_source } = tally;
        let per_10_000 = understood * 10_000 / records.max(&1);
        let share = format!("{}.{:02}", per_10_000 / 100, per_10_000 % 100);
        println!(
            "{:>16} {records:>7} {understood:>10} {share:>7}% {calls:>6} {not_calls:>6} {without_time:>8} {without_source:>10}",
            family.name
        );
    }
    for (family, tally) in FAMILIES.iter().zip(&tallies) {
        assert!(tally.understood * 100 >= tally.records * 99, "{}", family.name);
        assert!(tally.records > 0, "{}", family.name);
    }
    assert_eq!(tallies[0].records, 310 + 455 + 890 + 6 + 54 + 2_900);
}

impl Tally {
    /// Counts one record, in whatever envelope; or why it was not understood.
    fn take(&mut self, bytes: &[u8], cloud: Cloud) -> Result<(), String> {
        let (readings, rejected) = self.count(bytes, cloud)?;
        self.records += 1;
        if let Some(rejected) = rejected.first() {
            return Err(rejected.why.to_string());
        }
        if readings == 0 {
            return Err("nothing in it".to_owned());
        }
        self.understood += 1;
        Ok(())
    }

    /// Counts a delivered file of `CloudTrail`, in which each record is one event.
    fn take_delivery(&mut self, path: &Path) {
        let bytes = fs::read(path).expect("a file of the corpus");
        let (readings, rejected) = self.count(&bytes, Cloud::Aws).expect("records of CloudTrail");
        self.records += readings + rejected.len();
        self.understood += readings;
    }

    fn count(&mut self, bytes: &[u8], expected: Cloud) -> Result<(usize, Vec<Rejected>), String> {
        let (mut readings, mut rejected, mut others) = (0, Vec::new(), 0);
        let mut sink = |event: Event<'_>| {
            let cloud = match event {
                Event::Rejected(it) => return rejected.push(it),
                Event::Reading(Reading::NotACall { cloud, .. }) => {
                    self.not_calls += 1;
                    *cloud
                }
                Event::Reading(Reading::Activity(call)) => {
                    self.calls += 1;
                    self.without_time += usize::from(call.time.is_none());
                    self.without_source += usize::from(call.source == Source::Absent);
                    call.cloud
                }
            };
            readings += 1;
            others += usize::from(cloud != expected);
        };
        callerwatch_sources::read(&mut &*bytes, &mut Buffers::new(), &mut sink)
            .map_err(|error| error.to_string())?;
        if others > 0 {
            return Err("taken for a record of another cloud".to_owned());
        }
        Ok((readings, rejected))
    }
}

/// As they lie there, wrapped in what their collectors added.
#[test]
fn every_file_is_wholly_read() {
    let Some(logs) = logs("whole files of real logs") else { return };
    let files = files_under(&logs, &[".json", ".ndjson"]);
    assert_eq!(files.len(), 55 + 35 + 6 + 1);
    let mut events = 0;
    scan(&files, &Intelligence::default(), &mut |_| events += 1).expect("wholly read");
    println!("{events} events in {} files", files.len());
    assert_eq!(events, 2_900 + 310 + 2_655 + 172);
}

/// The alerts of one folder of logs, with nothing known of addresses.
fn alerts(folder: &Path) -> Vec<Alert> {
    let files = files_under(folder, &["events.ndjson", ".json"]);
    scan(&files, &Intelligence::default(), &mut |_| {}).expect("wholly read")
}

#[test]
fn known_bursts_are_found_and_benign_logs_are_silent() {
    let Some(logs) = logs("known bursts and benign logs") else { return };
    for (folder, source, least) in [
        ("invictus-aws_dataset", "192.168.10.20@", 54),
        ("stratus-red-team", "200.249.253.51", 32),
        ("stratus-red-team", "unrecognized:255.18.064.253", 17),
    ] {
        let alerts = alerts(&logs.join(folder));
        let of_source = alerts.iter().filter(|it| it.key.to_string().starts_with(source));
        let is_burst = |it: &&Alert| it.findings.iter().any(|it| it.detection.id == "error-burst");
        let bursts: Vec<&Alert> = of_source.filter(is_burst).collect();
        let calls: usize = bursts.iter().map(|alert| alert.calls).sum();
        for alert in alerts {
            println!("{folder}: {:>4} {}: {:?}", alert.score, alert.title(), alert.key);
        }
        assert!(calls >= least, "{source} in {folder}: {calls} calls in bursts");
    }
    for folder in ["opensearch-catalog", "msticpy"] {
        let titles: Vec<String> = alerts(&logs.join(folder)).iter().map(Alert::title).collect();
        assert!(titles.is_empty(), "{folder}: {titles:?}");
    }
}

/// With every list there is, so that there is as much to tell as can be. Nor is any counted: that
/// none fired may be luck.
#[test]
fn no_finding_names_a_service_of_aws() {
    let Some(logs) = logs("that no service of AWS is named as a source") else { return };
    let files = files_under(&logs, &["events.ndjson", ".json"]);
    let is_service = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("amazonaws.com") || text.contains("internal")
    };
    let mut services = 0;
    let mut watch = |event: &Event<'_>| {
        let Event::Reading(Reading::Activity(call)) = event else { return };
        services += usize::from(matches!(call.source, Source::Service(_)));
        let key = call.source.ledger_key().map(|key| key.to_string());
        assert!(!key.as_deref().is_some_and(is_service), "counted: {key:?}");
    };
    let alerts = scan(&files, &intelligence(&logs), &mut watch).expect("wholly read");
    println!("{services} calls of services; {} alerts over the whole corpus", alerts.len());
    assert!(services > 1_000 && !alerts.is_empty());
    for alert in &alerts {
        let finding = detection_finding(alert);
        let evidences = finding["evidences"].as_array().expect("evidences");
        let endpoints = evidences.iter().map(|evidence| &evidence["src_endpoint"]);
        for named in endpoints.chain([&finding["observables"], &finding["finding_info"]["title"]]) {
            assert!(!named.is_null() && !is_service(&named.to_string()), "{named}");
        }
    }
}

/// Every list of the corpus: its file, what it says of its addresses, and how many there are.
const LISTS: [(&str, Category, usize); 7] = [
    ("ipsum/ipsum.txt", Category::Malicious, 120_430),
    ("ipsum/level3.txt", Category::Reported, 14_217),
    ("tor-nodes/exits.csv", Category::Tor, 5_933),
    ("x4bnet/vpn/ipv4.txt", Category::Anonymizer, 10_862),
    ("x4bnet/vpn/ipv6.txt", Category::Anonymizer, 498),
    ("x4bnet/datacenter/ipv4.txt", Category::Hosting, 42_566),
    ("x4bnet/datacenter/ipv6.txt", Category::Hosting, 8_752),
];

fn list(logs: &Path, file: &str) -> String {
    fs::read_to_string(logs.join("../intel").join(file)).expect("a list of the corpus")
}

fn intelligence(logs: &Path) -> Intelligence {
    let builder = LISTS.iter().fold(Intelligence::builder(), |builder, (file, category, _)| {
        builder.list(*file, *category, list(logs, file).as_bytes()).expect("a list")
    });
    builder.build()
}

#[test]
fn lists_are_loaded_whole_and_answer() {
    let Some(logs) = logs("real lists of addresses") else { return };
    let compiled = intelligence(&logs);
    let intelligence = Intelligence::load(compiled.as_bytes()).expect("a compiled file");
    let prefixes: usize = intelligence.lists().iter().map(|list| list.prefixes).sum();
    println!("{prefixes} prefixes in {} bytes", compiled.as_bytes().len());
    assert!(compiled.as_bytes().len() <= 24 * prefixes);
    for (loaded, (file, _, count)) in intelligence.lists().iter().zip(LISTS) {
        println!("{file}: {} entries, {} prefixes", loaded.entries, loaded.prefixes);
        assert_eq!((loaded.entries, loaded.refused), (count, 0), "{file}: {:?}", loaded.refusals);
    }
    let accused = |address: &str, category| {
        let key = LedgerKey::of_public(address.parse().expect("an address"));
        let mut hits = intelligence.hits(&key);
        assert!(hits.any(|hit| hit.category == category), "{address} is not {category}");
    };
    let exits = list(&logs, "tor-nodes/exits.csv");
    for exit in exits.lines().skip(1) {
        accused(exit.split(',').nth(1).expect("a column").trim(), Category::Tor);
    }
    let mut worst = 0;
    for entry in list(&logs, "ipsum/ipsum.txt").lines().filter(|line| !line.starts_with('#')) {
        let (address, level) = entry.split_once('\t').expect("two columns");
        if level.trim().parse::<u32>().expect("a number") >= 5 {
            accused(address, Category::Malicious);
            worst += 1;
        }
    }
    println!(
        "{} Tor exits and {worst} addresses on five lists or more found",
        exits.lines().count() - 1
    );
}

/// Some of the largest ranges that AWS, Google and Azure publish.
const OF_CLOUDS: &str = "3.0.0.0/9\n13.32.0.0/12\n13.64.0.0/11\n18.128.0.0/9\n20.0.0.0/11\n20.64.0.0/10\n\
    34.64.0.0/10\n34.192.0.0/10\n35.184.0.0/13\n35.192.0.0/11\n40.64.0.0/10\n51.140.0.0/14\n52.0.0.0/10\n\
    54.64.0.0/11\n54.144.0.0/12\n104.196.0.0/14\n104.208.0.0/13\n2600:1900::/28\n2600:1f00::/24\n\
    2603:1000::/24\n2a05:d000::/25\n";

#[test]
fn real_lists_are_believed() {
    let Some(logs) = logs("real lists of addresses") else { return };
    let clouds = Intelligence::builder().list("clouds", Category::Cloud, OF_CLOUDS.as_bytes());
    let clouds = clouds.expect("ranges").build();
    let day = Day::parse("2026-03-02").unwrap();
    let judge = Judge::new(&Policy::default(), day).knowing(&clouds);
    for (file, category, _) in LISTS {
        let feed = Feed {
            name: "feed".to_owned(),
            location: Location::File(file.to_owned()),
            content: Content::List(category),
            column: None,
            refresh_minutes: 60,
        };
        let text = list(&logs, file);
        let last = Some(text.as_bytes());
        for last in [None, last] {
            judge.judge(&feed, text.as_bytes(), last).expect(file);
        }
        let tenth: Vec<&str> = text.lines().step_by(10).collect();
        judge.judge(&feed, tenth.join("\n").as_bytes(), last).expect_err(file);
    }
}

/// A real database of countries, in which most addresses in use lie somewhere.
#[test]
fn a_real_database_of_countries_answers() {
    let Some(geo) = beside_checkout("corpus/geo/iptoasn-country.mmdb", "a real database") else {
        return;
    };
    let database = fs::read(geo).expect("a file of the corpus");
    let feed = Feed {
        name: "countries".to_owned(),
        location: Location::File("countries.mmdb".to_owned()),
        content: Content::Countries,
        column: None,
        refresh_minutes: 60,
    };
    let judge = Judge::new(&Policy::default(), Day::parse("2026-03-02").unwrap());
    judge.judge(&feed, &database, Some(&database)).expect("it is believed");
    let countries = Intelligence::builder().countries(database).expect("a database").build();
    let country = |ip: &str| {
        let key = LedgerKey::of_public(ip.parse().expect("an address"));
        countries.country(&key).map(|country| country.to_string())
    };
    for (ip, expected) in [("8.8.8.8", "US"), ("193.0.6.139", "NL"), ("2001:67c:2e8::1", "NL")] {
        assert_eq!(country(ip).as_deref(), Some(expected), "{ip}");
    }
    for ip in ["203.0.113.7", "2001:db8::1"] {
        assert_eq!(country(ip), None, "{ip}");
    }
    let ips =
        (1..224_u32).flat_map(|first| (0..256_u32).map(move |second| first << 24 | second << 16));
    let known =
        ips.filter(|ip| country(&std::net::Ipv4Addr::from_bits(*ip | 7).to_string()).is_some());
    let (known, (name, built)) = (known.count(), countries.country_database().expect("there"));
    println!("{name}, built at {built}: {known} of {} addresses lie in a country", 223 * 256);
    assert!(known > 100 * 256);
}
