//! An address of either family, as it is looked up and as it is written.
//!
//! Promises that nothing is copied to read it. Must not know how entries are searched.

use super::buckets::Key;

/// A block of entries: one line of a processor's cache.
pub(super) type Block = [u8; BLOCK_BYTES];
/// How large that is.
pub(super) const BLOCK_BYTES: usize = 64;

/// An address, and its key, which is what is looked up. What of the address is not in the key, the
/// rest, is apart: only who reads a prefix longer than a key needs it.
pub(super) trait Address: Copy + Ord {
    /// IPv6 is looked up by its first 64 bits.
    type Key: Key;
    /// How many entries are a block: their keys, and behind them a byte for each.
    const BLOCK: usize = BLOCK_BYTES / (size_of::<Self::Key>() + 1);
    /// How many bytes the rest is.
    const REST_BYTES: usize;
    /// The first part of an address, and the rest.
    fn parted(self) -> (Self::Key, u64);
    /// The address of these parts.
    fn joined(key: Self::Key, rest: u64) -> Self;
    /// The first and the last key of the prefix of `length` bits around a key.
    fn bounds(key: Self::Key, length: u8) -> (Self::Key, Self::Key);
    /// How long a prefix around one key may be and hold the other.
    fn longest(a: Self::Key, b: Self::Key) -> u8;
}

macro_rules! address {
    ($address:ty, $key:ty, $rest_bytes:literal, $parted:expr, $joined:expr) => {
        impl Address for $address {
            type Key = $key;
            const REST_BYTES: usize = $rest_bytes;
            #[inline]
            fn parted(self) -> ($key, u64) {
                $parted(self)
            }
            #[inline]
            fn joined(key: $key, rest: u64) -> Self {
                $joined(key, rest)
            }
            #[inline]
            fn bounds(key: $key, length: u8) -> ($key, $key) {
                let host = <$key>::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                (key & !host, key | host)
            }
            #[inline]
            fn longest(a: $key, b: $key) -> u8 {
                let longest = if a == b { Self::BITS } else { (a ^ b).leading_zeros() };
                u8::try_from(longest).unwrap_or(0)
            }
        }
    };
}

address!(u32, u32, 0, |ip| (ip, 0), |key, _| key);
address!(u128, u64, 8, halves, whole);

/// The upper and the lower half.
fn halves(ip: u128) -> (u64, u64) {
    let half = |bits| u64::try_from(bits).unwrap_or(0);
    (half(ip >> 64), half(ip & u128::from(u64::MAX)))
}

fn whole(upper: u64, lower: u64) -> u128 {
    u128::from(upper) << 64 | u128::from(lower)
}
