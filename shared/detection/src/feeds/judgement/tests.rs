//! What is refused and why, and that nothing else is.

use super::*;
use crate::feeds::Location;
use crate::intelligence::country::tests::all_in;

fn feed(content: Content) -> Feed {
    Feed {
        name: "feed".to_owned(),
        location: Location::File("feed.txt".to_owned()),
        content,
        column: None,
        refresh_minutes: 60,
    }
}

/// Office and egress are the user's own, and 198.51.0.0/16 a cloud's.
fn judge() -> Judge {
    let policy = "[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"203.0.113.0/28\"]\n";
    let policy = Policy::parse(policy).unwrap();
    let lists = Intelligence::builder()
        .list("cloud", Category::Cloud, b"198.51.0.0/16\n2001:db8::/32\n")
        .and_then(|it| it.list("egress", Category::Own, b"192.0.2.7\n2001:db8:7::1\n"))
        .unwrap();
    Judge::new(&policy, Day::parse("2026-03-02").unwrap()).knowing(&lists.build())
}

fn told(content: Content, fresh: &[u8], last: Option<&[u8]>) -> String {
    match judge().judge(&feed(content), fresh, last) {
        Ok(()) => "good".to_owned(),
        Err(refusal) => refusal.to_string(),
    }
}

const MALICIOUS: Content = Content::List(Category::Malicious);
const HOSTING: Content = Content::List(Category::Hosting);

#[test]
fn a_copy_that_cannot_be_believed_is_refused() {
    let own = "it accuses 203.0.113.7/32, which is your own: HQ";
    for (text, expected) in [
        ("203.0.113.77\n2001:db8:1::/48\n", "good"),
        ("", "no address in it: the file is empty"),
        ("# nothing today\n", "no address in it: it holds comments only"),
        ("<!doctype html><p>203.0.113.77", "no address in it: it is an HTML page"),
        ("203.0.113.77\n0.0.0.0/0\n", "it names a prefix wider than anybody holds"),
        ("203.0.113.77\n::/0\n", "it names a prefix wider than anybody holds"),
        ("203.0.113.77\n0.0.0.0-255.255.255.255\n", "it names a prefix wider than anybody holds"),
        ("203.0.113.77\n10.1.2.3\n", "it names 10.1.2.3/32, which is not of the Internet"),
        ("203.0.113.77\n127.0.0.1\n", "it names 127.0.0.1/32, which is not of the Internet"),
        ("203.0.113.77\n172.0.0.0/8\n", "it names 172.0.0.0/8, which is not of the Internet"),
        ("203.0.113.77\nfd00::/16\n", "it names fd00::/16, which is not of the Internet"),
        ("203.0.113.7\n", own),
        ("203.0.113.0/24\n", "it accuses 203.0.113.0/24, which is your own: HQ"),
        ("192.0.2.0/24\n", "it accuses 192.0.2.0/24, which is your own: egress"),
        ("2001:db8:7::/48\n", "it accuses 2001:db8:7::/48, which is your own: egress"),
        (
            "20.0.0.0/8\n21.0.0.0/8\n22.0.0.0/8\n23.0.0.0/8\n24.0.0.0/8\n25.0.0.0/8\n",
            "it covers over 2% of IPv4",
        ),
        ("198.51.100.0/24\n", "good"),
        ("198.51.100.0/23\n", "it newly accuses 198.51.100.0/23, which is a cloud's"),
        ("198.0.0.0/8\n", "it newly accuses 198.0.0.0/8, which is a cloud's"),
        ("2001:db8::/47\n", "it newly accuses 2001:db8::/47, which is a cloud's"),
    ] {
        assert_eq!(told(MALICIOUS, text.as_bytes(), None), expected, "{text}");
    }
}

#[test]
fn coverage_is_counted_to_the_address() {
    let start: String =
        (20..25).map(|first| format!("{first}.0.0.0/8\n")).collect::<Vec<_>>().concat();
    for (last, expected) in
        [("25.30.184.80", "good"), ("25.30.184.81", "it covers over 2% of IPv4")]
    {
        let list = format!("{start}25.0.0.0-{last}\n");
        assert_eq!(told(MALICIOUS, list.as_bytes(), None), expected, "{last}");
    }
}

