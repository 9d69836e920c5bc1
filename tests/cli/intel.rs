//! `intel`: lists of every kind compiled into one file, and what it says of an address.

use std::fs;

use callerwatch_tests::mmdb::{Field, Mmdb};

use crate::command::{command, finish, run};
use crate::folder::Folder;
use crate::records::{denied_burst, document};

/// One list of each kind, as its publisher writes it.
const LISTS: [(&str, &str, &str); 10] = [
    ("custom", "plain.txt", "# mine\n203.0.113.7\n2001:db8::7/128\nnothing\n"),
    ("malicious", "ipsum.txt", "# ipsum\n203.0.113.7\t6\n203.0.113.8\t4\n203.0.113.9\t1\n"),
    ("tor", "exits.txt", "203.0.113.10\n"),
    (
        "tor",
        "exit-addresses",
        "ExitNode 0011BD24\nPublished 2026-03-02 08:00:00\nLastStatus 2026-03-02 09:00:00\n\
         ExitAddress 203.0.113.11 2026-03-02 09:01:02\n",
    ),
    (
        "malicious",
        "drop.json",
        "{\"cidr\":\"198.51.100.0/24\",\"sblid\":\"SBL1\",\"rir\":\"ripencc\"}\n\
         {\"type\":\"metadata\",\"timestamp\":1772438400,\"size\":1,\"records\":1}\n",
    ),
    ("scanner:src", "scans.csv", "dst,src\n203.0.113.7,192.0.2.1\n"),
    ("anonymizer", "level1.netset", "#\n# maintainer\n#\n203.0.113.0/29\n2001:db8::/32\n"),
    (
        "cloud",
        "ip-ranges.json",
        "{\"syncToken\":\"1772438400\",\"createDate\":\"2026-03-02-08-00-00\",\"prefixes\":\
         [{\"ip_prefix\":\"192.0.2.0/24\",\"service\":\"AMAZON\"}],\"ipv6_prefixes\":[{\"ipv6_prefix\":\"2001:db8:1::/48\"}]}",
    ),
    (
        "cloud",
        "gcp.json",
        "{\"syncToken\":\"1772438400000\",\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/25\"},\
         {\"ipv6Prefix\":\"2001:db8:2::/48\"}]}",
    ),
    (
        "hosting",
        "azure.json",
        "{\"changeNumber\":1,\"cloud\":\"Public\",\"values\":[{\"name\":\"a\",\"properties\":\
         {\"addressPrefixes\":[\"192.0.2.128/25\",\"2001:db8:3::/48\"]}}]}",
    ),
];

/// The arguments that name them.
fn lists() -> String {
    LISTS.map(|(category, file, _)| format!("--list {category}={file}")).join(" ")
}

/// A folder with all of them, and a file compiled of them.
fn compiled(name: &str) -> Folder {
    let folder = Folder::new(name);
    for (_, file, text) in LISTS {
        folder.put(file, text);
    }
    let done = run(&folder, &format!("intel build --output all.cwi {}", lists()));
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    for told in [
        "plain: custom, 2 entries, 2 prefixes, 1 lines refused",
        "  the first at line 4, `nothing`: not an address or a prefix",
        "ipsum: malicious, 3 entries, 2 prefixes, 1 too little accused",
        "exit-addresses: tor, 1 entries, 1 prefixes",
        "drop: malicious, 1 entries, 1 prefixes",
        "scans: scanner, 1 entries, 1 prefixes",
        "azure: hosting, 2 entries, 2 prefixes",
        "wrote all.cwi: ",
    ] {
        assert!(done.stdout.contains(told), "{told:?} is not in\n{}", done.stdout);
    }
    folder
}

/// Databases of countries and of networks, in which 203.0.113.0/24 lies.
pub(crate) fn databases(folder: &Folder) {
    let mut countries = Mmdb::default();
    let record = countries.record(&[("country_code", Field::Text("NL"))]);
    countries.insert([203, 0, 113, 0].into(), 24, record);
    folder.put("country.mmdb", countries.bytes());
    let mut networks = Mmdb::default();
    let record = networks.record(&[
        ("autonomous_system_number", Field::Number(64500)),
        ("autonomous_system_organization", Field::Text("Example \x1b[31mNet")),
    ]);
    networks.insert([203, 0, 113, 0].into(), 24, record);
    folder.put("asn.mmdb", networks.bytes());
}

