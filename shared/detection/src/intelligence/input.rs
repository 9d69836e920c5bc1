//! The numbers of a compiled file: read without ever reaching past its end, and written.

use std::ops::Range;

/// What is much read begins at a multiple of it: the line of a processor's cache.
pub(super) const ALIGNMENT: usize = 64;

/// Bytes yet to be read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    /// Where the file begins.
    from: usize,
    at: usize,
}

impl<'a> Input<'a> {
    /// Reads a file that begins somewhere in the bytes, from one of its places on.
    pub(super) fn new(bytes: &'a [u8], from: usize, at: usize) -> Self {
        Self { bytes, from, at: from + at }
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

    /// The same of bytes that [`align`] had placed.
    pub(super) fn skip_aligned(&mut self, count: usize) -> Option<Range<usize>> {
        let at = self.at - self.from;
        self.skip(at.next_multiple_of(ALIGNMENT) - at)?;
        self.skip(count)
    }

    /// A count of what follows.
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take()?)).ok()
    }
}

/// Fills up to where [`Input::skip_aligned`] goes on.
pub(super) fn align(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

/// Writes what [`Input::count`] reads.
pub(super) fn write_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}
