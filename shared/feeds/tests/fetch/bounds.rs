//! A feed that would fill the memory, at the limits of a deployed function.

use std::fs;

use bytes::Bytes;
use callerwatch_detection::intelligence::Intelligence;
use callerwatch_detection::policy::Policy;
use callerwatch_feeds::{Fetcher, Limits, Reach, Refreshed, refresh};
use rustls::RootCertStore;

use crate::refreshing::{Memory, at, told};

/// A function has 1024 MiB. What tests hold that run meanwhile is little.
const HELD_MAX_KIB: u64 = 384 << 10;

/// Refreshes feeds that lie beside the policy.
async fn refreshed(store: &Memory, feeds: &[(&str, &str, Vec<u8>)]) -> Refreshed {
    let mut text = "[feeds]\nshipped = false\n".to_owned();
    for (name, category, content) in feeds {
        let feed = format!("[feeds.{name}]\npath = \"{name}.txt\"\ncategory = \"{category}\"\n");
        text.push_str(&feed);
        let content = Bytes::copy_from_slice(content);
        store.files.lock().unwrap().insert(format!("{name}.txt"), content);
    }
    let policy = Policy::parse(&text).unwrap();
    let fetcher = Fetcher::with(RootCertStore::empty(), Limits::default(), Reach::Internet);
    let (known, fetcher) = (Intelligence::default(), fetcher.unwrap());
    refresh(&policy, &known, store, &fetcher, at(0), false).await.unwrap()
}

/// The most that this process ever held, where the system says so.
fn held_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[tokio::test]
async fn no_feed_fills_the_memory() {
    let store = Memory::default();
    let nested = [b"[[]".to_vec(), b",[]".repeat((32 << 20) / 3 - 2), b"]".to_vec()].concat();
    let feeds = [
        ("good", "malicious", b"192.0.2.1\n".to_vec()),
        ("large", "malicious", vec![b'\n'; (32 << 20) + 1]),
        ("many", "malicious", b"8.8.8.8\n".repeat(1 << 20)),
        ("nested", "malicious", nested),
    ];
    let done = refreshed(&store, &feeds).await;
    let lines = told(&done);
    assert_eq!(lines[0], "good new, 0 min");
    assert_eq!(lines[1], "large not fetched: it is larger than 33554432 bytes, 0 min, not in use");
    assert_eq!(lines[2], "many refused: it names more than 1000000 prefixes, 0 min, not in use");
    let start = "nested refused: no address in it: it is JSON";
    assert!(lines[3].starts_with(start), "{}", lines[3]);
    assert_eq!(store.in_use(), "good 1");
    let held = held_kib().unwrap_or_default();
    assert!(held < HELD_MAX_KIB, "{held} KiB");
}
