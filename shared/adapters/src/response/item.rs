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
use callerwatch_response::{By, Cause, Denial, Mode, Settings, State, TargetId, TargetKind};
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
}

#[derive(Serialize, Deserialize)]
struct CauseText {
    uid: String,
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
    })
}

fn of_state((target, state): (&TargetId, &State)) -> StateText {
    let (word, why) = match state {
        State::Pending => ("pending", None),
        State::Denied => ("denied", None),
        State::Foreign => ("foreign", None),
        State::NoRoom => ("no room", None),
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
        Some((it.uid, Cause { by, title: it.title, score: it.score, severity }))
    };
    Some(Denial {
        network: read.network.parse().ok()?,
        causes: read.causes.into_iter().filter_map(cause).collect(),
        since: Timestamp::from_millis(read.since)?,
        until: Timestamp::from_millis(read.until)?,
        states: read.states.into_iter().filter_map(state).collect::<BTreeMap<_, _>>(),
    })
}

fn state(read: StateText) -> Option<(TargetId, State)> {
    let state = match read.state.as_str() {
        "pending" => State::Pending,
        "denied" => State::Denied,
        "foreign" => State::Foreign,
        "no room" => State::NoRoom,
        "failed" => State::Failed(read.why.unwrap_or_default()),
        _ => return None,
    };
    Some((TargetId { kind: kind(&read.kind)?, arn: read.arn }, state))
}

/// The target that is written so: its kind and its ARN.
#[cfg(feature = "operator")]
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

fn fill(octets: &mut [u8], bytes: &mut std::slice::Iter<'_, u8>, len: u8) {
    for octet in octets.iter_mut().take(usize::from(len.div_ceil(8))) {
        *octet = bytes.next().copied().unwrap_or_default();
    }
}

/// Texts, numbers and lists of them become JSON always.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use callerwatch_response::{Effect, ask};

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(secs)
    }

    fn a_target(kind: TargetKind) -> TargetId {
        TargetId { kind, arn: format!("arn:aws:x::111111111111:{}/a b", kind.as_str()) }
    }

    fn cause(score: u8, title: &str) -> Cause {
        let by = By::Alert("password-spray".to_owned());
        Cause { by, title: title.to_owned(), score, severity: Severity::of_score(score) }
    }

    fn a_denial() -> Denial {
        let by_hand =
            Cause { by: By::Person("arn:aws:iam::1:user/é".to_owned()), ..cause(100, "x") };
        Denial {
            network: "2001:db8:7::/64".parse().unwrap(),
            causes: [("1".to_owned(), cause(61, "a \"title\"")), ("2".to_owned(), by_hand)].into(),
            since: at(0),
            until: at(3600),
            states: [
                (a_target(TargetKind::Policy), State::Denied),
                (a_target(TargetKind::OrganizationPolicy), State::NoRoom),
                (a_target(TargetKind::Ipv4Set), State::Foreign),
                (a_target(TargetKind::Ipv6Set), State::Failed("it broke".to_owned())),
            ]
            .into(),
        }
    }

    #[test]
    fn a_denial_is_read_back_as_it_was() {
        let it = a_denial();
        assert_eq!(denial(&of_denial(&it)), Some(it));
    }

    #[test]
    fn what_another_version_wrote_is_passed_over() {
        let text = of_denial(&a_denial()).replace("\"no room\"", "\"elsewhere\"");
        let read = denial(&text.replacen('{', "{\"new\":1,", 1)).unwrap();
        assert_eq!(read.states.len(), 3);
        for broken in ["", "{}", "[]", "{\"network\":\"203.0.113.7/33\"}"] {
            assert_eq!(denial(broken), None, "{broken}");
        }
    }

    #[test]
    fn sizes_are_bounded_and_the_gravest_causes_stay() {
        let mut it = Denial { causes: BTreeMap::new(), ..a_denial() };
        let title = "\u{202e}\u{1}".repeat(10_000);
        for n in 0..90 {
            let asked =
                ask(Some(&it), it.network, &format!("{n:032}"), cause(n, &title), at(1), at(7200));
            let Effect::Extended(extended) = asked else { panic!("{asked:?}") };
            it = extended;
        }
        it = it.ended(at(2), "somebody", &title);
        it.states.insert(a_target(TargetKind::Policy), State::Failed(title));
        let text = of_denial(&it);
        assert!(text.len() < 200_000, "{}", text.len());
        let read = denial(&text).unwrap();
        assert!(read.removed().is_some());
        let scores: Vec<u8> = read.causes.values().map(|it| it.score).collect();
        assert_eq!(scores, (70..90).chain([0]).collect::<Vec<_>>());
    }

    #[test]
    fn settings_are_read_back_as_they_were() {
        let it = Settings {
            mode: Mode::Enforce,
            targets: vec![a_target(TargetKind::Policy), a_target(TargetKind::Ipv6Set)],
            attached_to: vec!["arn:aws:iam::111111111111:group/people".to_owned()],
            break_glass: vec!["arn:aws:iam::*:role/break-glass".to_owned()],
            account: "111111111111".to_owned(),
            state_bucket: "state".to_owned(),
            topic_arn: "arn:aws:sns:eu-west-1:111111111111:alerts".to_owned(),
            revoked_roles: vec!["arn:aws:iam::111111111111:role/deployer".to_owned()],
        };
        assert_eq!(settings(&of_settings(&it)), Some(it.clone()));
        assert_eq!(settings("{}"), None);
        // Whatever is not known to be enforced is not.
        let read = settings(&of_settings(&it).replace("enforce", "later")).unwrap();
        assert_eq!(read.mode, Mode::DryRun);
    }

    #[cfg(feature = "operator")]
    #[test]
    fn targets_are_read_back_as_they_are_written() {
        let it = a_target(TargetKind::OrganizationPolicy);
        assert_eq!(target(&it.to_string()), Some(it));
        assert_eq!(target("firewall arn:aws:x"), None);
    }

    #[test]
    fn networks_are_read_back_and_fit() {
        let texts = [
            "0.0.0.0/0",
            "10.0.0.0/9",
            "203.0.113.0/24",
            "203.0.113.7/32",
            "::/0",
            "2001:db8::/33",
            "2001:db8:7::/64",
            "2001:db8::1/128",
        ];
        let some: BTreeSet<IpNet> = texts.iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!(networks(Some(&of_networks(&some))), some);
        assert_eq!(networks(Some(&of_networks(&BTreeSet::new()))), BTreeSet::new());
        assert_eq!(networks(None), BTreeSet::new());
        // Damaged, it is less, and nothing else.
        let damaged = AttributeValue::B(Blob::new([200_u8, 1, 40, 1, 32, 203, 0]));
        assert!(networks(Some(&damaged)).len() <= 2);
        let many: BTreeSet<IpNet> =
            (0..20_000_u128).map(|n| Ipv6Net::new((n << 64).into(), 64).unwrap().into()).collect();
        let AttributeValue::B(bytes) = of_networks(&many) else { panic!("bytes") };
        assert!(bytes.as_ref().len() <= 180_000);
    }
}
