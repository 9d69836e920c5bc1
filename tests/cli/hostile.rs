//! Text that callers write into logs, and names that whoever fills a folder gives: neither may
//! steer a terminal, break a line, or bury the rest.

use serde_json::{Value, json};

use crate::command::{Done, command, finish, run};
use crate::folder::Folder;
use crate::records::{call, denied_burst, document};

/// The longest line of a report: a few dozen texts of 120 characters each.
const LINE_MAX_CHARS: usize = 4000;

const HOSTILE: [&str; 8] = [
    "\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b]8;;https://example.com\x1b\\link",
    "two\nlines\r\nand \u{85} more\u{2028}here\u{2029}",
    "\u{202e}\u{2066}backwards\u{2069}\u{200b}\u{200f}\u{feff}",
    "\u{9b}31mC1 \u{90}control\u{9c}",
    "tab\tnul\0bell\x07back\x08delete\x7f",
    "CRITICAL 100  forged\n  why      +100 forged",
    "\u{e0041}\u{e0042}tags \u{61c}\u{180e}\u{ad}",
    "",
];

/// What a report for people must not hold, but for the ends of its lines.
fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn assert_plain(done: &Done) {
    for text in [&done.stdout, &done.stderr] {
        for line in text.split('\n') {
            assert!(!line.contains(is_unsafe), "{line:?}");
            assert!(line.chars().count() <= LINE_MAX_CHARS, "{} chars", line.chars().count());
            assert!(!line.starts_with("CRITICAL"), "forged: {line}");
        }
    }
}

/// The texts, and one that has no end.
fn texts() -> impl Iterator<Item = String> {
    let long = HOSTILE[0].repeat(100_000 / HOSTILE[0].len());
    HOSTILE.into_iter().map(str::to_owned).chain([long])
}

/// Every place of a record that text of a caller reaches.
type Place = fn(&mut Value, &str);
const PLACES: [(&str, Place); 9] = [
    ("user", |record, text| record["userIdentity"]["userName"] = text.into()),
    ("arn", |record, text| record["userIdentity"]["arn"] = text.into()),
    ("account", |record, text| record["recipientAccountId"] = text.into()),
    ("agent", |record, text| record["userAgent"] = text.into()),
    ("operation", |record, text| record["eventName"] = text.into()),
    ("service", |record, text| record["eventSource"] = text.into()),
    ("address", |record, text| record["sourceIPAddress"] = text.into()),
    ("code", |record, text| record["errorCode"] = format!("AccessDenied{text}").into()),
    ("resource", |record, text| {
        record["resources"] = json!([{ "ARN": text, "type": text, "accountId": text }]);
        record["requestParameters"] = json!({ "bucketName": text, "instanceId": text });
    }),
];

#[test]
fn text_of_callers_is_written_out() {
    let folder = Folder::new("hostile");
    for (place, put) in PLACES {
        for (n, text) in texts().enumerate() {
            let mut records = denied_burst("203.0.113.7");
            for record in &mut records {
                put(record, &text);
            }
            folder.put(&format!("{place}-{n}.json"), document(&records));
        }
    }
    let done = run(&folder, "scan .");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert_plain(&done);
    for (n, text) in texts().enumerate() {
        folder.put(&format!("all-{n}/log.json"), document(&in_every_place(&text)));
        let done = run(&folder, &format!("scan all-{n}"));
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
        assert_plain(&done);
        assert!(done.stdout.contains("denied API calls from 203.0.113.7"), "{}", done.stdout);
    }
}

/// However many are behind an address, its alert can be read.
#[test]
fn ten_thousand_principals() {
    let folder = Folder::new("hostile-crowd");
    let denied = |n: usize| {
        let mut record = call(&format!("crowd-{n}"), n / 50, "203.0.113.7", "DescribeInstances");
        record["userIdentity"]["principalId"] = format!("AIDAEXAMPLE{n}").into();
        record["userIdentity"]["arn"] = format!("arn:aws:iam::111111111111:user/person-{n}").into();
        record["userIdentity"]["userName"] = format!("person-{n}").into();
        record["errorCode"] = "AccessDenied".into();
        record
    };
    folder.put("log.json", document(&(0..10_000).map(denied).collect::<Vec<_>>()));
    let done = run(&folder, "scan log.json");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert_plain(&done);
    assert!(done.stdout.contains("and 9992 more"), "{}", done.stdout);
    assert!(done.stdout.lines().count() < 40, "{}", done.stdout);
}

