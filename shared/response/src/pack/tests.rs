//! Packing, against a naive reading of what it promises.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::*;
use crate::document::{ORGANIZATION_POLICY_CHARACTERS, POLICY_CHARACTERS, read, write};

fn wanted(network: impl Into<IpNet>, score: u8, until: i64) -> Wanted {
    let until = Timestamp::from_millis(until).unwrap();
    Wanted { network: network.into(), score, until }
}

fn v4(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn show(packed: &Packed) -> String {
    let networks: Vec<String> = packed.networks.iter().map(ToString::to_string).collect();
    let dropped: Vec<String> = packed.dropped.iter().map(|it| it.network.to_string()).collect();
    let foreign: Vec<String> = packed.foreign.iter().map(ToString::to_string).collect();
    format!(
        "{} | dropped {} | foreign {}",
        networks.join(" "),
        dropped.join(" "),
        foreign.join(" ")
    )
}

/// What is wanted with its score; what others put there; room for so many prefixes; what comes of it.
type Row = (&'static [(&'static str, u8)], &'static [&'static str], usize, &'static str);

#[test]
fn packed() {
    let rows: [Row; 8] = [
        // As they are, while they fit.
        (
            &[("203.0.113.4/32", 60), ("203.0.113.5/32", 60)],
            &[],
            2,
            "203.0.113.4/32 203.0.113.5/32 | dropped  | foreign ",
        ),
        // Joined, when not.
        (
            &[("203.0.113.4/32", 60), ("203.0.113.5/32", 60)],
            &[],
            1,
            "203.0.113.4/31 | dropped  | foreign ",
        ),
        // Neighbors that are no pair are not.
        (
            &[("203.0.113.5/32", 60), ("203.0.113.6/32", 80)],
            &[],
            1,
            "203.0.113.6/32 | dropped 203.0.113.5/32 | foreign ",
        ),
        // Never into more than a /24 or a /48.
        (
            &[("203.0.112.0/24", 60), ("203.0.113.0/24", 60), ("198.51.100.7/32", 70)],
            &[],
            2,
            "198.51.100.7/32 203.0.112.0/24 | dropped 203.0.113.0/24 | foreign ",
        ),
        (
            &[("2001:db8::/49", 60), ("2001:db8:0:8000::/49", 60), ("2001:db8:1::/48", 60)],
            &[],
            2,
            "2001:db8::/48 2001:db8:1::/48 | dropped  | foreign ",
        ),
        // What others put there has its place, and is never ours to join with.
        (
            &[("203.0.113.4/32", 60), ("203.0.113.5/32", 60), ("203.0.113.9/32", 90)],
            &["203.0.113.4/32"],
            2,
            "203.0.113.9/32 | dropped 203.0.113.5/32 | foreign 203.0.113.4/32",
        ),
        (&[("203.0.113.4/32", 60)], &["203.0.113.0/24"], 1, " | dropped  | foreign 203.0.113.4/32"),
        (
            &[("203.0.113.4/32", 60)],
            &["198.51.100.1/32", "198.51.100.2/32"],
            1,
            " | dropped 203.0.113.4/32 | foreign ",
        ),
    ];
    for (wishes, foreign, room, expected) in rows {
        let wishes: Vec<_> =
            wishes.iter().map(|(text, score)| wanted(v4(text), *score, 1)).collect();
        let foreign = foreign.iter().map(|text| v4(text)).collect();
        assert_eq!(show(&pack(&wishes, &foreign, Room::Prefixes(room))), expected);
    }
}

#[test]
fn of_equals_the_one_that_ends_first_goes() {
    let wishes = [wanted(v4("203.0.113.1/32"), 60, 1), wanted(v4("203.0.113.9/32"), 60, 2)];
    let packed = pack(&wishes, &BTreeSet::new(), Room::Prefixes(1));
    assert_eq!(show(&packed), "203.0.113.9/32 | dropped 203.0.113.1/32 | foreign ");
}

/// Networks close to each other, so that many are pairs.
fn network() -> impl Strategy<Value = IpNet> {
    let v4 = (0u32..2048, 24u8..=32).prop_map(|(low, length)| {
        let ip = Ipv4Addr::from_bits(0xcb00_7000 | low);
        IpNet::from(Ipv4Net::new(ip, if length < 29 { 32 } else { length }).unwrap()).trunc()
    });
    let v6 = (0u128..128, 60u8..=64).prop_map(|(low, length)| {
        let ip = Ipv6Addr::from_bits(0x2001_0db8 << 96 | low << 64);
        IpNet::from(Ipv6Net::new(ip, length).unwrap()).trunc()
    });
    prop_oneof![3 => v4, 1 => v6]
}

fn wishes() -> impl Strategy<Value = Vec<Wanted>> {
    let one = (network(), 0u8..5, 0i64..3);
    prop::collection::vec(one, 0..200).prop_map(|all| {
        let mut seen = BTreeSet::new();
        let all = all.into_iter().filter(|(network, ..)| seen.insert(*network));
        all.map(|(network, score, until)| wanted(network, score, until)).collect()
    })
}

fn rooms() -> impl Strategy<Value = Room> {
    prop_oneof![(0usize..120).prop_map(Room::Prefixes), (0usize..2500).prop_map(Room::Characters)]
}

