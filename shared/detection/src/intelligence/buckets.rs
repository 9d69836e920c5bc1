//! Equal parts of the space of keys, and how many of the sorted keys of a table lie before each.
//!
//! Buckets part the space from the first key to the last, and no other. Promises that no bytes make
//! it panic, and must not know what the keys are of.

use std::ops::Range;

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
        }
    };
}

key!(u32);
key!(u64);

/// Where the buckets lie in a file, and how a key becomes the number of its bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets<K> {
    first: K,
    /// How many upper bits of the distance from the first key to the last are zero.
    lead: u32,
    /// How many buckets there are in the space that these bits leave.
    factor: u64,
    befores: Range<usize>,
}

impl<K: Key> Buckets<K> {
    /// Writes as many buckets as there are keys, which are sorted.
    pub(super) fn write(keys: &[K], out: &mut Vec<u8>) {
        let first = keys.first().copied().unwrap_or_default();
        let span = keys.last().and_then(|last| last.behind(first)).unwrap_or(0);
        let lead = span.leading_zeros().min(63);
        let count = u128::try_from(keys.len()).unwrap_or(0);
        let factor = u64::try_from((count << 64) / ((u128::from(span) << lead) + 1));
        let factor = factor.unwrap_or(u64::MAX);
        let buckets = Self { first, lead, factor, befores: 0..0 };
        let mut befores = vec![0_usize; keys.last().map_or(0, |last| buckets.of(*last) + 2)];
        for key in keys {
            if let Some(following) = befores.get_mut(buckets.of(*key) + 1) {
                *following += 1;
            }
        }
        first.write(out);
        out.extend_from_slice(&lead.to_le_bytes());
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
        let lead = u32::from_le_bytes(input.take()?);
        let factor = u64::from_le_bytes(input.take()?);
        let count = input.count()?;
        let befores = input.skip(count.checked_mul(4)?)?;
        (lead < u64::BITS).then_some(Self { first, lead, factor, befores })
    }

    /// How many keys lie before the bucket of a key, and how many before the next one; none where
    /// it lies before the first of all.
    #[inline]
    pub(super) fn around(&self, bytes: &[u8], key: K) -> Option<(usize, usize)> {
        let (befores, _) = bytes.get(self.befores.clone())?.as_chunks::<4>();
        let bucket = if key < self.first { return None } else { self.of(key) };
        // What lies behind the last key is in the last bucket.
        let bucket = bucket.min(befores.len().checked_sub(2)?);
        let [from, to] = *befores.get(bucket..)?.first_chunk::<2>()?;
        let count = |before| usize::try_from(u32::from_le_bytes(before)).ok();
        Some((count(from)?, count(to)?))
    }

    /// The number of a key's bucket.
    #[inline]
    fn of(&self, key: K) -> usize {
        let behind = key.behind(self.first).unwrap_or(0);
        let is_far = behind.leading_zeros() < self.lead;
        let behind = if is_far { u64::MAX } else { behind << self.lead };
        usize::try_from((u128::from(behind) * u128::from(self.factor)) >> 64).unwrap_or(0)
    }
}
