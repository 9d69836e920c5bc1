//! The prefixes of one address family as they lie in a compiled file: from an address to every
//! entry that holds it, in two reads and a short search.
//!
//! An entry is one prefix of one list. Entries are sorted by their first address, wider ones first,
//! and each names its parent: the entry before it whose prefix holds its own. Prefixes nest or are
//! disjoint, so whatever holds an address is the last entry that begins at or before it, or among
//! that one's parents. Buckets of equal parts of the space say where the search begins. Promises
//! that no bytes make it panic or run for ever, and must not know what a list is.

use std::cmp::Reverse;
use std::ops::Range;

/// One prefix of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<A> {
    /// The first address.
    pub(super) start: A,
    /// How many bits its addresses share.
    pub(super) length: u8,
    /// The list, by its place.
    pub(super) list: u16,
    /// What the list counts of it, at most [`LEVEL_MAX`].
    pub(super) level: Option<u8>,
}

/// The highest level told apart.
pub(super) const LEVEL_MAX: u8 = 254;
const NO_LEVEL: u8 = 255;
/// The most entries of one table: parents are 24 bits, of which 0 is none.
pub(super) const ENTRIES_MAX: usize = (1 << 24) - 2;
/// So few entries are all looked at, which waits for memory once; more are halved first.
const FEW: usize = 8;

/// An address, and how an entry that begins there is written: the address, then 8 bytes that are
/// the length, the length of the widest prefix around it, the level, two of the list and three of
/// the parent. The widest tells at once, and of the one entry alone, that no parent holds an address.
pub(super) trait Address: Copy + Ord + Default {
    /// An entry as it is written.
    type Record: Copy + 'static;
    /// How many bytes that is.
    const RECORD_BYTES: usize;
    /// How many entries a bucket has where they are spread evenly.
    const BUCKET_ENTRIES: usize;
    /// The records of a column.
    fn records(column: &[u8]) -> &[Self::Record];
    /// The address a record begins at.
    fn start(record: Self::Record) -> Self;
    /// What else it says.
    fn tail(record: Self::Record) -> [u8; 8];
    /// Writes the address.
    fn write(self, out: &mut Vec<u8>);
    /// Reads what [`Address::write`] wrote.
    fn read(input: &mut Input<'_>) -> Option<Self>;
    /// The last address of the block of `length` bits.
    fn last(self, length: u8) -> Self;
    /// How far behind `first` it lies, in the unit of which the space is less than 2^64 wide when
    /// its upper `lead` bits are not used; none where it lies before.
    fn behind(self, first: Self, lead: u32) -> Option<u64>;
    /// How far behind another it lies.
    fn past(self, first: Self) -> Option<Self>;
    /// How many upper bits are zero.
    fn lead(self) -> u32;
}

macro_rules! address {
    ($address:ty, $bytes:literal, $record:literal, $bucket:literal, [$($byte:ident),+]) => {
        impl Address for $address {
            type Record = [u8; $record];
            const RECORD_BYTES: usize = $record;
            const BUCKET_ENTRIES: usize = $bucket;
            #[inline]
            fn records(column: &[u8]) -> &[[u8; $record]] {
                column.as_chunks().0
            }
            #[inline]
            fn start([$($byte),+, ..]: [u8; $record]) -> Self {
                Self::from_le_bytes([$($byte),+])
            }
            #[inline]
            fn tail([.., a, b, c, d, e, f, g, h]: [u8; $record]) -> [u8; 8] {
                [a, b, c, d, e, f, g, h]
            }
            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn read(input: &mut Input<'_>) -> Option<Self> {
                input.take::<$bytes>().map(Self::from_le_bytes)
            }
            #[inline]
            fn last(self, length: u8) -> Self {
                self | Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }
            #[inline]
            fn behind(self, first: Self, lead: u32) -> Option<u64> {
                let past = self.checked_sub(first)?;
                // What lies behind the last entry may not fit, and is in the last bucket.
                let past = if past.leading_zeros() < lead { Self::MAX } else { past << lead };
                let top = u128::from(past) << (128 - 8 * $bytes) >> 64;
                Some(u64::try_from(top).unwrap_or(u64::MAX))
            }
            fn past(self, first: Self) -> Option<Self> {
                self.checked_sub(first)
            }
            fn lead(self) -> u32 {
                // Of one entry alone all bits are zero.
                self.leading_zeros().min(8 * $bytes - 1)
            }
        }
    };
}

address!(u32, 4, 12, 2, [a, b, c, d]);
address!(u128, 16, 24, 4, [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]);

/// Bytes yet to be read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    /// Begins at a place.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next few bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let range = self.skip(N)?;
        self.bytes.get(range)?.try_into().ok()
    }

    /// Where the next bytes are.
    pub(super) fn skip(&mut self, count: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len())?;
        Some(std::mem::replace(&mut self.at, end)..end)
    }

    /// A count of what follows.
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take()?)).ok()
    }
}

