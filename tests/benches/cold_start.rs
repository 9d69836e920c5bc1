//! How fast a packaged function starts: from exec to its first answer, beside a handler that does
//! nothing, in turns; and the most memory it had by then.
//!
//! `cargo bench --bench cold_start -- BOOTSTRAP NOTHING [EVENT]`. The event is one for which no policy
//! is loaded: unless another is given, an empty batch of a queue. Of a hub that is
//! `{"eventSource":"SelfManagedKafka","records":{}}`, and of a URL any request without a token.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod runtime;

use std::fs;
use std::time::{Duration, Instant};

use crate::runtime::{Function, median, programs};

/// How often each is started.
const RUNS: usize = 41;
const EVENT: &str = r#"{"Records":[]}"#;

fn main() {
    let programs = programs();
    let [bootstrap, nothing, event @ ..] = programs.as_slice() else {
        println!("cold_start: name the packaged bootstrap and a handler that does nothing");
        return;
    };
    let event = event.first().map_or(EVENT, String::as_str);
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (0..RUNS).map(|_| (start(bootstrap, event), start(nothing, event))).unzip();
    let peak = ours.iter().map(|(_, peak_kib)| *peak_kib).max().unwrap_or(0);
    let ours = median(ours.into_iter().map(|(took, _)| took).collect());
    let theirs = median(theirs.into_iter().map(|(took, _)| took).collect());
    println!("exec to first answer, medians of {RUNS} runs in turns:");
    println!("  the function            {ours:.1} ms (bound 15)");
    println!("  a handler of nothing    {theirs:.1} ms");
    println!("  difference              {:.1} ms (bound 10)", ours - theirs);
    println!("  peak RSS                {:.1} MiB (bound 20)", kib_to_mib(peak));
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn kib_to_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Starts a bootstrap, hands it one event and waits for its answer; how long that took, and the
/// peak of its resident set in KiB.
fn start(program: &str, event: &str) -> (Duration, u64) {
    let began = Instant::now();
    let function = Function::start(program, &[]);
    let (took, _) = function.invoke(event, began);
    (took, peak_kib(function.process.id()))
}

fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}
