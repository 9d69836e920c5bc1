//! Alerts of others that are about the same calls: of the network around a source, and of principals
//! that called from it; and the other way round, of the single sources in a network.
//!
//! An attacker who changes the address raises no alert at any of them, so who asks for one address is
//! told of these too, apart from its own.

use std::collections::BTreeSet;

use callerwatch_detection::alert::Alert;
use callerwatch_detection::decide;
use callerwatch_detection::evidence::{Entry, Kind};
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::source::{LedgerKey, Subject};

use crate::setup::Setup;

/// The alerts of another than who is asked for.
#[derive(Debug)]
pub(super) struct Others {
    pub(super) key: LedgerKey,
    pub(super) alerts: Vec<Alert>,
}

impl Others {
    /// Of a ledger's neighbors those that have alerts about its calls: networks first, then
    /// principals; or the sources in it, the highest score first.
    pub(super) fn of(
        key: &LedgerKey,
        neighbors: impl IntoIterator<Item = (LedgerKey, SourceLedger)>,
        setup: &Setup,
    ) -> Vec<Self> {
        let alerts = |(other, ledger)| {
            let alerts = about(key, &other, ledger, setup);
            (!alerts.is_empty()).then_some(Self { key: other, alerts })
        };
        let mut others: Vec<Self> = neighbors.into_iter().filter_map(alerts).collect();
        others.sort_by(|a, b| (b.highest(), &a.key).cmp(&(a.highest(), &b.key)));
        others.sort_by_key(|it| it.key.subject() == Subject::Principal);
        others
    }

    fn highest(&self) -> Option<u8> {
        self.alerts.iter().map(|alert| alert.score).max()
    }
}

/// Whose ledgers may hold calls that are in this one too.
pub(super) fn neighbors(key: &LedgerKey, ledger: &SourceLedger) -> BTreeSet<LedgerKey> {
    match key.subject() {
        Subject::Source => {
            let Some((network, _)) = key.network() else { return BTreeSet::new() };
            // Of principals failures are kept, and no others.
            let failed = ledger.entries.iter().filter(|entry| is_failure(entry));
            let principals = failed.filter_map(|entry| {
                Some(LedgerKey::Principal { cloud: entry.cloud(), hash: entry.principal()? })
            });
            principals.chain([network]).collect()
        }
        Subject::Network => members(key, &ledger.entries).collect(),
        // Members are told by fingerprints there, and by samples alone in words.
        Subject::Principal => {
            let addresses = ledger.samples.iter().filter_map(|it| it.address().parse().ok());
            addresses.map(LedgerKey::of_public).collect()
        }
    }
}

/// The sources that failed in a network.
pub(super) fn members(key: &LedgerKey, entries: &[Entry]) -> impl Iterator<Item = LedgerKey> {
    let failed = entries.iter().filter(|entry| is_failure(entry));
    failed.filter_map(|entry| key.member(u16::try_from(entry.member()?).ok()?))
}

fn is_failure(entry: &Entry) -> bool {
    matches!(entry.kind(), Kind::LoginFailed | Kind::Denied)
}

/// The alerts of another that rest on calls of a source: without these they are not there, or tell
/// of fewer. All alerts of what is itself a single source.
fn about(
    key: &LedgerKey,
    other: &LedgerKey,
    mut ledger: SourceLedger,
    setup: &Setup,
) -> Vec<Alert> {
    let decided = |ledger| decide(other, ledger, &setup.intelligence, &setup.policy);
    let member = match other.subject() {
        Subject::Source => return decided(ledger),
        Subject::Network => key.network().map(|(_, member)| u64::from(member)),
        Subject::Principal => key.fingerprint(),
    };
    let mut alerts = decided(ledger.clone());
    ledger.entries.retain(|entry| !is_failure(entry) || entry.member() != member);
    let without = decided(ledger);
    let is_as_much = |one: &Alert, it: &Alert| {
        (&one.uid, one.calls, one.members) == (&it.uid, it.calls, it.members)
    };
    alerts.retain(|alert| !without.iter().any(|it| is_as_much(alert, it)));
    alerts
}
