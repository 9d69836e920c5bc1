//! What is known of an address, among a million prefixes, beside other ways to know it.
//!
//! `cargo bench --bench intelligence` compiles half a million prefixes of IPv4 and as many of IPv6,
//! random and overlapping, and asks for addresses of which half are on the list, on one core: once
//! scattered over the whole space, once crowded into few networks as those of real feeds are. Before
//! anything is measured, some hundred answers are compared with those of a scan. What memory takes
//! for a byte anywhere in as many is measured too, since that is what a lookup mostly waits for. The
//! table it prints in the end is in `docs/DECISIONS.md`.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod million;
mod random;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::source::LedgerKey;
use callerwatch_tests::mmdb::{Field, Mmdb};
use criterion::{BenchmarkId, Criterion, Throughput};
use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;

use crate::million::{address, adversarial, below, prefixes, scan, top, wide};
use crate::random::Random;

const ASKED: usize = 200_000;
const RUNS: usize = 9;
/// So many answers are compared with those of a scan.
const VERIFIED: usize = 600;
const OUTPUT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/criterion");

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut criterion = Criterion::default()
        .output_directory(Path::new(OUTPUT))
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .sample_size(20);
    let mut table = String::new();
    for (name, networks) in [("scattered", None), ("crowded", Some(4000))] {
        measure(&mut criterion, name, networks, &mut table)?;
    }
    writeln!(std::io::stdout(), "\n{table}")?;
    Ok(())
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    networks: Option<usize>,
    table: &mut String,
) -> Result<(), Failure> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let prefixes = prefixes(&mut random, networks);
    let asked = asked(&mut random, &prefixes);
    let keys: Vec<LedgerKey> = asked.iter().map(|ip| LedgerKey::of_public(*ip)).collect();

    let mut list = String::new();
    for (ip, length) in &prefixes {
        writeln!(list, "{ip}/{length}")?;
    }
    let compile = || Intelligence::builder().list("list", Category::Malicious, list.as_bytes());
    let (intelligence, built) = timed(1, || Ok(compile()?.build()))?;
    let file = intelligence.as_bytes().to_vec();
    // What is wrong need not be fast.
    let mut verified = adversarial(&mut random, &prefixes, VERIFIED / 2);
    verified.extend(asked.iter().take(VERIFIED / 2));
    for ip in &verified {
        let named = intelligence.named(*ip);
        let is_sorted = named.is_sorted_by_key(|hit| Reverse(hit.prefix.prefix_len()));
        let count = named.len();
        let named: BTreeSet<String> = named.iter().map(|hit| hit.prefix.to_string()).collect();
        if !is_sorted || named.len() != count || named != scan(&prefixes, *ip) {
            return Err(format!("{ip} is not found as a scan finds it").into());
        }
    }
    let mut copies = vec![file.clone(); RUNS];
    let take = || Ok(Intelligence::load(copies.pop().unwrap_or_default())?);
    let (_, loaded) = timed(RUNS, take)?;
    let distinct = intelligence.lists().iter().map(|it| it.prefixes).sum::<usize>();
    let listed = keys.iter().filter(|key| intelligence.is_listed(key)).count();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let bytes_each = file.len() as f64 / distinct as f64;
    writeln!(
        table,
        "{name}: {distinct} distinct prefixes, {} MB, {bytes_each:.1} bytes a prefix, built of text \
         in {} ms, loaded in {:.1} ms; {} answers are those of a scan; of {} addresses {listed} are \
         listed",
        file.len() / 1_000_000,
        built.as_millis(),
        loaded.as_secs_f64() * 1e3,
        verified.len(),
        asked.len(),
    )?;

    let v6 = list.split_inclusive('\n').filter(|line| line.contains(':')).collect::<String>();
    let v6 = Intelligence::builder().list("list", Category::Malicious, v6.as_bytes())?.build();
    let distinct = v6.lists().iter().map(|it| it.prefixes).sum::<usize>();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let bytes_each = v6.as_bytes().len() as f64 / distinct as f64;
    writeln!(table, "of IPv6 alone: {bytes_each:.1} bytes a prefix")?;
    drop(v6);

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(ASKED as u64));
    let mut row = |what: &str, lookup: &mut dyn FnMut(usize)| -> Result<(), Failure> {
        group.bench_function(BenchmarkId::from_parameter(what), |bencher| {
            bencher.iter(|| (0..ASKED).for_each(&mut *lookup));
        });
        let nanos = median_nanos(name, what)?;
        writeln!(table, "| {what} | {nanos:.0} ns |")?;
        Ok(())
    };
    row("callerwatch, is listed", &mut |at| {
        black_box(intelligence.is_listed(&keys[at]));
    })?;
    row("callerwatch, the most specific hit", &mut |at| {
        if let Some(hit) = intelligence.hits(&keys[at]).next() {
            black_box((hit.list, hit.category, hit.level, hit.prefix));
        }
    })?;
    row("callerwatch, every list and prefix", &mut |at| {
        for hit in intelligence.hits(&keys[at]) {
            black_box((hit.list, hit.category, hit.level, hit.prefix));
        }
    })?;
    let mut answer = 0;
    row("callerwatch, each asked for after the last answer", &mut |at| {
        answer = usize::from(intelligence.is_listed(&keys[(at + answer) % ASKED]));
    })?;
    let places: Vec<usize> = keys.iter().map(|_| below(&mut random, file.len())).collect();
    row("memory, a byte of as many", &mut |at| {
        black_box(file[places[at]]);
    })?;
    let mut byte = 0;
    row("memory, a byte of as many, each after the last", &mut |at| {
        byte = usize::from(file[places[(at + byte) % ASKED]] & 1);
    })?;
    let ranges = Ranges::of(&prefixes);
    row("sorted ranges, is listed", &mut |at| {
        black_box(ranges.holds(asked[at]));
    })?;
    let mut trie = IpNetworkTable::new();
    for (ip, length) in &prefixes {
        trie.insert(IpNetwork::new_truncate(*ip, *length)?, 1_u32);
    }
    row("ip_network_table, longest match", &mut |at| {
        black_box(trie.longest_match(asked[at]));
    })?;
    drop(trie);
    let reader = maxminddb::Reader::from_source(database(&prefixes))?;
    row("maxminddb, is listed", &mut |at| {
        black_box(reader.lookup(asked[at]).is_ok_and(|found| found.has_data()));
    })?;
    group.finish();
    Ok(())
}

