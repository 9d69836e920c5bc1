//! What a scan's ledgers hold together: evidence over time, and sources by country and network.
//!
//! Must be made of the ledgers before they are decided on, which consumes them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use callerwatch_detection::alert::Alert;
use callerwatch_detection::evidence::{Entry, Kind, keep_distinct};
use callerwatch_detection::intelligence::{AutonomousSystem, Intelligence};
use callerwatch_detection::ledger::SourceLedger;
use callerwatch_detection::score::Severity;
use callerwatch_detection::source::{LedgerKey, Subject};

use super::timeline::Timeline;
use crate::report::brief;

/// How many countries, and how many networks, have a line of their own.
const PLACES_MAX: usize = 50;

/// What ledgers hold together.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// None where there is no evidence.
    pub(super) timeline: Option<Timeline>,
    /// How many sources have evidence against them or of their work.
    pub(super) sources: usize,
    /// How many calls are evidence.
    pub(super) evidence: u64,
    /// Whether a database knows the names of networks.
    has_names: bool,
    countries: BTreeMap<String, Place>,
    networks: BTreeMap<String, Place>,
}

/// What comes from one country or network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) sources: u64,
    /// Calls that are evidence, and how many of them got what they asked for.
    pub(super) evidence: u64,
    pub(super) succeeded: u64,
    pub(super) alerts: u64,
    pub(super) highest: Option<Severity>,
}

impl Survey {
    /// Looks at all ledgers, and leaves of each entry one copy.
    pub(crate) fn of(
        sources: &mut [(LedgerKey, SourceLedger)],
        intelligence: &Intelligence,
    ) -> Self {
        let has_names = intelligence.network_database().is_some();
        let mut survey = Self { has_names, ..Self::default() };
        // What lies in those of networks and principals lies in these too.
        let is_counted = |key: &LedgerKey| key.subject() == Subject::Source;
        for (key, ledger) in sources.iter_mut() {
            keep_distinct(&mut ledger.entries);
            if is_counted(key) {
                survey.sources += 1;
                survey.place(key, ledger, intelligence);
            }
        }
        let is_event = |kind: Kind| kind != Kind::Seen;
        let counted = || sources.iter().filter(|(key, _)| is_counted(key));
        let entries = || counted().flat_map(|(_, ledger)| &ledger.entries);
        let events = || entries().filter(|entry| is_event(entry.kind()));
        let first = events().map(Entry::time).min();
        let last = events().map(Entry::time).max();
        survey.timeline = first.zip(last).map(|(first, last)| Timeline::spanning(first, last));
        for entry in events() {
            survey.evidence += 1;
            if let Some(timeline) = &mut survey.timeline {
                timeline.count(entry);
            }
        }
        survey
    }

    /// Adds what was decided and the policy does not call nothing.
    pub(crate) fn add(&mut self, alerts: &[Alert]) {
        for alert in alerts.iter().filter(|alert| !alert.is_suppressed()) {
            if let Some(timeline) = &mut self.timeline {
                timeline.count_alert(alert);
            }
            let country = country(&alert.key, alert.country.map(|it| it.to_string()));
            let network = self.network(&alert.key, alert.autonomous_system.as_ref());
            let country = self.countries.entry(country).or_default();
            let network = self.networks.entry(network).or_default();
            for place in [country, network] {
                place.alerts += 1;
                place.highest = place.highest.max(Some(alert.severity));
            }
        }
    }

    /// Countries, those with the worst alerts and then with most evidence first, and how many more
    /// there are.
    pub(super) fn countries(&self) -> (Vec<(&str, Place)>, usize) {
        ranked(&self.countries)
    }

    /// The same of networks.
    pub(super) fn networks(&self) -> (Vec<(&str, Place)>, usize) {
        ranked(&self.networks)
    }

    /// The network's name, or, where nothing knows names, the block around the address.
    fn network(&self, key: &LedgerKey, system: Option<&AutonomousSystem>) -> String {
        match (system, key) {
            (Some(system), _) => brief(&system.to_string()),
            (None, LedgerKey::V4(ip)) if !self.has_names => {
                let [a, b, c, _] = ip.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            (None, LedgerKey::V6Net(upper)) if !self.has_names => {
                let first = Ipv6Addr::from_bits(u128::from(upper >> 16 << 16) << 64);
                format!("{first}/48")
            }
            (None, LedgerKey::Network(_)) if !self.has_names => key.to_string(),
            _ => nowhere(key),
        }
    }

    fn place(&mut self, key: &LedgerKey, ledger: &SourceLedger, intelligence: &Intelligence) {
        let events = ledger.entries.iter().filter(|entry| entry.kind() != Kind::Seen);
        let (mut evidence, mut succeeded) = (0, 0);
        for entry in events {
            evidence += 1;
            succeeded += u64::from(entry.kind().is_success());
        }
        let code = intelligence.country(key).map(|country| country.to_string());
        let network = self.network(key, intelligence.autonomous_system(key).as_ref());
        let country = self.countries.entry(country(key, code)).or_default();
        let network = self.networks.entry(network).or_default();
        for place in [country, network] {
            place.sources += 1;
            place.evidence += evidence;
            place.succeeded += succeeded;
        }
    }
}

fn country(key: &LedgerKey, code: Option<String>) -> String {
    code.unwrap_or_else(|| nowhere(key))
}

/// Where a source is of which no database knows.
fn nowhere(key: &LedgerKey) -> String {
    match key {
        LedgerKey::Private { .. } => "private addresses",
        LedgerKey::Unrecognized(_) => "no addresses",
        LedgerKey::Principal { .. } => "many addresses of one principal",
        _ => "unknown",
    }
    .to_owned()
}

fn ranked(places: &BTreeMap<String, Place>) -> (Vec<(&str, Place)>, usize) {
    let mut ranked: Vec<(&str, Place)> =
        places.iter().map(|(name, place)| (name.as_str(), *place)).collect();
    ranked.sort_by_key(|(name, it)| (Reverse((it.highest, it.alerts, it.evidence)), *name));
    let more = ranked.len().saturating_sub(PLACES_MAX);
    ranked.truncate(PLACES_MAX);
    (ranked, more)
}
