//! Prefixes around one another, the most specific first, told without where they lie.
//!
//! All prefixes around an address share its first bits, so their lengths say which they are. A link
//! is what one list says of a prefix of some length, and the number of the link around it. Chains
//! that say the same are written once, and share what is around them, so that few links tell much
//! and are often at hand. Promises that no bytes make a walk panic
//! or run for ever, and must not know what a list is.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// What one list says of one prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// How many bits the addresses of the prefix share.
    pub(super) length: u8,
    /// The list, by its place.
    pub(super) list: u16,
    /// What the list counts of it, at most [`LEVEL_MAX`].
    pub(super) level: Option<u8>,
}

/// The highest level told apart.
pub(super) const LEVEL_MAX: u8 = 254;
const NO_LEVEL: u8 = 255;

/// A link as it is written: length, level, two bytes of the list and four of the link around it.
/// Links count from 1 in the order they are written; 0 is none.
pub(super) type LinkRecord = [u8; 8];

/// The number of the outermost link's successor.
pub(super) const NO_LINK: u32 = 0;

/// Links that are being written.
#[derive(Default)]
pub(super) struct Links {
    numbers: HashMap<(Link, u32), u32, FixedState>,
    records: Vec<LinkRecord>,
}

impl Links {
    /// The number of a link with another around it, which was numbered before.
    pub(super) fn number(&mut self, link: Link, around: u32) -> u32 {
        *self.numbers.entry((link, around)).or_insert_with(|| {
            let [list_low, list_high] = link.list.to_le_bytes();
            let level = link.level.unwrap_or(NO_LEVEL);
            let [a, b, c, d] = around.to_le_bytes();
            self.records.push([link.length, level, list_low, list_high, a, b, c, d]);
            u32::try_from(self.records.len()).unwrap_or(NO_LINK)
        })
    }

    /// All links, as they are written.
    pub(super) fn records(&self) -> &[LinkRecord] {
        &self.records
    }
}

/// The links from one outwards, but for those longer than the address agrees with.
#[derive(Clone, Default)]
pub(super) struct Chain<'a> {
    links: &'a [LinkRecord],
    next: usize,
    longest: u8,
    place: usize,
}

impl<'a> Chain<'a> {
    /// Begins at a link. `place` is that of the entry which is told by it.
    #[inline]
    pub(super) fn new(links: &'a [LinkRecord], number: u32, longest: u8, place: usize) -> Self {
        Self { links, next: usize::try_from(number).unwrap_or(0), longest, place }
    }
}

impl Iterator for Chain<'_> {
    /// A link, and the place of its entry where that is behind its key's first 64 bits.
    type Item = (Link, usize);

    #[inline]
    fn next(&mut self) -> Option<(Link, usize)> {
        loop {
            let at = self.next.checked_sub(1)?;
            let [length, level, list_low, list_high, a, b, c, d] = *self.links.get(at)?;
            let around = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0);
            // What is around it was written before it; what says otherwise must not go in circles.
            self.next = around.min(at);
            let place = self.place;
            self.place = place.wrapping_sub(1);
            if length <= self.longest {
                let list = u16::from_le_bytes([list_low, list_high]);
                let level = (level != NO_LEVEL).then_some(level);
                return Some((Link { length, list, level }, place));
            }
        }
    }
}
