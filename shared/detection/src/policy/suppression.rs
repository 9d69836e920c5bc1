//! Suppressions: alerts that are known to be nothing, by detection, source, principal and account.
//!
//! Promises that each says why and until when: what nobody remembers must not stay silent. What a
//! suppression makes of an alert is decided in `suppress.rs`.

use std::fmt;
use std::ops::Range;

use ipnet::IpNet;
use toml::de::{DeTable, DeValue};

use super::fields::{Fields, Value, shown};
use super::glob::Pattern;
use super::read::{detection_id, named, short_name, unknown};
use super::{Policy, networks};
use crate::source::LedgerKey;
use crate::timestamp::Day;

/// More are no exceptions.
const SUPPRESSIONS_MAX: usize = 200;
/// What is further away is forgotten by then.
const DAYS_MAX: u32 = 366;
const KEYS: [&str; 7] =
    ["detection", "source", "principal", "account", "until", "reason", "critical"];

/// One suppression. All that it names must hold of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The only detection it is about.
    pub(crate) detection: Option<&'static str>,
    /// Where calls must come from.
    source: Option<IpNet>,
    principal: Option<Pattern>,
    account: Option<Pattern>,
    /// The last day whose findings it suppresses.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Whether it holds for Critical alerts too.
    pub(crate) is_for_critical: bool,
    line: usize,
}

impl Suppression {
    /// Whether it may be about a source, or all of a network.
    pub(crate) fn is_of_source(&self, key: &LedgerKey) -> bool {
        self.source.is_none_or(|of| match key.network_prefix() {
            Some(prefix) => of.contains(&prefix),
            None => key.address().is_some_and(|ip| of.contains(&ip)),
        })
    }

    /// Whether it asks who called, or in which account.
    pub(crate) fn asks_who(&self) -> bool {
        self.principal.is_some() || self.account.is_some()
    }

    /// Whether it is about a principal, by its identity or name, in an account.
    pub(crate) fn is_of(&self, identities: [Option<&str>; 2], account: Option<&str>) -> bool {
        let is_principal = self.principal.as_ref().is_none_or(|pattern| {
            identities.into_iter().flatten().any(|identity| pattern.matches(identity))
        });
        let is_account = self
            .account
            .as_ref()
            .is_none_or(|pattern| account.is_some_and(|account| pattern.matches(account)));
        is_principal && is_account
    }
}

/// `error-burst from 198.51.100.0/24 by *:role/scanner until 2026-12-31: the posture scanner`.
impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detection.unwrap_or("all detections"))?;
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        if let Some(principal) = &self.principal {
            write!(f, " by {}", principal.as_str())?;
        }
        if let Some(account) = &self.account {
            write!(f, " in {}", account.as_str())?;
        }
        let critical = if self.is_for_critical { ", Critical ones too," } else { "" };
        write!(f, "{critical} until {}: {}", self.until, self.reason)
    }
}

impl Policy {
    /// Alerts that are known to be nothing.
    pub fn suppressions(&self) -> &[Suppression] {
        &self.suppressions
    }

    /// What holds and is odd on a day, a line each: suppressions that ended, or end too
    /// late, and networks that are trusted no more.
    pub fn warnings(&self, today: Day) -> Vec<String> {
        let warning = |it: &Suppression| {
            let Suppression { until, line, .. } = it;
            if *until < today {
                Some(format!("line {line}: this suppression ended with {until}: {it}"))
            } else if until.number() > today.number() + DAYS_MAX {
                Some(format!("line {line}: this suppression ends in more than a year: {it}"))
            } else {
                None
            }
        };
        let ended = |(name, until, _): (&str, Option<Day>, _)| {
            let until = until.filter(|until| *until < today)?;
            Some(format!("the trusted network {name} is trusted no more: it ended with {until}"))
        };
        let networks = self.trusted.iter().filter_map(ended);
        self.suppressions.iter().filter_map(warning).chain(networks).collect()
    }
}

/// Reads all of them.
pub(super) fn suppressions(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let sections = fields.sections("suppressions", value);
    if sections.len() > SUPPRESSIONS_MAX {
        let message = format!("there are more than {SUPPRESSIONS_MAX} suppressions");
        fields.fault(&value.span(), message);
    }
    for (span, table) in sections.into_iter().take(SUPPRESSIONS_MAX) {
        policy.suppressions.extend(suppression(fields, &span, table));
    }
}

fn suppression(
    fields: &mut Fields,
    span: &Range<usize>,
    table: &DeTable<'_>,
) -> Option<Suppression> {
    let place = "[[suppressions]]";
    let (mut detection, mut source, mut principal, mut account) = (None, None, None, None);
    let (mut until, mut reason, mut critical) = (None, None, false);
    let mut lacks = vec!["until", "reason"];
    let mut is_about_something = false;
    let mut is_whole = true;
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        lacks.retain(|lacking| *lacking != word);
        // What was meant and not understood must not widen what is suppressed.
        match word {
            "detection" => {
                let id = fields.text(word, value);
                detection = id.and_then(|id| detection_id(fields, &value.span(), id));
                is_whole &= detection.is_some();
            }
            "source" => {
                source = network(fields, value);
                is_whole &= source.is_some();
            }
            "principal" => {
                principal = pattern(fields, word, value);
                is_whole &= principal.is_some();
            }
            "account" => {
                account = pattern(fields, word, value);
                is_whole &= account.is_some();
            }
            "until" => until = day(fields, value),
            "reason" => reason = short_name(fields, word, value),
            "critical" => critical = fields.switch(word, value).unwrap_or_default(),
            _ => unknown(fields, key, place, &KEYS),
        }
        is_about_something |= ["detection", "source", "principal", "account"].contains(&word);
    }
    for key in lacks {
        fields.missing(span, place, key);
    }
    if !is_about_something {
        let message = format!(
            "{place} needs `detection`, `source`, `principal` or `account`: else it is about all"
        );
        fields.fault(span, message);
        return None;
    }
    if !is_whole {
        return None;
    }
    Some(Suppression {
        detection,
        source,
        principal,
        account,
        until: until?,
        reason: reason?.to_owned(),
        is_for_critical: critical,
        line: fields.line(span),
    })
}

