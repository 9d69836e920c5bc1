//! What the items of denials hold, and how they are read back.
//!
//! A denial and the settings are JSON in one attribute: nothing is asked of the table but to keep
//! them. Sets of networks are bytes, since ten thousand of them must fit into an item. Promises that
//! an item is bounded, whatever strangers wrote into titles.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use callerwatch_detection::plain::plain;
use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Timestamp;
use callerwatch_response::{
    By, Cause, Denial, LetGo, Mode, Removal, Settings, State, TargetId, TargetKind,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::Item;

const TEXT_MAX: usize = 500;
/// What is added to the length of an IPv6 prefix, so that it is told from one of IPv4.
const IPV6: u8 = 64;

#[derive(Serialize, Deserialize)]
struct DenialText {
    network: String,
    since: i64,
    until: i64,
    causes: Vec<CauseText>,
    #[serde(default)]
    states: Vec<StateText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed: Option<RemovalText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    let_go: Vec<LetGoText>,
}

#[derive(Serialize, Deserialize)]
struct RemovalText {
    time: i64,
    by: String,
    why: String,
    until: i64,
    is_done: bool,
}

#[derive(Serialize, Deserialize)]
struct LetGoText {
    uid: String,
    score: u8,
    time: i64,
    until: i64,
}

#[derive(Serialize, Deserialize)]
struct CauseText {
    uid: String,
    since: i64,
    /// By an alert, for its leading detection.
    #[serde(skip_serializing_if = "Option::is_none")]
    detection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    title: String,
    score: u8,
    severity: u8,
}

#[derive(Serialize, Deserialize)]
struct StateText {
    kind: String,
    arn: String,
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct SettingsText {
    mode: String,
    targets: Vec<(String, String)>,
    attached_to: Vec<String>,
    break_glass: Vec<String>,
    account: String,
    state_bucket: String,
    #[serde(default)]
    topic_arn: String,
    #[serde(default)]
    revoked_roles: Vec<String>,
}

pub(super) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|it| it.as_s().ok()).map(String::as_str)
}

pub(super) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(|it| it.as_n().ok()?.parse().ok())
}

/// A denial as JSON.
pub(super) fn of_denial(denial: &Denial) -> String {
    let causes = denial.causes.iter().map(|(uid, cause)| {
        let (detection, person) = match &cause.by {
            By::Alert(detection) => (Some(plain(detection, TEXT_MAX)), None),
            By::Person(person) => (None, Some(plain(person, TEXT_MAX))),
        };
        CauseText {
            uid: uid.clone(),
            since: cause.since.millis(),
            detection,
            person,
            title: plain(&cause.title, TEXT_MAX),
            score: cause.score,
            severity: cause.severity.id(),
        }
    });
    json(&DenialText {
        network: denial.network.to_string(),
        since: denial.since.millis(),
        until: denial.until.millis(),
        causes: causes.collect(),
        states: denial.states.iter().map(of_state).collect(),
        removed: denial.removed.as_ref().map(|it| RemovalText {
            time: it.time.millis(),
            by: plain(&it.by, TEXT_MAX),
            why: plain(&it.why, TEXT_MAX),
            until: it.until.millis(),
            is_done: it.is_done,
        }),
        let_go: denial.let_go.iter().map(of_let_go).collect(),
    })
}

fn of_let_go((uid, it): (&String, &LetGo)) -> LetGoText {
    let (uid, score) = (uid.clone(), it.score);
    LetGoText { uid, score, time: it.time.millis(), until: it.until.millis() }
}

fn of_state((target, state): (&TargetId, &State)) -> StateText {
    let (word, why) = match state {
        State::Pending => ("pending", None),
        State::Denied => ("denied", None),
        State::Foreign => ("foreign", None),
        State::NoRoom => ("no room", None),
        State::Left => ("left", None),
        State::Failed(why) => ("failed", Some(plain(why, TEXT_MAX))),
    };
    StateText {
        kind: target.kind.as_str().to_owned(),
        arn: target.arn.clone(),
        state: word.to_owned(),
        why,
    }
}

/// The denial of a JSON text. A state that another version wrote is passed over: it is found anew.
pub(super) fn denial(text: &str) -> Option<Denial> {
    let read: DenialText = serde_json::from_str(text).ok()?;
    let cause = |it: CauseText| {
        let by = match (it.detection, it.person) {
            (_, Some(person)) => By::Person(person),
            (detection, None) => By::Alert(detection.unwrap_or_default()),
        };
        let severity = Severity::ALL.into_iter().find(|severity| severity.id() == it.severity)?;
        let since = Timestamp::from_millis(it.since)?;
        Some((it.uid, Cause { since, by, title: it.title, score: it.score, severity }))
    };
    Some(Denial {
        network: read.network.parse().ok()?,
        causes: read.causes.into_iter().filter_map(cause).collect(),
        since: Timestamp::from_millis(read.since)?,
        until: Timestamp::from_millis(read.until)?,
        states: read.states.into_iter().filter_map(state).collect::<BTreeMap<_, _>>(),
        removed: match read.removed {
            Some(it) => Some(removal(it)?),
            None => None,
        },
        let_go: read.let_go.into_iter().filter_map(let_go).collect(),
    })
}

fn removal(read: RemovalText) -> Option<Removal> {
    let RemovalText { time, by, why, until, is_done } = read;
    let (time, until) = (Timestamp::from_millis(time)?, Timestamp::from_millis(until)?);
    Some(Removal { time, by, why, until, is_done })
}

