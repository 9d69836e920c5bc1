//! The compiled lists: from an address to every list that names it, in two reads and a short
//! search.
//!
//! The prefixes of all lists become disjoint ranges: `starts` is sorted, begins at zero, and range
//! `i` goes to the start of the next one. Each range has the number of an interned set of records;
//! set 0 is empty. A lone address costs two ranges, 16 bytes. A set says only how long each prefix
//! is, for the prefix follows from the address, so that a million lone addresses of one list share
//! one set. Must not know lists but by number.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::block::Block;
use super::category::Category;

/// That one list names an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Record {
    pub(super) list: u16,
    pub(super) category: Category,
    pub(super) level: Option<u32>,
    pub(super) length: u8,
}

/// All lists, compiled.
#[derive(Debug, Default)]
pub(super) struct Table {
    v4: Ranges<u32>,
    /// Range numbers by the upper half of the address: those that begin in half `h` are
    /// `v4_first[h]..v4_first[h + 1]`.
    v4_first: Vec<u32>,
    v6: Ranges<u64>,
    sets: Vec<Box<[Record]>>,
}

impl Table {
    /// Compiles the blocks of all lists.
    pub(super) fn build(blocks: impl IntoIterator<Item = (Block, Record)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (block, record) in blocks {
            match block {
                Block::V4 { start, length } => v4.push((start, Record { length, ..record })),
                Block::V6 { start, length } => v6.push((start, Record { length, ..record })),
            }
        }
        let mut sets = Sets::default();
        let v4 = Ranges::build(v4, &mut sets);
        let v6 = Ranges::build(v6, &mut sets);
        let v4_first = first_level(&v4.starts);
        Self { v4, v4_first, v6, sets: sets.records }
    }

    /// The number of an IPv4 address's set; 0 where no list names it.
    #[inline]
    pub(super) fn v4_set(&self, address: u32) -> u32 {
        let half = usize::from(upper_half(address));
        let (Some(&from), Some(&to)) = (self.v4_first.get(half), self.v4_first.get(half + 1))
        else {
            return 0;
        };
        self.v4.set_within(address, from, to)
    }

    /// The number of an IPv6 /64's set; 0 where no list names it.
    #[inline]
    pub(super) fn v6_set(&self, upper: u64) -> u32 {
        let all = u32::try_from(self.v6.starts.len()).unwrap_or(u32::MAX);
        self.v6.set_within(upper, 0, all)
    }

    /// The records of a set: one a list, the longest prefix first.
    pub(super) fn records(&self, set: u32) -> &[Record] {
        usize::try_from(set).ok().and_then(|set| self.sets.get(set)).map_or(&[], |set| set)
    }
}

fn upper_half(address: u32) -> u16 {
    let [a, b, ..] = address.to_be_bytes();
    u16::from_be_bytes([a, b])
}