#[test]
fn all_that_is_known_is_told() {
    let folder = compiled("intel");
    databases(&folder);
    let done = run(
        &folder,
        "intel lookup 203.0.113.7 2001:db8::8 192.0.2.1 198.51.100.9 10.0.0.1 203.0.113.200 \
         --intel all.cwi --country-db country.mmdb --asn-db asn.mmdb",
    );
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let today = "of 2";
    let told: Vec<String> = done
        .stdout
        .lines()
        .map(|line| match line.split_once(", of 2") {
            // Plain lists are as old as their files.
            Some((start, rest)) if !rest.starts_with("026-03-02") => {
                format!("{start}, {today}{}", rest.get(9..).unwrap_or_default())
            }
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "203.0.113.7",
            "  country     NL",
            "  network     AS64500 Example \\u{1b}[31mNet",
            "  custom      203.0.113.7/32 on plain, of 2",
            "  malicious   203.0.113.7/32 on ipsum, 6 lists, of 2",
            "  anonymizer  203.0.113.0/29 on level1, of 2",
            "2001:db8::8",
            "  country     unknown",
            "  network     unknown",
            "  custom      2001:db8::7/128 on plain, of 2, another address of the same /64",
            "  anonymizer  2001:db8::/32 on level1, of 2",
            "192.0.2.1",
            "  country     unknown",
            "  network     unknown",
            "  scanner     192.0.2.1/32 on scans, of 2",
            "  cloud       192.0.2.0/25 on gcp, of 2026-03-02",
            "  cloud       192.0.2.0/24 on ip-ranges, of 2026-03-02",
            "198.51.100.9",
            "  country     unknown",
            "  network     unknown",
            "  malicious   198.51.100.0/24 on drop, of 2026-03-02",
            "10.0.0.1",
            "  a private address: it is never looked up",
            "203.0.113.200",
            "  country     NL",
            "  network     AS64500 Example \\u{1b}[31mNet",
            "  lists       none of 10",
        ]
    );
}

#[test]
fn a_file_tells_its_lists() {
    let folder = compiled("intel-show");
    let done = run(&folder, "intel show all.cwi");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), LISTS.len() + 1);
    assert!(lines[0].starts_with("plain: custom, 2 entries, 2 prefixes, 1 lines refused, of "));
    assert!(lines[0].ends_with(", less than a day old"), "{}", lines[0]);
    assert!(lines[4].starts_with("drop: malicious, 1 entries, 1 prefixes, of 2026-03-02, "));
    assert!(lines[7].starts_with("ip-ranges: cloud (AWS), 2 entries, "), "{}", lines[7]);
    assert!(lines[8].starts_with("gcp: cloud, 2 entries, "), "{}", lines[8]);
    assert!(lines[10].starts_with("10 lists, 16 prefixes, "), "{}", lines[10]);
}

/// The compiled file knows where AWS is, and so which credentials left it.
#[test]
fn credentials_that_left_their_cloud_are_found() {
    let folder = compiled("intel-relocation");
    let record = |source: &str| {
        format!(
            r#"{{"eventVersion":"1.11","eventID":"{source}","eventTime":"2026-03-02T09:15:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"eu-west-1","sourceIPAddress":"{source}","recipientAccountId":"111111111111","userIdentity":{{"type":"AssumedRole","principalId":"AROA1:i-0123456789abcdef0","arn":"arn:aws:sts::111111111111:assumed-role/web/i-0123456789abcdef0","accountId":"111111111111","sessionContext":{{"ec2RoleDelivery":"2.0"}}}}}}"#
        )
    };
    let sources = ["203.0.113.200", "192.0.2.9", "2001:db8:1::9", "10.0.0.5"];
    folder.put("log.json", document(&sources.map(record)));
    let done = run(&folder, "scan log.json --intel all.cwi");
    let title = "1 call with credentials of a workload's role outside AWS from 203.0.113.200";
    assert!(done.stdout.contains(title), "{}", done.stdout);
    assert_eq!(done.stdout.matches(" with credentials of ").count(), 1, "{}", done.stdout);
    let without = run(&folder, "scan log.json --no-fetched");
    assert!(!without.stdout.contains(" with credentials of "), "{}", without.stdout);
}

/// A scan finds the same with a compiled file as with the lists that it was made of; and says in
/// whose network an address lies, which accuses nobody.
#[test]
fn scans_take_compiled_files() {
    let folder = compiled("intel-scan");
    databases(&folder);
    folder.put("log.json", document(&denied_burst("203.0.113.7")));
    let of_lists = run(&folder, &format!("scan log.json --format json {}", lists()));
    let of_file = run(&folder, "scan log.json --format json --intel all.cwi");
    assert_eq!((of_file.status, of_file.stderr.as_str()), (Some(0), ""));
    assert!(of_file.stdout.contains("listed: custom (plain), malicious (ipsum, 6 lists)"));
    assert_eq!(of_file.stdout, of_lists.stdout);
    let parted = run(
        &folder,
        "scan log.json --format json --intel all.cwi --list tor=plain.txt --asn-db asn.mmdb \
         --country-db country.mmdb",
    );
    assert!(parted.stdout.contains("tor (plain)"), "{}", parted.stdout);
    let before = of_file.findings();
    let findings = run(
        &folder,
        "scan log.json --format json --intel all.cwi --asn-db asn.mmdb --country-db country.mmdb",
    );
    let findings = findings.findings();
    let endpoint = &findings[0]["evidences"][0]["src_endpoint"];
    assert_eq!(endpoint["location"]["country"], "NL");
    assert_eq!(endpoint["autonomous_system"]["number"], 64500);
    assert_eq!(endpoint["autonomous_system"]["name"], "Example \u{1b}[31mNet");
    assert_eq!(findings[0]["risk_score"], before[0]["risk_score"]);
    let text = run(&folder, "scan log.json --asn-db asn.mmdb");
    assert!(
        text.stdout.contains("203.0.113.7 · AS64500 Example \\u{1b}[31mNet"),
        "{}",
        text.stdout
    );
}

