//! The words in which an alert is told to people, the same in a terminal, in mail and in chat.
//!
//! Everything comes out escaped, by the one who shows it, and in bounded numbers: lists, reasons,
//! principals and accounts may be many.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::Alert;
use crate::evidence::Kind;
use crate::ocsf;
use crate::sample::Sample;
use crate::source::Subject;

/// Makes a text harmless, of at most so many characters.
pub type Escape = fn(&str, usize) -> String;

/// Longer than any real name; what is longer is an attack on the reader.
const TEXT_MAX: usize = 120;
/// A title is a sentence with at most one name in it.
const TITLE_MAX: usize = 200;
/// How many of a kind are named before "and more".
const NAMED_MAX: usize = 8;
/// More than a score has, unless very many lists name the address.
const REASONS_MAX: usize = 16;
/// What succeeded is told twice; here in brief.
const SUCCESSES_MAX: usize = 4;
/// Of one operation.
const RESOURCES_MAX: usize = 2;

/// A label, and the lines beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// At most eight letters.
    pub label: &'static str,
    /// At least one.
    pub lines: Vec<String>,
}

/// What there is to know of an alert, in the order in which a person asks: why it is told, whether
/// anything succeeded, who did what, from where, against what, when.
pub fn fields(alert: &Alert, escape: Escape) -> Vec<Field> {
    let fields = [
        ("why", reasons(alert, escape)),
        ("success", vec![success(alert, escape)]),
        ("who", vec![who(alert, escape)]),
        ("what", vec![what(alert, escape)]),
        ("where", whence(alert, escape)),
        ("against", vec![against(alert, escape)]),
        ("when", vec![format!("{} to {} (UTC), {}", alert.first, alert.last, calls(alert))]),
    ];
    fields.map(|(label, lines)| Field { label, lines }).into()
}

/// `High: 42 failed sign-ins from 203.0.113.7 (NL)`.
pub fn headline(alert: &Alert, escape: Escape) -> String {
    format!("{}: {}", alert.severity, escape(&alert.title(), TITLE_MAX))
}

/// `+40 listed: malicious (ipsum, 6 lists)`, the weightiest first, and their sum where the score is
/// another.
pub fn reasons(alert: &Alert, escape: Escape) -> Vec<String> {
    let reasons = alert.reasons.iter().map(|it| escape(&it.to_string(), TITLE_MAX));
    let mut told = named(reasons, alert.reasons.len(), REASONS_MAX);
    let sum: i32 = alert.reasons.iter().map(|reason| reason.points).sum();
    if sum != i32::from(alert.score) {
        told.push(format!("{sum:+} in all, kept within 0 to 100"));
    }
    told
}

/// Whether anything succeeded, in a word and with the first of it.
pub fn success(alert: &Alert, escape: Escape) -> String {
    let correct = match alert.passwords_correct {
        0 => String::new(),
        1 => "1 sign-in gave the correct password and was stopped".to_owned(),
        count => format!("{count} sign-ins gave the correct password and were stopped"),
    };
    if alert.succeeded == 0 {
        return match alert.passwords_correct {
            0 => no_success(alert).to_owned(),
            _ => format!("not yet: {correct}"),
        };
    }
    let told = alert.samples.iter().filter(|sample| sample.kind.is_success());
    let (mut operations, mut principals) = (BTreeSet::new(), BTreeSet::new());
    for sample in told {
        operations.insert(escape(sample.operation(), TEXT_MAX));
        principals.insert(principal(sample, escape).unwrap_or_else(|| "somebody".to_owned()));
    }
    let first = |names: BTreeSet<String>| {
        let count = names.len();
        named(names.into_iter(), count, SUCCESSES_MAX).join(", ")
    };
    let told = if operations.is_empty() {
        String::new()
    } else {
        format!("{} by {}", first(operations), first(principals))
    };
    let between = if told.is_empty() { "" } else { ": " };
    let and = if correct.is_empty() { "" } else { "; " };
    format!("yes, {} of {}{between}{told}{and}{correct}", alert.succeeded, calls(alert))
}

