//! The order of entries: that of their bytes, of which eight are compared at a time.

use std::cmp::Ordering;

use super::Entry;

impl Entry {
    /// Its bytes as big-endian numbers, which are in the order the bytes are in.
    fn words(&self) -> [u64; 4] {
        let mut words = [0; 4];
        for (to, word) in words.iter_mut().zip(self.0.as_chunks().0) {
            *to = u64::from_be_bytes(*word);
        }
        words
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.words().cmp(&other.words())
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_that_of_the_bytes(
            mut one in any::<[u8; Entry::BYTES]>(),
            other in any::<[u8; Entry::BYTES]>(),
            same in 0..=Entry::BYTES,
        ) {
            one[..same].copy_from_slice(&other[..same]);
            let entries = Entry(one).cmp(&Entry(other));
            prop_assert_eq!(entries, one.cmp(&other));
            prop_assert_eq!(entries.is_eq(), Entry(one) == Entry(other));
        }
    }
}