/// How an address becomes the number of its bucket: buckets part the space from the first entry to
/// the last, and no other, equally.
#[derive(Clone, Copy, Debug, Default)]
struct Scale {
    lead: u32,
    factor: u64,
}

impl Scale {
    /// So many buckets from one address to another.
    fn of<A: Address>(first: A, last: A, buckets: usize) -> Self {
        let Some(span) = last.past(first) else { return Self::default() };
        let lead = span.lead();
        let end = u128::from(last.behind(first, lead).unwrap_or(0)) + 1;
        let buckets = u128::try_from(buckets).unwrap_or(0);
        Self { lead, factor: u64::try_from((buckets << 64) / end).unwrap_or(0) }
    }

    /// None where an address lies before the first.
    #[inline]
    fn bucket<A: Address>(self, address: A, first: A) -> Option<usize> {
        let behind = address.behind(first, self.lead)?;
        usize::try_from((u128::from(behind) * u128::from(self.factor)) >> 64).ok()
    }
}

/// Where a table lies in a file: its buckets, each the number of entries before it, and its entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Table<A> {
    first: A,
    scale: Scale,
    buckets: Range<usize>,
    entries: Range<usize>,
}

impl<A: Address> Table<A> {
    /// Writes the entries. Of a prefix that a list repeats the highest level is kept.
    pub(super) fn write(mut entries: Vec<Entry<A>>, out: &mut Vec<u8>) {
        entries
            .sort_unstable_by_key(|it| (it.start, it.length, Reverse(it.list), Reverse(it.level)));
        entries.dedup_by_key(|it| (it.start, it.length, it.list));
        let first = entries.first().map_or_else(A::default, |it| it.start);
        let last = entries.last().map_or(first, |it| it.start);
        let scale = Scale::of(first, last, entries.len().div_ceil(A::BUCKET_ENTRIES));
        let buckets = buckets(&entries, first, scale);
        write_count(entries.len(), out);
        write_count(buckets.len(), out);
        out.extend_from_slice(&scale.lead.to_le_bytes());
        out.extend_from_slice(&scale.factor.to_le_bytes());
        first.write(out);
        for before in buckets {
            write_count(before, out);
        }
        let mut open: Vec<(A, usize)> = Vec::new(); // (last address, place counted from 1)
        let mut widest = 0;
        for (place, entry) in (1..).zip(&entries) {
            while open.pop_if(|(last, _)| *last < entry.start).is_some() {}
            let parent = open.last().map_or(0, |(_, place)| *place);
            open.push((entry.start.last(entry.length), place));
            if parent == 0 {
                widest = entry.length;
            }
            entry.start.write(out);
            let [low, high] = entry.list.to_le_bytes();
            let level = entry.level.unwrap_or(NO_LEVEL);
            out.extend_from_slice(&[entry.length, widest, level, low, high]);
            out.extend_from_slice(parent.to_le_bytes().first_chunk::<3>().unwrap_or(&[0; 3]));
        }
    }

    /// Finds the table that lies next in a file.
    pub(super) fn find(input: &mut Input<'_>) -> Option<Self> {
        let (entries, buckets) = (input.count()?, input.count()?);
        let lead = u32::from_le_bytes(input.take()?);
        let scale = Scale { lead, factor: u64::from_le_bytes(input.take()?) };
        let first = A::read(input)?;
        let buckets = input.skip(buckets.checked_mul(4)?)?;
        let entries = input.skip(entries.checked_mul(A::RECORD_BYTES)?)?;
        (lead < 8 * u32::try_from(size_of::<A>()).ok()?).then_some(Self {
            first,
            scale,
            buckets,
            entries,
        })
    }

