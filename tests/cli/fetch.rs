//! `intel fetch`, and scans that use what it fetched.
//!
//! Feeds here lie beside the policy, and the web is asked for nothing but what is refused before a
//! byte is sent; that fetching over HTTPS survives its servers is tested where it is done.

use std::fs;
use std::net::TcpListener;

use callerwatch_detection::feeds::LISTS;

use crate::command::{command, finish, run};
use crate::folder::Folder;
use crate::intel::databases;
use crate::records::{denied_burst, document};

/// No feed that ships, two of the user's own, and databases.
const POLICY: &str = "\
[feeds]
shipped = false

[feeds.ours]
path = \"feeds/bad.txt\"
category = \"custom\"

[feeds.geo]
path = \"country.mmdb\"
category = \"countries\"

[feeds.owners]
path = \"asn.mmdb\"
category = \"networks\"

[[trusted_networks]]
name = \"office\"
networks = [\"198.51.100.0/24\"]
";

const FETCH: &str = "intel fetch --force --policy policy.toml";

fn fetched(name: &str) -> Folder {
    let folder = Folder::new(name).with("policy.toml", POLICY);
    folder.put("feeds/bad.txt", "203.0.113.7\n203.0.113.8\n203.0.113.9\n");
    databases(&folder);
    let done = run(&folder, FETCH);
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{}", done.stdout);
    for line in ["geo: new\n", "ours: new, 3 prefixes\n", "owners: new\n", "fetched into /"] {
        assert!(done.stdout.contains(line), "{line:?} is not in\n{}", done.stdout);
    }
    folder
}

#[test]
fn what_was_fetched_and_is_damaged_stops_no_scan() {
    let folder = fetched("damaged").with("log.json", document(&denied_burst("203.0.113.7")));
    let data = folder.join("data/callerwatch");
    for name in [LISTS, "countries.mmdb", "networks.mmdb"] {
        let path = data.join(name);
        let sound = fs::read(&path).expect("bytes");
        fs::write(&path, "damaged").expect("written");
        let done = run(&folder, "scan log.json --format json");
        fs::write(&path, sound).expect("written");
        assert_eq!(done.status, Some(2), "{name}: {}", done.stderr);
        assert!(done.stderr.contains(name), "{name}: {}", done.stderr);
        assert!(done.stderr.contains("--no-fetched"), "{name}: {}", done.stderr);
        assert_eq!(done.findings().len(), 1, "{name}: {}", done.stderr);
        let without = run(&folder, "scan log.json --no-fetched");
        assert_eq!((without.status, without.stderr.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn scans_use_what_was_fetched_and_say_so() {
    let folder = fetched("fetched").with("log.json", document(&denied_burst("203.0.113.7")));
    let done = run(&folder, "scan log.json");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let data = folder.join("data/callerwatch");
    for part in [
        &format!("from {}", data.display()),
        "ours: custom, 3 entries",
        "listed: custom (ours)",
        "NL",
    ] {
        assert!(done.stdout.contains(part), "{part:?} is not in\n{}", done.stdout);
    }
    let without = run(&folder, "scan log.json --no-fetched");
    assert_eq!((without.status, without.stderr.as_str()), (Some(0), ""));
    assert!(without.stdout.contains("none: run `callerwatch intel fetch`"), "{}", without.stdout);
    // Other lists add to it, and another compiled file takes its place.
    folder.put("more.txt", "192.0.2.1\n");
    let more = run(&folder, "scan log.json --list tor=more.txt");
    assert!(more.stdout.contains("ours: custom") && more.stdout.contains("more: tor"));
    let built = run(&folder, "intel build --output more.cwi --list tor=more.txt");
    assert_eq!(built.status, Some(0), "{}", built.stderr);
    let other = run(&folder, "scan log.json --intel more.cwi");
    assert!(!other.stdout.contains("ours: custom") && other.stdout.contains("more: tor"));

    let known = run(&folder, "intel lookup 203.0.113.8");
    assert!(known.stdout.contains("custom      203.0.113.8/32 on ours"), "{}", known.stdout);
    assert!(known.stdout.contains("country     NL"), "{}", known.stdout);
    let shown = run(&folder, "intel show");
    assert!(shown.stdout.contains("ours: custom, 3 entries, 3 prefixes"), "{}", shown.stdout);
}

#[test]
fn without_anything_fetched_it_is_said_how() {
    let folder = Folder::new("fetched-nothing");
    let done = run(&folder, "intel show");
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("run `callerwatch intel fetch`"), "{}", done.stderr);
    let mut homeless = command(&folder, ["intel", "fetch"]);
    homeless.env_remove("XDG_DATA_HOME").env_remove("HOME");
    let done = finish(homeless, std::io::empty());
    assert_eq!((done.status, done.stdout.as_str()), (Some(2), ""));
    assert!(done.stderr.contains("set HOME or XDG_DATA_HOME"), "{}", done.stderr);
}

/// As after an upgrade to a version that reads another format.
#[test]
fn lists_that_are_missing_are_not_passed_over() {
    let folder = fetched("fetched-other");
    fs::remove_file(folder.join("data/callerwatch").join(LISTS)).expect("it is there");
    let done = run(&folder, "intel lookup 203.0.113.8");
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains(LISTS), "{}", done.stderr);
    let done = run(&folder, "intel fetch --policy policy.toml");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(run(&folder, "intel lookup 203.0.113.8").status, Some(0));
}

#[test]
fn a_copy_that_cannot_be_believed_changes_nothing() {
    let folder = fetched("fetched-bad");
    let current = || fs::read(folder.join("data/callerwatch").join(LISTS)).expect("it is there");
    let before = current();
    for (content, told) in [
        (
            "<!doctype html>203.0.113.7",
            "ours: refused: no address in it: it is an HTML page, 3 pre",
        ),
        ("203.0.113.7\n0.0.0.0/0\n", "ours: refused: it names a prefix wider than anybody holds"),
        (
            "203.0.113.7\n",
            "ours: refused: it shrank from 3 to 1 prefixes, 3 prefixes; feeds/bad.txt",
        ),
        ("203.0.113.7\n198.51.100.7\n", "which is your own: office"),
        ("203.0.113.7\n203.0.113.8\n10.0.0.1\n", "it names 10.0.0.1/32, which is not of the Inter"),
    ] {
        folder.put("feeds/bad.txt", content);
        let done = run(&folder, FETCH);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stdout.contains(told), "{told:?} is not in\n{}", done.stdout);
        assert!(current() == before, "{content}");
    }
    fs::remove_file(folder.join("feeds/bad.txt")).expect("it is there");
    let done = run(&folder, FETCH);
    assert_eq!(done.status, Some(2));
    assert!(done.stdout.contains("ours: not fetched: reading it: No such file"), "{}", done.stdout);
    assert!(current() == before);
}

#[test]
fn nothing_but_the_internet_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    listener.set_nonblocking(true).expect("it can be asked without waiting");
    let feed = |url: &str| {
        format!("[feeds]\nshipped = false\n[feeds.a]\nurl = \"{url}\"\ncategory = \"tor\"\n")
    };
    let folder = Folder::new("fetched-loopback");
    for (url, told) in [
        (
            format!("https://127.0.0.1:{port}/"),
            "a: not fetched: 127.0.0.1 is 127.0.0.1, which is no",
        ),
        (
            format!("https://localhost:{port}/"),
            "which is no address of the Internet, and there is no",
        ),
        (
            "s3://lists/a".to_owned(),
            "a: not fetched: reading it: only a deployed function reads S3",
        ),
    ] {
        folder.put("policy.toml", feed(&url));
        let done = run(&folder, FETCH);
        assert_eq!((done.status, done.stderr.as_str()), (Some(2), ""), "{}", done.stdout);
        assert!(done.stdout.contains(told), "{told:?} is not in\n{}", done.stdout);
    }
    let asked = listener.accept().map(|_| ());
    assert_eq!(asked.map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
}
