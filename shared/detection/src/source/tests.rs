//! What texts in the place of an address are, and the keys of ledgers.

use super::*;

fn show(text: &str) -> String {
    match Source::from_address(text, "111111111111") {
        Source::Public(ip) => format!("public {ip}"),
        Source::Private { ip, scope } => format!("private {ip} in {scope}"),
        Source::Service(name) => format!("service {name}"),
        Source::Unrecognized(text) => format!("unrecognized {text}"),
        Source::Absent => "absent".to_owned(),
    }
}

#[test]
fn addresses_of_every_form() {
    for (text, expected) in [
        ("203.0.113.7", "public 203.0.113.7"),
        (" 203.0.113.7 ", "public 203.0.113.7"),
        ("203.0.113.7:57484", "public 203.0.113.7"),
        ("2001:DB8::1", "public 2001:db8::1"),
        ("[2001:db8::1]:443", "public 2001:db8::1"),
        ("[2001:db8::1]", "public 2001:db8::1"),
        ("::ffff:203.0.113.7", "public 203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "public 203.0.113.7"),
        ("64:ff9b::203.0.113.7", "public 203.0.113.7"),
        ("64:ff9b::10.1.2.3", "private 10.1.2.3 in 111111111111"),
        ("10.1.2.3", "private 10.1.2.3 in 111111111111"),
        ("100.64.0.1", "private 100.64.0.1 in 111111111111"),
        ("127.0.0.1", "private 127.0.0.1 in 111111111111"),
        ("fd00::5", "private fd00::5 in 111111111111"),
        ("2002:a05:6602:1::9", "private 2002:a05:6602:1::9 in 111111111111"),
        ("2002:cb00:7107::1", "public 2002:cb00:7107::1"),
        ("fe80::1%eth0", "private fe80::1 in 111111111111"),
        ("253.252.51.07", "unrecognized 253.252.51.07"),
        ("255.18.064.253", "unrecognized 255.18.064.253"),
        ("240.0.0.1", "unrecognized 240.0.0.1"),
        ("224.0.0.1", "unrecognized 224.0.0.1"),
        ("30.*.0.210", "unrecognized 30.*.0.210"),
        ("XXXX", "unrecognized XXXX"),
        ("0.0.0.0", "absent"),
        ("::", "absent"),
        ("", "absent"),
        ("-", "absent"),
        ("<null>", "absent"),
        ("1.2.3", "unrecognized 1.2.3"),
        ("203.0.113.7:99999", "unrecognized 203.0.113.7:99999"),
    ] {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn keys() {
    let key = |text: &'static str| {
        Source::from_address(text, "vpce-1").ledger_key().map(|key| key.to_string())
    };
    assert_eq!(key("203.0.113.7").as_deref(), Some("203.0.113.7"));
    assert_eq!(key("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
    assert_eq!(key("10.0.0.5").as_deref(), Some("10.0.0.5@vpce-1"));
    assert_eq!(key("XXXX").as_deref(), Some("unrecognized:XXXX"));
    assert_eq!(key(""), None);
    assert_eq!(Source::Service("ec2.amazonaws.com".into()).ledger_key(), None);
}

#[test]
fn members_of_networks() {
    for (address, network, member) in [
        ("203.0.113.7", "203.0.113.0/24", 7),
        ("203.0.113.0", "203.0.113.0/24", 0),
        ("2001:db8:1:2::9", "2001:db8:1::/48", 2),
        ("2001:db8:1:ffff::9", "2001:db8:1::/48", 0xffff),
    ] {
        let key = LedgerKey::of_public(address.parse().unwrap());
        let (around, place) = key.network().unwrap();
        assert_eq!((around.to_string().as_str(), place), (network, member), "{address}");
        assert_eq!(around.member(place), Some(key), "{address}");
        assert_eq!(around.network(), None, "{address}");
        assert_eq!(around.network_prefix().unwrap().to_string(), network, "{address}");
    }
    let fingerprint = |text: &str| LedgerKey::of_public(text.parse().unwrap()).fingerprint();
    let (a, b) = (fingerprint("203.0.113.7").unwrap(), fingerprint("203.0.113.8").unwrap());
    assert!(a != b && a >> 32 == b >> 32);
    assert_ne!(fingerprint("198.51.100.7").unwrap() >> 32, a >> 32);
    assert_eq!(LedgerKey::Unrecognized("XXXX".into()).fingerprint(), None);
    let principal = LedgerKey::Principal { cloud: Cloud::Aws, hash: 0xab };
    assert_eq!(principal.to_string(), "principal:AWS:00000000000000ab");
}

#[test]
fn long_texts_are_cut() {
    let Source::Unrecognized(text) = Source::from_address("ä".repeat(10_000), "") else {
        panic!("not unrecognized");
    };
    assert_eq!(text.len(), UNRECOGNIZED_MAX_BYTES);
}
