//! The contract of a ledger, as far as it keeps the histories of accounts.

use std::collections::BTreeSet;

use callerwatch_detection::activity::Cloud;
use callerwatch_detection::history::{AccountDay, DAYS};
use callerwatch_detection::timestamp::Day;
use pollster::block_on;

use crate::implementations::Facts;

const ACCOUNT: &str = "111111111111";

fn day(number: u32) -> Day {
    Day::from_number(20_000 + number).expect("a day")
}

fn keep<L: Facts>(ledger: &L, cloud: Cloud, account: &str, number: u32) {
    let day = AccountDay { cloud, account: account.to_owned(), day: day(number) };
    block_on(ledger.keep_day(&day)).expect("keep a day");
}

/// The newest days, whatever the order, and however often they are said; each account for itself.
pub(crate) fn keep_the_newest<L: Facts>(forward: &L, backward: &L) {
    let numbers: Vec<u32> = (0..30).flat_map(|n| [n, n / 2, 7]).collect();
    for number in &numbers {
        keep(forward, Cloud::Aws, ACCOUNT, *number);
    }
    for number in numbers.iter().rev() {
        keep(backward, Cloud::Aws, ACCOUNT, *number);
    }
    let newest: BTreeSet<Day> = (0..30).map(day).rev().take(DAYS).collect();
    for ledger in [forward, backward] {
        assert_eq!(ledger.history(Cloud::Aws, ACCOUNT), newest);
        assert_eq!(ledger.history(Cloud::Gcp, ACCOUNT), BTreeSet::new());
        keep(ledger, Cloud::Gcp, ACCOUNT, 3);
        keep(ledger, Cloud::Aws, "222222222222", 4);
        assert_eq!(ledger.history(Cloud::Gcp, ACCOUNT), BTreeSet::from([day(3)]));
        assert_eq!(ledger.history(Cloud::Aws, "222222222222"), BTreeSet::from([day(4)]));
        assert_eq!(ledger.history(Cloud::Aws, ACCOUNT), newest);
    }
}
