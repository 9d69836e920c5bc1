//! Inputs that cannot be wholly read: the message says which and why, the exit status is 2, and
//! what their neighbors tell is found all the same.

use std::io::{self, Cursor, Read};
use std::process::Command;

use crate::command::{Done, run, run_reading};
use crate::folder::Folder;
use crate::records::{call, denied_burst, document, gzip, ndjson};

const NEIGHBOR: &str = "203.0.113.7";
const MIB: usize = 1 << 20;

/// A folder with one good file.
fn with_neighbor(name: &str) -> Folder {
    Folder::new(name).with("logs/good.json", document(&denied_burst(NEIGHBOR)))
}

/// The run is a fault of `path` for a reason with `why` in it, on one line, and found the neighbor.
fn assert_fault(done: &Done, path: &str, why: &str) {
    assert_eq!(done.status, Some(2), "{path}: {}", done.stderr);
    let is_told =
        |line: &str| line.starts_with("callerwatch: ") && line.contains(path) && line.contains(why);
    assert!(done.stderr.lines().any(is_told), "{path}: {why:?} is not in\n{}", done.stderr);
    assert!(done.stderr.len() < 1000, "{path}: {}", done.stderr);
    assert_eq!(done.leading(NEIGHBOR).as_deref(), Some("error-burst"), "{path}");
}

