//! Equal parts of the space of keys, and how many of the sorted keys of a table lie before each.
//!
//! Buckets part the space from the first key to the last, and no other. Promises that no bytes make
//! it panic, and must not know what the keys are of.

use super::input::{Input, write_count};

/// What is looked up.
pub(super) trait Key: Copy + Ord + Default {
    /// The last of all.
    const MAX: Self;
    /// A key as it is written.
    type Bytes: Copy + 'static;
    /// Writes it.
    fn write(self, out: &mut Vec<u8>);
    /// Reads what [`Key::write`] wrote.
    fn read(bytes: Self::Bytes) -> Self;
    /// Reads the next of an input.
    fn take(input: &mut Input<'_>) -> Option<Self>;
    /// All that lie in some bytes, as they are written.
    fn many(bytes: &[u8]) -> &[Self::Bytes];
    /// How far behind another it lies.
    fn behind(self, first: Self) -> Option<u64>;
    /// How many bits it has after its first `length`.
    fn host_bits(length: u8) -> u8;
    /// Whether it shares all bits with another but for so many of the last.
    fn agrees(self, other: Self, host_bits: u8) -> bool;
}

macro_rules! key {
    ($key:ty) => {
        impl Key for $key {
            const MAX: Self = <$key>::MAX;
            type Bytes = [u8; size_of::<$key>()];
            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn read(bytes: Self::Bytes) -> Self {
                Self::from_le_bytes(bytes)
            }
            fn take(input: &mut Input<'_>) -> Option<Self> {
                input.take().map(Self::from_le_bytes)
            }
            #[inline]
            fn many(bytes: &[u8]) -> &[Self::Bytes] {
                bytes.as_chunks().0
            }
            #[inline]
            fn behind(self, first: Self) -> Option<u64> {
                self.checked_sub(first).map(u64::from)
            }
            fn host_bits(length: u8) -> u8 {
                u8::try_from(Self::BITS).unwrap_or(0).saturating_sub(length)
            }
            #[inline]
            fn agrees(self, other: Self, host_bits: u8) -> bool {
                (self ^ other).unbounded_shr(u32::from(host_bits)) == 0
            }
        }
    };
}

key!(u32);
key!(u64);

/// Where the buckets lie in a file, and how a key becomes the number of its bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets<K> {
    first: K,
    /// How far behind it the last one lies.
    span: u64,
    /// How many lower bits of that are not told apart.
    shift: u32,
    /// How many buckets there are for 2^32 times of what is left.
    factor: u64,
    befores: usize,
}

impl<K: Key> Buckets<K> {
    /// Writes half as many buckets as there are keys, which are sorted.
    pub(super) fn write(keys: &[K], out: &mut Vec<u8>) {
        let first = keys.first().copied().unwrap_or_default();
        let span = keys.last().and_then(|last| last.behind(first)).unwrap_or(0);
        let shift = 32_u32.saturating_sub(span.leading_zeros());
        let count = u64::try_from(keys.len().div_ceil(2)).unwrap_or(0);
        let factor = (count << 32) / ((span >> shift) + 1);
        let buckets = Self { first, span, shift, factor, befores: 0 };
        let bucket = |key| buckets.of(key).unwrap_or(0);
        let mut befores = vec![0_usize; keys.last().map_or(0, |last| bucket(*last)) + 2];
        for key in keys {
            if let Some(following) = befores.get_mut(bucket(*key) + 1) {
                *following += 1;
            }
        }
        first.write(out);
        out.extend_from_slice(&span.to_le_bytes());
        out.extend_from_slice(&shift.to_le_bytes());
        out.extend_from_slice(&factor.to_le_bytes());
        write_count(befores.len(), out);
        let mut sum = 0;
        for before in befores {
            sum += before;
            write_count(sum, out);
        }
    }

    /// Finds the buckets that lie next in a file.
    pub(super) fn find(input: &mut Input<'_>) -> Option<Self> {
        let first = K::take(input)?;
        let span = u64::from_le_bytes(input.take()?);
        let shift = u32::from_le_bytes(input.take()?);
        let factor = u64::from_le_bytes(input.take()?);
        let count = input.count()?;
        let befores = input.skip(count.checked_mul(4)?)?.start;
        (shift < u64::BITS).then_some(Self { first, span, shift, factor, befores })
    }

    /// How many keys lie before the bucket of a key, and how many before the next one; none where
    /// it lies before the first of all.
    #[inline]
    pub(super) fn around(&self, bytes: &[u8], key: K) -> Option<(usize, usize)> {
        let befores = bytes.get(self.befores + 4 * self.of(key)?..)?.first_chunk::<8>()?;
        let (befores, _) = befores.as_chunks::<4>();
        let count = |before: &[u8; 4]| usize::try_from(u32::from_le_bytes(*before)).ok();
        Some((count(befores.first()?)?, count(befores.last()?)?))
    }

    /// The number of a key's bucket. What lies behind the last key is in the last one.
    #[inline]
    fn of(&self, key: K) -> Option<usize> {
        let behind = key.behind(self.first)?.min(self.span) >> self.shift;
        usize::try_from(behind.wrapping_mul(self.factor) >> 32).ok()
    }
}
