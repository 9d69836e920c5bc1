//! A policy file, section by section.
//!
//! Promises the policy as far as it was understood, and every fault with its line: unknown keys,
//! bad addresses, numbers out of bounds. Reads no other file: whether the lists it names can be
//! read is the caller's to find.

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::countries::CountryRules;
use super::errors::PolicyErrors;
use super::fields::{Fields, Key, Value, shown};
use super::glob::Pattern;
use super::{Policy, PolicyList, announcements, feeds, networks, response, suppression};
use crate::detections::{DETECTIONS, Detection, Parameter, Unit};
use crate::intelligence::{Category, CountryCode};

/// The largest policy file read.
const FILE_MAX_BYTES: usize = 1024 * 1024;
const COUNT_MAX: u32 = 10_000_000;
/// Thirty days: what a ledger may have to look back on.
const MINUTES_MAX: u32 = 43_200;
/// Half of what a baseline is kept for.
const DAYS_MAX: u32 = 90;
const LISTS_MAX: usize = 1000;
const NAME_MAX_CHARS: usize = 64;

const TOP_KEYS: [&str; 10] = [
    "critical_assets",
    "detections",
    "countries",
    "feeds",
    "lists",
    "trusted_networks",
    "privileged_operations",
    "suppressions",
    "announcements",
    "response",
];

/// Reads a policy file.
pub(super) fn read(text: &str) -> (Policy, PolicyErrors) {
    let mut policy = Policy::default();
    if text.len() > FILE_MAX_BYTES {
        let mut errors = PolicyErrors::default();
        errors.push(1, "the file is larger than 1 MiB");
        return (policy, errors);
    }
    let (table, mut fields) = Fields::parse(text);
    for (key, value) in &table {
        match key.get_ref().as_ref() {
            "critical_assets" => critical_assets(&mut policy, &mut fields, value),
            "detections" => detections(&mut policy, &mut fields, value),
            "countries" => countries(&mut policy, &mut fields, value),
            "feeds" => feeds::feeds(&mut policy, &mut fields, value),
            "lists" => lists(&mut policy, &mut fields, value),
            "trusted_networks" => trusted_networks(&mut policy, &mut fields, value),
            "privileged_operations" => privileged_operations(&mut policy, &mut fields, value),
            "suppressions" => suppression::suppressions(&mut policy, &mut fields, value),
            "announcements" => announcements::announcements(&mut policy, &mut fields, value),
            "response" => response::response(&mut policy, &mut fields, value),
            _ => fields.unknown(key, "the file", &TOP_KEYS),
        }
    }
    (policy, fields.errors)
}

/// An unknown key of a section. TOML puts a key that stands below a section's header into it.
pub(super) fn unknown(fields: &mut Fields, key: &Key<'_>, place: &str, known: &[&str]) {
    let word = key.get_ref().as_ref();
    if TOP_KEYS.contains(&word) {
        let hint = "belongs at the top of the file, above the first section";
        fields.fault(&key.span(), format!("`{word}` {hint}; here it is a key of {place}"));
    } else {
        fields.unknown(key, place, known);
    }
}

fn detections(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let Some(table) = fields.section("detections", value) else { return };
    for (key, value) in table {
        let id = key.get_ref().as_ref();
        if let Some(detection) = DETECTIONS.iter().find(|detection| detection.id == id) {
            let place = format!("detections.{id}");
            if let Some(table) = fields.section(&place, value) {
                one_detection(policy, fields, detection, table);
            }
        } else {
            let known: Vec<&str> = DETECTIONS.iter().map(|detection| detection.id).collect();
            unknown(fields, key, "[detections]", &known);
        }
    }
}

fn one_detection(
    policy: &mut Policy,
    fields: &mut Fields,
    detection: &'static Detection,
    table: &DeTable<'_>,
) {
    let parameters = detection.parameters;
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if name == "enabled" {
            if fields.switch(name, value) == Some(false) {
                policy.disabled.insert(detection.id);
            }
        } else if let Some(parameter) = parameters.iter().find(|it| it.name == name) {
            if let Some(number) = fields.number(name, value, largest(parameter)) {
                policy.values.insert((detection.id, parameter.name), number);
            }
        } else {
            let names = parameters.iter().map(|parameter| parameter.name);
            let known: Vec<&str> = std::iter::once("enabled").chain(names).collect();
            unknown(fields, key, &format!("[detections.{}]", detection.id), &known);
        }
    }
}

/// The detection of a name.
pub(super) fn detection_id(
    fields: &mut Fields,
    span: &Range<usize>,
    name: &str,
) -> Option<&'static str> {
    let found = DETECTIONS.iter().find(|detection| detection.id == name);
    if found.is_none() {
        let known: Vec<&str> = DETECTIONS.iter().map(|detection| detection.id).collect();
        let message =
            format!("there is no detection {}; there are {}", shown(name), known.join(", "));
        fields.fault(span, message);
    }
    found.map(|detection| detection.id)
}

fn largest(parameter: &Parameter) -> u32 {
    match parameter.unit {
        Unit::Count { .. } => COUNT_MAX,
        Unit::Minutes => MINUTES_MAX,
        Unit::Days => DAYS_MAX,
    }
}

