//! Deliver: a bounded window of text over an input of any length.
//!
//! Promises text that is valid UTF-8, whatever the input is, cut only between characters, and the
//! same windows whatever the sizes of the reads behind them. Knows nothing of JSON.

use std::io::Read;

use super::{Chunk, ReadError};
use crate::gunzip::{Gunzip, is_gzip};

const INITIAL_BYTES: usize = 1 << 20;

/// The longest record that is read.
pub(crate) const MAX_RECORD_BYTES: usize = 8 << 20;

/// What is looked at to tell text from anything else.
const SAMPLE_BYTES: usize = 4096;

/// What reading needs of memory, reused from input to input: a window of text (1 MiB, and up to
/// 8 MiB once a record needs it) and an inflater.
#[derive(Debug)]
pub struct Buffers {
    chunk: Chunk,
    gunzip: Gunzip,
    bytes: Vec<u8>,
    /// `start..valid` is text not yet consumed, `valid..end` the first bytes of a character.
    start: usize,
    valid: usize,
    end: usize,
    is_opened: bool,
    is_gzip: bool,
    is_last: bool,
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

impl Buffers {
    /// Allocates.
    pub fn new() -> Self {
        Self {
            chunk: Chunk::new(),
            gunzip: Gunzip::new(),
            bytes: vec![0; INITIAL_BYTES],
            start: 0,
            valid: 0,
            end: 0,
            is_opened: false,
            is_gzip: false,
            is_last: false,
        }
    }

    /// Makes ready for another input.
    pub(super) fn reset(&mut self) {
        self.chunk.reset();
        self.gunzip.reset();
        (self.start, self.valid, self.end) = (0, 0, 0);
        (self.is_opened, self.is_gzip, self.is_last) = (false, false, false);
    }

    /// Fills the window, but for what of its text was not consumed. On an error the window has
    /// what came before it.
    pub(super) fn fill(&mut self, input: &mut dyn Read) -> Result<(), ReadError> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let filled = self.read_until_full(input);
        self.valid = self.end;
        filled
    }

    /// The text of the window; none where it is no UTF-8, and has to be mended first.
    pub(super) fn text(&self) -> Option<&str> {
        simdutf8::basic::from_utf8(self.bytes.get(self.start..self.valid)?).ok()
    }

    /// Replaces what is no UTF-8 by question marks, byte by byte, so that nothing moves.
    pub(super) fn mend(&mut self) {
        self.valid = self.start;
        while let Some(new) = self.bytes.get_mut(self.valid..self.end) {
            let Err(error) = simdutf8::compat::from_utf8(new) else {
                self.valid = self.end;
                break;
            };
            let good = error.valid_up_to();
            let bad = match error.error_len() {
                Some(len) => len,
                None if self.is_last => new.len() - good,
                None => {
                    self.valid += good;
                    break;
                }
            };
            new.iter_mut().skip(good).take(bad).for_each(|byte| *byte = b'?');
            self.valid += good + bad;
        }
    }

    /// Whether the input ends with this window.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Lets go of text from the start of the window.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes).min(self.valid);
    }

    /// Doubles the window; tells whether it could.
    pub(super) fn grow(&mut self) -> bool {
        let len = self.bytes.len();
        let can_grow = len < MAX_RECORD_BYTES;
        if can_grow {
            self.bytes.resize((len * 2).min(MAX_RECORD_BYTES), 0);
        }
        can_grow
    }

    /// All bytes that were read of the input.
    pub(super) fn input_bytes(&self) -> u64 {
        self.chunk.total()
    }

    fn read_until_full(&mut self, input: &mut dyn Read) -> Result<(), ReadError> {
        let is_first = !self.is_opened;
        if is_first {
            self.is_opened = true;
            self.chunk.at_least(3, input)?;
            self.is_gzip = is_gzip(self.chunk.rest());
        }
        let mut result = Ok(());
        if is_first && self.is_gzip {
            let Self { gunzip, chunk, bytes, .. } = self;
            if let Some(len) = gunzip.read_whole(chunk, input, bytes, MAX_RECORD_BYTES)? {
                self.end = len;
            }
        }
        while let Some(free) = self.bytes.get_mut(self.end..).filter(|free| !free.is_empty()) {
            let read = if self.is_gzip {
                self.gunzip.read(&mut self.chunk, input, free)
            } else {
                self.chunk.read_plain(input, free).map_err(ReadError::from)
            };
            match read {
                Ok(0) => {
                    self.is_last = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let sample = self.bytes.get(..self.end.min(SAMPLE_BYTES)).unwrap_or_default();
        if is_first && is_binary(sample) {
            self.end = 0;
            return Err(ReadError::Binary);
        }
        result
    }
}

/// Text has no NULs, and is UTF-8 for the most part. UTF-16 is taken for binary too.
fn is_binary(sample: &[u8]) -> bool {
    if memchr::memchr(0, sample).is_some() {
        return true;
    }
    if simdutf8::basic::from_utf8(sample).is_ok() {
        return false;
    }
    let invalid: usize = sample.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    invalid > sample.len() / 4
}
