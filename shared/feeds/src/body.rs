//! The body of an answer: gathered and inflated, within bounds.
//!
//! Promises that no more is ever held than the limits allow, whatever the answer says of its
//! length, and however far it would inflate. Must not know what is in it.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::fetch::{FetchFault, Limits};

/// A file that is compressed may be compressed once more on its way.
const LAYERS_MAX: usize = 2;
const GZIP: &[u8] = b"\x1f\x8b";

/// All of a body, as it was sent.
pub(crate) async fn gather<B>(mut body: B, limits: &Limits) -> Result<Vec<u8>, FetchFault>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let max = limits.sent_bytes;
    let declared = body.size_hint().lower();
    if declared > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(FetchFault::TooLarge(max));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(declared).unwrap_or_default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(FetchFault::Broken)?;
        let Some(chunk) = frame.data_ref() else { continue };
        if chunk.len() > max - bytes.len() {
            return Err(FetchFault::TooLarge(max));
        }
        bytes.extend_from_slice(chunk);
    }
    Ok(bytes)
}

/// What a body holds. Told by its first bytes: servers disagree on whether a file that is compressed
/// is to be said to be encoded so.
pub(crate) fn inflate(mut bytes: Vec<u8>, limits: &Limits) -> Result<Bytes, FetchFault> {
    let max = limits.held_bytes;
    let past_max = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    for _ in 0..LAYERS_MAX {
        if !bytes.starts_with(GZIP) {
            break;
        }
        let mut inflated = Vec::new();
        let read = MultiGzDecoder::new(bytes.as_slice()).take(past_max).read_to_end(&mut inflated);
        read.map_err(FetchFault::Gzip)?;
        bytes = inflated;
        if bytes.len() > max {
            return Err(FetchFault::TooLarge(max));
        }
    }
    if bytes.len() > max { Err(FetchFault::TooLarge(max)) } else { Ok(bytes.into()) }
}
