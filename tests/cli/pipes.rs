//! Standard output that closes early, or takes nothing.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use crate::command::{command, run};
use crate::folder::Folder;
use crate::records::{denied_burst, document};

/// More findings than a pipe holds.
fn many_findings(name: &str) -> Folder {
    let burst = |n: usize| denied_burst(&format!("203.0.113.{n}"));
    Folder::new(name).with("log.json", document(&(1..100).flat_map(burst).collect::<Vec<_>>()))
}

#[test]
fn whoever_has_read_enough_may_go() {
    let folder = many_findings("head");
    for format in ["json", "text"] {
        let mut command = command(&folder, ["scan", "log.json", "--format", format]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut first).expect("a line");
        assert!(!first.is_empty());
        let mut stderr = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        let status = child.wait().expect("it ends").code();
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{format}");
    }
    // The exit status says the same to whoever reads no more.
    folder.put("cut.json", "{\"Records\":[");
    for (args, expected, told) in [
        ("scan log.json --fail-on low --format", 1, ""),
        ("scan log.json cut.json --fail-on low --format", 2, "cut.json: not wholly read"),
    ] {
        for format in ["json", "text"] {
            let mut command = command(&folder, args.split(' ').chain([format]));
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("it starts");
            drop(child.stdout.take());
            let mut stderr = String::new();
            child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
            let status = child.wait().expect("it ends").code();
            assert_eq!(status, Some(expected), "{args} {format}: {stderr}");
            assert!(stderr.contains(told), "{args} {format}: {stderr}");
        }
    }
    let whole = run(&folder, "scan log.json --format json");
    assert!(whole.stdout.len() > 128 * 1024, "the pipe was not filled");
    assert_eq!(whole.findings().len(), 99);
}

/// Findings that could not be printed must not pass for none.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let folder = many_findings("full");
    for format in ["json", "text"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let mut command = command(&folder, ["scan", "log.json", "--format", format]);
        let output = command.stdout(full).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{format}: {stderr}");
        assert!(stderr.contains("No space left"), "{format}: {stderr}");
    }
}
