//! The compiled lists: one file, and the same bytes in memory.
//!
//! `magic 8 · version 4 · checksum 4 · length 8 · table of IPv4 · table of IPv6 · lists`, all numbers
//! little-endian. The checksum is the CRC-32 of all that follows it. It is checked once, when a file
//! is loaded; from then on the bytes are used where they lie. Promises that a file which is damaged,
//! cut off, or of another version is an error and never a wrong answer. Must not know where the
//! bytes are kept.

use thiserror::Error;

use super::ListInfo;
use super::aligned::Aligned;
use super::input::{Input, write_count};
use super::table::{ENTRIES_MAX, Entry, Table};

/// As PNG's: a transfer that mends line ends, or strips the eighth bit, is noticed.
const MAGIC: [u8; 8] = *b"\x89CWI\r\n\x1a\n";
/// The version of the format. One that is not known is refused.
const VERSION: u32 = 4;
/// Where the checksummed part begins, with the file's own length.
const CHECKED_FROM: usize = 16;

/// A compiled file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompiledError {
    /// It is something else.
    #[error("it is no compiled intelligence: `callerwatch intel build` makes one of lists")]
    Foreign,
    /// It is of another version.
    #[error(
        "its format is version {0}, and version {VERSION} is read: build it with this callerwatch"
    )]
    Version(u32),
    /// It is not as long as it says.
    #[error("it is {found} bytes long and should be {expected}: it was cut off or added to")]
    Length {
        /// What it says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// Its bytes are not those that were written.
    #[error("its checksum does not match: it is damaged")]
    Damaged,
    /// Its bytes are, and make no sense.
    #[error("its checksum matches and its content makes no sense: it was not made by callerwatch")]
    Malformed,
    /// With what else was given it is more than fits.
    #[error("more than {ENTRIES_MAX} prefixes, or more lists than can be told apart")]
    TooLarge,
}

/// All lists, compiled.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) bytes: Aligned,
    pub(super) v4: Table<u32>,
    pub(super) v6: Table<u128>,
    pub(super) lists: Vec<ListInfo>,
}

impl Compiled {
    /// Compiles the entries of lists.
    pub(super) fn of(lists: Vec<ListInfo>, v4: Vec<Entry<u32>>, v6: Vec<Entry<u128>>) -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 12]);
        Table::write(v4, &mut bytes);
        Table::write(v6, &mut bytes);
        let told = serde_json::to_vec(&lists).unwrap_or_default();
        write_count(told.len(), &mut bytes);
        bytes.extend_from_slice(&told);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Some(place) = bytes.get_mut(CHECKED_FROM..CHECKED_FROM + 8) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let checksum = crc32fast::hash(bytes.get(CHECKED_FROM..).unwrap_or_default());
        if let Some(place) = bytes.get_mut(CHECKED_FROM - 4..CHECKED_FROM) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
        let bytes = Aligned::from(bytes);
        let (v4, v6, _) = parts(&bytes).unwrap_or_default();
        Self { bytes, v4, v6, lists }
    }

    /// Takes the bytes of a file.
    pub(super) fn load(bytes: Vec<u8>) -> Result<Self, CompiledError> {
        let mut header = Input::new(&bytes, 0, 0);
        if header.take() != Some(MAGIC) {
            return Err(CompiledError::Foreign);
        }
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let cut_off = CompiledError::Length { expected: 24, found };
        let mut word = || header.take().map(u32::from_le_bytes).ok_or(cut_off.clone());
        let (version, checksum) = (word()?, word()?);
        if version != VERSION {
            return Err(CompiledError::Version(version));
        }
        let expected = header.take().map(u64::from_le_bytes).ok_or(cut_off)?;
        if expected != found {
            return Err(CompiledError::Length { expected, found });
        }
        if crc32fast::hash(bytes.get(CHECKED_FROM..).unwrap_or_default()) != checksum {
            return Err(CompiledError::Damaged);
        }
        let bytes = Aligned::from(bytes);
        let (v4, v6, lists) = parts(&bytes).ok_or(CompiledError::Malformed)?;
        let told = bytes.room().get(lists).ok_or(CompiledError::Malformed)?;
        let lists = serde_json::from_slice(told).map_err(|_| CompiledError::Malformed)?;
        Ok(Self { bytes, v4, v6, lists })
    }
}