/// In turns anywhere, and in a prefix of the list.
fn asked(random: &mut Random, prefixes: &[(IpAddr, u8)]) -> Vec<IpAddr> {
    let asked = (0..ASKED).map(|n| {
        let (ip, length) = prefixes[below(random, prefixes.len())];
        let length = if n % 2 == 0 { if ip.is_ipv4() { 0 } else { 3 } } else { length };
        let mask = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        address(top(ip) & !mask | wide(random) & mask, ip.is_ipv4())
    });
    asked.collect()
}

/// First and last addresses of what is listed, merged where they touch.
struct Ranges(Vec<(u32, u32)>, Vec<(u128, u128)>);

impl Ranges {
    fn of(prefixes: &[(IpAddr, u8)]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (ip, length) in prefixes {
            match ip {
                IpAddr::V4(it) => {
                    let rest = u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    v4.push((it.to_bits(), it.to_bits() | rest));
                }
                IpAddr::V6(it) => {
                    let rest = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    v6.push((it.to_bits(), it.to_bits() | rest));
                }
            }
        }
        Self(merged(v4), merged(v6))
    }

    fn holds(&self, ip: IpAddr) -> bool {
        fn among<T: Ord>(ranges: &[(T, T)], ip: &T) -> bool {
            let at = ranges.partition_point(|(first, _)| first <= ip);
            at > 0 && ranges.get(at - 1).is_some_and(|(_, last)| ip <= last)
        }
        match ip {
            IpAddr::V4(it) => among(&self.0, &it.to_bits()),
            IpAddr::V6(it) => among(&self.1, &it.to_bits()),
        }
    }
}

fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, reached)) if first <= *reached => *reached = last.max(*reached),
            _ => merged.push((first, last)),
        }
    }
    merged
}

fn database(prefixes: &[(IpAddr, u8)]) -> Vec<u8> {
    let mut database = Mmdb::default();
    let record = database.record(&[("list", Field::Number(1))]);
    let mut prefixes = prefixes.to_vec();
    prefixes.sort_unstable_by_key(|(ip, length)| {
        // Of one tree, in which IPv4 lies 96 bits deep.
        if ip.is_ipv4() { length + 96 } else { *length }
    });
    for (ip, length) in prefixes {
        database.insert(ip, length, record);
    }
    database.bytes()
}

/// The median time of a few runs, and what the last one came to.
fn timed<T>(
    runs: usize,
    mut run: impl FnMut() -> Result<T, Failure>,
) -> Result<(T, Duration), Failure> {
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let done = run()?;
        times.push(start.elapsed());
        if times.len() == runs {
            times.sort_unstable();
            return Ok((done, times[runs / 2]));
        }
    }
}

/// What Criterion found one lookup to take.
fn median_nanos(group: &str, what: &str) -> Result<f64, Failure> {
    let folder = what.replace(['/', ' '], "_");
    let folder = [what, &folder].map(|it| Path::new(OUTPUT).join(group).join(it));
    let estimates = folder.iter().map(|it| it.join("new/estimates.json")).find(|it| it.exists());
    let estimates = std::fs::read(estimates.ok_or("Criterion left no estimates")?)?;
    let estimates: serde_json::Value = serde_json::from_slice(&estimates)?;
    let median = estimates["median"]["point_estimate"].as_f64().ok_or("no median")?;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    Ok(median / ASKED as f64)
}
