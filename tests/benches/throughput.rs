//! How close `callerwatch scan` comes to what this machine can do at all.
//!
//! `cargo bench --bench throughput -- DIR` times whole processes over the CloudTrail `.json.gz`
//! files under DIR, warm: a bare pipeline (read, gunzip, typed parse, address lookup, one count an
//! address; nothing else, of the fastest parts the `parts` bench knows) against `scan`, on one
//! thread and on two. Runs take turns, so that whatever else the machine does hits both; medians
//! of times and of ratios are printed.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock, and is told what to time")]

mod record;

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};
use std::hash::BuildHasherDefault;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::source::LedgerKey;
use libdeflater::Decompressor;
use rustc_hash::FxHasher;
use walkdir::WalkDir;

use crate::record::Delivery;

const ROUNDS: usize = 25;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["bare", dir, threads] => bare(Path::new(dir), threads.parse()?),
        [dir] => compare(Path::new(dir)),
        _ => Err("usage: cargo bench --bench throughput -- DIR".into()),
    }
}

/// Times both programs in turns. What a machine does beside them lasts longer than one run, so what
/// is compared is what ran next to each other: the median of the ratios of the rounds.
fn compare(dir: &Path) -> Result<(), Failure> {
    let scan = std::env::var("CALLERWATCH").map_err(|_| "CALLERWATCH names the binary to time")?;
    let bare = std::env::current_exe()?;
    let list = format!("malicious={}", dir.join("feed.txt").display());
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut seconds = Vec::new();
        for threads in ["1", "2"] {
            seconds.push(time(Command::new(&bare).arg("bare").arg(dir).arg(threads))?);
            let mut command = Command::new(&scan);
            command.arg("scan").arg(dir.join("AWSLogs")).args(["--list", &list]);
            seconds.push(time(command.args(["--format", "json", "--threads", threads]))?);
        }
        // The first round warms the page cache.
        if round > 0 {
            rounds.push(<[f64; 4]>::try_from(seconds).map_err(|_| "a round of four")?);
        }
    }
    let quartiles = |of: &dyn Fn(&[f64; 4]) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| all[quarter * (all.len() - 1) / 4])
    };
    let median = |place: usize| quartiles(&|round| round[place])[1];
    let mut out = std::io::stdout().lock();
    writeln!(out, "whole processes over {}, medians of {ROUNDS} rounds", dir.display())?;
    writeln!(out, "{:>22} {:>10} {:>10}", "", "1 thread", "2 threads")?;
    writeln!(out, "{:>22} {:>9.3}s {:>9.3}s", "bare pipeline", median(0), median(2))?;
    writeln!(out, "{:>22} {:>9.3}s {:>9.3}s", "callerwatch scan", median(1), median(3))?;
    let [low, ratio, high] = quartiles(&|[bare, scan, ..]| 100.0 * bare / scan);
    writeln!(
        out,
        "scan runs at {ratio:.0}% of the bare pipeline on one thread (bound: 70%; half of the rounds \
         {low:.0} to {high:.0})"
    )?;
    let [low, ratio, high] = quartiles(&|[_, one, _, two]| one / two);
    writeln!(
        out,
        "two threads run at {ratio:.2} times one (bound: 1.7; half of the rounds {low:.2} to {high:.2})"
    )?;
    Ok(())
}

/// In seconds.
fn time(command: &mut Command) -> Result<f64, Failure> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(start.elapsed().as_secs_f64())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

type Counts = HashMap<IpAddr, (u64, bool), BuildHasherDefault<FxHasher>>;

/// The bare pipeline, over all files.
fn bare(dir: &Path, threads: usize) -> Result<(), Failure> {
    let feed = fs::read(dir.join("feed.txt"))?;
    let lists = Intelligence::builder().list("feed", Category::Malicious, &feed)?.build();
    let files: Vec<PathBuf> = WalkDir::new(dir)
        .into_iter()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || count(&files, &next, &lists);
    let parts: Vec<Result<Counts, Failure>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        parts.extend(others.into_iter().map(|it| it.join().unwrap_or(Err("a worker died".into()))));
        parts
    });
    let mut whole = Counts::default();
    for part in parts {
        for (ip, (count, is_listed)) in part? {
            let total = whole.entry(ip).or_default();
            *total = (total.0 + count, is_listed);
        }
    }
    let calls: u64 = whole.values().map(|(count, _)| count).sum();
    let listed = whole.values().filter(|(_, is_listed)| *is_listed).count();
    writeln!(std::io::stdout(), "{calls} calls of {} addresses, {listed} listed", whole.len())?;
    Ok(())
}

fn count(files: &[PathBuf], next: &AtomicUsize, lists: &Intelligence) -> Result<Counts, Failure> {
    let mut decompressor = Decompressor::new();
    let (mut packed, mut text) = (Vec::new(), Vec::new());
    let mut counts = Counts::default();
    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        packed.clear();
        File::open(file)?.read_to_end(&mut packed)?;
        let (_, size) = packed.split_last_chunk::<4>().ok_or("not gzip")?;
        let size = usize::try_from(u32::from_le_bytes(*size))?;
        if text.len() < size {
            text.resize(size, 0);
        }
        let text = text.get_mut(..size).unwrap_or_default();
        decompressor.gzip_decompress(&packed, text)?;
        let delivery: Delivery<'_> = sonic_rs::from_slice(text)?;
        for record in delivery.records {
            std::hint::black_box((&record.event_id, &record.event_time, &record.event_name));
            std::hint::black_box(&record.error_code);
            let ip = record.source_ip_address.parse().ok();
            if let Some(ip) = ip {
                let is_listed = lists.is_listed(&LedgerKey::of_public(ip));
                let count = counts.entry(ip).or_default();
                *count = (count.0 + 1, is_listed);
            }
        }
    }
    Ok(counts)
}
