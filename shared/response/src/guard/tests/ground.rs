//! Addresses, and whose ground they are: what is so, and what the guards say of it.

use super::*;

pub(super) const CASES: &[Case] = &[
    ("an attacker's address", |_| {}, "denies 203.0.113.7/32"),
    (
        "an IPv6 attacker is denied by the /64",
        |w| key(w, "2001:db8:1:2::9"),
        "denies 2001:db8:1:2::/64",
    ),
    ("IPv4 mapped into IPv6 is IPv4", |w| key(w, "::ffff:203.0.113.7"), "denies 203.0.113.7/32"),
    ("by hand", |w| w.person("203.0.113.7", &[]), "denies 203.0.113.7/32"),
    ("by hand, a whole /24", |w| w.person("203.0.112.0/24", &[]), "denies 203.0.112.0/24"),
    (
        "by hand, wider than a /24",
        |w| w.person("203.0.112.0/23", &[]),
        "[width] 203.0.112.0/23 is wider than /24; [caller] 203.0.113.200 is where you call \
         from yourself",
    ),
    (
        "by hand, everything",
        |w| w.person("0.0.0.0/0", &[]),
        "[address] 0.0.0.0 is no address that anybody on the Internet has; [width] 0.0.0.0/0 \
         is wider than /24; [trusted] 0.0.0.0/0 holds 198.51.100.16/28 of the trusted network \
         HQ; [trusted] 0.0.0.0/0 holds 198.51.100.96/28 of the trusted network pop-up; \
         [caller] 203.0.113.200 is where you call from yourself",
    ),
    (
        "by hand, wider than a /48",
        |w| w.person("2001:db8::/47", &[]),
        "[width] 2001:db8::/47 is wider than /48",
    ),
    (
        "by hand, mapped and wider than a /24",
        |w| w.person("::ffff:203.0.112.0/118", &[]),
        "[width] 203.0.112.0/22 is wider than /24; [caller] 203.0.113.200 is where you call \
         from yourself",
    ),
    (
        "by hand, no address",
        |w| w.person("evil.example", &[]),
        "[address] `evil.example` is neither an address nor a prefix",
    ),
    (
        "by hand, bits behind the prefix",
        |w| w.person("203.0.113.7/24", &[]),
        "[address] 203.0.113.7/24 has bits set behind its prefix; did you mean \
         203.0.113.0/24?",
    ),
    (
        "private address of an alert",
        |w| w.alert().key = LedgerKey::Private { ip: [10, 0, 0, 5].into(), scope: "vpce-1".into() },
        "[address] 10.0.0.5 is a private address",
    ),
    (
        "private by hand",
        |w| w.person("10.0.0.5", &["10.0.0.5"]),
        "[address] 10.0.0.5 is a private address",
    ),
    (
        "private, mapped into IPv6",
        |w| w.person("::ffff:192.168.1.1", &[]),
        "[address] 192.168.1.1 is a private address",
    ),
    (
        "carrier-grade NAT",
        |w| w.person("100.64.0.9", &[]),
        "[address] 100.64.0.9 is a private address",
    ),
    ("loopback", |w| w.person("127.0.0.1", &[]), "[address] 127.0.0.1 is a private address"),
    (
        "link-local: the metadata service",
        |w| w.person("169.254.169.254", &[]),
        "[address] 169.254.169.254 is a private address",
    ),
    ("unique-local IPv6", |w| w.person("fd00::1", &[]), "[address] fd00:: is a private address"),
    (
        "loopback IPv6",
        |w| w.person("::1", &[]),
        "[address] :: is no address that anybody on the Internet has",
    ),
    (
        "multicast",
        |w| w.person("224.0.0.1", &[]),
        "[address] 224.0.0.1 is no address that anybody on the Internet has",
    ),
    (
        "reserved",
        |w| w.person("240.0.0.1", &[]),
        "[address] 240.0.0.1 is no address that anybody on the Internet has",
    ),
    (
        "unspecified",
        |w| w.person("0.0.0.0", &[]),
        "[address] 0.0.0.0 is no address that anybody on the Internet has",
    ),
    (
        "what stands for nobody",
        |w| w.person("192.0.2.0", &[]),
        "[address] 192.0.2.0/32 stands in a policy for that nothing is denied",
    ),
    (
        "something in the place of an address",
        |w| w.alert().key = LedgerKey::Unrecognized("253.252.51.07".into()),
        "[address] `253.252.51.07` is no address",
    ),
    (
        "an alert of a network",
        |w| w.alert().key = LedgerKey::Network([203, 0, 113, 0].into()),
        "[address] the alert is of the network 203.0.113.0/24, and who works from the rest of \
         the network is not known",
    ),
    (
        "an alert of a principal",
        |w| w.alert().key = LedgerKey::Principal { cloud: Cloud::Aws, hash: 7 },
        "[address] the alert is of a principal, and not of an address",
    ),
    (
        "a trusted network, inside a wider prefix that is listed as malicious",
        |w| key(w, "198.51.100.17"),
        "[trusted] 198.51.100.17/32 lies in 198.51.100.16/28 of the trusted network HQ",
    ),
    ("the rest of that listed prefix", |w| key(w, "198.51.100.9"), "denies 198.51.100.9/32"),
    (
        "a prefix that holds a trusted network",
        |w| w.person("198.51.100.0/25", &["HQ"]),
        "[trusted] 198.51.100.0/25 holds 198.51.100.16/28 of the trusted network HQ; \
         [trusted] 198.51.100.0/25 holds 198.51.100.96/28 of the trusted network pop-up",
    ),
    (
        "a trusted IPv6 network around it",
        |w| key(w, "2001:db8:aaaa:7::1"),
        "[trusted] 2001:db8:aaaa:7::/64 lies in 2001:db8:aaaa::/56 of the trusted network \
         branch",
    ),
    (
        "an IPv6 prefix that holds a trusted one",
        |w| w.person("2001:db8:aaaa::/48", &[]),
        "[trusted] 2001:db8:aaaa::/48 holds 2001:db8:aaaa::/56 of the trusted network branch",
    ),
    ("trust that ended", |w| key(w, "198.51.100.70"), "denies 198.51.100.70/32"),
    (
        "trust that has yet to end",
        |w| key(w, "198.51.100.100"),
        "[trusted] 198.51.100.100/32 lies in 198.51.100.96/28 of the trusted network pop-up",
    ),
    (
        "an address of one's own, by a list",
        |w| key(w, "198.51.100.200"),
        "[listed] 198.51.100.200/32 is in elastic, a list of your own addresses",
    ),
    (
        "a /24 with an address of one's own in it",
        |w| w.person("198.51.100.192/26", &["elastic"]),
        "[listed] 198.51.100.200/32 is in elastic, a list of your own addresses",
    ),
    (
        "an IPv6 prefix with a /64 of one's own in it",
        |w| w.person("2001:db8:cccc::/56", &[]),
        "[listed] 2001:db8:cccc:1::/64 is in elastic, a list of your own addresses",
    ),
    (
        "a cloud's published address",
        |w| key(w, "203.0.113.130"),
        "[listed] 203.0.113.128/27 is in aws, a list of addresses of a cloud",
    ),
    (
        "a partner's address, by a list",
        |w| key(w, "203.0.113.64"),
        "[listed] 203.0.113.64/32 is in partner, a list of trusted addresses",
    ),
    (
        "the /64 of a partner's address",
        |w| key(w, "2001:db8:bbbb:7::1"),
        "[listed] 2001:db8:bbbb:7::9/128 is in partner, a list of trusted addresses",
    ),
    (
        "the caller's own address",
        |w| w.person("203.0.113.200", &["203.0.113.200"]),
        "[caller] 203.0.113.200 is where you call from yourself",
    ),
    (
        "a prefix with the caller's own address in it",
        |w| w.person("203.0.113.192/28", &[]),
        "[caller] 203.0.113.200 is where you call from yourself",
    ),
    (
        "the /64 that the caller is in",
        |w| w.person("2001:db8:5:5::77", &[]),
        "[caller] 2001:db8:5:5::1 is where you call from yourself",
    ),
];