#[test]
fn files_that_are_damaged() {
    let sound = document(&denied_burst("203.0.113.8"));
    let packed = gzip(&sound);
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 0xff;
    let mut followed = packed.clone();
    followed.extend(b"and more");
    let record = call("one", 0, "203.0.113.9", "DescribeInstances").to_string();
    let mut long = call("long", 0, "203.0.113.9", "DescribeInstances");
    long["requestParameters"] = "x".repeat(9 * MIB).into();
    for (name, bytes, why) in [
        ("truncated.json.gz", packed[..packed.len() - 20].to_vec(), "gzip data ends too early"),
        ("header.json.gz", packed[..5].to_vec(), "gzip data ends too early"),
        ("damaged.json.gz", damaged, "gzip data is damaged"),
        ("followed.json.gz", followed, "something else follows the gzip data"),
        ("program.json", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec(), "binary"),
        ("utf-16.json", b"\xff\xfe{\0\"\0a\0\"\0}\0".to_vec(), "binary"),
        ("words.json", b"these are words\nand no JSON\n".to_vec(), "not JSON"),
        ("cut.json", sound[..sound.len() - 30].into(), "the text ends within the record at byte"),
        ("open.json", br#"{"Records":["#.to_vec(), "the text ends within the record"),
        ("line.ndjson", format!("{record}\n{{\"eventVersion\n{record}\n").into(), "not JSON"),
        ("brackets.json", "[".repeat(100_000).into(), "nested too deeply"),
        (
            "closed.json",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into(),
            "nested too deeply",
        ),
        ("objects.json", r#"{"a":"#.repeat(100_000).into(), ""),
        ("long.ndjson", format!("{record}\n{long}\n{record}\n").into(), "longer than 8 MiB"),
        (
            "long.json",
            format!("{{\"Records\":[{record},{long},{record}]}}").into(),
            "longer than 8 MiB",
        ),
    ] {
        let folder = with_neighbor(&format!("faults-{name}"));
        folder.put(&format!("logs/{name}"), bytes);
        assert_fault(&run(&folder, "scan logs --format json"), name, why);
    }
}

/// Depth within a record costs nothing, and is no fault.
#[test]
fn a_deep_record_is_read() {
    let mut records = denied_burst(NEIGHBOR).iter().map(ToString::to_string).collect::<Vec<_>>();
    for (record, (open, close)) in records.iter_mut().zip([("[", "]"), (r#"{"a":"#, "}")]) {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let parameters = format!(r#""requestParameters":{deep}"#);
        *record = record.replacen(r#""requestParameters":null"#, &parameters, 1);
    }
    for text in [ndjson(&records), document(&records)] {
        let folder = Folder::new("deep-record").with("log.json", text);
        let done = run(&folder, "scan log.json --format json");
        assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
        assert_eq!(done.findings()[0]["count"], 20);
    }
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_found() {
    let records = denied_burst(NEIGHBOR);
    let (document, lines) = (document(&records), ndjson(&records));
    let in_the_middle = lines.match_indices('\n').nth(9).expect("ten lines").0 + 1;
    let (first, last) = lines.split_at(in_the_middle);
    let long = "x".repeat(9 * MIB);
    let packed = gzip(ndjson(&[records.clone(), denied_burst("203.0.113.8")].concat()));
    for (name, bytes) in [
        ("cut.json", document.as_bytes()[..document.len() - 30].to_vec()),
        ("cut.json.gz", packed[..packed.len() * 4 / 5].to_vec()),
        ("junk.ndjson", format!("{first}junk\n{last}").into()),
        ("open.ndjson", format!("{first}{{\"a\":\"b\n{last}").into()),
        ("long.ndjson", format!("{first}{{\"a\":\"{long}\"}}\n{last}").into()),
        ("bytes.ndjson", [first.as_bytes(), b"\xff\xfe\n", last.as_bytes()].concat()),
    ] {
        let folder = Folder::new(&format!("rest-{name}")).with(name, bytes);
        assert_fault(&run(&folder, &format!("scan {name} --format json")), name, "");
    }
}

#[test]
fn inputs_without_end() {
    let lines = ndjson(&[call("one", 0, "203.0.113.9", "DescribeInstances")]).repeat(64 * 1024);
    let zeros = gzip(vec![0; 64 * MIB]);
    assert!(lines.len() > 32 * MIB && zeros.len() < 100_000);
    let gigabyte = zeros.repeat(16);
    let expands = "more than 200 times";
    for (name, bytes, why) in [
        // Whatever is found first: that it is no text, or that it expands.
        ("zeros.json.gz", zeros, "binary"),
        ("gigabyte.gz", gigabyte, "binary"),
        ("blank.gz", gzip(" ".repeat(64 * MIB)).repeat(16), expands),
        ("lines.json.gz", gzip(lines), expands),
        ("open.gz", gzip(format!(r#"{{"Records":[{{"a":"{}"#, "x".repeat(32 * MIB))), expands),
    ] {
        let folder = with_neighbor(&format!("endless-{name}"));
        folder.put(&format!("logs/{name}"), bytes);
        let done = run(&folder, "scan logs --format json");
        assert_fault(&done, name, why);
    }
    let folder = with_neighbor("endless-lines");
    let endless = |start: &'static str, fill: u8| {
        let fill = io::repeat(fill).take(50 * 1024 * 1024);
        run_reading(&folder, "scan logs - --format json", Cursor::new(start).chain(fill))
    };
    assert_fault(&endless("{\"a\":\"", b'x'), "-: ", "longer than 8 MiB");
    assert_fault(&endless("{\"Records\":[{\"a\":\"", b'x'), "-: ", "longer than 8 MiB");
    assert_fault(&endless("x", b'x'), "-: ", "not JSON");
    assert_fault(&endless("[", b'['), "-: ", "nested too deeply");
    assert_fault(&endless("{", b' '), "-: ", "");
}

#[test]
fn paths_that_lead_nowhere() {
    let folder = with_neighbor("nowhere");
    let done = run(&folder, "scan logs missing.json --format json");
    assert_fault(&done, "missing.json", "No such file");
    let done = run(&folder, "scan missing logs/good.json --format json");
    assert_fault(&done, "missing", "No such file");
    // A file taken for a folder.
    let done = run(&folder, "scan logs logs/good.json/x --format json");
    assert_fault(&done, "logs/good.json/x", "Not a directory");
}

#[cfg(unix)]
#[test]
fn links_that_go_in_circles() {
    let folder = with_neighbor("circle");
    std::os::unix::fs::symlink("..", folder.join("logs/up")).expect("a link");
    assert_fault(
        &run(&folder, "scan . --format json"),
        "logs/up",
        "a link to a folder that contains it",
    );

    let folder = with_neighbor("dangling");
    std::os::unix::fs::symlink("nowhere.json", folder.join("logs/dangling.json")).expect("a link");
    assert_fault(&run(&folder, "scan logs --format json"), "logs/dangling.json", "No such file");
}

#[cfg(unix)]
#[test]
fn unreadable_files() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    let folder =
        with_neighbor("unreadable").with("logs/secret.json", "{}").with("logs/shut/a.json", "{}");
    for name in ["logs/secret.json", "logs/shut"] {
        fs::set_permissions(folder.join(name), Permissions::from_mode(0o0)).expect("a mode");
    }
    let is_everything_readable = fs::read(folder.join("logs/secret.json")).is_ok();
    let done = run(&folder, "scan logs --format json");
    fs::set_permissions(folder.join("logs/shut"), Permissions::from_mode(0o700)).expect("a mode");
    if is_everything_readable {
        println!("not tried: this user may read files of mode 000");
        return;
    }
    assert_fault(&done, "logs/secret.json", "ermission denied");
    assert_fault(&done, "logs/shut", "ermission denied");
}

/// Opening one would wait for ever.
#[cfg(unix)]
#[test]
fn pipes_in_a_folder_are_not_opened() {
    let folder = with_neighbor("fifo");
    let made = Command::new("mkfifo").arg(folder.join("logs/pipe.json")).status();
    assert!(made.expect("mkfifo is there").success());
    let done = run(&folder, "scan logs --format json");
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(done.leading(NEIGHBOR).as_deref(), Some("error-burst"));
}

/// The reason stands at the end of the message, and must not be what is cut of it.
#[test]
fn a_long_path_leaves_room_for_the_reason() {
    let folder = with_neighbor("long-path");
    let path = format!("logs/{0}/{0}/{0}/broken.json", "d".repeat(200));
    folder.put(&path, "{\"Records\":[");
    let done = run(&folder, "scan logs --format json");
    assert_fault(&done, "", "the text ends within the record");
}

#[test]
fn many_faults_are_all_told() {
    let folder = with_neighbor("many");
    for n in 0..30 {
        folder.put(&format!("logs/broken-{n}.json"), "{\"Records\":[");
    }
    let done = run(&folder, "scan logs missing");
    assert_eq!(done.status, Some(2));
    assert_eq!(done.stderr.lines().count(), 31);
    assert!(done.stdout.contains("1 alert:"), "{}", done.stdout);
    // Exit status 2 says more than 1: the scan is not whole.
    assert_eq!(run(&folder, "scan logs --fail-on low").status, Some(2));
}
