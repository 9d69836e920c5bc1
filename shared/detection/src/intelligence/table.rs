//! The prefixes of one address family as they lie in a compiled file: from an address to every
//! entry that holds it, in which one read alone is of what is large.
//!
//! An entry is one prefix of one list. Entries are sorted by their first address, wider ones first.
//! Prefixes nest or are disjoint, so whatever holds an address is the last entry that begins at or
//! before it, or around that one; the entry names the [`Chain`] of these, apart, for whom it holds.
//! A [`Block`] has the keys of some entries and for each the host bits of the widest prefix in its
//! chain, which tell that none of them holds an address. The first key of each block is its fence.
//! [`Buckets`] say at which fence the search begins, and so few fences lie in a bucket that a search
//! seldom takes a turn which depends on what it reads: a processor asks for the next address while
//! it waits for this one's block. Promises that no bytes make it panic or run for ever, and must not
//! know what a list is.

use std::cmp::Reverse;
use std::hint::select_unpredictable;
use std::iter::once;
use std::ops::Range;

use super::address::{Address, BLOCK_BYTES, Block};
use super::buckets::{Buckets, Key};
use super::chain::{Chain, Link, LinkRecord, Links, NO_LINK};
use super::input::{Input, align, write_count};

/// One prefix of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<A> {
    /// The first address.
    pub(super) start: A,
    /// How many bits its addresses share.
    pub(super) length: u8,
    /// The list, by its place.
    pub(super) list: u16,
    /// What the list counts of it, at most [`LEVEL_MAX`](super::chain::LEVEL_MAX).
    pub(super) level: Option<u8>,
}

/// The most entries of one table: an entry names its chain in 24 bits.
pub(super) const ENTRIES_MAX: usize = (1 << 24) - 2;
/// How an entry names its chain.
const CHAIN_BYTES: usize = 3;
/// A bucket has seldom as many fences. Where it has, they are halved as often as it takes.
const FEW: usize = 8;

/// Where a table lies in the room of a file. Of what every lookup reads it is where it begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Table<A: Address> {
    len: usize,
    links: Range<usize>,
    buckets: Buckets<A::Key>,
    fences: usize,
    blocks: usize,
    chains: Range<usize>,
    rests: Range<usize>,
}

impl<A: Address> Table<A> {
    /// Writes the entries. Of a prefix that a list repeats the highest level is kept.
    pub(super) fn write(mut entries: Vec<Entry<A>>, out: &mut Vec<u8>) {
        entries.sort_unstable_by_key(|it| {
            let (key, rest) = it.start.parted();
            (key, it.length, Reverse(it.list), rest, Reverse(it.level))
        });
        entries.dedup_by_key(|it| (it.start, it.length, it.list));
        let mut links = Links::default();
        let chains = chains(&entries, &mut links);
        write_count(entries.len(), out);
        write_count(links.records().len(), out);
        out.extend_from_slice(links.records().as_flattened());
        let keys: Vec<A::Key> = entries.iter().map(|it| it.start.parted().0).collect();
        let mut fences: Vec<A::Key> = keys.iter().step_by(A::BLOCK).copied().collect();
        Buckets::write(&fences, out);
        // What lies before a bucket is one fence at least, and what is behind it fills up.
        let before = fences.first().copied().unwrap_or_default();
        fences.resize(fences.len() + FEW - 1, A::Key::MAX);
        for fence in once(before).chain(fences) {
            fence.write(out);
        }
        align(out);
        for (keys, chains) in keys.chunks(A::BLOCK).zip(chains.chunks(A::BLOCK)) {
            let end = out.len() + BLOCK_BYTES;
            for key in filled(keys, A::BLOCK) {
                key.write(out);
            }
            out.extend(filled(chains, A::BLOCK).map(|(_, widest)| A::Key::host_bits(widest)));
            out.resize(end, 0);
        }
        for (chain, _) in chains {
            out.extend(chain.to_le_bytes().iter().take(CHAIN_BYTES));
        }
        for entry in &entries {
            let rest = entry.start.parted().1.to_le_bytes();
            out.extend_from_slice(rest.get(..A::REST_BYTES).unwrap_or_default());
        }
    }

    /// Finds the table that lies next in a file.
    pub(super) fn find(input: &mut Input<'_>) -> Option<Self> {
        let (len, links) = (input.count()?, input.count()?);
        let links = input.skip(links.checked_mul(size_of::<LinkRecord>())?)?;
        let buckets = Buckets::find(input)?;
        let count = len.div_ceil(A::BLOCK);
        let fences = input.skip((count + FEW).checked_mul(size_of::<A::Key>())?)?.start;
        let blocks = input.skip_aligned(count.checked_mul(BLOCK_BYTES)?)?.start;
        let chains = input.skip(len.checked_mul(CHAIN_BYTES)?)?;
        let rests = input.skip(len.checked_mul(A::REST_BYTES)?)?;
        Some(Self { len, links, buckets, fences, blocks, chains, rests })
    }