#[test]
fn little_of_ipv6_is_accused() {
    let wide = "it accuses 2a02::/16, which is wider than any attacker holds";
    let slash_20s = |count: u16| -> String {
        (0..count).map(|n| format!("2a02:{:x}::/20\n", n << 12)).collect::<Vec<_>>().concat()
    };
    for (content, list, expected) in [
        (MALICIOUS, "2a02::/16\n".to_owned(), wide),
        (MALICIOUS, "2a02::/19\n".to_owned(), &wide.replace("/16", "/19")),
        (MALICIOUS, slash_20s(4), "good"),
        (MALICIOUS, slash_20s(5), "it accuses over a /18 of IPv6"),
        (HOSTING, "2a02::/16\n".to_owned(), "good"),
    ] {
        assert_eq!(told(content, list.as_bytes(), None), expected, "{list}");
    }
}

#[test]
fn clouds_are_not_accused_in_pieces() {
    let pieces = |step: usize| -> String {
        (0..=255).step_by(step).map(|n| format!("198.51.{n}.0/24\n")).collect::<Vec<_>>().concat()
    };
    let wide = "it newly accuses 198.51.0.0/24, which is a cloud's";
    assert_eq!(told(MALICIOUS, pieces(1).as_bytes(), None), wide);
    assert_eq!(told(MALICIOUS, pieces(2).as_bytes(), None), "good");
    let of_v6 = |count: u32| -> String {
        (0..count).map(|n| format!("2001:db8:{:x}::/48\n", n << 1)).collect::<Vec<_>>().concat()
    };
    assert_eq!(told(MALICIOUS, of_v6(256).as_bytes(), None), "good");
    assert_eq!(
        told(MALICIOUS, of_v6(257).as_bytes(), None),
        format!("it newly accuses {} addresses of clouds", 257_u128 << 80)
    );
    // Cut otherwise, it is what it was.
    let (whole, halves) = ("198.51.100.0/22\n", "198.51.100.0/23\n198.51.102.0/23\n");
    for (before, now) in [(whole, halves), (halves, whole)] {
        assert_eq!(told(MALICIOUS, now.as_bytes(), Some(before.as_bytes())), "good");
    }
    let more = format!("{halves}198.51.104.0/24\n");
    assert_eq!(told(MALICIOUS, more.as_bytes(), Some(whole.as_bytes())), "good");
}

#[test]
fn a_first_copy_may_name_few_of_the_users_own() {
    let own = |ends: &[u8]| -> String {
        ends.iter().map(|n| format!("203.0.113.{n}\n")).collect::<Vec<_>>().concat()
    };
    let others: String = (0..1000_u16)
        .map(|n| format!("192.1.{}.{}\n", n >> 8, n & 255))
        .collect::<Vec<_>>()
        .concat();
    let refused = "it accuses 203.0.113.1/32, which is your own: HQ";
    let [eight, nine] = [8, 9].map(|count| own(&(1..=count).collect::<Vec<_>>()));
    for (list, last, expected) in [
        (format!("{others}{eight}"), None, "good"),
        (format!("{others}{nine}"), None, refused),
        (format!("{others}{eight}"), Some(others.as_str()), refused),
        (format!("{}\n{}", &others[..600], own(&[1])), None, refused),
        (format!("{others}203.0.113.0/31\n"), None, &refused.replace("1/32", "0/31")),
    ] {
        let told = told(MALICIOUS, list.as_bytes(), last.map(str::as_bytes));
        assert_eq!(told, expected);
    }
}

