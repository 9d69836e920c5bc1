//! Alerts as OCSF 1.8 Detection Findings (class 2004), the form machines read.
//!
//! Everything in it is a function of the alert, so that the same logs give the same bytes. Texts
//! that callers wrote are plain JSON strings here: whoever shows them escapes them.

use serde_json::{Map, Value, json};

use crate::alert::Alert;
use crate::controls;
use crate::detections::Detection;
use crate::evidence::Kind;
use crate::intelligence::AutonomousSystem;
use crate::sample::Sample;
use crate::score::Severity;
use crate::source::LedgerKey;
use crate::suppress::Suppressed;

/// The version of the schema.
pub const SCHEMA_VERSION: &str = "1.8.0";

/// The most evidences one finding carries.
pub const EVIDENCES_MAX: usize = 10;

/// What a finding does to what was told under its uid before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It is new.
    Create = 1,
    /// It replaces it.
    Update = 2,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is open.
    New = 1,
    /// The policy or a person calls it nothing.
    Suppressed = 3,
    /// It is closed.
    Resolved = 4,
}

impl Status {
    /// OCSF `status_id`.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// OCSF `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Suppressed => "Suppressed",
            Self::Resolved => "Resolved",
        }
    }
}

/// OCSF `activity_id` of a finding that is closed.
const CLOSE: u32 = 3;

/// Says in a finding what became of it since it was told, and why.
pub fn set_status(finding: &mut Value, status: Status, detail: Option<&str>) {
    let Some(fields) = finding.as_object_mut() else { return };
    fields.insert("status_id".to_owned(), json!(status.id()));
    fields.insert("status".to_owned(), json!(status.name()));
    if let Some(detail) = detail {
        fields.insert("status_detail".to_owned(), json!(detail));
    }
    if status == Status::Resolved {
        fields.insert("activity_id".to_owned(), json!(CLOSE));
        fields.insert("activity_name".to_owned(), json!("Close"));
        fields.insert("type_uid".to_owned(), json!(200_400 + CLOSE));
    }
}

/// OCSF observable types.
const IP_ADDRESS: u8 = 2;
const USER_NAME: u8 = 4;
const OTHER: u8 = 99;

/// An alert as a Detection Finding.
pub fn detection_finding(alert: &Alert) -> Value {
    finding_of(alert, Activity::Create, EVIDENCES_MAX)
}

