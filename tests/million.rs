//! Among a million prefixes, of which many nest, an address is found as a naive scan finds it:
//! `cargo test --release --package callerwatch-tests --test million -- --ignored`.

#[path = "benches/million.rs"]
mod million;
#[path = "benches/random.rs"]
mod random;

use std::collections::BTreeSet;
use std::fmt::Write;

use callerwatch_detection::intelligence::{Category, Intelligence};
use callerwatch_detection::source::LedgerKey;

use crate::million::{PREFIXES, address, adversarial, prefixes, scan, wide};
use crate::random::Random;

/// Of each kind.
const ASKED: usize = 150;

#[test]
#[ignore = "takes a minute where the engine is not optimized; the bench verifies the same"]
fn a_million_prefixes_answer_as_a_scan_does() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let prefixes = prefixes(&mut random, Some(4000));
    assert_eq!(prefixes.len(), PREFIXES);
    let mut list = String::new();
    for (ip, length) in &prefixes {
        writeln!(list, "{ip}/{length}").expect("a text");
    }
    let intelligence = Intelligence::builder().list("list", Category::Tor, list.as_bytes());
    let intelligence = intelligence.expect("a list").build();
    let mut asked = adversarial(&mut random, &prefixes, ASKED);
    asked.extend((0..ASKED).map(|n| address(wide(&mut random), n % 2 == 0)));
    let mut found = 0;
    for ip in asked {
        let named = intelligence.named(ip);
        let texts: BTreeSet<String> = named.iter().map(|hit| hit.prefix.to_string()).collect();
        assert_eq!(texts.len(), named.len(), "{ip}");
        assert_eq!(texts, scan(&prefixes, ip), "{ip}");
        let key = LedgerKey::of_public(ip);
        assert_eq!(intelligence.is_listed(&key), !named.is_empty(), "{ip}");
        // One hit a list, and the longest prefix of it.
        let hits: Vec<_> = intelligence.hits(&key).map(|hit| hit.prefix).collect();
        assert_eq!(hits, named.iter().map(|hit| hit.prefix).take(1).collect::<Vec<_>>(), "{ip}");
        found += named.len();
    }
    assert!(found > ASKED);
}
