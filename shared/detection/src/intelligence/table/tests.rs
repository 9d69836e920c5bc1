//! A table answers as a naive scan does, and no bytes harm it.

use proptest::prelude::*;

use super::super::chain::LEVEL_MAX;
use super::*;

/// Starts crowd around few places, ends of the space among them, so that prefixes nest, touch
/// and repeat.
fn v4_entry() -> impl Strategy<Value = Entry<u32>> {
    let near = prop_oneof![
        Just(0_u32),
        Just(0xcb00_7100),
        Just(0xcb00_0000),
        Just(0xcaff_ffff),
        Just(u32::MAX),
        any::<u32>()
    ];
    (near, -4_i32..=4, 0_u8..=32, 0_u16..4, any::<Option<u8>>()).prop_map(
        |(near, offset, length, list, level)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let start = near.wrapping_add_signed(offset) & mask;
            Entry { start, length, list, level: level.filter(|it| *it <= LEVEL_MAX) }
        },
    )
}

fn v6_entry() -> impl Strategy<Value = Entry<u128>> {
    let near = prop_oneof![
        Just(0_u128),
        Just(0x2001_0db8 << 96),
        Just((0x2001_0db8 << 96) | (1 << 64)),
        Just(u128::MAX),
        any::<u128>()
    ];
    (near, -4_i128..=4, 0_u8..=128, 0_u16..4).prop_map(|(near, offset, length, list)| {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Entry { start: near.wrapping_add_signed(offset) & mask, length, list, level: None }
    })
}

type Found<A> = Vec<(A, u8, u16, Option<u8>)>;

/// What the table must answer, in any order.
fn scan<A: Address>(entries: &[Entry<A>], key: A::Key) -> Found<A> {
    let is_around = |it: &&Entry<A>| {
        let (first, last) = A::bounds(it.start.parted().0, it.length);
        first <= key && key <= last
    };
    distinct(entries.iter().filter(is_around))
}

/// Each prefix of a list once, with its highest level.
fn distinct<'a, A: Address + 'a>(entries: impl Iterator<Item = &'a Entry<A>>) -> Found<A> {
    let mut found: Vec<_> =
        entries.map(|it| (it.start, it.length, it.list, Reverse(it.level))).collect();
    found.sort_unstable();
    found.dedup_by_key(|it| (it.0, it.1, it.2));
    found.into_iter().map(|(start, length, list, level)| (start, length, list, level.0)).collect()
}

fn written<A: Address>(entries: &[Entry<A>]) -> (Table<A>, Vec<u8>) {
    let mut bytes = vec![7; 3];
    Table::write(entries.to_vec(), &mut bytes);
    (Table::find(&mut Input::new(&bytes, 0, 3)).expect("it was written"), bytes)
}

fn answer<A: Address>((table, bytes): &(Table<A>, Vec<u8>), key: A::Key) -> Found<A> {
    let around = table.around(bytes, key);
    assert_eq!(table.holds(bytes, key), around.clone().next().is_some());
    let found = around.map(|(it, place)| {
        (table.start(bytes, key, it.length, place), it.length, it.list, it.level)
    });
    let mut found: Vec<_> = found.collect();
    assert!(found.is_sorted_by_key(|it| (Reverse(it.1), it.2)));
    found.sort_unstable();
    found
}

/// Ends of what the entries hold and their neighbors are asked for, of which IPv6 is asked by /64.
fn check<A: Address + std::fmt::Debug>(
    entries: &[Entry<A>],
    others: &[A::Key],
    step: impl Fn(A::Key) -> [A::Key; 2],
) {
    let table = written(entries);
    let ends = entries.iter().flat_map(|it| {
        let (first, last) = A::bounds(it.start.parted().0, it.length);
        [first, last]
    });
    for end in ends.chain(others.iter().copied()) {
        let [before, after] = step(end);
        for key in [before, end, after] {
            assert_eq!(answer(&table, key), scan(entries, key));
        }
    }
    let (table, bytes) = table;
    let mut all: Vec<_> =
        table.entries(&bytes).map(|it| (it.start, it.length, it.list, it.level)).collect();
    all.sort_unstable();
    assert_eq!(all, distinct(entries.iter()));
}

proptest! {
    #[test]
    fn equals_a_naive_scan(
        v4 in proptest::collection::vec(v4_entry(), 0..60),
        v6 in proptest::collection::vec(v6_entry(), 0..60),
        random4 in any::<u32>(),
        random6 in any::<u64>(),
    ) {
        let step = |key: u32| [key.wrapping_sub(1), key.wrapping_add(1)];
        check(&v4, &[0, u32::MAX, random4], step);
        let step = |key: u64| [key.wrapping_sub(1), key.wrapping_add(1)];
        check(&v6, &[0, u64::MAX, random6], step);
    }

    #[test]
    fn no_bytes_panic_or_loop(
        entries in proptest::collection::vec(v4_entry(), 0..20),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        address in any::<u32>(),
    ) {
        let (_, mut bytes) = written(&entries);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(table) = Table::<u32>::find(&mut Input::new(&bytes, 0, 3)) {
            prop_assert!(table.around(&bytes, address).count() <= bytes.len());
            prop_assert!(table.entries(&bytes).count() <= table.len());
        }
    }
}

proptest! {
    // Each case asks for some hundred keys.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Where many crowd into one bucket, and elsewhere few lie in each.
    #[test]
    fn equals_a_naive_scan_of_crowds(
        crowd in any::<u32>(),
        near in proptest::collection::vec((0_u32..512, 24_u8..=32, 0_u16..3), 100..200),
        far in proptest::collection::vec((any::<u32>(), 8_u8..=32, 0_u16..3), 0..20),
    ) {
        let near = near.into_iter().map(|(at, length, list)| (crowd.wrapping_add(at), length, list));
        let entry = |(at, length, list)| {
            Entry { start: u32::bounds(at, length).0, length, list, level: None }
        };
        let v4: Vec<_> = near.chain(far).map(entry).collect();
        let step = |key: u32| [key.wrapping_sub(1), key.wrapping_add(1)];
        check(&v4, &[0, u32::MAX, crowd], step);
        let wide = |it: &Entry<u32>| Entry {
            start: u128::from(it.start) << 90,
            length: it.length + 6,
            list: it.list,
            level: None,
        };
        let v6: Vec<_> = v4.iter().map(wide).collect();
        let step = |key: u64| [key.wrapping_sub(1), key.wrapping_add(1)];
        check(&v6, &[0, u64::MAX, u64::from(crowd) << 26], step);
    }
}
