//! For which alerts an address may be denied, for how long, and how many may be.
//!
//! Promises defaults under which nothing is denied that is merely unusual. Whether anything is denied
//! at all is not the policy's to say, and what protects an address is not known here.

use std::collections::BTreeSet;

use super::Policy;
use super::fields::{Fields, Value, shown};
use super::read::{detection_id, unknown};
use crate::score::Severity;

/// What may be denied unless the policy says otherwise. A principal's new country or network accuses
/// nobody, so `new-origin` is left to be named.
const DETECTIONS: [&str; 9] = [
    "listed-source",
    "login-failures",
    "password-spray",
    "login-after-failures",
    "error-burst",
    "success-after-denials",
    "denied-country",
    "cross-cloud",
    "credential-relocation",
];
const HOURS: u32 = 24;
/// Thirty days: who has an address by then is anybody.
const HOURS_MAX: u32 = 720;
const NEW_AN_HOUR: u32 = 20;
const NEW_AN_HOUR_MAX: u32 = 500;
const KEYS: [&str; 4] = ["detections", "severity", "hours", "new_an_hour"];

/// What an alert must be for its address to be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The ids of the detections for which an address may be denied; never empty.
    pub detections: BTreeSet<&'static str>,
    /// The least severity for which it may be.
    pub severity: Severity,
    /// How long it is denied, in hours.
    pub hours: u32,
    /// How many addresses may be newly denied in an hour.
    pub new_an_hour: u32,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            detections: BTreeSet::from(DETECTIONS),
            severity: Severity::High,
            hours: HOURS,
            new_an_hour: NEW_AN_HOUR,
        }
    }
}

impl Policy {
    /// For which alerts an address may be denied.
    pub fn response(&self) -> &Response {
        &self.response
    }
}

/// Reads the section.
pub(super) fn response(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let Some(table) = fields.section("response", value) else { return };
    let into = &mut policy.response;
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        match word {
            "detections" => into.detections = detections(fields, word, value),
            "severity" => into.severity = severity(fields, word, value).unwrap_or(into.severity),
            "hours" => into.hours = fields.number(word, value, HOURS_MAX).unwrap_or(into.hours),
            "new_an_hour" => {
                let number = fields.number(word, value, NEW_AN_HOUR_MAX);
                into.new_an_hour = number.unwrap_or(into.new_an_hour);
            }
            _ => unknown(fields, key, "[response]", &KEYS),
        }
    }
}

/// An empty list is a fault: it would deny nothing, which is for whoever deploys to say.
fn detections(fields: &mut Fields, what: &str, value: &Value<'_>) -> BTreeSet<&'static str> {
    let texts = fields.texts(what, value);
    if texts.is_empty() && value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
        fields.fault(&value.span(), format!("`{what}` names no detection"));
    }
    texts.into_iter().filter_map(|(span, text)| detection_id(fields, &span, text)).collect()
}

fn severity(fields: &mut Fields, what: &str, value: &Value<'_>) -> Option<Severity> {
    let text = fields.text(what, value)?;
    let found = Severity::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(text));
    if found.is_none() {
        let known = Severity::ALL.map(Severity::name).join(", ");
        let found = shown(text);
        fields.fault(&value.span(), format!("`{what}` must be one of {known}, not {found}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_default() {
        let policy = Policy::parse("").unwrap();
        let all: BTreeSet<&str> = crate::detections::DETECTIONS.iter().map(|it| it.id).collect();
        let left_out: Vec<&&str> = all.difference(&policy.response().detections).collect();
        assert_eq!(left_out, [&"new-origin"]);
        assert!(policy.response().detections.is_subset(&all));
        let text = "[response]\ndetections = [\"new-origin\", \"cross-cloud\"]\n\
                    severity = \"critical\"\nhours = 720\n";
        let expected = Response {
            detections: BTreeSet::from(["cross-cloud", "new-origin"]),
            severity: Severity::Critical,
            hours: 720,
            new_an_hour: 20,
        };
        assert_eq!(*Policy::parse(text).unwrap().response(), expected);
    }

    #[test]
    fn all_faults_are_told() {
        let text = "[response]\ndetections = [\"listed-sources\", 7,\n\"error-burst\"]\n\
                    severity = \"Hihg\"\nhours = 721\nnew_an_hour = 0\nminutes = 5\n";
        let (_, errors) = Policy::read(text);
        let faults: Vec<String> =
            errors.iter().map(|it| format!("{}: {}", it.line, it.message)).collect();
        let known: Vec<&str> = crate::detections::DETECTIONS.iter().map(|it| it.id).collect();
        let no_such =
            format!("2: there is no detection `listed-sources`; there are {}", known.join(", "));
        assert_eq!(
            faults,
            [
                "2: `detections` must be a string, not a number",
                no_such.as_str(),
                "4: `severity` must be one of Informational, Low, Medium, High, Critical, not \
                 `Hihg`",
                "5: `hours` must be a whole number from 1 to 720, not `721`",
                "6: `new_an_hour` must be a whole number from 1 to 500, not `0`",
                "7: unknown key `minutes` in [response]; there are detections, severity, hours, \
                 new_an_hour",
            ]
        );
        let (_, errors) = Policy::read("[response]\ndetections = []");
        let faults: Vec<&str> = errors.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(faults, ["`detections` names no detection"]);
    }
}
