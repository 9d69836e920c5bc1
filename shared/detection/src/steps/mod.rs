//! What to do now about an alert: where to look, the query that shows all calls of its addresses,
//! and the command that denies them.
//!
//! Everything is text to be copied, from `steps.txt`. Promises that it holds no text of a caller:
//! addresses and days are typed, and an identifier is used only where it is of letters, digits and
//! hyphens. So links are live, while those that callers wrote never are.

use std::fmt::Write;

use ipnet::IpNet;

use crate::activity::Cloud;
use crate::alert::Alert;
use crate::sample::Sample;
use crate::source::{LedgerKey, Subject};
use crate::timestamp::Timestamp;

const TEXT: &str = include_str!("steps.txt");
/// More would be no query to read.
const ADDRESSES_MAX: usize = 12;
const DAY_SECS: i64 = 24 * 3600;

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To look at it in the console.
    See,
    /// To find all calls.
    Query,
    /// To keep out the address, or who called from it.
    Deny,
}

impl Action {
    /// As a label: `see`, `query`, `deny`.
    pub fn name(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Query => "query",
            Self::Deny => "deny",
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The cloud it is done in.
    pub cloud: Cloud,
    /// What it is for.
    pub action: Action,
    /// What it does, in a few words.
    pub title: &'static str,
    /// A link, a query or a command, of one line.
    pub text: String,
}

/// The steps of an alert, a cloud after the other. None where its source is no address, and no denial
/// of what is the user's own.
pub fn steps(alert: &Alert) -> Vec<Step> {
    let steps = alert.clouds.iter().flat_map(|cloud| {
        let filled = |(action, title, template)| {
            let text = fill(template, &|name| value(alert, *cloud, name))?;
            Some(Step { cloud: *cloud, action, title, text })
        };
        templates(*cloud).filter_map(filled)
    });
    // What lies within the clouds is not theirs to be told apart.
    let is_outside = alert.key.is_public() || alert.key.subject() != Subject::Source;
    let is_apt = |step: &Step| match step.action {
        Action::Query => true,
        Action::See => is_outside,
        Action::Deny => is_outside && !alert.is_own,
    };
    steps.filter(is_apt).collect()
}

/// The commands that deny a network in these clouds, where there is no alert of it.
pub fn denying(network: &IpNet, clouds: &[Cloud]) -> Vec<Step> {
    let text = network.to_string();
    let steps = clouds.iter().flat_map(|cloud| {
        let filled = |(action, title, template)| {
            let text = fill(template, &|name| of_network(&text, name))?;
            Some(Step { cloud: *cloud, action, title, text })
        };
        let denies = |(action, ..): &(Action, _, _)| *action == Action::Deny;
        templates(*cloud).filter(denies).filter_map(filled)
    });
    steps.collect()
}

fn templates(cloud: Cloud) -> impl Iterator<Item = (Action, &'static str, &'static str)> {
    TEXT.split("\n\n").filter_map(move |paragraph| {
        let mut lines = paragraph.lines();
        let (of, action) = lines.next()?.split_once(' ')?;
        let actions = [Action::See, Action::Query, Action::Deny];
        let action = actions.into_iter().find(|it| it.name() == action)?;
        let (title, text) = (lines.next()?, lines.next()?);
        (of == cloud.name()).then_some((action, title, text))
    })
}

/// The text with what is known in the place of `{…}`; none where any of it is not known.
fn fill(template: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::with_capacity(template.len() + 200);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        // A brace that opens no name is JSON's.
        if let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_name(name)) {
            text.push_str(&value(name)?);
            rest = after;
        } else {
            text.push('{');
            rest = after;
        }
    }
    text.push_str(rest);
    Some(text)
}

const NAMES: [&str; 14] = [
    "'addresses'",
    "\"addresses\"",
    "\"addresses\" OR",
    "network",
    "family",
    "name",
    "_name",
    "from",
    "to",
    "region",
    "event",
    "key",
    "encoded query",
    "?project",
];

fn is_name(name: &str) -> bool {
    NAMES.contains(&name)
}

fn value(alert: &Alert, cloud: Cloud, name: &str) -> Option<String> {
    let day = |time: Timestamp| time.day().to_string();
    Some(match name {
        "'addresses'" => addresses(alert, '\'', ", ")?,
        "\"addresses\"" => addresses(alert, '"', ", ")?,
        "\"addresses\" OR" => addresses(alert, '"', " OR ")?,
        "from" => day(alert.first.plus_secs(-DAY_SECS)),
        "to" => day(alert.last.plus_secs(2 * DAY_SECS)),
        "region" => event(alert, cloud)?.region()?.to_owned(),
        "event" => event(alert, cloud)?.uid().to_owned(),
        "key" => key(alert, cloud)?.to_owned(),
        "encoded query" => {
            let (.., query) = templates(cloud).find(|(action, ..)| *action == Action::Query)?;
            encoded(&fill(query, &|name| value(alert, cloud, name))?)
        }
        "?project" => {
            let accounts = of_cloud(alert, cloud).filter_map(Sample::account);
            let project = accounts.filter(|it| is_plain(it)).min();
            project.map_or(String::new(), |project| format!("?project={project}"))
        }
        of_network_alone => of_network(&network(&alert.key)?, of_network_alone)?,
    })
}

fn of_network(network: &str, name: &str) -> Option<String> {
    Some(match name {
        "network" => network.to_owned(),
        "family" => if network.contains(':') { "iPv6" } else { "iPv4" }.to_owned(),
        "name" => network.replace(['.', ':', '/'], "-"),
        "_name" => network.replace(['.', ':', '/'], "_"),
        _ => return None,
    })
}

fn addresses(alert: &Alert, quote: char, between: &str) -> Option<String> {
    let addresses = alert.addresses().into_iter().take(ADDRESSES_MAX);
    let quoted: Vec<String> = addresses.map(|ip| format!("{quote}{ip}{quote}")).collect();
    (!quoted.is_empty()).then(|| quoted.join(between))
}

/// What is to be denied: an address, or the network that the key is.
fn network(key: &LedgerKey) -> Option<String> {
    key.public_address()?;
    let text = key.to_string();
    Some(if text.contains('/') { text } else { format!("{text}/32") })
}

/// The event that tells most: a success before any other, and the latest of them.
fn event(alert: &Alert, cloud: Cloud) -> Option<&Sample> {
    let has_page =
        |sample: &&Sample| is_plain(sample.uid()) && sample.region().is_some_and(is_plain);
    let events = of_cloud(alert, cloud).filter(has_page);
    events.max_by_key(|sample| (sample.kind.is_success(), sample.time))
}

/// The access key of the latest success with one that lasts. Those of an account's owner are made
/// inactive by nobody else.
fn key(alert: &Alert, cloud: Cloud) -> Option<&str> {
    let is_of_user = |sample: &&Sample| sample.principal().is_some_and(|it| it.contains(":user/"));
    let successes = of_cloud(alert, cloud).filter(|sample| sample.kind.is_success());
    let keys = successes
        .filter(is_of_user)
        .filter_map(|sample| Some((sample.time, sample.lasting_key().filter(|it| is_plain(it))?)));
    keys.max().map(|(_, key)| key)
}

fn of_cloud(alert: &Alert, cloud: Cloud) -> impl Iterator<Item = &Sample> {
    alert.samples.iter().filter(move |sample| sample.cloud == cloud)
}

/// Nothing that a link, a query or a command could take for more than a name.
fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|it: char| it.is_ascii_alphanumeric())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

/// Percent-encoded, all but what never needs it.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
