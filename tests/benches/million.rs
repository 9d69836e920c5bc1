//! A million prefixes, what lies beside them, and what a naive scan finds among them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::random::Random;

/// How many there are.
pub(crate) const PREFIXES: usize = 1_000_000;

/// Half of IPv4 and half of IPv6. Every fourth lies in the one before it.
pub(crate) fn prefixes(random: &mut Random, networks: Option<usize>) -> Vec<(IpAddr, u8)> {
    let crowd: Vec<u128> =
        networks.map_or(Vec::new(), |count| (0..count).map(|_| wide(random)).collect());
    let mut prefixes: Vec<(IpAddr, u8)> = Vec::with_capacity(PREFIXES);
    while prefixes.len() < PREFIXES {
        let is_v4 = prefixes.len().is_multiple_of(2);
        let (shortest, longest, crowded) = if is_v4 { (16, 32, 16) } else { (32, 128, 32) };
        let of_crowd = |random: &mut Random| {
            let mask = u128::MAX >> crowded;
            crowd
                .get(below(random, crowd.len().max(1)))
                .map_or(wide(random), |network| network & !mask | wide(random) & mask)
        };
        let (bits, shortest) = match prefixes.len().checked_sub(2).map(|at| prefixes[at]) {
            Some((ip, length)) if prefixes.len() % 8 >= 6 => {
                let mask = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                (top(ip) & !mask | wide(random) & mask, length)
            }
            _ => (of_crowd(random), shortest),
        };
        // 2000::/3 is what is routed of IPv6.
        let bits = if is_v4 { bits } else { bits & (u128::MAX >> 3) | (1 << 125) };
        let spread = usize::from(longest - shortest) + 1;
        let length = shortest + u8::try_from(below(random, spread)).unwrap_or(0);
        let mask = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        prefixes.push((address(bits & !mask, is_v4), length));
    }
    prefixes
}

/// Where mistakes are made: the ends of prefixes, and one beside them.
pub(crate) fn adversarial(
    random: &mut Random,
    prefixes: &[(IpAddr, u8)],
    count: usize,
) -> Vec<IpAddr> {
    let one = |n: usize| {
        let (ip, length) = prefixes[below(random, prefixes.len())];
        let step = if ip.is_ipv4() { 1 << 96 } else { 1 };
        let first = top(ip);
        let rest = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        let last = first | rest & !(step - 1);
        let bits = match n % 4 {
            0 => first,
            1 => last,
            2 => first.wrapping_sub(step),
            _ => last.wrapping_add(step),
        };
        address(bits, ip.is_ipv4())
    };
    (0..count).map(one).collect()
}

/// All prefixes that hold an address, or another of its /64, as texts.
pub(crate) fn scan(prefixes: &[(IpAddr, u8)], ip: IpAddr) -> BTreeSet<String> {
    let source = if ip.is_ipv4() { 128 } else { 64 };
    let holds = |(start, length): &&(IpAddr, u8)| {
        let rest = u128::MAX.checked_shr(u32::from((*length).min(source))).unwrap_or(0);
        start.is_ipv4() == ip.is_ipv4() && (top(*start) ^ top(ip)) & !rest == 0
    };
    prefixes.iter().filter(holds).map(|(ip, length)| format!("{ip}/{length}")).collect()
}

/// 128 bits.
pub(crate) fn wide(random: &mut Random) -> u128 {
    u128::from(random.next()) << 64 | u128::from(random.next())
}

/// A number below another.
pub(crate) fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.next() >> 16).unwrap_or(0) % end.max(1)
}

/// The bits of an address, the first one on top.
pub(crate) fn top(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address of these bits.
pub(crate) fn address(bits: u128, is_v4: bool) -> IpAddr {
    if is_v4 {
        Ipv4Addr::from_bits(u32::try_from(bits >> 96).unwrap_or(0)).into()
    } else {
        Ipv6Addr::from_bits(bits).into()
    }
}
