//! The first call of a principal from an origin, as a baseline stores it.

use crate::intelligence::CountryCode;
use crate::timestamp::Timestamp;

use super::{COUNTRIES_MAX, NETWORKS_MAX};

/// The format of a stored value; the first byte of each.
const VERSION: u8 = 1;
const COUNTRY: u8 = 1;
const NETWORK: u8 = 2;

/// Where a call came from, as far as a principal is used to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A country; none of a call that came from a place whose country says nothing of the principal
    /// (a private address, a trusted network), and shows only that it was there.
    Country(Option<CountryCode>),
    /// A network, by the number of its autonomous system; none as above.
    Network(Option<u32>),
}

impl Origin {
    /// Whether it is somewhere.
    pub fn is_place(self) -> bool {
        !matches!(self, Self::Country(None) | Self::Network(None))
    }

    /// Whether both are countries, or both networks.
    pub fn is_alike(self, other: Self) -> bool {
        matches!(self, Self::Country(_)) == matches!(other, Self::Country(_))
    }

    /// How many of its like are told one by one.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Country(_) => COUNTRIES_MAX,
            Self::Network(_) => NETWORKS_MAX,
        }
    }
}

/// The first call from an origin. The order is that of time, then of the event's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct First {
    /// When.
    pub time: Timestamp,
    /// The fingerprint of the event, as its entry holds it.
    pub uid: u64,
    /// From where.
    pub origin: Origin,
}

impl First {
    /// The size of a stored value.
    pub const BYTES: usize = 20;

    /// The bytes to store: version, what the origin is, which (two letters, or a number; zeros for
    /// none), time (6), hash of the event uid (8). Numbers are big-endian.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let (what, which) = match self.origin {
            Origin::Country(code) => (COUNTRY, code.map_or([0; 4], letters)),
            Origin::Network(number) => (NETWORK, number.unwrap_or(0).to_be_bytes()),
        };
        let time = self.time.millis().to_be_bytes();
        let uid = self.uid.to_be_bytes();
        let parts: [&[u8]; 4] = [&[VERSION, what], &which, time.get(2..).unwrap_or_default(), &uid];
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// Reads a stored value; none where its length, version or content is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (head, bytes) = bytes.split_first_chunk::<2>()?;
        let (which, bytes) = bytes.split_first_chunk::<4>()?;
        let (time, uid) = bytes.split_first_chunk::<6>()?;
        let is_none = *which == [0; 4];
        let origin = match head {
            [VERSION, COUNTRY] if is_none => Origin::Country(None),
            [VERSION, COUNTRY] => Origin::Country(Some(code(*which)?)),
            [VERSION, NETWORK] if is_none => Origin::Network(None),
            [VERSION, NETWORK] => Origin::Network(Some(u32::from_be_bytes(*which))),
            _ => return None,
        };
        let time = time.iter().fold(0, |time, byte| time << 8 | i64::from(*byte));
        let uid = u64::from_be_bytes(uid.try_into().ok()?);
        Some(Self { time: Timestamp::from_millis(time)?, uid, origin })
    }
}

fn letters(code: CountryCode) -> [u8; 4] {
    match code.as_str().as_bytes() {
        [a, b] => [*a, *b, 0, 0],
        _ => [0; 4],
    }
}

fn code(which: [u8; 4]) -> Option<CountryCode> {
    let [a, b, 0, 0] = which else { return None };
    str::from_utf8(&[a, b]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored bytes are read by later versions: this test changes only with `VERSION`.
    #[test]
    fn layout_is_pinned() {
        let time = Timestamp::from_millis(1_772_443_500_123).unwrap();
        let of = |origin| First { time, uid: 0x0102_0304_0506_0708, origin };
        for (origin, head) in [
            (Origin::Country(Some("DE".parse().unwrap())), [1, 1, b'D', b'E', 0, 0]),
            (Origin::Country(None), [1, 1, 0, 0, 0, 0]),
            (Origin::Network(Some(64_500)), [1, 2, 0, 0, 0xfb, 0xf4]),
            (Origin::Network(None), [1, 2, 0, 0, 0, 0]),
        ] {
            let bytes = of(origin).to_bytes();
            assert_eq!(bytes[..6], head);
            assert_eq!(bytes[6..], [1, 0x9c, 0xad, 0xdd, 0x7e, 0x5b, 1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(First::from_bytes(&bytes), Some(of(origin)));
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let time = Timestamp::from_millis(7).unwrap();
        let origin = Origin::Country(Some("DE".parse().unwrap()));
        let good = First { time, uid: 1, origin }.to_bytes();
        for (at, byte) in [(0, 2), (1, 0), (1, 3), (2, b'!'), (4, 1), (6, 0xff)] {
            let mut bytes = good;
            bytes[at] = byte;
            assert_eq!(First::from_bytes(&bytes), None, "byte {at}");
        }
        assert_eq!(First::from_bytes(&good[1..]), None);
    }
}