fn let_go(read: LetGoText) -> Option<(String, LetGo)> {
    let (time, until) = (Timestamp::from_millis(read.time)?, Timestamp::from_millis(read.until)?);
    Some((read.uid, LetGo { score: read.score, time, until }))
}

fn state(read: StateText) -> Option<(TargetId, State)> {
    let state = match read.state.as_str() {
        "pending" => State::Pending,
        "denied" => State::Denied,
        "foreign" => State::Foreign,
        "no room" => State::NoRoom,
        "left" => State::Left,
        "failed" => State::Failed(read.why.unwrap_or_default()),
        _ => return None,
    };
    Some((TargetId { kind: kind(&read.kind)?, arn: read.arn }, state))
}

/// The target that is written so: its kind and its ARN.
pub(super) fn target(text: &str) -> Option<TargetId> {
    let (word, arn) = text.split_once(' ')?;
    Some(TargetId { kind: kind(word)?, arn: arn.to_owned() })
}

fn kind(word: &str) -> Option<TargetKind> {
    [TargetKind::Policy, TargetKind::OrganizationPolicy, TargetKind::Ipv4Set, TargetKind::Ipv6Set]
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

/// The settings as JSON.
pub(super) fn of_settings(settings: &Settings) -> String {
    let target = |it: &TargetId| (it.kind.as_str().to_owned(), it.arn.clone());
    let mode = match settings.mode {
        Mode::DryRun => "dry-run",
        Mode::Enforce => "enforce",
    };
    json(&SettingsText {
        mode: mode.to_owned(),
        targets: settings.targets.iter().map(target).collect(),
        attached_to: settings.attached_to.clone(),
        break_glass: settings.break_glass.clone(),
        account: settings.account.clone(),
        state_bucket: settings.state_bucket.clone(),
        topic_arn: settings.topic_arn.clone(),
        revoked_roles: settings.revoked_roles.clone(),
    })
}

/// The settings of a JSON text.
pub(super) fn settings(text: &str) -> Option<Settings> {
    let read: SettingsText = serde_json::from_str(text).ok()?;
    let target = |(word, arn): (String, String)| Some(TargetId { kind: kind(&word)?, arn });
    Some(Settings {
        mode: if read.mode == "enforce" { Mode::Enforce } else { Mode::DryRun },
        targets: read.targets.into_iter().map(target).collect::<Option<_>>()?,
        attached_to: read.attached_to,
        break_glass: read.break_glass,
        account: read.account,
        state_bucket: read.state_bucket,
        topic_arn: read.topic_arn,
        revoked_roles: read.revoked_roles,
    })
}

/// Networks one after another: the length of the prefix, and as many bytes as it has begun.
pub(super) fn of_networks(networks: &BTreeSet<IpNet>) -> AttributeValue {
    let mut bytes = Vec::new();
    for network in networks {
        let len = network.prefix_len();
        let begun = usize::from(len.div_ceil(8));
        match network {
            IpNet::V4(network) => {
                bytes.push(len);
                bytes.extend(network.network().octets().iter().take(begun));
            }
            IpNet::V6(network) => {
                bytes.push(IPV6 + len);
                bytes.extend(network.network().octets().iter().take(begun));
            }
        }
    }
    AttributeValue::B(Blob::new(bytes))
}

/// The networks of such bytes.
pub(super) fn networks(value: Option<&AttributeValue>) -> BTreeSet<IpNet> {
    let mut bytes = value.and_then(|it| it.as_b().ok()).map_or(&[][..], Blob::as_ref).iter();
    let mut networks = BTreeSet::new();
    while let Some(len) = bytes.next().copied() {
        let network = if len >= IPV6 {
            let mut octets = [0; 16];
            fill(&mut octets, &mut bytes, len - IPV6);
            Ipv6Net::new(Ipv6Addr::from(octets), len - IPV6).map(IpNet::V6)
        } else {
            let mut octets = [0; 4];
            fill(&mut octets, &mut bytes, len);
            Ipv4Net::new(Ipv4Addr::from(octets), len).map(IpNet::V4)
        };
        networks.extend(network.ok());
    }
    networks
}

/// Networks by the time at which they were taken out: few times, of many networks each.
pub(super) fn of_taken_out(taken_out: &BTreeMap<IpNet, Timestamp>) -> AttributeValue {
    let mut by_time: BTreeMap<i64, BTreeSet<IpNet>> = BTreeMap::new();
    for (network, time) in taken_out {
        by_time.entry(time.millis()).or_default().insert(*network);
    }
    let of_time =
        |(time, networks): (i64, BTreeSet<IpNet>)| (time.to_string(), of_networks(&networks));
    AttributeValue::M(by_time.into_iter().map(of_time).collect())
}

/// The same, read back.
pub(super) fn taken_out(value: Option<&AttributeValue>) -> BTreeMap<IpNet, Timestamp> {
    let by_time = value.and_then(|it| it.as_m().ok()).into_iter().flatten();
    let of_time = |(time, some): (&String, &AttributeValue)| {
        let time = Timestamp::from_millis(time.parse().ok()?)?;
        Some(networks(Some(some)).into_iter().map(move |network| (network, time)))
    };
    by_time.filter_map(of_time).flatten().collect()
}

fn fill(octets: &mut [u8], bytes: &mut std::slice::Iter<'_, u8>, len: u8) {
    for octet in octets.iter_mut().take(usize::from(len.div_ceil(8))) {
        *octet = bytes.next().copied().unwrap_or_default();
    }
}

/// Texts, numbers and lists of them become JSON always.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