/// What may be said where no call of an alert succeeded: of addresses together less is known than of
/// one.
fn no_success(alert: &Alert) -> &'static str {
    match alert.key.subject() {
        Subject::Source => "none of these calls; ordinary calls that succeed are not kept",
        Subject::Network => {
            "none known; of what succeeds in a network only sign-ins from it are kept here"
        }
        Subject::Principal => {
            "none known; of what succeeds anywhere only the principal's sign-ins are kept here"
        }
    }
}

/// The principals, by what a person calls them, and how many more there are.
pub fn who(alert: &Alert, escape: Escape) -> String {
    let uids = alert.samples.iter().filter_map(|sample| sample.principal().or(sample.name()));
    let in_words = uids.collect::<BTreeSet<&str>>().len();
    let told: BTreeSet<String> =
        alert.samples.iter().filter_map(|it| principal(it, escape)).collect();
    let has_hidden = alert.samples.iter().any(|it| it.name().or(it.principal()).is_none());
    // Principals are counted by what they are; two of them may have one name.
    let others = alert.principals.saturating_sub(in_words);
    if told.is_empty() && others > 0 {
        return format!("{others} of whom no call was kept");
    }
    let told_count = told.len();
    let mut told = named(told.into_iter(), told_count + others, NAMED_MAX);
    match (has_hidden, told.is_empty()) {
        (true, true) => told.push("not told by the cloud".to_owned()),
        (true, false) => told.push("and some the cloud hides".to_owned()),
        (false, true) => told.push(NOT_KEPT.to_owned()),
        (false, false) => {}
    }
    told.join(", ")
}

/// The operations, on what, and how they ended; what succeeded first.
pub fn what(alert: &Alert, escape: Escape) -> String {
    let mut operations: BTreeMap<(Kind, &str), BTreeSet<&str>> = BTreeMap::new();
    for sample in &alert.samples {
        let on = operations.entry((sample.kind, sample.operation())).or_default();
        on.extend(sample.resource());
    }
    let count = operations.len();
    let told = operations.into_iter().map(|((kind, operation), on)| {
        let (operation, outcome) = (escape(operation, TEXT_MAX), ocsf::outcome(kind));
        let resources = on.iter().map(|resource| escape(resource, TEXT_MAX));
        match on.len() {
            0 => format!("{operation}: {outcome}"),
            count => {
                let on = named(resources, count, RESOURCES_MAX).join(", ");
                format!("{operation} on {on}: {outcome}")
            }
        }
    });
    let told = named(told, count, NAMED_MAX).join("; ");
    match alert.samples.len() {
        0 => NOT_KEPT.to_owned(),
        samples if samples < alert.calls || alert.is_at_least => format!("{told}, among others"),
        _ => told,
    }
}

const NOT_KEPT: &str = "not kept: too much else happened that day";

/// The source, and what is known of it: address, country and network on a line, then the lists.
pub fn whence(alert: &Alert, escape: Escape) -> Vec<String> {
    let mut first = vec![escape(&alert.address(), TEXT_MAX)];
    let addresses = alert.addresses();
    if addresses.len() > 1 {
        let told = addresses.iter().map(ToString::to_string);
        first.push(named(told, addresses.len(), NAMED_MAX).join(", "));
    }
    first.extend(alert.country.map(|country| country.to_string()));
    let network = alert.autonomous_system.iter();
    first.extend(network.map(|it| escape(&it.to_string(), TEXT_MAX)));
    let mut told = vec![first.join(" · ")];
    let lists = alert.lists.iter().map(|list| escape(list, TEXT_MAX));
    told.extend(named(lists, alert.lists.len(), NAMED_MAX));
    let network = alert.trusted_network.iter();
    told.extend(network.map(|it| format!("in the trusted network {}", escape(it, TEXT_MAX))));
    told
}