/// The tables, and where the lists are told.
type Parts = (Table<u32>, Table<u128>, std::ops::Range<usize>);

/// Where they lie in the room of the file.
fn parts(bytes: &Aligned) -> Option<Parts> {
    let mut input = Input::new(bytes.room(), bytes.start(), CHECKED_FROM + 8);
    let (v4, v6) = (Table::find(&mut input)?, Table::find(&mut input)?);
    let length = input.count()?;
    let lists = input.skip(length)?;
    (lists.end == bytes.room().len()).then_some((v4, v6, lists))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::intelligence::{Category, Intelligence};

    fn file() -> Vec<u8> {
        let lists = "203.0.113.0/24\n203.0.113.7\n2001:db8::/32\n2001:db8::7\n";
        let builder = Intelligence::builder().list("a", Category::Custom, lists.as_bytes());
        builder.unwrap().dated(1_772_438_400).build().as_bytes().to_vec()
    }

    fn why(bytes: &[u8]) -> String {
        Intelligence::load(bytes).err().map_or("loaded".to_owned(), |error| error.to_string())
    }

    #[test]
    fn the_file_of_feeds_is_named_after_its_version() {
        assert_eq!(crate::feeds::LISTS, format!("current-{VERSION}.cwi"));
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let good = file();
        assert_eq!(why(&good), "loaded");
        for bytes in [&b""[..], b"203.0.113.7\n", b"\x89PNG\r\n\x1a\n", &good[1..], &MAGIC[..7]] {
            assert!(why(bytes).starts_with("it is no compiled intelligence"), "{bytes:?}");
        }
        let mut newer = good.clone();
        newer[8] = 5;
        assert!(why(&newer).starts_with("its format is version 5, and version 4 is read"));
        let cut = good.len() - 1;
        assert_eq!(
            why(&good[..cut]),
            format!("it is {cut} bytes long and should be {}: it was cut off or added to", cut + 1)
        );
        assert!(why(&MAGIC).contains("cut off"));
        let mut flipped = good.clone();
        flipped[cut / 2] ^= 1;
        assert_eq!(why(&flipped), "its checksum does not match: it is damaged");
        // As somebody would make it who means harm.
        let mut forged = good;
        forged[24] = 0xff;
        let checksum = crc32fast::hash(&forged[CHECKED_FROM..]);
        forged[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        assert!(why(&forged).contains("makes no sense"));
    }

    proptest! {
        #[test]
        fn damage_is_an_error(
            flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1_u8..), 0..4),
            cut in any::<proptest::sample::Index>(),
            is_cut: bool,
        ) {
            let mut bytes = file();
            let good = bytes.clone();
            for (at, bits) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            if is_cut {
                bytes.truncate(cut.index(good.len()));
            }
            prop_assert_eq!(Intelligence::load(bytes.as_slice()).is_ok(), bytes == good);
        }

        /// Whatever a file says whose checksum is right, it is read without a panic.
        #[test]
        fn no_content_panics(
            flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
            address in any::<u32>(),
        ) {
            let mut bytes = file();
            for (at, byte) in flips {
                let at = CHECKED_FROM + 8 + at.index(bytes.len() - CHECKED_FROM - 8);
                bytes[at] = byte;
            }
            let checksum = crc32fast::hash(&bytes[CHECKED_FROM..]);
            bytes[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
            if let Ok(intelligence) = Intelligence::load(bytes) {
                let near = (0xcb00_7107 ^ (address & 0xff)).into();
                for ip in [std::net::Ipv4Addr::from_bits(address), near] {
                    prop_assert!(intelligence.named(ip.into()).len() <= 4);
                }
                prop_assert!(intelligence.named("2001:db8::7".parse().unwrap()).len() <= 4);
            }
        }
    }
}
