//! The parts a scan could be built of, measured on real-sized deliveries.
//!
//! `cargo bench --bench parts -- DIR` reads the CloudTrail `.json.gz` files under DIR into memory and
//! times, on one thread, ways to inflate, to parse and to look addresses up. The table in
//! `docs/DECISIONS.md` is its output, and the bare pipeline of the `throughput` bench is built of
//! its fastest rows.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod random;
mod record;

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Instant;

use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::source::LedgerKey;
use callerwatch_sources::Buffers;
use flate2::{Decompress, FlushDecompress};
use walkdir::WalkDir;

use crate::random::Random;
use crate::record::Delivery;

const RUNS: usize = 7;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [dir] = args.as_slice() else {
        return Err("usage: cargo bench --bench parts -- DIR".into());
    };
    let packed = deliveries(Path::new(dir))?;
    let texts = packed.iter().map(|it| inflated(it)).collect::<Result<Vec<_>, Failure>>()?;
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let mut table = Table { out: std::io::stdout().lock(), bytes, events: 0 };
    for text in &texts {
        table.events += serde_json::from_slice::<Delivery<'_>>(text)?.records.len();
    }
    inflating(&mut table, &packed)?;
    parsing(&mut table, &texts)?;
    whole(&mut table, &packed)?;
    looking_up(&mut table)
}

struct Table<W: Write> {
    out: W,
    bytes: usize,
    events: usize,
}

impl<W: Write> Table<W> {
    /// Median time of a few runs over everything, after one that warms up.
    fn row(
        &mut self,
        name: &str,
        mut run: impl FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut times = Vec::new();
        for _ in 0..=RUNS {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed());
        }
        times.remove(0);
        times.sort_unstable();
        let secs = times.get(RUNS / 2).copied().unwrap_or_default().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let (rate, each) = (self.bytes as f64 / secs / 1e6, secs / self.events as f64 * 1e9);
        let rate = if self.bytes == 0 { String::new() } else { format!("{rate:.0} MB/s") };
        writeln!(self.out, "{name:<44} {:>7.1} ms {rate:>10} {each:>6.0} ns each", secs * 1e3)?;
        Ok(())
    }
}

fn deliveries(dir: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let files = WalkDir::new(dir).into_iter().filter_map(Result::ok);
    let files = files.filter(|file| file.path().extension().is_some_and(|it| it == "gz"));
    let files: Vec<Vec<u8>> = files.map(|file| fs::read(file.path())).collect::<Result<_, _>>()?;
    if files.is_empty() { Err("no .json.gz files there".into()) } else { Ok(files) }
}

fn inflated(packed: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut text)?;
    Ok(text)
}

fn inflating(table: &mut Table<impl Write>, packed: &[Vec<u8>]) -> Result<(), Failure> {
    let mut text = vec![0; 64 << 20];
    let mut at_once = libdeflater::Decompressor::new();
    table.row("gunzip: libdeflate, reused", || {
        for file in packed {
            at_once.gzip_decompress(file, &mut text)?;
        }
        Ok(())
    })?;
    let mut inflater = Decompress::new(false);
    table.row("gunzip: flate2 over zlib-rs, reused", || {
        for file in packed {
            inflater.reset(false);
            let body = file.get(10..).unwrap_or_default();
            inflater.decompress(body, &mut text, FlushDecompress::None)?;
        }
        Ok(())
    })?;
    table.row("gunzip: flate2 GzDecoder, new for each file", || {
        for file in packed {
            black_box(inflated(file)?);
        }
        Ok(())
    })
}

fn parsing(table: &mut Table<impl Write>, texts: &[Vec<u8>]) -> Result<(), Failure> {
    fn use_up(delivery: &Delivery<'_>) {
        for it in &delivery.records {
            black_box((&it.event_id, &it.event_time, &it.event_name));
            black_box((&it.error_code, &it.source_ip_address));
        }
    }
    table.row("JSON: sonic-rs from_slice, typed", || {
        texts.iter().try_for_each(|text| {
            use_up(&sonic_rs::from_slice(text)?);
            Ok(())
        })
    })?;
    table.row("JSON: serde_json from_str, typed", || {
        texts.iter().try_for_each(|text| {
            use_up(&serde_json::from_str(std::str::from_utf8(text)?)?);
            Ok(())
        })
    })?;
    table.row("JSON: serde_json from_slice, typed", || {
        texts.iter().try_for_each(|text| {
            use_up(&serde_json::from_slice(text)?);
            Ok(())
        })
    })?;
    table.row("JSON: serde_json Value", || {
        texts.iter().try_for_each(|text| {
            black_box(serde_json::from_slice::<serde_json::Value>(text)?);
            Ok(())
        })
    })
}

fn whole(table: &mut Table<impl Write>, packed: &[Vec<u8>]) -> Result<(), Failure> {
    let mut buffers = Buffers::new();
    table.row("callerwatch-sources: read, all of it", || {
        for file in packed {
            callerwatch_sources::read(&mut file.as_slice(), &mut buffers, &mut |event| {
                black_box(&event);
            })?;
        }
        Ok(())
    })
}

/// A million prefixes, asked for two million addresses: half of them anywhere, half on the list.
fn looking_up(table: &mut Table<impl Write>) -> Result<(), Failure> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut list = Vec::new();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for _ in 0..1_000_000 {
        let bits = 22 + u32::try_from(random.next() % 11)?;
        let base = u32::try_from(random.next() >> 32)? >> (32 - bits) << (32 - bits);
        writeln!(list, "{}/{bits}", Ipv4Addr::from_bits(base))?;
        ranges.push((base, base | u32::MAX.checked_shr(bits).unwrap_or(0)));
    }
    let lists = Intelligence::builder().list("bench", Category::Malicious, &list)?.build();
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some((_, reached)) if start <= *reached => *reached = end.max(*reached),
            _ => merged.push((start, end)),
        }
    }
    let asked: Vec<u32> =
        (0..2_000_000).map(|_| u32::try_from(random.next() >> 32).unwrap_or(0)).collect();
    table.events = asked.len();
    table.bytes = 0;
    table.row("lookup: merged ranges, binary search", || {
        for ip in &asked {
            let at = merged.partition_point(|(start, _)| start <= ip);
            black_box(at > 0 && merged.get(at - 1).is_some_and(|(_, end)| ip <= end));
        }
        Ok(())
    })?;
    table.row("lookup: callerwatch, is listed", || {
        for ip in &asked {
            let key = LedgerKey::of_public(IpAddr::V4(Ipv4Addr::from_bits(*ip)));
            black_box(lists.is_listed(&key));
        }
        Ok(())
    })
}