#[test]
fn nothing_of_the_users_own_is_accused() {
    let mut builder = Intelligence::builder();
    let list =
        b"203.0.113.0/24\n203.0.113.7\n192.0.2.7\n192.0.2.8\n2001:db8:7::9\n2001:db8:7:1::9\n";
    let feed = feed(MALICIOUS);
    judge().add_to(&mut builder, &feed, Category::Malicious, list).unwrap();
    judge().add_to(&mut builder, &feed, Category::Hosting, list).unwrap();
    let lists = builder.build();
    let [malicious, hosting] = lists.lists() else { panic!("not two lists") };
    assert_eq!((malicious.entries, malicious.spared, malicious.prefixes), (6, 4, 6));
    assert_eq!((hosting.spared, hosting.prefixes), (0, 6));
    for (address, expected) in [
        ("203.0.113.7", "hosting hosting"),
        ("203.0.113.15", "hosting"),
        ("203.0.113.16", "malicious hosting"),
        ("192.0.2.7", "hosting"),
        ("192.0.2.8", "malicious hosting"),
        // Of one source.
        ("2001:db8:7::1", "hosting"),
        ("2001:db8:7:1::1", "malicious hosting"),
    ] {
        let hits = lists.named(address.parse().unwrap());
        let told: Vec<_> = hits.iter().map(|hit| hit.category.name()).collect();
        assert_eq!(told.join(" "), expected, "{address}");
    }
}

#[test]
fn what_is_too_large_is_refused_for_it() {
    let list = vec![b'\n'; (32 << 20) + 1];
    assert_eq!(told(MALICIOUS, &list, None), "it is larger than 33554432 bytes");
    let database = [all_in("DE"), vec![0; 64 << 20]].concat();
    assert_eq!(told(Content::Countries, &database, None), "it is larger than 67108864 bytes");
    // Two hundred prefixes a line.
    let range = "2a02::1-2a02:0:ffff:ffff:ffff:ffff:ffff:fffe\n".repeat(6000);
    assert_eq!(told(HOSTING, range.as_bytes(), None), "it names more than 1000000 prefixes");
}

#[test]
fn context_may_name_hosts_and_the_users_own() {
    for (text, expected) in [
        ("198.51.0.0/16\n203.0.113.7\n", "good"),
        ("20.0.0.0/8\n21.0.0.0/8\n22.0.0.0/8\n23.0.0.0/8\n24.0.0.0/8\n25.0.0.0/8\n", "good"),
        ("10.0.0.0/8\n", "it names 10.0.0.0/8, which is not of the Internet"),
        ("0.0.0.0/0\n1.1.1.1\n", "it names a prefix wider than anybody holds"),
    ] {
        assert_eq!(told(HOSTING, text.as_bytes(), None), expected, "{text}");
    }
    let half: Vec<String> = (64..128).map(|first| format!("{first}.0.0.0/8\n")).collect();
    assert_eq!(told(HOSTING, half.concat().as_bytes(), None), "it covers over 20% of IPv4");
    assert_eq!(told(Content::List(Category::Own), b"10.0.0.0/8\n", None), "good");
}

#[test]
fn a_copy_is_compared_with_the_last_good_one() {
    let list = |count: u8| {
        (0..count).map(|n| format!("203.0.113.{}\n", n + 100)).collect::<Vec<_>>().concat()
    };
    for (before, now, expected) in [
        (100, 50, "good"),
        (100, 49, "it shrank from 100 to 49 prefixes"),
        (1, 100, "good"),
        (2, 1, "good"),
    ] {
        let told = told(MALICIOUS, list(now).as_bytes(), Some(list(before).as_bytes()));
        assert_eq!(told, expected, "{before} {now}");
    }
    // What was accused before the cloud published it, or with good reason, stays.
    assert_eq!(told(MALICIOUS, b"198.51.100.0/23\n", Some(b"198.51.100.0/23\n")), "good");
    let wider = told(MALICIOUS, b"198.51.100.0/22\n", Some(b"198.51.100.0/23\n"));
    assert_eq!(wider, "it newly accuses 198.51.100.0/22, which is a cloud's");
    assert_eq!(told(MALICIOUS, b"203.0.113.77\n", Some(b"<html>")), "good");
}

#[test]
fn databases_are_opened() {
    let database = all_in("DE");
    assert_eq!(told(Content::Countries, &database, None), "good");
    assert!(told(Content::Countries, b"<html>", None).contains("no MMDB file"));
    let large = vec![0; database.len() * 3];
    let shrank = format!("it shrank from {} to {} bytes", large.len(), database.len());
    assert_eq!(told(Content::Countries, &database, Some(&large)), shrank);
}
