//! Memory stays flat as the input grows.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufWriter, Write as _};
use std::process::Stdio;

use crate::command::command;
use crate::folder::Folder;
use crate::records::call;

const INPUT_BYTES: usize = 200_000_000;
const MEMORY_MAX_KIB: u64 = 150 * 1024;

/// The most memory a process ever had.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// The peak of a scan of records, and what it printed.
fn scan(name: &str, records: impl Iterator<Item = String>) -> (u64, String) {
    let folder = Folder::new(name);
    let mut child = command(&folder, ["scan", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = BufWriter::new(child.stdin.take().expect("a pipe"));
    for record in records {
        writeln!(stdin, "{record}").expect("it reads on");
    }
    stdin.flush().expect("it reads on");
    // All but what a pipe holds has been read by now, and it waits for more.
    let peak = peak_kib(child.id());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    (peak, String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn two_hundred_megabytes_from_standard_input() {
    let mut record = call("UID", 0, "203.0.113.7", "DescribeInstances");
    record["requestParameters"] = "x".repeat(4000).into();
    let record = record.to_string();
    let (before, after) = record.split_once("UID").expect("the uid");
    let calls = INPUT_BYTES / record.len();
    let (peak, text) = scan("memory", (0..calls).map(|n| format!("{before}{n}{after}")));
    assert!(text.contains(&format!("{calls} calls in 1 file")), "{text}");
    assert!(peak < MEMORY_MAX_KIB, "{peak} KiB");
}

/// Whoever holds many addresses does not fill the memory either. A denied call is evidence of its
/// source, its network and its principal, and a scan keeps 32 bytes of each.
#[test]
fn one_denied_call_of_each_of_many_sources() {
    const SOURCES: usize = 150_000;
    let mut record = call("UID", 0, "ADDRESS", "DescribeInstances");
    record["errorCode"] = "AccessDenied".into();
    let record = record.to_string();
    let of = |n: usize| {
        let address = format!("2001:db8:{:x}:{:x}::1", n >> 16, n & 0xffff);
        record.replacen("UID", &n.to_string(), 1).replacen("ADDRESS", &address, 1)
    };
    let (peak, text) = scan("memory-sources", (0..SOURCES).map(of));
    assert!(text.contains("150000 denied API calls of principal "), "{text}");
    let evidence = u64::try_from(SOURCES * 3 * 32 / 1024).expect("a size");
    assert!(peak < MEMORY_MAX_KIB + evidence, "{peak} KiB, {evidence} KiB of it evidence");
}