    /// What holds a key, the longest first.
    #[inline]
    pub(super) fn around<'a>(&self, bytes: &'a [u8], key: A::Key) -> Chain<'a> {
        let found = self.last_until(bytes, key).filter(|it| it.is_around(key));
        let Some(Last { key: last, place, .. }) = found else { return Chain::default() };
        // What fills up the last block is the last entry.
        let place = place.min(self.len.saturating_sub(1));
        let Some(number) = self.number(bytes, place) else { return Chain::default() };
        Chain::new(self.links(bytes), number, A::longest(last, key), place)
    }

    /// Whether anything holds a key.
    #[inline]
    pub(super) fn holds(&self, bytes: &[u8], key: A::Key) -> bool {
        self.last_until(bytes, key).is_some_and(|it| it.is_around(key))
    }

    /// Where a prefix begins that holds a key. `place` is as [`Chain`] gives it: only of a prefix
    /// longer than keys it matters.
    #[inline]
    pub(super) fn start(&self, bytes: &[u8], key: A::Key, length: u8, place: usize) -> A {
        if usize::from(length) <= 8 * size_of::<A::Key>() {
            return A::joined(A::bounds(key, length).0, 0);
        }
        let (rests, _) = bytes.get(self.rests.clone()).unwrap_or_default().as_chunks::<8>();
        A::joined(key, rests.get(place).map_or(0, |rest| u64::from_le_bytes(*rest)))
    }

    /// All entries, in their order.
    pub(super) fn entries<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Entry<A>> + 'a {
        let (blocks, _) = bytes.get(self.blocks..).unwrap_or_default().as_chunks::<BLOCK_BYTES>();
        let keys = blocks.iter().flat_map(|block| A::Key::many(block).iter().take(A::BLOCK));
        keys.take(self.len).enumerate().filter_map(|(place, key)| {
            let number = self.number(bytes, place)?;
            let (link, _) = Chain::new(self.links(bytes), number, u8::MAX, place).next()?;
            let Link { length, list, level } = link;
            let start = self.start(bytes, A::Key::read(*key), length, place);
            Some(Entry { start, length, list, level })
        })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn links<'a>(&self, bytes: &'a [u8]) -> &'a [LinkRecord] {
        bytes.get(self.links.clone()).unwrap_or_default().as_chunks().0
    }

    /// The number of an entry's chain.
    #[inline]
    fn number(&self, bytes: &[u8], place: usize) -> Option<u32> {
        let chains = bytes.get(self.chains.clone())?.as_chunks::<CHAIN_BYTES>().0;
        let [a, b, c] = *chains.get(place)?;
        Some(u32::from_le_bytes([a, b, c, 0]))
    }

    /// The last entry that begins at or before a key.
    #[inline]
    fn last_until(&self, bytes: &[u8], key: A::Key) -> Option<Last<A::Key>> {
        let (from, to) = self.buckets.around(bytes, key)?;
        // The first of these lies before the bucket.
        let fences = A::Key::many(bytes.get(self.fences + from * size_of::<A::Key>()..)?);
        let count = to.checked_sub(from)?;
        let at = if count < FEW {
            // What fills up is at or before the last of all keys.
            at_or_before(fences.first_chunk::<FEW>()?, key).min(count)
        } else {
            at_or_before(fences.get(..=count)?, key)
        };
        let number = (from + at).checked_sub(1)?;
        let block: &Block = bytes.get(self.blocks + number * BLOCK_BYTES..)?.first_chunk()?;
        let keys = A::Key::many(block).get(..A::BLOCK)?;
        let at = at_or_before(keys, key);
        let host_bits = *block.get(A::BLOCK * size_of::<A::Key>() + at)?;
        Some(Last { place: number * A::BLOCK + at, key: A::Key::read(*keys.get(at)?), host_bits })
    }
}

/// So many, of which the last one fills up what is lacking.
fn filled<T: Copy>(of: &[T], count: usize) -> impl Iterator<Item = T> {
    of.iter().chain(of.last().into_iter().cycle()).take(count).copied()
}

/// Which of the sorted keys is the last at or before one; the first, where none is. Takes no turn
/// that depends on them.
#[inline]
fn at_or_before<K: Key>(keys: &[K::Bytes], key: K) -> usize {
    let (mut at, mut left) = (0, keys.len());
    while left > 1 {
        let half = left / 2;
        let is_until = keys.get(at + half).is_some_and(|it| K::read(*it) <= key);
        at = select_unpredictable(is_until, at + half, at);
        left -= half;
    }
    at
}

/// The last entry that begins at or before a key, or what of the last block repeats it.
struct Last<K> {
    place: usize,
    key: K,
    /// Of the widest prefix in its chain.
    host_bits: u8,
}

impl<K: Key> Last<K> {
    /// Whether any of the chain holds a key.
    #[inline]
    fn is_around(&self, key: K) -> bool {
        self.key.agrees(key, self.host_bits)
    }
}

/// The number of each entry's chain, and the length of the widest prefix in it.
fn chains<A: Address>(entries: &[Entry<A>], links: &mut Links) -> Vec<(u32, u8)> {
    let mut open: Vec<(A::Key, u32)> = Vec::new(); // (last key, number)
    let mut widest = 0;
    let chain = |entry: &Entry<A>| {
        let (key, _) = entry.start.parted();
        while open.pop_if(|(last, _)| *last < key).is_some() {}
        let around = open.last().map_or(NO_LINK, |(_, number)| *number);
        if around == NO_LINK {
            widest = entry.length;
        }
        let Entry { length, list, level, .. } = *entry;
        let number = links.number(Link { length, list, level }, around);
        open.push((A::bounds(key, length).1, number));
        (number, widest)
    };
    entries.iter().map(chain).collect()
}

#[cfg(test)]
mod tests;
