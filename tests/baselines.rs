//! The contract of a ledger, as far as it keeps baselines.

use callerwatch_detection::baseline::{Baseline, First, Origin};
use callerwatch_detection::ledger::Ledger;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_tests::START;
use pollster::block_on;

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
    block_on(ledger.learn(principal, learned)).expect("learn")
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
