//! The policy document that denies: ours is one statement of it, and the addresses in that which we
//! were told to put there.
//!
//! Promises that what others wrote stays: their statements, their addresses in ours, and whatever in a
//! list of addresses is none. Reads what others may have written, so sizes are bounded and a single
//! value stands where a list may. Knows the language of policies and none of who keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::target::Room;

/// Which statement is ours.
pub const SID: &str = "CallerwatchDeny";
/// How many characters a customer-managed policy may have.
pub const POLICY_CHARACTERS: usize = 6_144;
/// How many characters a service control policy may have.
pub const ORGANIZATION_POLICY_CHARACTERS: usize = 5_120;
/// No service takes a longer text, white space counted.
const TEXT_MAX: usize = 131_072;

/// Why a policy document cannot be read.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// It is longer than any can be.
    #[error("a policy document of {0} bytes is longer than any can be")]
    TooLong(usize),
    /// It is no JSON.
    #[error("reading a policy document as JSON")]
    Json(#[from] serde_json::Error),
    /// It is JSON, and no policy.
    #[error("a policy document has no statements where they should be")]
    Shape,
}

/// What a policy document denies, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The addresses in our statement, whoever put them there.
    pub networks: BTreeSet<IpNet>,
    /// What there is room for, were all of them taken out.
    pub room: Room,
    /// What of our statement is not as it should be.
    pub flaws: Vec<String>,
}

/// What stands where nothing is denied, since a list may not be empty: an address that is nobody's.
pub(crate) fn nobody() -> IpNet {
    IpNet::V4(Ipv4Net::from(Ipv4Addr::new(192, 0, 2, 0)))
}

/// Reads a document in which `most` characters have room, and principals like `break_glass` should be
/// excepted. An empty text is a policy that has yet to be written.
///
/// # Errors
///
/// When it is no policy: then nothing can be written without losing what others wrote.
pub fn read(text: &str, most: usize, break_glass: &[String]) -> Result<Document, DocumentError> {
    let document = parse(text)?;
    let own = own_statement(&document);
    let (networks, others) = own.map(listed).unwrap_or_default();
    let mut flaws = Vec::new();
    match own {
        None => flaws.push("its statement is missing".to_owned()),
        Some(own) => {
            let changed = changed(own, &statement(&[], break_glass));
            if !changed.is_empty() {
                flaws.push(format!("its statement was changed: {}", changed.join(", ")));
            }
        }
    }
    let without = with(document, statement(&others, break_glass)).to_string().chars().count();
    let room = Room::Characters(most.saturating_sub(without));
    Ok(Document { networks, room, flaws })
}

/// The same document with exactly these addresses in our statement, which is as it should be.
///
/// # Errors
///
/// When `text` is no policy.
pub fn write(
    text: &str,
    networks: &BTreeSet<IpNet>,
    break_glass: &[String],
) -> Result<String, DocumentError> {
    let document = parse(text)?;
    let (_, others) = own_statement(&document).map(listed).unwrap_or_default();
    let mut sources: Vec<Value> = networks.iter().map(|it| text_of(it).into()).collect();
    sources.extend(others);
    if sources.is_empty() {
        sources.push(nobody().to_string().into());
    }
    Ok(with(document, statement(&sources, break_glass)).to_string())
}

/// An address as a policy has it: one of IPv4 is bare.
pub(crate) fn text_of(network: &IpNet) -> String {
    match network {
        IpNet::V4(v4) if v4.prefix_len() == 32 => v4.addr().to_string(),
        other => other.to_string(),
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, DocumentError> {
    if text.len() > TEXT_MAX {
        return Err(DocumentError::TooLong(text.len()));
    }
    if text.trim().is_empty() {
        return Ok(Map::from_iter([("Version".to_owned(), "2012-10-17".into())]));
    }
    let Value::Object(document) = serde_json::from_str(text)? else {
        return Err(DocumentError::Shape);
    };
    match document.get("Statement") {
        None | Some(Value::Object(_)) => Ok(document),
        Some(Value::Array(all)) if all.iter().all(Value::is_object) => Ok(document),
        Some(_) => Err(DocumentError::Shape),
    }
}

fn own_statement(document: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let all = many(document.get("Statement")?);
    all.iter().filter_map(Value::as_object).find(|it| is_own(it))
}

fn is_own(statement: &Map<String, Value>) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(SID)
}

/// A value that may stand for a list of one.
fn many(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        one => std::slice::from_ref(one),
    }
}

