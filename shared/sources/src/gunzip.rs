//! Decode: gzip, member after member, into buffers that are given.
//!
//! Promises to hand out all that can be inflated of a truncated or damaged file before saying so,
//! and to refuse files made to expand without end. Knows nothing of what it inflates.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{Crc, Decompressor};

use crate::stream::{Chunk, ReadError};

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const TRAILER_BYTES: usize = 8;

/// Output below this is never refused.
const BOMB_MIN_BYTES: u64 = 16 << 20;
/// Logs shrink by up to 50 times, deflate by up to 1,032.
const BOMB_RATIO: u64 = 200;

/// Whether bytes are the start of a gzip file.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Inflates a small document held in memory; none where it is damaged or expands beyond reason.
pub(crate) fn inflate_document(bytes: &[u8]) -> Option<Vec<u8>> {
    const MIN_BYTES: u64 = 1 << 20;
    let len = u64::try_from(bytes.len()).ok()?;
    let max = len.saturating_mul(BOMB_RATIO).saturating_add(MIN_BYTES).min(BOMB_MIN_BYTES);
    let mut inflated = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).take(max + 1).read_to_end(&mut inflated).ok()?;
    (u64::try_from(inflated.len()).ok()? <= max).then_some(inflated)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Header,
    Body,
    Trailer,
    End,
}

/// The state of inflating one file. One raw inflater serves all files of a worker: making a new
/// one costs as much as inflating a small file.
pub(crate) struct Gunzip {
    /// For files that are here whole, at once: twice as fast.
    at_once: Decompressor,
    inflater: Decompress,
    /// Checksum and length of the member so far.
    crc: Crc,
    len: u32,
    part: Part,
    members: u64,
    used: u64,
    produced: u64,
}

impl std::fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gunzip").field("part", &self.part).finish_non_exhaustive()
    }
}

impl Gunzip {
    pub(crate) fn new() -> Self {
        Self {
            at_once: Decompressor::new(),
            inflater: Decompress::new(false),
            crc: Crc::new(),
            len: 0,
            part: Part::Header,
            members: 0,
            used: 0,
            produced: 0,
        }
    }

    /// Makes ready for another input.
    pub(crate) fn reset(&mut self) {
        self.part = Part::Header;
        (self.members, self.used, self.produced) = (0, 0, 0);
    }

    /// Inflates a whole file at once into `out`, which grows to at most `max` bytes, and tells how
    /// many it was. None, and nothing used, where the file is not all here, is of several members,
    /// larger than that, or not sound: then it is for [`Self::read`] to go through it.
    pub(crate) fn read_whole(
        &mut self,
        chunk: &mut Chunk,
        input: &mut dyn Read,
        out: &mut Vec<u8>,
        max: usize,
    ) -> io::Result<Option<usize>> {
        if !chunk.all(input)? {
            return Ok(None);
        }
        let file = chunk.rest();
        let Some((packed, trailer)) = file.split_last_chunk::<TRAILER_BYTES>() else {
            return Ok(None);
        };
        let [c0, c1, c2, c3, l0, l1, l2, l3] = *trailer;
        let len = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let body = header_len(packed).and_then(|header| packed.get(header..));
        // What could be the start of another member rarely is, and then nothing is lost but time.
        let is_one = |body: &&[u8]| memchr::memmem::find(body, &MAGIC).is_none();
        let Some(body) = body.filter(|_| len <= max).filter(is_one) else {
            return Ok(None);
        };
        if out.len() < len {
            out.resize(len, 0);
        }
        let text = out.get_mut(..len).unwrap_or_default();
        let inflated = self.at_once.deflate_decompress(body, text);
        let mut crc = Crc::new();
        crc.update(text);
        if inflated.ok() != Some(len) || crc.sum() != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Ok(None);
        }
        chunk.used(file.len());
        self.part = Part::End;
        Ok(Some(len))
    }

    /// Inflates some bytes into `out`; nothing at the end of the file.
    pub(crate) fn read(
        &mut self,
        chunk: &mut Chunk,
        input: &mut dyn Read,
        out: &mut [u8],
    ) -> Result<usize, ReadError> {
        loop {
            match self.part {
                Part::Header => self.header(chunk, input)?,
                Part::Body => {
                    let produced = self.body(chunk, input, out)?;
                    if produced > 0 {
                        return Ok(produced);
                    }
                }
                Part::Trailer => self.trailer(chunk, input)?,
                Part::End => return Ok(0),
            }
        }
    }

    /// The start of a member, the end of the file, or something else after the last member.
    fn header(&mut self, chunk: &mut Chunk, input: &mut dyn Read) -> Result<(), ReadError> {
        let mut wanted = 10;
        loop {
            chunk.at_least(wanted, input)?;
            let rest = chunk.rest();
            if self.members > 0 && !is_gzip(rest) {
                return self.after_last_member(chunk, input);
            }
            match header_len(rest) {
                Some(len) => {
                    self.used += u64::try_from(len).unwrap_or_default();
                    chunk.used(len);
                    self.inflater.reset(false);
                    self.crc = Crc::new();
                    self.len = 0;
                    self.part = Part::Body;
                    return Ok(());
                }
                None if rest.len() < wanted => return Err(ReadError::GzipTruncated),
                None => wanted = rest.len() + 1,
            }
            if wanted > Chunk::MAX_BYTES {
                return Err(ReadError::GzipDamaged);
            }
        }
    }

    /// Zeros pad a file to the blocks of what it was stored on; anything else is told.
    fn after_last_member(
        &mut self,
        chunk: &mut Chunk,
        input: &mut dyn Read,
    ) -> Result<(), ReadError> {
        while !chunk.rest().is_empty() {
            if chunk.rest().iter().any(|byte| *byte != 0) {
                return Err(ReadError::GzipTrailing);
            }
            chunk.used(chunk.rest().len());
            chunk.at_least(1, input)?;
        }
        self.part = Part::End;
        Ok(())
    }

    fn body(
        &mut self,
        chunk: &mut Chunk,
        input: &mut dyn Read,
        out: &mut [u8],
    ) -> Result<usize, ReadError> {
        chunk.at_least(1, input)?;
        let (in_before, out_before) = (self.inflater.total_in(), self.inflater.total_out());
        let result = self.inflater.decompress(chunk.rest(), out, FlushDecompress::None);
        let used = self.inflater.total_in() - in_before;
        let produced = usize::try_from(self.inflater.total_out() - out_before).unwrap_or_default();
        self.used += used;
        self.produced += u64::try_from(produced).unwrap_or_default();
        chunk.used(usize::try_from(used).unwrap_or_default());
        self.crc.update(out.get(..produced).unwrap_or_default());
        self.len = self.len.wrapping_add(u32::try_from(produced).unwrap_or_default());
        if self.produced > BOMB_MIN_BYTES && self.produced / BOMB_RATIO > self.used {
            return Err(ReadError::GzipBomb);
        }
        match result {
            Ok(Status::StreamEnd) => self.part = Part::Trailer,
            // What was inflated before the damage is handed out first; the error comes again.
            Err(_) if produced == 0 => return Err(ReadError::GzipDamaged),
            Ok(_) if produced == 0 && used == 0 => {
                let is_cut = chunk.rest().is_empty();
                return Err(if is_cut { ReadError::GzipTruncated } else { ReadError::GzipDamaged });
            }
            Ok(_) | Err(_) => {}
        }
        Ok(produced)
    }

    fn trailer(&mut self, chunk: &mut Chunk, input: &mut dyn Read) -> Result<(), ReadError> {
        chunk.at_least(TRAILER_BYTES, input)?;
        let Some(trailer) = chunk.rest().first_chunk::<TRAILER_BYTES>() else {
            return Err(ReadError::GzipTruncated);
        };
        let [c0, c1, c2, c3, l0, l1, l2, l3] = *trailer;
        let is_whole = u32::from_le_bytes([c0, c1, c2, c3]) == self.crc.sum()
            && u32::from_le_bytes([l0, l1, l2, l3]) == self.len;
        if !is_whole {
            return Err(ReadError::GzipDamaged);
        }
        chunk.used(TRAILER_BYTES);
        self.used += 8;
        self.members += 1;
        self.part = Part::Header;
        Ok(())
    }
}

