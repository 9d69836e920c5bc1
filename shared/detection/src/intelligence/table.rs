//! The prefixes of one address family as they lie in a compiled file: from an address to every
//! entry that holds it, in which one read alone is of what is large.
//!
//! An entry is one prefix of one list. Entries are sorted by their first address, wider ones first.
//! Prefixes nest or are disjoint, so whatever holds an address is the last entry that begins at or
//! before it, or around that one; the entry names the [`Chain`] of these, apart, for whom it holds.
//! A [`Block`] has the keys of some entries and for each the length of the widest prefix in its
//! chain, which tells that none of them holds an address. The first key of each block is its fence.
//! [`Buckets`] say at which fence the search begins, and so few fences lie in a bucket that a search
//! seldom takes a turn which depends on what it reads: a processor asks for the next address while
//! it waits for this one's block. Promises that no bytes make it panic or run for ever, and must not
//! know what a list is.

use std::cmp::Reverse;
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
/// So many fences are all looked at; only where more lie in a bucket are they halved.
const FEW: usize = 4;

/// Where a table lies in a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table<A: Address> {
    len: usize,
    links: Range<usize>,
    buckets: Buckets<A::Key>,
    fences: Range<usize>,
    blocks: Range<usize>,
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
        fences.resize(fences.len() + FEW, A::Key::MAX);
        for fence in fences {
            fence.write(out);
        }
        align(out);
        for (keys, chains) in keys.chunks(A::BLOCK).zip(chains.chunks(A::BLOCK)) {
            let end = out.len() + BLOCK_BYTES;
            let unused = std::iter::repeat_n(A::Key::MAX, A::BLOCK - keys.len());
            for key in keys.iter().copied().chain(unused) {
                key.write(out);
            }
            out.extend(chains.iter().map(|(_, widest)| widest));
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
        let fences = input.skip((count + FEW).checked_mul(size_of::<A::Key>())?)?;
        let blocks = input.skip_aligned(count.checked_mul(BLOCK_BYTES)?)?;
        let chains = input.skip(len.checked_mul(CHAIN_BYTES)?)?;
        let rests = input.skip(len.checked_mul(A::REST_BYTES)?)?;
        Some(Self { len, links, buckets, fences, blocks, chains, rests })
    }

    /// What holds a key, the longest first.
    #[inline]
    pub(super) fn around<'a>(&self, bytes: &'a [u8], key: A::Key) -> Chain<'a> {
        let found = self.last_until(bytes, key).filter(Last::may_hold);
        let number = found.as_ref().and_then(|it| self.number(bytes, it.place));
        let (Some(Last { longest, place, .. }), Some(number)) = (found, number) else {
            return Chain::default();
        };
        Chain::new(self.links(bytes), number, longest, place)
    }

    /// Whether anything holds a key.
    #[inline]
    pub(super) fn holds(&self, bytes: &[u8], key: A::Key) -> bool {
        self.last_until(bytes, key).is_some_and(|it| it.may_hold())
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
        let blocks = self.blocks(bytes);
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

    fn blocks<'a>(&self, bytes: &'a [u8]) -> &'a [Block] {
        bytes.get(self.blocks.clone()).unwrap_or_default().as_chunks().0
    }

    /// The number of an entry's chain.
    #[inline]
    fn number(&self, bytes: &[u8], place: usize) -> Option<u32> {
        let chains = bytes.get(self.chains.clone())?.as_chunks::<CHAIN_BYTES>().0;
        let [a, b, c] = *chains.get(place)?;
        Some(u32::from_le_bytes([a, b, c, 0]))
    }

    /// The last entry that begins at or before a key. What fills up the fences and the last block is
    /// at or before the last key alone, which then has the last entry.
    #[inline]
    fn last_until(&self, bytes: &[u8], key: A::Key) -> Option<Last> {
        let is_until = |it: &<A::Key as Key>::Bytes| A::Key::read(*it) <= key;
        let (from, to) = self.buckets.around(bytes, key)?;
        let fences = A::Key::many(bytes.get(self.fences.clone())?).get(from..)?;
        let few = fences.first_chunk::<FEW>()?;
        let mut before = few.iter().map(|fence| usize::from(is_until(fence))).sum();
        if before == FEW {
            before = fences.get(..to.checked_sub(from)?)?.partition_point(is_until);
        }
        let number = (from + before).checked_sub(1)?;
        let block = self.blocks(bytes).get(number)?;
        let keys = A::Key::many(block).get(..A::BLOCK)?;
        let until = keys.iter().map(|it| usize::from(is_until(it))).sum::<usize>();
        let first = number * A::BLOCK;
        let at = until.min(self.len.checked_sub(first)?).checked_sub(1)?;
        let widest = *block.get(A::BLOCK * size_of::<A::Key>() + at)?;
        let longest = A::longest(A::Key::read(*keys.get(at)?), key);
        Some(Last { place: first + at, widest, longest })
    }
}

/// The last entry that begins at or before a key.
struct Last {
    place: usize,
    /// How long the widest prefix in its chain is.
    widest: u8,
    /// How long a prefix that begins there may be and hold the key.
    longest: u8,
}

impl Last {
    /// Whether any of the chain holds the key.
    #[inline]
    fn may_hold(&self) -> bool {
        self.widest <= self.longest
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