    /// The entries that overlap a block of addresses, given its first and last: those that begin in
    /// it, the last first, then those that hold it, the longest first.
    #[inline]
    pub(super) fn around<'a>(&self, bytes: &'a [u8], first: A, last: A) -> Around<'a, A> {
        let records = A::records(bytes.get(self.entries.clone()).unwrap_or_default());
        Around { records, next: self.last_until(bytes, records, last), first }
    }

    /// Whether there is an entry around a block. It takes no turn that depends on the entries, so
    /// that a processor asks for the next address while it waits for this one's.
    #[inline]
    pub(super) fn holds(&self, bytes: &[u8], first: A, last: A) -> bool {
        let records = A::records(bytes.get(self.entries.clone()).unwrap_or_default());
        let place = self.last_until(bytes, records, last);
        let Some(record) = place.and_then(|place| records.get(place)) else { return false };
        let Link { entry, widest, .. } = read::<A>(*record);
        // The widest is no narrower than the entry's own.
        (entry.start >= first) | (entry.start.last(widest) >= first)
    }

    /// All entries, in their order.
    pub(super) fn entries<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = Entry<A>> + 'a {
        let records = A::records(bytes.get(self.entries.clone()).unwrap_or_default());
        records.iter().map(|record| read::<A>(*record).entry)
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() / A::RECORD_BYTES
    }

    /// The last entry that begins at or before an address.
    #[inline]
    fn last_until(&self, bytes: &[u8], records: &[A::Record], address: A) -> Option<usize> {
        let (buckets, _) = bytes.get(self.buckets.clone())?.as_chunks::<4>();
        let last_bucket = buckets.len().checked_sub(2)?;
        let bucket = self.scale.bucket(address, self.first)?.min(last_bucket);
        let [from, to] = *buckets.get(bucket..)?.first_chunk::<2>()?;
        let from = usize::try_from(u32::from_le_bytes(from)).ok()?;
        let to = usize::try_from(u32::from_le_bytes(to)).ok()?;
        let window = records.get(from..to)?;
        let is_before = |record: &A::Record| A::start(*record) <= address;
        let before = if window.len() > FEW {
            window.partition_point(is_before)
        } else {
            window.iter().filter(|record| is_before(record)).count()
        };
        (from + before).checked_sub(1)
    }
}

/// Entries around a block.
#[derive(Clone)]
pub(super) struct Around<'a, A: Address> {
    records: &'a [A::Record],
    next: Option<usize>,
    first: A,
}

impl<A: Address> Around<'_, A> {
    /// Whether several begin in the block, so that they do not come by length.
    pub(super) fn is_crowded(&self) -> bool {
        let start = |place: usize| self.records.get(place).map(|record| A::start(*record));
        let Some(place) = self.next else { return false };
        start(place) > Some(self.first) && place.checked_sub(1).and_then(start) >= Some(self.first)
    }
}

impl<A: Address> Iterator for Around<'_, A> {
    type Item = Entry<A>;

    #[inline]
    fn next(&mut self) -> Option<Entry<A>> {
        loop {
            let place = self.next?;
            let Link { entry, widest, parent } = read::<A>(*self.records.get(place)?);
            if entry.start >= self.first {
                self.next = place.checked_sub(1);
                return Some(entry);
            }
            if entry.start.last(widest) < self.first {
                self.next = None;
                return None;
            }
            // A parent lies before its child; what says otherwise is no parent.
            self.next = parent.filter(|parent| *parent < place);
            if entry.start.last(entry.length) >= self.first {
                return Some(entry);
            }
        }
    }
}

/// An entry among the others.
struct Link<A> {
    entry: Entry<A>,
    /// The length of the widest prefix around it, which may be its own.
    widest: u8,
    /// The place of the entry around it.
    parent: Option<usize>,
}

#[inline]
fn read<A: Address>(record: A::Record) -> Link<A> {
    let [length, widest, level, list_low, list_high, a, b, c] = A::tail(record);
    let entry = Entry {
        start: A::start(record),
        length,
        list: u16::from_le_bytes([list_low, list_high]),
        level: (level != NO_LEVEL).then_some(level),
    };
    let parent = usize::try_from(u32::from_le_bytes([a, b, c, 0])).ok();
    Link { entry, widest, parent: parent.and_then(|parent| parent.checked_sub(1)) }
}

/// How many entries lie before each bucket and after the last.
fn buckets<A: Address>(entries: &[Entry<A>], first: A, scale: Scale) -> Vec<usize> {
    let bucket = |entry: &Entry<A>| scale.bucket(entry.start, first).unwrap_or(0);
    let Some(last) = entries.last() else { return Vec::new() };
    let mut before = vec![0_usize; bucket(last) + 2];
    for entry in entries {
        if let Some(following) = before.get_mut(bucket(entry) + 1) {
            *following += 1;
        }
    }
    let mut sum = 0;
    for count in &mut before {
        sum += *count;
        *count = sum;
    }
    before
}

pub(super) fn write_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

#[cfg(test)]
mod tests;
