//! A dossier for machines: one object a line.

use std::io::{self, Write};

use callerwatch_detection::alert::Alert;
use callerwatch_detection::intelligence::Hit;
use callerwatch_detection::ocsf;
use callerwatch_detection::source::LedgerKey;
use serde_json::{Value, json};

use super::around::Others;
use super::dossier::{Dossier, Tally};
use crate::report::plain_json;
use crate::setup::Setup;

/// Prints it to standard output.
pub(super) fn json(dossier: &Dossier, setup: &Setup) -> io::Result<()> {
    let object = object(dossier, setup).to_string();
    writeln!(io::stdout().lock(), "{}", plain_json(&object))
}

fn object(dossier: &Dossier, setup: &Setup) -> Value {
    let key = &dossier.key;
    let intelligence = &setup.intelligence;
    // A private address is never looked up.
    let is_private = matches!(key, LedgerKey::Private { .. });
    let addresses = dossier.each_address().into_iter().filter(|_| !is_private);
    let hits = addresses.flat_map(|ip| intelligence.named(ip));
    let mut lists: Vec<Value> = Vec::new();
    for hit in hits.map(|it| hit(&it)) {
        if !lists.contains(&hit) {
            lists.push(hit);
        }
    }
    let named = |(name, tally): &(String, Tally)| json!({ "name": name, "calls": told(tally) });
    let system = intelligence.autonomous_system(key);
    json!({
        "source": key.to_string(),
        "type": kind(key),
        "is_known": !dossier.is_empty(),
        "country": intelligence.country(key).map(|it| it.to_string()),
        "autonomous_system": system.map(|it| json!({ "number": it.number, "name": it.name })),
        "lists": lists,
        "trusted_network": dossier.trusted_network(&setup.policy),
        "has_all_calls": dossier.has_all_calls,
        "count_is_at_least": dossier.is_at_least,
        "calls": told(&dossier.calls),
        "evidence": dossier.evidence,
        "days_of_work": dossier.days_of_work,
        "principals": dossier.principals.iter().map(named).collect::<Vec<_>>(),
        "operations": dossier.operations.iter().map(named).collect::<Vec<_>>(),
        "accounts": dossier.accounts,
        "addresses": dossier.addresses,
        "user_agents": dossier.user_agents,
        "timeline": dossier
            .timeline
            .iter()
            .map(|(from, tally)| json!({ "from": from.to_string(), "calls": told(tally) }))
            .collect::<Vec<_>>(),
        "announced": dossier
            .announced
            .iter()
            .map(|mark| {
                json!({
                    "day": mark.day.to_string(),
                    "severity": mark.severity.name(),
                    "has_success": mark.has_success,
                })
            })
            .collect::<Vec<_>>(),
        "samples": dossier.samples.iter().map(ocsf::evidence).collect::<Vec<_>>(),
        "findings": findings(&dossier.alerts),
        "others": dossier
            .others
            .iter()
            .map(|Others { key, alerts }| json!({
                "source": key.to_string(),
                "type": kind(key),
                "findings": findings(alerts),
            }))
            .collect::<Vec<_>>(),
    })
}

fn findings(alerts: &[Alert]) -> Vec<Value> {
    alerts.iter().map(ocsf::detection_finding).collect()
}

fn kind(key: &LedgerKey) -> &'static str {
    match key {
        LedgerKey::V4(_) => "address",
        LedgerKey::V6Net(_) | LedgerKey::Network(_) => "network",
        LedgerKey::Private { .. } => "private",
        LedgerKey::Unrecognized(_) => "unrecognized",
        LedgerKey::Principal { .. } => "principal",
    }
}

fn hit(hit: &Hit<'_>) -> Value {
    json!({
        "list": hit.list.name,
        "category": hit.category.name(),
        "level": hit.level,
        "prefix": hit.prefix.to_string(),
        "dated_secs": hit.list.dated_secs,
    })
}

fn told(tally: &Tally) -> Value {
    let kinds = tally.kinds.iter().map(|(kind, count)| (ocsf::outcome(*kind), *count));
    json!({
        "count": tally.count,
        "outcomes": kinds.collect::<std::collections::BTreeMap<_, _>>(),
        "first": tally.span.map(|(first, _)| first.to_string()),
        "last": tally.span.map(|(_, last)| last.to_string()),
    })
}