/// The addresses of a statement, and what stands among them that is none.
fn listed(statement: &Map<String, Value>) -> (BTreeSet<IpNet>, Vec<Value>) {
    let sources = statement.get("Condition").and_then(|it| it.get("IpAddress"));
    let sources = sources.and_then(Value::as_object).and_then(|it| named(it, SOURCE));
    let (mut networks, mut others) = (BTreeSet::new(), Vec::new());
    for source in sources.map(many).unwrap_or_default() {
        match source.as_str().and_then(network_of) {
            Some(network) if network == nobody() => {}
            Some(network) => {
                networks.insert(network);
            }
            None if others.contains(source) => {}
            None => others.push(source.clone()),
        }
    }
    (networks, others)
}

fn network_of(text: &str) -> Option<IpNet> {
    let ip = text.parse::<IpAddr>().map(IpNet::from);
    ip.or_else(|_| text.parse::<IpNet>()).ok().map(|network| network.trunc())
}

const SOURCE: &str = "aws:SourceIp";

/// What a map has under a name, in which case means nothing.
fn named<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn statement(sources: &[Value], break_glass: &[String]) -> Map<String, Value> {
    let mut conditions = Map::from_iter([
        ("IpAddress".to_owned(), json!({ SOURCE: sources })),
        // A service that calls on somebody's behalf does so from an address of its own.
        ("Bool".to_owned(), json!({ "aws:ViaAWSService": "false" })),
    ]);
    if !break_glass.is_empty() {
        let excepted = json!({ "aws:PrincipalArn": break_glass });
        conditions.insert("ArnNotLike".to_owned(), excepted);
    }
    Map::from_iter([
        ("Sid".to_owned(), SID.into()),
        ("Effect".to_owned(), "Deny".into()),
        ("Action".to_owned(), "*".into()),
        ("Resource".to_owned(), "*".into()),
        ("Condition".to_owned(), Value::Object(conditions)),
    ])
}

/// The names of what differs, of a condition its operator.
fn changed(own: &Map<String, Value>, wanted: &Map<String, Value>) -> Vec<String> {
    let (own, wanted) = (plain(own), plain(wanted));
    let names: BTreeSet<&String> = own.keys().chain(wanted.keys()).collect();
    let differs = |name: &&&String| own.get(**name) != wanted.get(**name);
    names.iter().filter(differs).map(|name| clean(name)).collect()
}

/// The parts of a statement by name, its addresses left out, each as the set of values it is.
fn plain(statement: &Map<String, Value>) -> BTreeMap<String, BTreeSet<String>> {
    let texts = |value: &Value| {
        let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        many(value).iter().map(text).collect::<BTreeSet<String>>()
    };
    let mut parts = BTreeMap::new();
    for (name, value) in statement {
        let conditions = value.as_object().filter(|_| name == "Condition");
        let Some(conditions) = conditions else {
            parts.insert(name.clone(), texts(value));
            continue;
        };
        for (operator, keys) in conditions {
            let Some(keys) = keys.as_object() else {
                parts.insert(operator.clone(), texts(keys));
                continue;
            };
            for (key, values) in keys {
                let name = format!("{operator} {}", key.to_ascii_lowercase());
                let is_list = operator == "IpAddress" && key.eq_ignore_ascii_case(SOURCE);
                parts.insert(name, if is_list { BTreeSet::new() } else { texts(values) });
            }
        }
    }
    parts
}

/// A name that others wrote, in short.
fn clean(name: &str) -> String {
    callerwatch_detection::plain::plain(name, 64)
}

/// The document with our statement where it was, or else behind all others.
fn with(mut document: Map<String, Value>, own: Map<String, Value>) -> Value {
    let all = match document.remove("Statement") {
        Some(Value::Array(all)) => all,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let mut own = Some(Value::Object(own));
    let mut kept = Vec::with_capacity(all.len() + 1);
    for statement in all {
        if !statement.as_object().is_some_and(is_own) {
            kept.push(statement);
        } else if let Some(own) = own.take() {
            kept.push(own);
        }
    }
    kept.extend(own);
    document.insert("Statement".to_owned(), Value::Array(kept));
    Value::Object(document)
}

#[cfg(test)]
mod tests;