/// An alert as a Detection Finding that opens or updates, with so many evidences at most.
pub fn finding_of(alert: &Alert, activity: Activity, evidences_max: usize) -> Value {
    let evidences = evidences(alert, evidences_max);
    let mut finding = json!({
        "activity_id": activity as u8,
        "activity_name": format!("{activity:?}"),
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_400 + activity as u32,
        "time": alert.last.millis(),
        "start_time": alert.first.millis(),
        "end_time": alert.last.millis(),
        "count": alert.calls,
        "is_alert": true,
        "severity_id": alert.severity.id(),
        "severity": alert.severity.name(),
        "risk_score": alert.score,
        "risk_level_id": risk_level_id(alert.severity),
        "confidence_id": 2,
        "message": alert.title(),
        "metadata": {
            "version": SCHEMA_VERSION,
            "profiles": ["cloud"],
            "product": {
                "name": "callerwatch",
                "vendor_name": "callerwatch",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
        "cloud": cloud(alert),
        "finding_info": finding_info(alert),
        "observables": observables(alert, &evidences),
        "evidences": evidences,
        "unmapped": {
            "count_is_at_least": alert.is_at_least,
            "score_reasons": alert.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    });
    if let (Some(leading), Some(fields)) = (alert.findings.first(), finding.as_object_mut()) {
        fields.insert("remediation".to_owned(), json!({ "desc": leading.detection.runbook }));
    }
    if alert.is_suppressed() {
        let reasons: Vec<&str> = alert.suppressed.iter().map(|it| it.reason.as_str()).collect();
        set_status(&mut finding, Status::Suppressed, Some(&reasons.join("; ")));
    } else {
        set_status(&mut finding, Status::New, None);
    }
    if let Some(fields) = finding.pointer_mut("/unmapped").and_then(Value::as_object_mut)
        && !alert.suppressed.is_empty()
    {
        // All of it, or parts that are left out of it otherwise.
        fields.insert("suppressed".to_owned(), alert.suppressed.iter().map(suppressed).collect());
    }
    for evidence in finding.get_mut("evidences").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(endpoint) = evidence.get_mut("src_endpoint").and_then(Value::as_object_mut) {
            locate(alert, endpoint);
        }
    }
    finding
}

fn suppressed(it: &Suppressed) -> Value {
    json!({ "analytic": it.detection, "until": it.until.to_string(), "reason": it.reason })
}

/// Adds what is known of where the source is: the same for all its addresses.
fn locate(alert: &Alert, endpoint: &mut Map<String, Value>) {
    if let Some(country) = alert.country {
        endpoint.insert("location".to_owned(), json!({ "country": country.to_string() }));
    }
    if let Some(AutonomousSystem { number, name }) = &alert.autonomous_system {
        let mut system = json!({ "number": number });
        if let (Some(name), Some(fields)) = (name, system.as_object_mut()) {
            fields.insert("name".to_owned(), json!(name));
        }
        endpoint.insert("autonomous_system".to_owned(), system);
    }
}

fn risk_level_id(severity: Severity) -> u8 {
    severity.id() - 1
}

fn cloud(alert: &Alert) -> Value {
    let provider = alert.clouds.first().map_or("AWS", |cloud| cloud.name());
    let of_provider = alert.samples.iter().find(|sample| sample.cloud.name() == provider);
    let mut cloud = json!({ "provider": provider });
    if let (Some(sample), Some(fields)) = (of_provider, cloud.as_object_mut()) {
        if let Some(account) = sample.account() {
            fields.insert("account".to_owned(), json!({ "uid": account }));
        }
        if let Some(region) = sample.region() {
            fields.insert("region".to_owned(), json!(region));
        }
    }
    cloud
}

fn finding_info(alert: &Alert) -> Value {
    let detections: Vec<&Detection> =
        alert.findings.iter().map(|finding| finding.detection).collect();
    let analytic = |detection: &&Detection| {
        json!({
            "uid": detection.id,
            "name": detection.title,
            "desc": detection.logic,
            "type_id": 1,
            "type": "Rule",
        })
    };
    let mut attacks: Vec<Value> = Vec::new();
    for attack in detections.iter().map(|detection| attack(detection)) {
        if !attacks.contains(&attack) {
            attacks.push(attack);
        }
    }
    let mut uids: Vec<&str> = alert.samples.iter().map(Sample::uid).collect();
    uids.sort_unstable();
    uids.dedup();
    let calls = uids.iter().map(|uid| json!({ "uid": uid }));
    let earlier = alert.earlier.iter();
    let earlier = earlier.map(|uid| json!({ "uid": uid, "title": "the alert of the day before" }));
    let related_events: Vec<Value> = calls.chain(earlier).collect();
    let mut info = json!({
        "uid": alert.uid,
        "title": alert.title(),
        "desc": alert.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        "first_seen_time": alert.first.millis(),
        "last_seen_time": alert.last.millis(),
        "created_time": alert.last.millis(),
        "types": detections.iter().map(|detection| detection.title).collect::<Vec<_>>(),
        "attacks": attacks,
        "tags": tags(&detections),
        "related_events": related_events,
        "data_sources": alert.clouds.iter().map(|cloud| cloud.name()).collect::<Vec<_>>(),
    });
    if let Some(fields) = info.as_object_mut() {
        if let Some(leading) = detections.first() {
            fields.insert("analytic".to_owned(), analytic(leading));
        }
        if let Some(related @ [_, ..]) = detections.get(1..) {
            fields.insert("related_analytics".to_owned(), related.iter().map(analytic).collect());
        }
    }
    info
}

fn attack(detection: &Detection) -> Value {
    let (tactic_uid, tactic) = detection.technique.tactic;
    let (uid, name) = detection.technique.technique;
    let mut attack = json!({ "tactic": { "uid": tactic_uid, "name": tactic } });
    let mut techniques = vec![("technique", uid, name)];
    // `T1110.003`, `Brute Force: Password Spraying`.
    if let (Some((technique_uid, _)), Some((technique, sub))) =
        (uid.split_once('.'), name.split_once(": "))
    {
        techniques = vec![("technique", technique_uid, technique), ("sub_technique", uid, sub)];
    }
    if let Some(fields) = attack.as_object_mut() {
        for (field, uid, name) in techniques {
            fields.insert(field.to_owned(), json!({ "uid": uid, "name": name }));
        }
    }
    attack
}

fn tags(detections: &[&Detection]) -> Value {
    let controls = controls::identifiers(detections.iter().map(|detection| detection.id));
    let tags = controls.iter().map(|(name, values)| json!({ "name": name, "values": values }));
    tags.collect()
}

fn evidences(alert: &Alert, most: usize) -> Vec<Value> {
    // Of more samples than evidences the successes are told first.
    let mut samples: Vec<&Sample> = alert.samples.iter().collect();
    if samples.len() > most {
        samples.sort_by_key(|sample| !sample.kind.is_success());
        samples.truncate(most);
        samples.sort_by_key(|sample| sample.time);
    }
    if samples.is_empty() {
        // A finding has one at least.
        let whereabouts = alert.whereabouts();
        let whereabouts = whereabouts.iter().take(most.max(1));
        return whereabouts.map(|it| json!({ "src_endpoint": src_endpoint(it) })).collect();
    }
    samples.into_iter().map(evidence).collect()
}

/// A call as one of the evidences of a finding.
pub fn evidence(sample: &Sample) -> Value {
    let mut api = json!({
        "operation": sample.operation(),
        "service": { "name": sample.service() },
        "response": { "message": outcome(sample.kind) },
    });
    if let Some(code) = sample.status_code()
        && let Some(response) = api.pointer_mut("/response").and_then(Value::as_object_mut)
    {
        response.insert("error".to_owned(), json!(code));
    }
    let mut evidence = Map::new();
    evidence.insert("api".to_owned(), api);
    evidence.insert("src_endpoint".to_owned(), src_endpoint(sample.address()));
    evidence.insert("actor".to_owned(), actor(sample));
    if let Some(resource) = sample.resource() {
        evidence.insert("resources".to_owned(), json!([{ "uid": resource }]));
    }
    let mut data = json!({
        "uid": sample.uid(),
        "time": sample.time.to_string(),
        "cloud": sample.cloud.name(),
    });
    if let Some(fields) = data.as_object_mut() {
        let texts = [
            ("account", sample.account()),
            ("region", sample.region()),
            ("user_agent", sample.user_agent()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                fields.insert(name.to_owned(), json!(text));
            }
        }
    }
    evidence.insert("data".to_owned(), data);
    Value::Object(evidence)
}

/// What a person calls an outcome.
pub fn outcome(kind: Kind) -> &'static str {
    match kind {
        Kind::Success | Kind::Seen | Kind::Origin => "success",
        Kind::LoginSucceeded => "signed in",
        Kind::PasswordCorrect => "password correct, sign-in stopped",
        Kind::LoginFailed => "sign-in failed",
        Kind::Denied => "denied",
        Kind::Throttled => "throttled",
        Kind::OtherError => "error",
    }
}

/// A source that is no address has a name and no `ip`, which the schema keeps for real ones.
fn src_endpoint(address: &str) -> Value {
    if address.parse::<std::net::IpAddr>().is_ok() {
        json!({ "ip": address })
    } else {
        json!({ "name": address })
    }
}

fn actor(sample: &Sample) -> Value {
    let mut user = Map::new();
    if let Some(principal) = sample.principal() {
        user.insert("uid".to_owned(), json!(principal));
    }
    let name = sample.name().or(sample.principal()).unwrap_or("unknown");
    user.insert("name".to_owned(), json!(name));
    if let Some(credential) = sample.credential() {
        // The user's `credential_uid` is deprecated since 1.6.
        user.insert("programmatic_credentials".to_owned(), json!([{ "uid": credential }]));
    }
    json!({ "user": user })
}

fn observables(alert: &Alert, evidences: &[Value]) -> Vec<Value> {
    let mut observables: Vec<Value> = alert
        .addresses()
        .iter()
        .map(|ip| observable("evidences[].src_endpoint.ip", IP_ADDRESS, &ip.to_string()))
        .collect();
    match &alert.key {
        LedgerKey::V6Net(_) if !observables.is_empty() => {}
        LedgerKey::V6Net(_) | LedgerKey::Network(_) => {
            let network = alert.key.to_string();
            observables.push(observable("evidences[].src_endpoint", OTHER, &network));
        }
        LedgerKey::Unrecognized(text) => {
            observables.push(observable("evidences[].src_endpoint.name", OTHER, text));
        }
        _ => {}
    }
    let name = |evidence: &Value| {
        evidence.pointer("/actor/user/name").and_then(Value::as_str).map(str::to_owned)
    };
    let mut names: Vec<String> = evidences.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    let user = |name: &String| observable("evidences[].actor.user.name", USER_NAME, name);
    observables.extend(names.iter().map(user));
    observables
}

fn observable(name: &str, type_id: u8, value: &str) -> Value {
    json!({ "name": name, "type_id": type_id, "value": value })
}
