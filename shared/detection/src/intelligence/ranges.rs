//! Sets of addresses, for the questions that judging asks: do these overlap, what is in one and not
//! in the other, and how many are there.
//!
//! Must not know what a prefix was listed for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

/// First and last addresses, sorted, disjoint and apart; of each family by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    v4: Vec<Run>,
    v6: Vec<Run>,
}

/// A first and a last address.
type Run = (u128, u128);

/// Into so many pieces at most a prefix is cut. What is left of it after that is left out too.
const PIECES_MAX: usize = 1 << 12;

impl Ranges {
    /// The addresses of all prefixes.
    pub(crate) fn of(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        Self::default().with(prefixes)
    }

    /// These, and the addresses of all prefixes.
    pub(crate) fn with(self, prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let Self { mut v4, mut v6 } = self;
        for prefix in prefixes {
            let family = if prefix.network().is_ipv4() { &mut v4 } else { &mut v6 };
            family.push(ends(prefix));
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }

    /// Whether any address of the prefix is among them.
    pub(crate) fn overlap(&self, prefix: IpNet) -> bool {
        let family = if prefix.network().is_ipv4() { &self.v4 } else { &self.v6 };
        touching(family, ends(prefix)).next().is_some()
    }

    /// What of these is not among others.
    pub(crate) fn minus(&self, others: &Self) -> Self {
        let minus = |of: &[Run], others: &[Run]| {
            of.iter().flat_map(|run| rest(*run, others)).collect::<Vec<_>>()
        };
        Self { v4: minus(&self.v4, &others.v4), v6: minus(&self.v6, &others.v6) }
    }

    /// What of these is among others too.
    pub(crate) fn within(&self, others: &Self) -> Self {
        let within = |of: &[Run], others: &[Run]| {
            let both = |run: &Run| {
                let (first, last) = *run;
                let cut = move |other: &Run| (first.max(other.0), last.min(other.1));
                touching(others, *run).map(cut).collect::<Vec<_>>()
            };
            of.iter().flat_map(both).collect::<Vec<_>>()
        };
        Self { v4: within(&self.v4, &others.v4), v6: within(&self.v6, &others.v6) }
    }

    /// The prefixes that make up what of one is not among these.
    pub(crate) fn left_of(&self, prefix: IpNet) -> Vec<IpNet> {
        let run = ends(prefix);
        let pieces: Vec<IpNet> = match prefix {
            IpNet::V4(_) => {
                let v4 = |bits| Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX));
                let pieces = rest(run, &self.v4).into_iter();
                let subnets = pieces.flat_map(|(a, b)| Ipv4Subnets::new(v4(a), v4(b), 0));
                subnets.take(PIECES_MAX).map(IpNet::from).collect()
            }
            IpNet::V6(_) => {
                let v6 = Ipv6Addr::from_bits;
                let pieces = rest(run, &self.v6).into_iter();
                let subnets = pieces.flat_map(|(a, b)| Ipv6Subnets::new(v6(a), v6(b), 0));
                subnets.take(PIECES_MAX).map(IpNet::from).collect()
            }
        };
        pieces
    }

    /// Where the first run begins that has more addresses than that, of each family.
    pub(crate) fn first_longer(&self, v4: u128, v6: u128) -> Option<IpAddr> {
        let longer = |runs: &[Run], max| {
            runs.iter().find(|(first, last)| last - first >= max).map(|(first, _)| *first)
        };
        let of_v4 = longer(&self.v4, v4).and_then(|bits| u32::try_from(bits).ok());
        let of_v4 = of_v4.map(|bits| Ipv4Addr::from_bits(bits).into());
        of_v4.or_else(|| longer(&self.v6, v6).map(|bits| Ipv6Addr::from_bits(bits).into()))
    }

    /// How many addresses of IPv4 there are.
    pub(crate) fn count_v4(&self) -> u128 {
        count(&self.v4)
    }

    /// How many of IPv6, but for one, so that all of them are a number.
    pub(crate) fn count_v6(&self) -> u128 {
        count(&self.v6)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

fn count(runs: &[Run]) -> u128 {
    runs.iter().fold(0, |count, (first, last)| {
        let length = (last - first).saturating_add(1);
        u128::saturating_add(count, length)
    })
}

fn ends(prefix: IpNet) -> Run {
    let bits = |ip| match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    (bits(prefix.network()), bits(prefix.broadcast()))
}

/// The runs that share an address with one.
fn touching(runs: &[Run], (first, last): Run) -> impl Iterator<Item = &Run> {
    let from = runs.partition_point(|(_, end)| *end < first);
    runs.get(from..).unwrap_or_default().iter().take_while(move |(start, _)| *start <= last)
}

/// What of a run is not in others.
fn rest((first, last): Run, others: &[Run]) -> Vec<Run> {
    let mut rest = Vec::new();
    let mut next = Some(first);
    for (start, end) in touching(others, (first, last)) {
        if let Some(from) = next
            && from < *start
        {
            rest.push((from, start - 1));
        }
        next = end.checked_add(1);
    }
    rest.extend(next.filter(|from| *from <= last).map(|from| (from, last)));
    rest
}

fn merged(mut ranges: Vec<Run>) -> Vec<Run> {
    ranges.sort_unstable();
    let mut merged: Vec<Run> = Vec::new();
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
        let all = ranges(&["0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32", "2001:db8:1::/48"]);
        assert_eq!((all.count_v4(), all.count_v6()), (1 << 32, 1 << 96));
        assert_eq!(ranges(&["::/0"]).count_v6(), u128::MAX);
    }

    #[test]
    fn sets_are_taken_from_one_another() {
        for (of, others, minus, within) in [
            (
                &["192.0.2.0/24"][..],
                &["192.0.2.0/25"][..],
                &["192.0.2.128/25"][..],
                &["192.0.2.0/25"][..],
            ),
            (
                &["192.0.2.0/24"],
                &["192.0.2.1/32"],
                &[
                    "192.0.2.0/32",
                    "192.0.2.2/31",
                    "192.0.2.4/30",
                    "192.0.2.8/29",
                    "192.0.2.16/28",
                    "192.0.2.32/27",
                    "192.0.2.64/26",
                    "192.0.2.128/25",
                ],
                &["192.0.2.1/32"],
            ),
            (&["192.0.2.0/25", "192.0.2.128/25"], &["192.0.2.0/24"], &[], &["192.0.2.0/24"]),
            (&["192.0.2.7/32"], &["0.0.0.0/0"], &[], &["192.0.2.7/32"]),
            (
                &["0.0.0.0/0"],
                &["0.0.0.0/1", "192.0.0.0/2"],
                &["128.0.0.0/2"],
                &["0.0.0.0/1", "192.0.0.0/2"],
            ),
            (
                &["2001:db8::/47"],
                &["2001:db8:1::/48", "192.0.2.0/24"],
                &["2001:db8::/48"],
                &["2001:db8:1::/48"],
            ),
            (&["::/0"], &["8000::/1"], &["::/1"], &["8000::/1"]),
            (&[], &["::/0"], &[], &[]),
        ] {
            let (of, others) = (ranges(of), ranges(others));
            assert_eq!(of.minus(&others), ranges(minus));
            assert_eq!(of.within(&others), ranges(within));
        }
    }

    #[test]
    fn what_is_left_of_a_prefix_is_prefixes() {
        let set = ranges(&["192.0.2.7/32", "2001:db8::/64"]);
        let left = |prefix: &str| {
            let left = set.left_of(prefix.parse().unwrap());
            left.iter().map(IpNet::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(left("192.0.2.7/32"), "");
        assert_eq!(left("192.0.2.4/30"), "192.0.2.4/31 192.0.2.6/32");
        assert_eq!(left("192.0.2.8/29"), "192.0.2.8/29");
        assert_eq!(left("2001:db8::/63"), "2001:db8:0:1::/64");
        assert_eq!(left("2001:db8::7/128"), "");
        let every_other = Ranges::of(
            (0..1 << 15)
                .map(|n| IpNet::from(IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | n << 1)))),
        );
        assert_eq!(every_other.left_of("10.0.0.0/16".parse().unwrap()).len(), PIECES_MAX);
    }

    #[test]
    fn long_runs_are_found() {
        let set = ranges(&["192.0.2.0/24", "198.51.100.0/24", "198.51.101.0/32", "2001:db8::/48"]);
        assert_eq!(set.first_longer(256, 1 << 80), Some([198, 51, 100, 0].into()));
        assert_eq!(set.first_longer(257, 1 << 80), None);
        assert_eq!(set.first_longer(257, (1 << 80) - 1), Some("2001:db8::".parse().unwrap()));
    }
}
