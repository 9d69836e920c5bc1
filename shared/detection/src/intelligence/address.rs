//! An address of either family, as it is looked up and as it is written.
//!
//! Promises that nothing is copied to read it. Must not know how entries are searched.

use super::buckets::Key;

/// How many entries are a block.
pub(super) const BLOCK: usize = 8;

/// An address, its key, which is what is looked up, and how an entry is written: the key, three
/// bytes of the chain's number, and the length of the widest prefix in it, which tells at once that
/// none of them holds an address. What of the address is not in the key, the rest, is apart: only
/// who reads a prefix longer than a key needs it.
pub(super) trait Address: Copy + Ord {
    /// IPv6 is looked up by its first 64 bits.
    type Key: Key;
    /// A key as it is written.
    type KeyBytes: Copy + 'static;
    /// An entry as it is written.
    type Record: Copy + 'static;
    /// How many bytes that is.
    const RECORD_BYTES: usize;
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
    /// The fences.
    fn fences(bytes: &[u8]) -> &[Self::KeyBytes];
    /// The key of a fence.
    fn fence(fence: Self::KeyBytes) -> Self::Key;
    /// The blocks of entries.
    fn blocks(entries: &[u8]) -> &[[Self::Record; BLOCK]];
    /// The key of an entry.
    fn key(record: Self::Record) -> Self::Key;
    /// What else it says.
    fn tail(record: Self::Record) -> [u8; 4];
}

macro_rules! address {
    (
        $address:ty, $key:ty, $key_bytes:literal, $rest_bytes:literal, $parted:expr, $joined:expr,
        [$($byte:ident),+]
    ) => {
        impl Address for $address {
            type Key = $key;
            type KeyBytes = [u8; $key_bytes];
            type Record = [u8; $key_bytes + 4];
            const RECORD_BYTES: usize = $key_bytes + 4;
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
            #[inline]
            fn fences(bytes: &[u8]) -> &[[u8; $key_bytes]] {
                bytes.as_chunks().0
            }
            #[inline]
            fn fence(fence: [u8; $key_bytes]) -> $key {
                <$key>::from_le_bytes(fence)
            }
            #[inline]
            fn blocks(entries: &[u8]) -> &[[Self::Record; BLOCK]] {
                entries.as_chunks().0.as_chunks().0
            }
            #[inline]
            fn key([$($byte),+, ..]: Self::Record) -> $key {
                <$key>::from_le_bytes([$($byte),+])
            }
            #[inline]
            fn tail([.., a, b, c, d]: Self::Record) -> [u8; 4] {
                [a, b, c, d]
            }
        }
    };
}

address!(u32, u32, 4, 0, |ip| (ip, 0), |key, _| key, [a, b, c, d]);
address!(u128, u64, 8, 8, halves, whole, [a, b, c, d, e, f, g, h]);

/// The upper and the lower half.
fn halves(ip: u128) -> (u64, u64) {
    let half = |bits| u64::try_from(bits).unwrap_or(0);
    (half(ip >> 64), half(ip & u128::from(u64::MAX)))
}

fn whole(upper: u64, lower: u64) -> u128 {
    u128::from(upper) << 64 | u128::from(lower)
}
