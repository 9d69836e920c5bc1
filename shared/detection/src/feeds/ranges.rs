//! Sets of addresses, for the questions that judging asks: do these overlap, and how many are there.
//!
//! Must not know what a prefix was listed for.

use std::net::IpAddr;

use ipnet::IpNet;

/// First and last addresses, sorted and disjoint; of each family by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl Ranges {
    /// The addresses of all prefixes.
    pub(super) fn of(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        Self::default().with(prefixes)
    }

    /// These, and the addresses of all prefixes.
    pub(super) fn with(self, prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let Self { mut v4, mut v6 } = self;
        for prefix in prefixes {
            let family = if prefix.network().is_ipv4() { &mut v4 } else { &mut v6 };
            family.push(ends(prefix));
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }

    /// Whether any address of the prefix is among them.
    pub(super) fn overlap(&self, prefix: IpNet) -> bool {
        let (first, last) = ends(prefix);
        let family = if prefix.network().is_ipv4() { &self.v4 } else { &self.v6 };
        let next = family.partition_point(|(_, end)| *end < first);
        family.get(next).is_some_and(|(start, _)| *start <= last)
    }

    /// How many addresses of IPv4 there are.
    pub(super) fn count_v4(&self) -> u64 {
        let count: u128 = self.v4.iter().map(|(first, last)| last - first + 1).sum();
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

fn ends(prefix: IpNet) -> (u128, u128) {
    let bits = |ip| match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    (bits(prefix.network()), bits(prefix.broadcast()))
}

fn merged(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(prefixes: &[&str]) -> Ranges {
        Ranges::of(prefixes.iter().map(|prefix| prefix.parse().unwrap()))
    }

    #[test]
    fn prefixes_overlap_where_they_share_an_address() {
        let set =
            ranges(&["198.51.100.0/25", "198.51.100.128/25", "203.0.113.8/29", "2001:db8::/48"]);
        for (prefix, expected) in [
            ("198.51.100.0/24", true),
            ("198.51.100.255/32", true),
            ("198.51.0.0/16", true),
            ("198.51.101.0/24", false),
            ("203.0.113.7/32", false),
            ("203.0.113.0/28", true),
            ("0.0.0.0/0", true),
            ("2001:db8::/32", true),
            ("2001:db8:1::/48", false),
            ("::/0", true),
            // The same bits in the other family.
            ("::c633:6400/120", false),
        ] {
            assert_eq!(set.overlap(prefix.parse().unwrap()), expected, "{prefix}");
        }
        assert!(!Ranges::default().overlap("0.0.0.0/0".parse().unwrap()));
    }

    #[test]
    fn addresses_are_counted_once() {
        assert_eq!(
            ranges(&["198.51.100.0/24", "198.51.100.7/32", "203.0.113.7/32"]).count_v4(),
            257
        );
        assert_eq!(ranges(&["0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32"]).count_v4(), 1 << 32);
    }
}
