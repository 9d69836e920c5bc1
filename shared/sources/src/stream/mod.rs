//! Decode: an input of bytes → events, one a record, in constant memory.
//!
//! Told by content alone, never by name: whether the input is compressed, what its records lie in,
//! and which cloud made each of them. [`window`] makes text of bytes, [`framer`] finds the records
//! of a text, [`object`] and [`crate::envelope`] tell what an object is and [`elements`] what an array
//! is, [`skip`] passes over what cannot be read, and [`mend`] makes more of it readable.

#[cfg(test)]
mod cases;
mod chunk;
mod elements;
mod framer;
mod mend;
mod object;
#[cfg(test)]
mod properties;
mod skip;
mod window;

use std::fmt;
use std::io::{self, Read};

use crate::aws::delivery;
use crate::gunzip;
use crate::reading::Reading;
pub(crate) use chunk::Chunk;
use framer::Framer;
pub(crate) use object::Members;
pub use window::Buffers;

/// One record of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// It was read. Lent, since it is large, is looked at once, and is hardly ever kept.
    Reading(&'a Reading<'a>),
    /// It could not be read, and its neighbors could.
    Rejected(Rejected),
}

/// A record that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it starts: its offset in bytes, in the input as text; for a record in an envelope,
    /// that of the envelope.
    pub at: u64,
    /// Why.
    pub why: Why,
}

/// Why a record was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It is broken, or something else stands where a record should.
    NotJson,
    /// It is JSON, and of no log that is known.
    UnknownRecord,
    /// It is longer than 8 MiB.
    TooLong,
    /// It lies in more than four containers and envelopes.
    TooDeep,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "not JSON",
            Self::UnknownRecord => "not a record of a known log",
            Self::TooLong => "longer than 8 MiB",
            Self::TooDeep => "nested too deeply",
        })
    }
}

/// How much there was of an input that was wholly read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of the input.
    pub input_bytes: u64,
    /// Bytes of text they held: more, where the input was compressed.
    pub text_bytes: u64,
}

/// What stopped an input from being wholly read. Everything before it was handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input could not be read further.
    #[error("cannot read the input")]
    Io(#[from] io::Error),
    /// The compressed data ends too early.
    #[error("gzip data ends too early")]
    GzipTruncated,
    /// The compressed data is damaged.
    #[error("gzip data is damaged")]
    GzipDamaged,
    /// The compressed data expands beyond what logs do.
    #[error("gzip data expands more than 200 times")]
    GzipBomb,
    /// Something that is not compressed data follows it.
    #[error("something else follows the gzip data")]
    GzipTrailing,
    /// The input is no text in UTF-8.
    #[error("binary data, or text that is not UTF-8")]
    Binary,
    /// The input has no JSON.
    #[error("text that is not JSON")]
    NotJson,
    /// The text ends within a record, an array or an object.
    #[error("the text ends within the record at byte {at}")]
    Truncated {
        /// Where the unfinished part starts: its offset in bytes, in the input as text.
        at: u64,
    },
}

/// Reads a whole input. `input` yields bytes as they are on disk or on the wire, plain or gzip;
/// `buffers` is reused between inputs, so that a worker allocates once.
///
/// # Errors
///
/// When the input could not be wholly read. What could be was handed over.
pub fn read(
    input: &mut dyn Read,
    buffers: &mut Buffers,
    sink: &mut dyn FnMut(Event<'_>),
) -> Result<Extent, ReadError> {
    buffers.reset();
    let mut framer = Framer::new();
    let mut text_bytes: u64 = 0;
    loop {
        let filled = buffers.fill(input);
        let text = if let Some(text) = buffers.text() {
            text
        } else {
            buffers.mend();
            buffers.text().unwrap_or_default()
        };
        let is_last = filled.is_ok() && buffers.is_last();
        let mut done = 0;
        if is_last && text_bytes == 0 {
            let progress = delivery::read(text, &mut |reading| sink(Event::Reading(reading)));
            if progress.is_whole {
                text_bytes = u64::try_from(text.len()).unwrap_or_default();
                return Ok(Extent { input_bytes: buffers.input_bytes(), text_bytes });
            }
            done = progress.handed_over;
        }
        let consumed =
            framer.run(text, is_last, &mut |event| match (done.checked_sub(1), &event) {
                (Some(left), Event::Reading(_)) => done = left,
                // The two disagree on where records end, so a record told twice is better than one lost.
                (Some(_), Event::Rejected(_)) => {
                    done = 0;
                    sink(event);
                }
                (None, _) => sink(event),
            })?;
        text_bytes += u64::try_from(consumed).unwrap_or_default();
        filled?;
        if is_last {
            return Ok(Extent { input_bytes: buffers.input_bytes(), text_bytes });
        }
        if consumed == 0 && !buffers.grow() {
            framer.pass_over_too_long(sink);
        }
        buffers.consume(consumed);
    }
}

/// Reads a document that is in memory already: one that another payload held, say. It is read as
/// a whole, so its records may be of any length.
///
/// # Errors
///
/// When the document could not be wholly read. What could be was handed over.
pub fn read_document(
    document: &[u8],
    sink: &mut dyn FnMut(Event<'_>),
) -> Result<Extent, ReadError> {
    let inflated;
    let bytes = if gunzip::is_gzip(document) {
        inflated = gunzip::inflate_document(document).ok_or(ReadError::GzipDamaged)?;
        &inflated
    } else {
        document
    };
    let text = String::from_utf8_lossy(bytes);
    Framer::new().run(&text, true, sink)?;
    let len = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or_default();
    Ok(Extent { input_bytes: len(document), text_bytes: len(bytes) })
}
