//! Memory stays flat as the input grows.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write as _;
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

#[test]
fn two_hundred_megabytes_from_standard_input() {
    let folder = Folder::new("memory");
    let mut record = call("UID", 0, "203.0.113.7", "DescribeInstances");
    record["requestParameters"] = "x".repeat(4000).into();
    let record = format!("{record}\n");
    let (before, after) = record.split_once("\"UID\"").expect("the uid");

    let mut child = command(&folder, ["scan", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let calls = INPUT_BYTES / record.len();
    for n in 0..calls {
        write!(stdin, "{before}\"e-{n}\"{after}").expect("it reads on");
    }
    // All but what a pipe holds has been read by now, and it waits for more.
    let peak = peak_kib(child.id());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("{calls} calls in 1 file")), "{text}");
    assert!(peak < MEMORY_MAX_KIB, "{peak} KiB");
}
