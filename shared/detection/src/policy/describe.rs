//! A policy in words, for the person who wrote it: everything that holds, and what of it is the
//! default.

use std::fmt::{self, Display, Write};

use super::countries::CountryRules;
use super::glob::Pattern;
use super::{Announcements, Policy, Response};
use super::{feeds, operations};
use crate::detections::{DETECTIONS, Unit};
use crate::feeds::{Feed, SHIPPED};

impl Policy {
    /// All it says, in several lines of text. What the file did not say is marked as default.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "Detections")?;
        for detection in DETECTIONS {
            let state = if self.is_enabled(detection) { "on (default)" } else { "off" };
            writeln!(to, "  {}: {state}", detection.id)?;
            for parameter in detection.parameters {
                let value = self.value(detection, parameter);
                let unit = match parameter.unit {
                    Unit::Count { .. } => "",
                    Unit::Minutes => " min",
                    Unit::Days => " days",
                };
                let origin = if self.values.contains_key(&(detection.id, parameter.name)) {
                    format!("default {}{unit}", parameter.default)
                } else {
                    "default".to_owned()
                };
                let (name, meaning) = (parameter.name, parameter.meaning);
                writeln!(to, "    {name} = {value}{unit} ({origin}): {meaning}")?;
            }
        }
        match &self.countries {
            CountryRules::None => writeln!(to, "Countries: all are fine (default)")?,
            CountryRules::Allow(codes) => writeln!(to, "Countries: allowed are {}", joined(codes))?,
            CountryRules::Deny(codes) => writeln!(to, "Countries: denied are {}", joined(codes))?,
        }
        self.write_feeds(to)?;
        let lists = self.lists.iter().map(|list| {
            let column = list.column.as_ref().map(|column| format!(", column {column}"));
            format!("{}: {}, {}{}", list.name, list.category, list.path, column.unwrap_or_default())
        });
        write_items(to, "Lists", lists)?;
        let trusted = self.trusted.iter();
        write_items(
            to,
            "Trusted networks",
            trusted.map(|(name, until, own)| {
                let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
                format!("{name}: {}{until}", joined(&own))
            }),
        )?;
        write_items(to, "Critical assets", self.critical.iter().map(Pattern::as_str))?;
        write_items(to, "Suppressions", self.suppressions.iter())?;
        writeln!(to, "Announcements")?;
        let defaults = Announcements::default();
        for ((key, number), (_, default)) in self.announcements.iter().zip(defaults.iter()) {
            let each = if key == "critical_group" { "detection and hour" } else { "day" };
            let origin = if number == default { String::new() } else { format!(" {default}") };
            writeln!(to, "  {key} = {number} a {each} (default{origin}); more go into a digest")?;
        }
        self.write_response(to)?;
        self.write_operations(to)
    }

    fn write_response(&self, to: &mut String) -> fmt::Result {
        let (own, default) = (&self.response, Response::default());
        let ids = |it: &Response| it.detections.iter().copied().collect::<Vec<_>>().join(", ");
        let origin = |is_default, of: String| {
            if is_default { "default".to_owned() } else { format!("default {of}") }
        };
        let of_ids = origin(own.detections == default.detections, ids(&default));
        let severity = origin(own.severity == default.severity, default.severity.to_string());
        let hours = origin(own.hours == default.hours, default.hours.to_string());
        let new = origin(own.new_an_hour == default.new_an_hour, default.new_an_hour.to_string());
        writeln!(to, "Response, where it is deployed")?;
        writeln!(to, "  detections = {} ({of_ids}): others deny no address", ids(own))?;
        writeln!(to, "  severity = {} ({severity}): what is less denies none", own.severity)?;
        writeln!(to, "  hours = {} ({hours}): how long an address is denied", own.hours)?;
        writeln!(to, "  new_an_hour = {} ({new}): more wait for a person", own.new_an_hour)
    }

    fn write_feeds(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "Feeds")?;
        let shipped = feeds::shipped();
        for feed in &self.feeds {
            let Feed { name, location, content, column, refresh_minutes } = feed;
            let column = column.as_ref().map(|column| format!(", column {column}"));
            let (what, column) = (content.name(), column.unwrap_or_default());
            let origin = if shipped.contains(feed) { " (default)" } else { "" };
            writeln!(
                to,
                "  {name}{origin}: {what}, {location}{column}, every {refresh_minutes} min"
            )?;
        }
        let is_on = |name: &str| self.feeds.iter().any(|feed| feed.name == name);
        let off = SHIPPED.iter().filter(|shipped| !is_on(shipped.name));
        off.into_iter().try_for_each(|shipped| writeln!(to, "  {}: off", shipped.name))
    }

    fn write_operations(&self, to: &mut String) -> fmt::Result {
        let (added, removed) = (&self.privileged.added, &self.privileged.removed);
        let shipped = operations::shipped().count();
        if added.is_empty() && removed.is_empty() {
            return writeln!(to, "Privileged operations: {shipped} (default)");
        }
        let count = self.privileged.len();
        writeln!(to, "Privileged operations: {count} (default {shipped})")?;
        added.iter().try_for_each(|name| writeln!(to, "  + {name}"))?;
        removed.iter().try_for_each(|name| writeln!(to, "  - {name}"))
    }
}

fn write_items(
    to: &mut String,
    title: &str,
    items: impl ExactSizeIterator<Item = impl Display>,
) -> fmt::Result {
    if items.len() == 0 {
        return writeln!(to, "{title}: none (default)");
    }
    writeln!(to, "{title}")?;
    for item in items {
        writeln!(to, "  {item}")?;
    }
    Ok(())
}

fn joined(items: &[impl Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}
