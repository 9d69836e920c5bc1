//! The contract of a ledger, as far as it keeps baselines.

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::baseline::{Baseline, First, Origin, Who};
use callerwatch_detection::ledger::Ledger;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_tests::START;
use pollster::block_on;

use crate::implementations::Facts;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(START + 1000 * secs).expect("a time")
}

/// The first calls from networks, as `(seconds, network)`.
fn baseline(firsts: &[(i64, u32)]) -> Baseline {
    let of = |(secs, network): &(i64, u32)| {
        let uid = u64::try_from(*secs).expect("a time after the start");
        First { time: at(*secs), uid, origin: Origin::Network(Some(*network)) }
    };
    firsts.iter().map(of).collect()
}

fn learn<L: Ledger>(ledger: &L, principal: u64, learned: &Baseline) -> Baseline {
    block_on(ledger.learn(principal, learned, None)).expect("learn")
}

/// Of each origin the earliest, whatever the order, and however often it is said.
pub(crate) fn keep_the_first<L: Ledger>(forward: &L, backward: &L) {
    let parts = [&[(5, 1), (9, 2)][..], &[(3, 1)], &[(7, 3), (4, 1)], &[(5, 1)], &[]].map(baseline);
    let whole = baseline(&[(3, 1), (7, 3), (9, 2)]);
    for part in &parts {
        learn(forward, 7, part);
    }
    for part in parts.iter().rev() {
        learn(backward, 7, part);
    }
    for ledger in [forward, backward] {
        assert_eq!(learn(ledger, 7, &Baseline::default()), whole);
        assert_eq!(learn(ledger, 7, &whole), whole);
        assert_eq!(learn(ledger, 8, &Baseline::default()), Baseline::default());
    }
    let country = Origin::Country(Some("DE".parse().expect("a country")));
    let others = [country, Origin::Country(None), Origin::Network(None)];
    let others = others.map(|origin| First { time: at(1), uid: 1, origin });
    let both: Baseline = whole.firsts().iter().copied().chain(others).collect();
    assert_eq!(learn(forward, 7, &others.into_iter().collect()), both);
}

/// Every origin a second earlier, again and again, and from ever more origins.
pub(crate) fn stay_small<L: Ledger>(ledger: &L) {
    let mut expected = Baseline::default();
    for secs in (0..120).rev() {
        let part =
            baseline(&[(secs, 1), (secs, 2), (secs, 1000 + u32::try_from(secs).expect("small"))]);
        expected.unite(&part);
        assert_eq!(learn(ledger, 9, &part), expected);
    }
    assert!(expected.firsts().len() < 40);
}

/// Who a principal is: said with what is new, and from then on the same.
pub(crate) fn say_who<L: Facts>(ledger: &L) {
    let who = |uid: &str, name: &str, account: Option<&str>| Who {
        uid: uid.to_owned(),
        name: name.to_owned(),
        account: account.map(str::to_owned),
        cloud: Cloud::Azure,
    };
    let say = |principal: u64, firsts: &[(i64, u32)], who: &Who| {
        block_on(ledger.learn(principal, &baseline(firsts), Some(who))).expect("learn")
    };
    let (alice, bob) = (who("u-1", "alice", Some("s-1")), who("u-2", "u-2", None));
    learn(ledger, 3, &baseline(&[(1, 1)]));
    assert_eq!(ledger.who(&[1, 2, 3]).len(), 0);
    for _ in 0..2 {
        say(1, &[(1, 1)], &alice);
        say(2, &[(1, 1)], &bob);
        say(1, &[(2, 2)], &who("u-1", "eve", Some("s-0")));
    }
    assert_eq!(ledger.who(&[3, 2, 1, 2, 4]), [(1, alice), (2, bob)].into());
    assert_eq!(learn(ledger, 1, &Baseline::default()), baseline(&[(1, 1), (2, 2)]));
    assert_eq!(ledger.who(&[]).len(), 0);
}
