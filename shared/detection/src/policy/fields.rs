//! Values of a TOML file, each with its line: what is wrong becomes a fault, and reading goes on.
//!
//! Must not know which keys a policy has.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::errors::PolicyErrors;
use super::nearest::nearest;

/// A value and where it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;
/// A key and where it stands.
pub(super) type Key<'t> = Spanned<DeString<'t>>;

/// Reads values and gathers faults.
pub(super) struct Fields {
    /// The offset at which each line starts.
    line_starts: Vec<usize>,
    /// Lines that are no TOML: what was made of them is not worth a second fault.
    broken_lines: BTreeSet<usize>,
    /// What was found wrong.
    pub(super) errors: PolicyErrors,
}

/// As much of what the user wrote as a message repeats.
const SHOWN_CHARS: usize = 60;
/// The most an array is read.
const ARRAY_MAX: usize = 20_000;

impl Fields {
    /// Parses a text as far as it can be.
    pub(super) fn parse(text: &str) -> (DeTable<'_>, Self) {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let mut fields = Self {
            line_starts: std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect(),
            broken_lines: BTreeSet::new(),
            errors: PolicyErrors::default(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = fields.line(&error.span().unwrap_or_default());
            if fields.broken_lines.insert(line) {
                fields.errors.push(line, error.message());
            }
        }
        (table.into_inner(), fields)
    }

    /// The line of a span, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts.partition_point(|start| *start <= span.start)
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let line = self.line(span);
        if !self.broken_lines.contains(&line) {
            self.errors.push(line, message);
        }
    }

    /// Notes that a section lacks a key, unless a broken line may have been it.
    pub(super) fn missing(&mut self, span: &Range<usize>, place: &str, key: &str) {
        if self.broken_lines.is_empty() {
            self.fault(span, format!("{place} needs `{key}`"));
        }
    }

    /// Notes a key that means nothing.
    pub(super) fn unknown(&mut self, key: &Key<'_>, place: &str, known: &[&str]) {
        let word = key.get_ref();
        let hint = match nearest(word, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "there is nothing to set".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        self.fault(&key.span(), format!("unknown key {} in {place}; {hint}", shown(word)));
    }

    /// A string.
    pub(super) fn text<'v>(&mut self, what: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(what, "a string", value);
        }
        text
    }

    /// An array of strings, each with where it stands.
    pub(super) fn texts<'v>(
        &mut self,
        what: &str,
        value: &'v Value<'_>,
    ) -> Vec<(Range<usize>, &'v str)> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(what, "an array of strings", value);
            return Vec::new();
        };
        if array.len() > ARRAY_MAX {
            self.fault(&value.span(), format!("`{what}` has more than {ARRAY_MAX} entries"));
        }
        let entry = |value: &'v Value<'_>| Some((value.span(), self.text(what, value)?));
        array.iter().take(ARRAY_MAX).filter_map(entry).collect()
    }

    /// A boolean.
    pub(super) fn switch(&mut self, what: &str, value: &Value<'_>) -> Option<bool> {
        let switch = value.get_ref().as_bool();
        if switch.is_none() {
            self.wrong_type(what, "true or false", value);
        }
        switch
    }

    /// A whole number from 1 to `max`.
    pub(super) fn number(&mut self, what: &str, value: &Value<'_>, max: u32) -> Option<u32> {
        self.number_from(1, what, value, max)
    }

    /// A whole number from `min` to `max`.
    pub(super) fn number_from(
        &mut self,
        min: u32,
        what: &str,
        value: &Value<'_>,
        max: u32,
    ) -> Option<u32> {
        let wanted = format!("a whole number from {min} to {max}");
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(what, &wanted, value);
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix());
        let number = number.ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            let found = shown(&integer.to_string());
            self.fault(&value.span(), format!("`{what}` must be {wanted}, not {found}"));
        }
        number
    }

    /// A table.
    pub(super) fn section<'v, 't>(
        &mut self,
        what: &str,
        value: &'v Value<'t>,
    ) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(what, &format!("a section [{what}]"), value);
        }
        table
    }

    /// An array of tables, each with where it starts.
    pub(super) fn sections<'v, 't>(
        &mut self,
        what: &str,
        value: &'v Value<'t>,
    ) -> Vec<(Range<usize>, &'v DeTable<'t>)> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(what, &format!("sections [[{what}]], in two brackets"), value);
            return Vec::new();
        };
        let entry = |value: &'v Value<'t>| Some((value.span(), self.section(what, value)?));
        array.iter().take(ARRAY_MAX).filter_map(entry).collect()
    }

    fn wrong_type(&mut self, what: &str, wanted: &str, value: &Value<'_>) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a section",
        };
        self.fault(&value.span(), format!("`{what}` must be {wanted}, not {found}"));
    }
}

/// What the user wrote, in quotes and bounded.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", start.escape_debug())
}