/// The accounts, with their clouds: `AWS 111111111111`; a cloud alone where it tells none.
pub fn against(alert: &Alert, escape: Escape) -> String {
    let of =
        |sample: &Sample| Some(format!("{} {}", sample.cloud, escape(sample.account()?, TEXT_MAX)));
    let mut told: BTreeSet<String> = alert.samples.iter().filter_map(of).collect();
    for cloud in &alert.clouds {
        if !told.iter().any(|it| it.starts_with(cloud.name())) {
            told.insert(cloud.name().to_owned());
        }
    }
    let count = told.len();
    named(told.into_iter(), count, NAMED_MAX).join(", ")
}

/// `at least 42 calls`.
pub fn calls(alert: &Alert) -> String {
    let at_least = if alert.is_at_least { "at least " } else { "" };
    format!("{at_least}{} call{}", alert.calls, if alert.calls == 1 { "" } else { "s" })
}

/// The accounts known of an alert, in order.
pub fn accounts(alert: &Alert) -> Vec<&str> {
    let accounts: BTreeSet<&str> = alert.samples.iter().filter_map(Sample::account).collect();
    accounts.into_iter().collect()
}

/// The samples to show, by time; of more than `most` the successes first.
pub fn samples(alert: &Alert, most: usize) -> Vec<&Sample> {
    let mut samples: Vec<&Sample> = alert.samples.iter().collect();
    samples.sort_by_key(|sample| !sample.kind.is_success());
    samples.truncate(most);
    samples.sort_by_key(|sample| sample.time);
    samples
}

/// What stands over the samples, where so many of them are shown.
pub fn over_samples(alert: &Alert, shown: usize) -> String {
    match shown {
        0 => "calls not kept: too much else happened that day".to_owned(),
        shown if shown < alert.calls || alert.is_at_least => {
            format!("{shown} of {}", calls(alert))
        }
        _ => "calls".to_owned(),
    }
}

/// `2026-03-02T08:00:00Z ConsoleLogin: sign-in failed by alice (arn…)`, and where known on what, in
/// which service, and with what; from where, if the alert has several addresses. What succeeded is
/// told with its access key, if that works until somebody ends it.
pub fn call(alert: &Alert, sample: &Sample, escape: Escape) -> String {
    let text = |text: &str| escape(text, TEXT_MAX);
    let who = principal(sample, escape);
    let who = who.unwrap_or_else(|| "somebody the cloud does not tell".to_owned());
    let outcome = ocsf::outcome(sample.kind);
    let mut call = format!("{} {}: {outcome}", sample.time, text(sample.operation()));
    if let Some(code) = sample.status_code() {
        call.extend([" (", &text(code), ")"]);
    }
    call.extend([", by ", &who]);
    if let Some(key) = sample.lasting_key().filter(|_| sample.kind.is_success()) {
        call.extend([" with the long-term access key ", &text(key)]);
    }
    if let Some(resource) = sample.resource() {
        call.extend([", on ", &text(resource)]);
    }
    call.extend([", in ", &text(sample.service())]);
    if let Some(region) = sample.region() {
        call.extend([" ", &text(region)]);
    }
    if let Some(agent) = sample.user_agent() {
        call.extend([", with ", &text(agent)]);
    }
    if alert.addresses().len() > 1 {
        call.extend([", from ", &text(sample.address())]);
    }
    call
}

/// `alice (arn:aws:iam::111111111111:user/alice)`; none where the cloud does not tell.
fn principal(sample: &Sample, escape: Escape) -> Option<String> {
    match (sample.name(), sample.principal()) {
        (Some(name), Some(uid)) if name != uid => {
            Some(format!("{} ({})", escape(name, TEXT_MAX), escape(uid, TEXT_MAX)))
        }
        (name, uid) => name.or(uid).map(|it| escape(it, TEXT_MAX)),
    }
}

/// The first few, and how many more there are of `count`.
fn named(items: impl Iterator<Item = String>, count: usize, most: usize) -> Vec<String> {
    let mut shown: Vec<String> = items.take(most).collect();
    match count.saturating_sub(shown.len()) {
        0 => {}
        more => shown.push(format!("and {more} more")),
    }
    shown
}

#[cfg(test)]
mod tests;