/// The units of a network, to be counted: IPv4 addresses, IPv6 /64s.
fn units<'a>(networks: impl IntoIterator<Item = &'a IpNet>) -> BTreeSet<IpNet> {
    let longest = |it: &IpNet| if matches!(it, IpNet::V4(_)) { 32 } else { 64 };
    networks.into_iter().flat_map(|it| it.subnets(longest(it)).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn exactly_what_is_wanted_is_denied(
        wishes in wishes(), foreign in prop::collection::btree_set(network(), 0..12), room in rooms(),
    ) {
        let packed = pack(&wishes, &foreign, room);
        let dropped: BTreeSet<IpNet> = packed.dropped.iter().map(|it| it.network).collect();
        let stays = wishes.iter().map(|it| it.network);
        let stays: Vec<IpNet> =
            stays.filter(|it| !dropped.contains(it) && !packed.foreign.contains(it)).collect();
        // Neither more nor less than what stays.
        prop_assert_eq!(units(&packed.networks), units(&stays));
        for network in &packed.networks {
            let shortest = if matches!(network, IpNet::V4(_)) { 24 } else { 48 };
            prop_assert!(network.prefix_len() >= shortest);
        }
        // What others deny is theirs, and all of it is denied.
        for network in &packed.foreign {
            prop_assert!(units([network]).is_subset(&units(&foreign)));
        }
        // It fits beside what others have, unless that alone does not.
        if !packed.networks.is_empty() {
            let all = foreign.iter().chain(&packed.networks);
            let mut left = Left::of(room);
            prop_assert!(all.into_iter().all(|it| left.take(it)));
        }
        // Nothing of ours stays for which something more severe had to go.
        for gone in &packed.dropped {
            prop_assert!(gone.score <= gone.least);
        }
        let mut reversed = wishes.clone();
        reversed.reverse();
        prop_assert_eq!(pack(&reversed, &foreign, room), packed);
    }
}

/// A botnet of 3,000 scattered addresses, 1,500 in crowded networks and 500 of IPv6.
fn five_thousand() -> Vec<Wanted> {
    let mut state = 7u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut seen = BTreeSet::new();
    let mut wishes = Vec::new();
    let mut add = |network: IpNet, score: u32, wishes: &mut Vec<Wanted>| {
        if seen.insert(network) {
            wishes.push(wanted(network, u8::try_from(score).unwrap(), score.into()));
        }
    };
    while wishes.len() < 3_000 {
        let ip = Ipv4Addr::from_bits(0xc612_0000 | random() & 0x1_ffff);
        add(Ipv4Net::from(ip).into(), 40 + random() % 40, &mut wishes);
    }
    while wishes.len() < 4_500 {
        let ip = Ipv4Addr::from_bits(0xcb00_7000 | random() & 0x7ff);
        add(Ipv4Net::from(ip).into(), 60 + random() % 40, &mut wishes);
    }
    while wishes.len() < 5_000 {
        let ip = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(random() & 0x3ff) << 64);
        add(Ipv6Net::new(ip, 64).unwrap().into(), 40 + random() % 60, &mut wishes);
    }
    wishes
}

#[test]
fn five_thousand_denials_fit_into_a_policy() {
    let wishes = five_thousand();
    let others = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Others","Effect":"Deny",
        "Action":"s3:*","Resource":"*"},{"Sid":"CallerwatchDeny","Effect":"Deny","Action":"*",
        "Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["198.51.100.0/24"]}}}]}"#;
    let break_glass = ["arn:aws:iam::111111111111:role/BreakGlass".to_owned()];
    for (name, most) in [
        ("a policy of IAM", POLICY_CHARACTERS),
        ("a service control policy", ORGANIZATION_POLICY_CHARACTERS),
    ] {
        let held = read(others, most, &break_glass).unwrap();
        let packed = pack(&wishes, &held.networks, held.room);
        let networks = held.networks.union(&packed.networks).copied().collect();
        let written = write(others, &networks, &break_glass).unwrap();
        let size = written.chars().count();
        assert!(size <= most, "{name}: {size} characters");
        assert!(size + 64 > most, "{name} has room for more: {size} characters");
        assert_eq!(read(&written, most, &break_glass).unwrap().networks, networks);
        let joined: usize = packed.joined.iter().map(|(_, count)| count).sum();
        let stays = wishes.len() - packed.dropped.len() - packed.foreign.len();
        let least = packed.dropped.first().unwrap();
        println!(
            "{name} of {most} characters, 5,000 denials: {size} characters, {} prefixes for {stays} \
             denials",
            packed.networks.len()
        );
        println!(
            "  aggregated: {joined} denials into {} prefixes, the widest of them {}",
            packed.joined.len(),
            packed.joined.iter().min_by_key(|(network, _)| network.prefix_len()).unwrap().0
        );
        for (network, count) in packed.joined.iter().take(5) {
            println!("    {network} stands for {count}");
        }
        println!(
            "  dropped: {} denials, since there is no room: scores {} to {}, what stays has {} or is \
             in a prefix with one that has",
            packed.dropped.len(),
            packed.dropped.last().unwrap().score,
            least.score,
            least.least
        );
        assert_eq!(stays + packed.dropped.len(), 5_000);
        assert!(least.score <= least.least);
    }
}
