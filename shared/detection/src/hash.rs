//! Stable fingerprints: the same text gives the same number on every machine and in every release,
//! since ledgers written by one version are read by the next.
//!
//! SipHash-1-3 with a fixed key. Collisions among texts an attacker chooses would have to be
//! searched for by brute force, and gain nothing but one account counted as another.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher13_128};

const KEY: (u64, u64) = (0x6361_6c6c_6572_7761, 0x7463_682f_7631_0000);

/// Fingerprint of a sequence of texts, each kept apart from the next.
pub fn of_parts(parts: &[&str]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(KEY.0, KEY.1);
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff); // never occurs in UTF-8, so ("a", "bc") differs from ("ab", "c")
    }
    hasher.finish()
}

/// Fingerprint of numbers, told apart from other uses of the same numbers by `what` they are.
pub fn of_numbers(what: &str, numbers: &[u64]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(KEY.0, KEY.1);
    hasher.write(what.as_bytes());
    for number in numbers {
        hasher.write(&number.to_be_bytes());
    }
    hasher.finish()
}

/// Like [`of_parts`], blind to the case of ASCII letters: clouds write one name in several cases.
pub fn of_parts_ignoring_case(parts: &[&str]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(KEY.0, KEY.1);
    let mut folded = [0_u8; 64];
    for part in parts {
        for chunk in part.as_bytes().chunks(folded.len()) {
            let folded = folded.get_mut(..chunk.len()).unwrap_or_default();
            folded.copy_from_slice(chunk);
            folded.make_ascii_lowercase();
            hasher.write(folded);
        }
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

/// A 128-bit identifier of a sequence of texts, as 32 hexadecimal digits.
pub fn identifier(parts: &[&str]) -> String {
    let mut hasher = SipHasher13_128::new_with_keys(KEY.0, KEY.1);
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers are stored in users' tables: a change here loses their evidence.
    #[test]
    fn fingerprints_are_pinned() {
        assert_eq!(of_parts(&["AWS", "e-1"]), 0x90d9_3de9_6752_6fd8);
        assert_eq!(of_parts_ignoring_case(&["AWS", "Alice"]), 0xc6c6_6273_734e_121d);
        assert_eq!(of_numbers("seen", &[1, 2]), 0x7cfe_5613_72e8_04d2);
        assert_ne!(of_parts(&["a", "bc"]), of_parts(&["ab", "c"]));
        assert_eq!(identifier(&["203.0.113.7", "2026-03-02"]), "15aeeec2c8a6ebe8e44ff62b2ef9c8df");
    }

    #[test]
    fn case_is_ignored_only_where_asked() {
        let long = "Arn:aws:iam::000000000000:user/Some/Very/Long/Path/That/Spans/More/Than/One/Chunk/Alice";
        assert_eq!(
            of_parts_ignoring_case(&[long]),
            of_parts_ignoring_case(&[&long.to_ascii_lowercase()])
        );
        assert_ne!(of_parts(&["Alice"]), of_parts(&["alice"]));
        assert_eq!(of_parts_ignoring_case(&["alice"]), of_parts(&["alice"]));
    }
}