fn network(fields: &mut Fields, value: &Value<'_>) -> Option<IpNet> {
    let text = fields.text("source", value)?;
    match networks::parse(text) {
        Ok(network) => Some(network),
        Err(why) => {
            fields.fault(&value.span(), format!("{} {why}", shown(text)));
            None
        }
    }
}

fn pattern(fields: &mut Fields, what: &str, value: &Value<'_>) -> Option<Pattern> {
    let text = named(fields, what, value)?;
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            fields.fault(&value.span(), format!("the pattern {} {why}", shown(text)));
            None
        }
    }
}

/// A date of TOML, or one in quotes.
pub(super) fn day(fields: &mut Fields, value: &Value<'_>) -> Option<Day> {
    let text = match value.get_ref() {
        DeValue::Datetime(date) => date.to_string(),
        _ => fields.text("until", value)?.to_owned(),
    };
    let day = Day::parse(&text);
    if day.is_none() {
        let found = shown(&text);
        fields.fault(&value.span(), format!("`until` must be a date like 2026-12-31, not {found}"));
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let text = format!("[[suppressions]]\n{text}");
        let (policy, errors) = Policy::read(&text);
        let faults = errors.iter().map(|fault| format!("{}: {}", fault.line, fault.message));
        let read = policy.suppressions.iter().map(ToString::to_string);
        faults.chain(read).collect()
    }

    #[test]
    fn one_says_what_until_when_and_why() {
        let end = "until = 2026-12-31\nreason = \"a scanner\"";
        for (text, expected) in [
            ("detection = \"error-burst\"", "error-burst until 2026-12-31: a scanner"),
            (
                "source = \"198.51.100.0/24\"\nprincipal = \"*:role/scan\"\naccount = \"1111*\"\n\
                 critical = true",
                "all detections from 198.51.100.0/24 by *:role/scan in 1111*, Critical ones too, \
                 until 2026-12-31: a scanner",
            ),
            (
                "critical = true",
                "1: [[suppressions]] needs `detection`, `source`, `principal` or `account`: else \
                 it is about all",
            ),
            ("source = \"8.0.0.0/7\"", "2: `8.0.0.0/7` is wider than /8"),
            ("principal = \"*\"", "2: the pattern `*` matches every name"),
            ("account = \"\"", "2: `account` is empty"),
            (
                "principle = \"a\"\naccount = \"1\"",
                "2: unknown key `principle` in [[suppressions]]; did you mean `principal`?",
            ),
        ] {
            let read = read(&format!("{text}\n{end}"));
            assert_eq!(read.first().map(String::as_str), Some(expected), "{text}");
        }
        assert_eq!(
            read("account = \"1\""),
            ["1: [[suppressions]] needs `reason`", "1: [[suppressions]] needs `until`"]
        );
        for until in ["\"soon\"", "2026-12-31T00:00:00Z", "7", "\"2026-02-30\""] {
            let read = read(&format!("account = \"1\"\nreason = \"x\"\nuntil = {until}"));
            assert!(read.len() == 1 && read[0].starts_with("4: `until` must be"), "{read:?}");
        }
        let unknown = read(&format!("detection = \"error-bursts\"\naccount = \"1\"\n{end}"));
        assert!(unknown.len() == 1 && unknown[0].starts_with("2: there is no detection"));
    }

    #[test]
    fn ends_that_are_odd_are_told() {
        let of = |until: &str| {
            let text = format!(
                "[[suppressions]]\naccount = \"1\"\nuntil = {until}\nreason = \"a scanner\""
            );
            Policy::parse(&text).unwrap().warnings(Day::parse("2026-03-02").unwrap())
        };
        assert_eq!(of("2026-03-02"), [""; 0]);
        assert_eq!(of("2027-03-02"), [""; 0]);
        assert_eq!(
            of("2026-03-01"),
            ["line 1: this suppression ended with 2026-03-01: all detections in 1 until \
              2026-03-01: a scanner"]
        );
        assert_eq!(
            of("2027-03-05"),
            ["line 1: this suppression ends in more than a year: all detections in 1 until \
              2027-03-05: a scanner"]
        );
        let text = "[[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"192.0.2.0/24\"]\n\
                    until = 2026-03-01\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.warnings(Day::parse("2026-03-01").unwrap()), [""; 0]);
        assert_eq!(
            policy.warnings(Day::parse("2026-03-02").unwrap()),
            ["the trusted network HQ is trusted no more: it ended with 2026-03-01"]
        );
        let faulty = text.replace("2026-03-01", "\"soon\"");
        let (policy, errors) = Policy::read(&faulty);
        assert_eq!(errors.iter().map(|it| it.line).collect::<Vec<_>>(), [4]);
        assert_eq!(policy.trusted_networks().count(), 0);
    }
}