fn countries(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let Some(table) = fields.section("countries", value) else { return };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match name {
            "allow" | "deny" if policy.countries != CountryRules::None => {
                fields.fault(&key.span(), "[countries] takes `allow` or `deny`, not both");
            }
            "allow" => {
                policy.countries = CountryRules::Allow(country_codes(fields, name, value));
            }
            "deny" => {
                policy.countries = CountryRules::Deny(country_codes(fields, name, value));
            }
            _ => unknown(fields, key, "[countries]", &["allow", "deny"]),
        }
    }
}

/// An empty list is a fault too: no countries allowed would deny the world, none denied nothing.
fn country_codes(fields: &mut Fields, what: &str, value: &Value<'_>) -> Vec<CountryCode> {
    let texts = fields.texts(what, value);
    if texts.is_empty() && value.get_ref().is_array() {
        fields.fault(&value.span(), format!("`{what}` names no country"));
    }
    let mut codes = Vec::new();
    for (span, text) in texts {
        match text.parse() {
            Ok(code) => codes.push(code),
            Err(unknown) => fields.fault(&span, format!("{} is {unknown}", shown(text))),
        }
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn lists(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let sections = fields.sections("lists", value);
    if sections.len() > LISTS_MAX {
        fields.fault(&value.span(), format!("there are more than {LISTS_MAX} lists"));
    }
    for (span, table) in sections.into_iter().take(LISTS_MAX) {
        let Some(list) = one_list(fields, &span, table) else { continue };
        if let Some(other) = policy.lists.iter().find(|other| other.name == list.name) {
            let name = shown(&list.name);
            let message =
                format!("the list of line {} is called {name} too; set `name`", other.line);
            fields.fault(&span, message);
        }
        policy.lists.push(list);
    }
}

fn one_list(fields: &mut Fields, span: &Range<usize>, table: &DeTable<'_>) -> Option<PolicyList> {
    let place = "[[lists]]";
    let (mut path, mut category, mut name, mut column) = (None, None, None, None);
    let mut lacks = vec!["category", "path"];
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        lacks.retain(|lacking| *lacking != word);
        match word {
            "path" => {
                path = named(fields, word, value).map(|path| (fields.line(&value.span()), path));
            }
            "category" => {
                category =
                    fields.text(word, value).and_then(|text| match text.parse::<Category>() {
                        Ok(category) => Some(category),
                        Err(unknown) => {
                            fields.fault(&value.span(), format!("{}: {unknown}", shown(text)));
                            None
                        }
                    });
            }
            "name" => name = short_name(fields, word, value),
            "column" => column = named(fields, word, value),
            _ => unknown(fields, key, place, &["path", "category", "name", "column"]),
        }
    }
    for key in lacks {
        fields.missing(span, place, key);
    }
    let (line, path) = path?;
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str());
    Some(PolicyList {
        path: path.to_owned(),
        category: category?,
        name: name.or(stem).unwrap_or(path).to_owned(),
        column: column.map(str::to_owned),
        line,
    })
}

/// A string that says something.
pub(super) fn named<'v>(fields: &mut Fields, what: &str, value: &'v Value<'_>) -> Option<&'v str> {
    let text = fields.text(what, value)?;
    if text.trim().is_empty() {
        fields.fault(&value.span(), format!("`{what}` is empty"));
        return None;
    }
    Some(text)
}

/// A name that alerts repeat.
pub(super) fn short_name<'v>(
    fields: &mut Fields,
    what: &str,
    value: &'v Value<'_>,
) -> Option<&'v str> {
    let name = named(fields, what, value)?;
    if name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        let rule = format!("at most {NAME_MAX_CHARS} characters, on one line");
        fields.fault(&value.span(), format!("`{what}` must have {rule}"));
        return None;
    }
    Some(name)
}

fn trusted_networks(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let place = "[[trusted_networks]]";
    for (span, table) in fields.sections("trusted_networks", value) {
        let (mut name, mut networks, mut until) = (None, Vec::new(), Ok(None));
        let mut lacks = vec!["name", "networks"];
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            lacks.retain(|lacking| *lacking != word);
            match word {
                "name" => name = short_name(fields, word, value),
                "networks" => {
                    for (span, text) in fields.texts(word, value) {
                        match networks::parse(text) {
                            Ok(network) => networks.push(network),
                            Err(why) => fields.fault(&span, format!("{} {why}", shown(text))),
                        }
                    }
                }
                "until" => until = suppression::day(fields, value).map(Some).ok_or(()),
                _ => unknown(fields, key, place, &["name", "networks", "until"]),
            }
        }
        for key in lacks {
            fields.missing(&span, place, key);
        }
        // What was meant to end and was not understood must not be trusted for good.
        if let (Some(name), Ok(until)) = (name, until) {
            policy.trusted.add(name, until, networks);
        }
    }
    policy.trusted.finish();
}

fn critical_assets(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    for (span, text) in fields.texts("critical_assets", value) {
        match Pattern::new(text) {
            Ok(pattern) => policy.critical.push(pattern),
            Err(why) => fields.fault(&span, format!("the pattern {} {why}", shown(text))),
        }
    }
}

fn privileged_operations(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let Some(table) = fields.section("privileged_operations", value) else { return };
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        if !["add", "remove"].contains(&word) {
            unknown(fields, key, "[privileged_operations]", &["add", "remove"]);
            continue;
        }
        for (span, name) in fields.texts(word, value) {
            let done = match word {
                "add" => policy.privileged.add(name),
                _ => policy.privileged.remove(name),
            };
            if let Err(why) = done {
                fields.fault(&span, format!("the operation {} {why}", shown(name)));
            }
        }
    }
}
