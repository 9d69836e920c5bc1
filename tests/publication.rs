//! The contract's part on announcing: claims, marks and budgets, and what is kept of alerts.

use callerwatch_detection::budget::Budget;
use callerwatch_detection::ledger::{Claim, Ledger, Mark, Record, Told};
use callerwatch_detection::score::Severity;
use pollster::block_on;

use crate::{claim, claim_of, failures, key, mark, now, observe, success};

pub(crate) fn announcements_are_claimed_once<L: Ledger>(ledger: &L) {
    observe(ledger, &failures([1]));
    assert_eq!(claim(ledger, Severity::Medium, 0), Claim::Granted);
    assert_eq!(claim(ledger, Severity::Medium, 1), Claim::Held);
    for _ in 0..2 {
        block_on(ledger.mark(&key(), mark(Severity::Medium), Some(&Record::default())))
            .expect("mark");
        assert_eq!(claim(ledger, Severity::Medium, 2), Claim::Announced);
        assert_eq!(claim(ledger, Severity::Low, 2), Claim::Announced);
    }
    assert_eq!(claim(ledger, Severity::High, 3), Claim::Granted);
}

/// That somebody got in is told though its severity is no higher, or lower; and then is told.
pub(crate) fn a_success_is_claimed_once<L: Ledger>(ledger: &L) {
    let told = |mark| {
        block_on(ledger.mark(&key(), mark, Some(&Record::default()))).expect("mark");
    };
    assert_eq!(claim(ledger, Severity::High, 0), Claim::Granted);
    // Each by itself: who tells of failures does not hold who tells of the success.
    assert_eq!(claim_of(ledger, success(Severity::Medium), 0), Claim::Granted);
    told(mark(Severity::High));
    assert_eq!(claim_of(ledger, success(Severity::Medium), 1), Claim::Held);
    told(success(Severity::Medium));
    assert_eq!(claim_of(ledger, success(Severity::Medium), 2), Claim::Announced);
    assert_eq!(claim(ledger, Severity::High, 2), Claim::Announced);
    assert_eq!(claim_of(ledger, success(Severity::High), 2), Claim::Granted);
    told(success(Severity::High));
    // It tells of all that was told while nothing had succeeded.
    assert_eq!(claim_of(ledger, success(Severity::High), 3), Claim::Announced);
    assert_eq!(claim(ledger, Severity::High, 3), Claim::Announced);
    assert_eq!(claim(ledger, Severity::Critical, 3), Claim::Granted);
    let marks = [success(Severity::Medium), mark(Severity::High), success(Severity::High)];
    assert_eq!(Vec::from_iter(observe(ledger, &failures([1])).marks), marks);
}

/// Whoever claimed may have died: the claim must come free by itself.
pub(crate) fn a_lease_ends<L: Ledger>(ledger: &L) {
    assert_eq!(claim(ledger, Severity::High, 0), Claim::Granted);
    assert_eq!(claim(ledger, Severity::High, 59), Claim::Held);
    assert_eq!(claim(ledger, Severity::High, 61), Claim::Granted);
    assert_eq!(claim(ledger, Severity::High, 62), Claim::Held);
}

pub(crate) fn marks_come_back_with_the_evidence<L: Ledger>(ledger: &L) {
    block_on(ledger.mark(&key(), mark(Severity::Low), Some(&Record::default()))).expect("mark");
    block_on(ledger.mark(&key(), mark(Severity::High), Some(&Record::default()))).expect("mark");
    let whole = observe(ledger, &failures([1]));
    assert_eq!(Vec::from_iter(whole.marks), [mark(Severity::Low), mark(Severity::High)]);
}

/// By whoever asks, and however often for the same.
pub(crate) fn budgets_are_spent_once<L: Ledger>(ledger: &L) {
    let admit = |name: &str, most, day: i64| {
        let budget = Budget { name: name.to_owned(), most };
        let mark = Mark { day: now(86_400 * day).day(), ..mark(Severity::High) };
        block_on(ledger.admit(&budget, &key(), mark)).expect("admit").is_admitted()
    };
    assert!(admit("a", 2, 0) && admit("a", 2, 1));
    assert!(admit("a", 2, 0) && admit("a", 2, 1), "again");
    assert!(!admit("a", 2, 2) && !admit("a", 2, 3));
    assert!(admit("a", 2, 0) && admit("a", 2, 1), "who has a place keeps it when all is taken");
    assert!(!admit("a", 2, 2));
    assert!(admit("a", 3, 2) && !admit("a", 3, 3), "a policy that allows more is heard");
    assert!(admit("a", 3, 0) && admit("a", 3, 2));
    assert!(admit("b", 1, 2) && !admit("b", 1, 3));
    assert!(!admit("c", 0, 0));
}

pub(crate) fn alerts_are_amended_by_more<L: Ledger>(ledger: &L) {
    let record = |calls, gist| Record {
        title: "an alert".to_owned(),
        calls,
        last: Some(now(0)),
        gist,
        told: Told::Unchanged,
        ..Record::default()
    };
    let of = |severity, record: &Record| {
        block_on(ledger.amend(&key(), mark(severity), record)).expect("amend")
    };
    let told = Record { told: Told::InDigest(now(0).hour()), ..record(10, 1) };
    block_on(ledger.mark(&key(), mark(Severity::Low), Some(&told))).expect("mark");
    assert!(of(Severity::Low, &record(20, 2)));
    assert!(!of(Severity::Low, &record(15, 3)), "less than is known");
    assert!(of(Severity::Low, &record(30, 4)));
    let suppressed = Record { told: Told::Suppressed("known".to_owned()), ..record(40, 5) };
    assert!(of(Severity::Low, &suppressed));
    // It was not announced by any of this.
    assert_eq!(claim(ledger, Severity::Medium, 0), Claim::Granted);
    // What is left to a digest may be told at once when something succeeds, and not before.
    assert_eq!(claim(ledger, Severity::High, 0), Claim::Granted);
    block_on(ledger.mark(&key(), mark(Severity::High), Some(&told))).expect("mark");
    assert_eq!(claim(ledger, Severity::High, 1), Claim::Granted);
    assert_eq!(claim_of(ledger, success(Severity::High), 1), Claim::Granted);
    block_on(ledger.mark(&key(), success(Severity::High), Some(&told))).expect("mark");
    assert_eq!(claim_of(ledger, success(Severity::High), 2), Claim::Announced);
    assert_eq!(claim(ledger, Severity::High, 2), Claim::Announced);
    let whole = observe(ledger, &failures([1]));
    assert_eq!(Vec::from_iter(whole.marks), []);
    let deferred = [mark(Severity::Low), mark(Severity::High), success(Severity::High)];
    assert_eq!(Vec::from_iter(whole.deferred), deferred);
}