#[test]
fn what_cannot_be_used_is_told() {
    let folder = compiled("intel-faults");
    let good = fs::read(folder.join("all.cwi")).expect("the file");
    let mut damaged = good.clone();
    damaged[good.len() / 2] ^= 1;
    folder.put("damaged.cwi", damaged);
    folder.put("cut.cwi", &good[..good.len() - 1]);
    let mut newer = good;
    newer[8] = 9;
    folder.put("newer.cwi", newer);
    folder.put("truncated.json", &LISTS[9].2[..100]);
    folder.put("log.json", document(&denied_burst("203.0.113.7")));
    folder.put("policy.toml", "[[lists]]\npath = \"plain.txt\"\ncategory = \"tor\"\n");
    for (args, parts) in [
        ("intel show damaged.cwi", &["damaged.cwi", "checksum does not match"][..]),
        ("intel show cut.cwi", &["cut.cwi", "cut off"]),
        ("intel show newer.cwi", &["newer.cwi", "version 9"]),
        ("intel show plain.txt", &["plain.txt", "no compiled intelligence"]),
        ("intel show gone.cwi", &["gone.cwi", "No such file"]),
        ("intel lookup 203.0.113.7 --intel damaged.cwi", &["damaged.cwi", "checksum"]),
        ("intel lookup", &["<IP>"]),
        ("intel build --output new.cwi", &["nothing to compile"]),
        ("intel build --output new.cwi --list tor=gone.txt", &["gone.txt", "No such file"]),
        ("intel build --output no/new.cwi --list tor=plain.txt", &["no/new.cwi", "No such file"]),
        ("intel build --output new.cwi --list cloud=truncated.json", &["truncated", "broken"]),
        ("intel build --output new.cwi --list tor:ip=scans.csv", &["no column `ip`", "dst,src"]),
        ("intel build --output new.cwi --list tor:ip=drop.json", &["drop.json", "name it"]),
        ("scan log.json --intel cut.cwi", &["cut.cwi", "cut off"]),
        ("scan log.json --asn-db plain.txt", &["plain.txt", "no MMDB file"]),
        (
            "scan log.json --intel cut.cwi --intel newer.cwi --list tor=gone.txt",
            &["cut.cwi", "newer.cwi", "gone.txt"],
        ),
    ] {
        let done = run(&folder, args);
        assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""), "{args}: {}", done.stderr);
        for part in parts {
            assert!(done.stderr.contains(part), "{args}: {part:?} is not in\n{}", done.stderr);
        }
        assert!(!done.stderr.contains("panicked"), "{args}");
        assert!(!folder.join("new.cwi").exists() && !folder.join("new.cwi.part").exists());
    }
    let done = run(&folder, "intel build -o new.cwi --policy policy.toml");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let done = run(&folder, "intel lookup 203.0.113.7 nonsense 0.0.0.0 --intel new.cwi");
    assert_eq!(done.status, Some(2));
    assert!(done.stdout.contains("tor         203.0.113.7/32 on plain"), "{}", done.stdout);
    assert!(done.stderr.contains("`nonsense`") && done.stderr.contains("`0.0.0.0`"));
}

/// Names of files and lines of lists are others' text.
#[cfg(unix)]
#[test]
fn hostile_text_is_written_out() {
    let folder = Folder::new("intel-hostile");
    let name = "a\x1b[31m\nb.txt";
    folder.put(name, "203.0.113.7\n\x1b]0;title\x07\u{202e}\n");
    let list = format!("tor={name}");
    for args in [
        &["intel", "build", "--output", "a\x1b.cwi", "--list", &list][..],
        &["intel", "show", "a\x1b.cwi"],
        &["intel", "lookup", "203.0.113.7", "--intel", "a\x1b.cwi"],
        &["intel", "lookup", "\x1b[2J", "--list", &list],
        &["intel", "show", name],
    ] {
        let done = finish(command(&folder, args), std::io::empty());
        let printed = format!("{}{}", done.stdout, done.stderr);
        assert!(!printed.is_empty());
        assert!(!printed.contains(['\x1b', '\x07', '\u{202e}']), "{args:?}: {printed:?}");
        assert!(!printed.lines().any(|line| line.starts_with("b.txt")), "{args:?}: {printed:?}");
    }
}