/// 20 denied calls for every place, with the text in it.
fn in_every_place(text: &str) -> Vec<Value> {
    let in_one = |(place, put): (&str, Place)| {
        let mut records = denied_burst("203.0.113.7");
        for (n, record) in records.iter_mut().enumerate() {
            record["eventID"] = format!("{place}-{n}").into();
            put(record, text);
        }
        records
    };
    PLACES.into_iter().flat_map(in_one).collect()
}

/// A finding is one line of bounded length, whatever is in it; and since people look at them on
/// terminals too, JSON's own escapes stand for all controls, those of C1 among them.
#[test]
fn findings_have_no_raw_controls() {
    let folder = Folder::new("hostile-json");
    let is_raw = |char: char| char.is_control();
    let mut raw = Vec::new();
    for text in texts() {
        folder.put("log.json", document(&in_every_place(&text)));
        let done = run(&folder, "scan log.json --format json");
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
        assert!(!done.findings().is_empty());
        for line in done.stdout.lines() {
            assert!(line.len() < 64 * 1024, "{} bytes", line.len());
            raw.extend(line.matches(is_raw).map(|char| char.escape_unicode().to_string()));
        }
    }
    raw.sort();
    raw.dedup();
    assert!(raw.is_empty(), "{}", raw.join(" "));
}

#[cfg(unix)]
#[test]
fn names_of_files_are_written_out() {
    let folder = Folder::new("hostile-names");
    folder.put("logs/good.json", document(&denied_burst("203.0.113.7")));
    for text in HOSTILE.into_iter().filter(|text| !text.is_empty() && !text.contains('\0')) {
        let name = text.replace('/', "_");
        folder.put(&format!("logs/{name}"), "words\n");
        folder.put(&format!("logs/{name}.json"), "{\"Records\":[");
        folder.put(&format!("logs/{name}.ndjson"), "{\"a\":1}\n{broken\n{\"b\":1}\n");
        folder.put(&format!("logs/in {name}/empty.json"), "");
    }
    let done = run(&folder, "scan logs");
    assert_eq!(done.status, Some(2));
    assert_plain(&done);
    assert!(done.stdout.contains("1 alert:"));
}

/// A name that is no text in UTF-8 is one like any other.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let folder = Folder::new("hostile-bytes");
    let file = folder.join(OsStr::from_bytes(b"\xff\xfe.json"));
    std::fs::write(file, document(&denied_burst("203.0.113.7"))).expect("a file");
    let done = run(&folder, "scan . --format json");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(done.findings().len(), 1);
}

/// What is wrong with the arguments themselves is told as plainly.
#[cfg(unix)]
#[test]
fn names_in_arguments_are_written_out() {
    let folder = Folder::new("hostile-arguments");
    let name = "a\x1b[31m\nb.txt";
    folder.put(name, "203.0.113.7\n");
    folder.put("log.json", document(&denied_burst("203.0.113.7")));
    folder.put(
        "policy.toml",
        "\"\\u001b[31m\\n\" = 1\n[[lists]]\npath = \"\\u001b[31m\"\ncategory = \"tor\"\n",
    );
    folder.put(
        "named.toml",
        "[[lists]]\npath = \"list.txt\"\nname = \"\\u001b[31m\"\ncategory = \"tor\"\n",
    );
    folder.put("list.txt", "203.0.113.7\n");
    let (good, gone) = (format!("tor={name}"), format!("tor=gone-{name}"));
    let mut raw = Vec::new();
    for args in [
        &["scan", "log.json", "--list", &good][..],
        &["scan", "log.json", "--list", &gone],
        &["scan", "log.json", "--policy", name],
        &["scan", "log.json", "--country-db", name],
        &["scan", &format!("gone-{name}")],
        &["scan", "log.json", "--policy", "named.toml"],
        &["check-policy", "policy.toml"],
        &["check-policy", "named.toml"],
        &["check-policy", name],
    ] {
        let done = finish(command(&folder, args), std::io::empty());
        let printed = format!("{}{}", done.stdout, done.stderr);
        if printed.contains('\x1b') {
            raw.push(format!("{args:?}: {printed:?}"));
        }
    }
    assert!(raw.is_empty(), "{}", raw.join("\n"));
}
