//! How many alerts of each severity are announced by themselves; the rest goes out in digests.

use toml::de::DeTable;

use super::Policy;
use super::fields::{Fields, Value};
use super::read::unknown;
use crate::score::Severity;

/// Whoever gets more reads none of them.
const DAILY_MAX: u32 = 1000;
const GROUP_MAX: u32 = 100;
const DAILY: [(&str, Severity); 4] = [
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("informational", Severity::Informational),
];
const GROUP: &str = "critical_group";

/// How many are announced by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announcements {
    /// Of each severity but Critical in a day.
    daily: [u32; 4],
    /// Of the Critical ones of one detection in an hour.
    pub(crate) critical_group: u32,
}

impl Default for Announcements {
    fn default() -> Self {
        Self { daily: [50; 4], critical_group: 5 }
    }
}

impl Announcements {
    /// Of a severity in a day; Critical has no such budget.
    pub(crate) fn daily(&self, severity: Severity) -> Option<u32> {
        let place = DAILY.iter().position(|(_, of)| *of == severity)?;
        self.daily.get(place).copied()
    }

    /// Each number, by the key that sets it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let daily = DAILY.into_iter().zip(self.daily).map(|((key, _), number)| (key, number));
        daily.chain([(GROUP, self.critical_group)])
    }
}

/// Reads the section.
pub(super) fn announcements(policy: &mut Policy, fields: &mut Fields, value: &Value<'_>) {
    let Some(table) = fields.section("announcements", value) else { return };
    read(&mut policy.announcements, fields, table);
}

fn read(into: &mut Announcements, fields: &mut Fields, table: &DeTable<'_>) {
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        let place = DAILY.iter().position(|(name, _)| *name == word);
        if let Some(number) = place.and_then(|place| into.daily.get_mut(place)) {
            *number = fields.number_from(0, word, value, DAILY_MAX).unwrap_or(*number);
        } else if word == GROUP {
            let number = fields.number(word, value, GROUP_MAX);
            into.critical_group = number.unwrap_or(into.critical_group);
        } else {
            let known: Vec<&str> = DAILY.iter().map(|(name, _)| *name).chain([GROUP]).collect();
            unknown(fields, key, "[announcements]", &known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_severity_has_its_own() {
        let policy = Policy::parse("[announcements]\nhigh = 7\nlow = 0\ncritical_group = 1");
        let of = policy.unwrap().announcements;
        let daily = Severity::ALL.map(|severity| of.daily(severity));
        assert_eq!(daily, [Some(50), Some(0), Some(50), Some(7), None]);
        assert_eq!(of.critical_group, 1);
        let (_, errors) =
            Policy::read("[announcements]\nhigh = 1001\ncritical = 3\ncritical_group = 0");
        let faults: Vec<&str> = errors.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            faults,
            [
                "`high` must be a whole number from 0 to 1000, not `1001`",
                "unknown key `critical` in [announcements]; there are high, medium, low, \
                 informational, critical_group",
                "`critical_group` must be a whole number from 1 to 100, not `0`",
            ]
        );
    }
}