fn first_level(starts: &[u32]) -> Vec<u32> {
    let mut first = vec![0_u32; (1 << 16) + 1];
    for start in starts {
        if let Some(count) = first.get_mut(usize::from(upper_half(*start)) + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for count in &mut first {
        sum += *count;
        *count = sum;
    }
    first
}

/// The address of a table: the bits of a ledger key.
pub(super) trait Bits: Copy + Ord + Default {
    /// The last address of the block of `length` bits.
    fn last(self, length: u8) -> Self;
    /// The next address, where there is one.
    fn next(self) -> Option<Self>;
}

impl Bits for u32 {
    fn last(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
    }
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Bits for u64 {
    fn last(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
    }
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

#[derive(Debug, Default)]
struct Ranges<A> {
    starts: Vec<A>,
    sets: Vec<u32>,
}

impl<A: Bits> Ranges<A> {
    /// The set of the last range that starts at or before `address`, knowing that it is one of
    /// `from..to` or the one before them.
    #[inline]
    fn set_within(&self, address: A, from: u32, to: u32) -> u32 {
        let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else { return 0 };
        let window = self.starts.get(from..to).unwrap_or_default();
        let after = from + window.partition_point(|start| *start <= address);
        after.checked_sub(1).and_then(|range| self.sets.get(range)).copied().unwrap_or(0)
    }

    /// Prefixes are nested or disjoint, so that one pass in the order of their starts, wider ones
    /// first, with a stack of those still open, meets every boundary once.
    fn build(mut blocks: Vec<(A, Record)>, sets: &mut Sets) -> Self {
        blocks.sort_unstable_by_key(|(start, record)| {
            (*start, record.length, record.list, record.category, Reverse(record.level))
        });
        let mut ranges = Self { starts: vec![A::default()], sets: vec![0] };
        let mut open: Vec<(A, u32)> = Vec::new(); // (last address, set); at most one a length
        let mut own = Vec::new();
        for group in blocks.chunk_by(|a, b| a.0 == b.0 && a.1.length == b.1.length) {
            let Some((start, Record { length, .. })) = group.first().copied() else { continue };
            ranges.close(&mut open, Some(start));
            own.clear();
            own.extend(group.iter().map(|(_, record)| *record));
            own.dedup_by_key(|record| record.list); // what remains is the gravest, of the highest level
            let outer = open.last().map_or(0, |(_, set)| *set);
            let set = sets.joined(&own, outer);
            ranges.emit(start, set);
            open.push((start.last(length), set));
        }
        ranges.close(&mut open, None);
        ranges.starts.shrink_to_fit();
        ranges.sets.shrink_to_fit();
        ranges
    }

    /// Ends the open prefixes that lie wholly before `start`.
    fn close(&mut self, open: &mut Vec<(A, u32)>, start: Option<A>) {
        while let Some((last, _)) = open.pop_if(|(last, _)| start.is_none_or(|start| *last < start))
        {
            let outer = open.last().map_or(0, |(_, set)| *set);
            if let Some(next) = last.next() {
                self.emit(next, outer);
            }
        }
    }

    /// From `start` on the set is `set`.
    fn emit(&mut self, start: A, set: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.sets.pop();
        }
        if self.sets.last() != Some(&set) {
            self.starts.push(start);
            self.sets.push(set);
        }
    }
}

/// Sets of records, each kept once.
struct Sets {
    records: Vec<Box<[Record]>>,
    numbers: HashMap<Box<[Record]>, u32>,
    scratch: Vec<Record>,
}

impl Default for Sets {
    fn default() -> Self {
        let empty: Box<[Record]> = Box::default();
        Self { numbers: [(empty.clone(), 0)].into(), records: vec![empty], scratch: Vec::new() }
    }
}

impl Sets {
    /// The number of the set of `own` (sorted by list) and of what set `outer` has of other lists.
    fn joined(&mut self, own: &[Record], outer: u32) -> u32 {
        self.scratch.clear();
        self.scratch.extend_from_slice(own);
        let outer = usize::try_from(outer).ok().and_then(|outer| self.records.get(outer));
        self.scratch.extend(outer.into_iter().flatten().filter(|record| {
            own.binary_search_by_key(&record.list, |record| record.list).is_err()
        }));
        if let Some(number) = self.numbers.get(self.scratch.as_slice()) {
            return *number;
        }
        let number = u32::try_from(self.records.len()).unwrap_or(0);
        self.records.push(self.scratch.as_slice().into());
        self.numbers.insert(self.scratch.as_slice().into(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(list: u16, length: u8) -> Record {
        Record { list, category: Category::Malicious, level: None, length }
    }

    /// What the table must answer: of each list the longest prefix around the address.
    fn scan<A: Bits>(blocks: &[(A, Record)], address: A) -> Vec<(u8, u16)> {
        let mut longest: Vec<(u8, u16)> = Vec::new();
        for (start, record) in blocks {
            if (*start..=start.last(record.length)).contains(&address) {
                match longest.iter_mut().find(|(_, list)| *list == record.list) {
                    Some((length, _)) => *length = (*length).max(record.length),
                    None => longest.push((record.length, record.list)),
                }
            }
        }
        longest.sort_by_key(|(length, list)| (Reverse(*length), *list));
        longest
    }

    fn answer(table: &Table, set: u32) -> Vec<(u8, u16)> {
        table.records(set).iter().map(|record| (record.length, record.list)).collect()
    }

    /// Starts crowd around few places, ends of the space among them, so that prefixes nest, touch
    /// and repeat.
    fn v4_block() -> impl Strategy<Value = (u32, Record)> {
        let near = prop_oneof![
            Just(0_u32),
            Just(0xcb00_7100),
            Just(0xcb00_0000),
            Just(0xcaff_ffff),
            Just(u32::MAX),
            any::<u32>()
        ];
        (near, -4_i32..=4, 0_u8..=32, 0_u16..4).prop_map(|(near, offset, length, list)| {
            let address = near.wrapping_add_signed(offset);
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            (address & mask, record(list, length))
        })
    }

    fn v6_block() -> impl Strategy<Value = (u64, Record)> {
        let near = prop_oneof![Just(0_u64), Just(0x2001_0db8 << 32), Just(u64::MAX), any::<u64>()];
        (near, -4_i64..=4, 0_u8..=64, 0_u16..4).prop_map(|(near, offset, length, list)| {
            let address = near.wrapping_add_signed(offset);
            let mask = u64::MAX.checked_shl(64 - u32::from(length)).unwrap_or(0);
            (address & mask, record(list, length))
        })
    }

    proptest! {
        #[test]
        fn equals_a_naive_scan(
            v4 in proptest::collection::vec(v4_block(), 0..40),
            v6 in proptest::collection::vec(v6_block(), 0..40),
            random4 in any::<u32>(),
            random6 in any::<u64>(),
        ) {
            let as_v4 = |(start, record): &(u32, Record)| {
                (Block::V4 { start: *start, length: record.length }, *record)
            };
            let as_v6 = |(start, record): &(u64, Record)| {
                (Block::V6 { start: *start, length: record.length }, *record)
            };
            let table = Table::build(v4.iter().map(as_v4).chain(v6.iter().map(as_v6)));
            prop_assert!(table.v4.starts.is_sorted_by(|a, b| a < b));
            prop_assert!(table.v4.starts.len() <= 2 * v4.len() + 1);
            let edges = v4.iter().flat_map(|(start, r)| {
                let last = start.last(r.length);
                [start.wrapping_sub(1), *start, start.wrapping_add(1), last, last.wrapping_add(1)]
            });
            for address in edges.chain([0, u32::MAX, random4]) {
                prop_assert_eq!(answer(&table, table.v4_set(address)), scan(&v4, address));
            }
            let edges = v6.iter().flat_map(|(start, r)| {
                let last = start.last(r.length);
                [start.wrapping_sub(1), *start, start.wrapping_add(1), last, last.wrapping_add(1)]
            });
            for address in edges.chain([0, u64::MAX, random6]) {
                prop_assert_eq!(answer(&table, table.v6_set(address)), scan(&v6, address));
            }
        }
    }

    #[test]
    fn the_gravest_of_a_repeated_prefix_is_kept() {
        let at = |category, level| {
            (Block::V4 { start: 7, length: 32 }, Record { category, level, ..record(0, 32) })
        };
        let table = Table::build([
            at(Category::Reported, Some(4)),
            at(Category::Malicious, Some(6)),
            at(Category::Malicious, Some(9)),
        ]);
        let [only] = table.records(table.v4_set(7)) else { panic!("not one") };
        assert_eq!((only.category, only.level), (Category::Malicious, Some(9)));
    }

    #[test]
    fn lone_addresses_share_one_set() {
        let blocks = (0..1000).map(|i| (Block::V4 { start: i * 1000, length: 32 }, record(0, 32)));
        let table = Table::build(blocks);
        assert_eq!(table.sets.len(), 2);
        assert_eq!(table.v4.starts.len(), 2000);
    }
}