/// The length of a member's header; none while it is incomplete.
fn header_len(bytes: &[u8]) -> Option<usize> {
    const HAS_HEADER_CRC: u8 = 2;
    const HAS_EXTRA: u8 = 4;
    const HAS_NAME: u8 = 8;
    const HAS_COMMENT: u8 = 16;
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & HAS_EXTRA != 0 {
        let len = [*bytes.get(at)?, *bytes.get(at + 1)?];
        at += 2 + usize::from(u16::from_le_bytes(len));
    }
    for flag in [HAS_NAME, HAS_COMMENT] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & HAS_HEADER_CRC != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::stream::{Buffers, read};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The number of lines read, and the error.
    fn lines(mut bytes: &[u8]) -> (usize, String) {
        let mut count = 0;
        let result = read(&mut bytes, &mut Buffers::new(), &mut |_| count += 1);
        (count, result.err().map(|error| error.to_string()).unwrap_or_default())
    }

    #[test]
    fn files() {
        let text = "{\"a\":1}\n".repeat(1000);
        let whole = gzip(text.as_bytes());
        let named = {
            let encoder = flate2::GzBuilder::new().filename("n").comment("c").extra([1, 2, 3]);
            let mut encoder = encoder.write(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let with = |more: &[u8]| [whole.as_slice(), more].concat();
        let mut damaged = whole.clone();
        *damaged.iter_mut().nth_back(6).unwrap() ^= 1;
        for (bytes, count, error) in [
            (whole.clone(), 1000, ""),
            (named, 1000, ""),
            (with(&whole), 2000, ""),
            (with(&[0; 100]), 1000, ""),
            (with(b"junk"), 1000, "something else follows the gzip data"),
            (damaged, 1000, "gzip data is damaged"),
            (whole[..whole.len() - 4].to_vec(), 1000, "gzip data ends too early"),
            (whole[..5].to_vec(), 0, "gzip data ends too early"),
            (gzip(b""), 0, ""),
            (vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff], 0, "gzip data is damaged"),
        ] {
            assert_eq!(lines(&bytes), (count, error.to_owned()), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn what_came_before_the_end_is_read() {
        let objects: Vec<String> = (0..100_000).map(|n| format!("{{\"a\":{n}}}\n")).collect();
        let text = objects.concat();
        let whole = gzip(text.as_bytes());
        let (count, error) = lines(&whole[..whole.len() / 2]);
        assert!(count > 40_000, "{count}");
        assert_eq!(error, "gzip data ends too early");
    }

    #[test]
    fn bombs() {
        let (_, error) = lines(&gzip(&vec![b' '; 40 << 20]));
        assert_eq!(error, "gzip data expands more than 200 times");
        assert_eq!(inflate_document(&gzip(&vec![b' '; 4 << 20])), None);
        assert_eq!(inflate_document(&gzip(b"text")).as_deref(), Some(b"text".as_slice()));
    }
}
