//! Deliver: the bytes of an input, read piece by piece.
//!
//! Promises that enough of them lie together to be looked at, whatever the sizes of the reads.

use std::io::{self, Read};

/// The part of an input that was read and not yet used.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    total: u64,
}

impl Chunk {
    /// The most it holds.
    pub(crate) const MAX_BYTES: usize = 1 << 20;

    /// Allocates.
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; Self::MAX_BYTES], start: 0, end: 0, ended: false, total: 0 }
    }

    /// Makes ready for another input.
    pub(crate) fn reset(&mut self) {
        (self.start, self.end, self.ended, self.total) = (0, 0, false, 0);
    }

    /// All bytes that were read of the input.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// What is not yet used.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Lets go of bytes from the start.
    pub(crate) fn used(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Reads on until there are `count` bytes, or no more to come. More than the chunk can hold
    /// are never had.
    pub(crate) fn at_least(&mut self, count: usize, input: &mut dyn Read) -> io::Result<()> {
        while self.end - self.start < count && !self.ended {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let free = self.bytes.get_mut(self.end..).unwrap_or_default();
            if free.is_empty() {
                break;
            }
            let read = read_some(input, free)?;
            self.end += read;
            self.total += u64::try_from(read).unwrap_or_default();
            self.ended = read == 0;
        }
        Ok(())
    }

    /// Reads on to the end of the input; tells whether that fitted.
    pub(crate) fn all(&mut self, input: &mut dyn Read) -> io::Result<bool> {
        self.at_least(usize::MAX, input)?;
        Ok(self.ended)
    }

    /// Fills `out` with what is left here, else straight from `input`; nothing at the end.
    pub(crate) fn read_plain(&mut self, input: &mut dyn Read, out: &mut [u8]) -> io::Result<usize> {
        let count = self.rest().len().min(out.len());
        if count > 0 {
            for (to, from) in out.iter_mut().zip(self.rest()) {
                *to = *from;
            }
            self.used(count);
            return Ok(count);
        }
        if self.ended {
            return Ok(0);
        }
        let read = read_some(input, out)?;
        self.total += u64::try_from(read).unwrap_or_default();
        self.ended = read == 0;
        Ok(read)
    }
}

fn read_some(input: &mut dyn Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(read) => return Ok(read.min(out.len())),
        }
    }
}
