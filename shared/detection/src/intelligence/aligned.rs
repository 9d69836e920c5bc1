//! Bytes that lie in memory as they are meant to lie in the lines of a processor's cache.
//!
//! Promises the bytes it was given, wherever there is no such place too: what is not aligned is read
//! more slowly, and no less rightly.

use super::input::ALIGNMENT;

/// Bytes of which the first is at a multiple of [`ALIGNMENT`].
#[derive(Default)]
pub(super) struct Aligned {
    room: Vec<u8>,
    from: usize,
}

impl From<Vec<u8>> for Aligned {
    /// Moves them within what they lie in.
    fn from(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        bytes.reserve_exact(ALIGNMENT);
        let from = bytes.as_ptr().align_offset(ALIGNMENT);
        let from = if from < ALIGNMENT { from } else { 0 };
        bytes.resize(length + from, 0);
        bytes.copy_within(..length, from);
        Self { room: bytes, from }
    }
}

impl Aligned {
    /// The bytes.
    pub(super) fn file(&self) -> &[u8] {
        self.room.get(self.from..).unwrap_or_default()
    }

    /// What they lie in.
    #[inline]
    pub(super) fn room(&self) -> &[u8] {
        &self.room
    }

    /// Where in it they begin.
    pub(super) fn start(&self) -> usize {
        self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_at_a_multiple() {
        for length in [0, 1, 100, 5000] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let aligned = Aligned::from(bytes.clone());
            assert_eq!(aligned.file(), bytes);
            assert_eq!(aligned.file().as_ptr().align_offset(ALIGNMENT), 0);
        }
    }
}
