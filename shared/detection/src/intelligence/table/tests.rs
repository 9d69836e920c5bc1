//! A table answers as a naive scan does, and no bytes harm it.

use proptest::prelude::*;

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

/// What the table must answer, in any order.
fn scan<A: Address>(entries: &[Entry<A>], first: A, last: A) -> Vec<(A, u8, u16, Option<u8>)> {
    let mut found: Vec<_> = entries
        .iter()
        .filter(|it| it.start <= last && it.start.last(it.length) >= first)
        .map(|it| (it.start, it.length, it.list, Reverse(it.level)))
        .collect();
    found.sort_unstable();
    found.dedup_by_key(|it| (it.0, it.1, it.2));
    found.into_iter().map(|(start, length, list, level)| (start, length, list, level.0)).collect()
}

fn written<A: Address>(entries: &[Entry<A>]) -> (Table<A>, Vec<u8>) {
    let mut bytes = vec![7; 3];
    Table::write(entries.to_vec(), &mut bytes);
    (Table::find(&mut Input::new(&bytes, 3)).expect("it was written"), bytes)
}

fn answer<A: Address>(
    (table, bytes): &(Table<A>, Vec<u8>),
    first: A,
    last: A,
) -> Vec<(A, u8, u16, Option<u8>)> {
    let around = table.around(bytes, first, last);
    assert_eq!(table.holds(bytes, first, last), around.clone().next().is_some());
    let mut found: Vec<_> = around.map(|it| (it.start, it.length, it.list, it.level)).collect();
    if first == last {
        assert!(found.is_sorted_by_key(|it| (Reverse(it.1), it.2)));
    }
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn equals_a_naive_scan(
        v4 in proptest::collection::vec(v4_entry(), 0..60),
        v6 in proptest::collection::vec(v6_entry(), 0..60),
        random4 in any::<u32>(),
        random6 in any::<u128>(),
    ) {
        let table = written(&v4);
        let edges = v4.iter().flat_map(|it| {
            let last = it.start.last(it.length);
            [it.start.wrapping_sub(1), it.start, it.start | 1, last, last.wrapping_add(1)]
        });
        for address in edges.chain([0, u32::MAX, random4]) {
            prop_assert_eq!(answer(&table, address, address), scan(&v4, address, address));
        }
        let table = written(&v6);
        let edges = v6.iter().flat_map(|it| {
            let last = it.start.last(it.length);
            [it.start.wrapping_sub(1), it.start, it.start | 1, last, last.wrapping_add(1)]
        });
        for address in edges.chain([0, u128::MAX, random6]) {
            prop_assert_eq!(answer(&table, address, address), scan(&v6, address, address));
            let (first, last) = (address >> 64 << 64, address | u128::from(u64::MAX));
            prop_assert_eq!(answer(&table, first, last), scan(&v6, first, last));
        }
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
        if let Some(table) = Table::<u32>::find(&mut Input::new(&bytes, 3)) {
            let around = table.around(&bytes, address, address);
            prop_assert!(around.count() <= table.len());
            prop_assert_eq!(table.entries(&bytes).count(), table.len());
        }
    }
}
