//! Decode: what a JSON object is, told by its own keys: a container of records, an envelope around
//! one, or neither.
//!
//! One strict pass over the object, that stops at the array of a container. Promises that an object
//! told to be whole is valid JSON.

use serde::de::IgnoredAny;

use super::elements::{Elements, elements};
use crate::envelope::{Candidate, Envelope};
use crate::lenient::Text;

/// Keys under which the clouds and their tools keep arrays of records, and nothing else: whatever
/// comes first in them, records may follow.
const CONTAINER_KEYS: [&str; 5] = [
    "Records",          // CloudTrail
    "records",          // Azure export
    "logEvents",        // CloudWatch Logs
    "Events",           // CloudTrail, lookup-events
    "receivedMessages", // Pub/Sub pull
];

/// The same, under which others keep arrays of numbers and words.
const LIKELY_KEYS: [&str; 3] = [
    "value",   // Azure REST
    "items",   // Workspace reports
    "entries", // Cloud Logging
];

/// What an object is.
#[derive(Debug)]
pub(super) enum Object<'t> {
    /// An object that holds an array of records, whose first element comes at `elements`.
    Container {
        /// The offset after the opening bracket of the array.
        elements: usize,
    },
    /// A whole object.
    Whole {
        /// The offset after it.
        end: usize,
        /// What it is around, if it is an envelope.
        envelope: Option<Envelope<'t>>,
        /// A sign of life of `CloudWatch` Logs, without a record.
        is_control: bool,
    },
}

/// Why an object could not be told.
#[derive(Debug)]
pub(super) enum Fault {
    /// The text ends within it.
    Cut,
    /// It is no JSON. `is_multiline` tells whether that showed only after the first line.
    Broken {
        /// See above.
        is_multiline: bool,
    },
}

/// Looks at the object that `text` starts with.
pub(super) fn look(text: &str) -> Result<Object<'_>, Fault> {
    let mut best: Option<Candidate<'_>> = None;
    let mut has_detail_type = false;
    let mut is_notification = false;
    let mut is_control = false;
    let mut members = Members::new(text);
    while let Some((key, at)) = members.next_key()? {
        let is_sure = CONTAINER_KEYS.contains(&key.as_str());
        if (is_sure || LIKELY_KEYS.contains(&key.as_str()))
            && let Some(elements) = members.array_of_records(at, is_sure)?
            && !is_control
        {
            return Ok(Object::Container { elements });
        }
        let value = members.value(at)?;
        match key.as_str() {
            "detail-type" => has_detail_type = true,
            "Type" => is_notification = value == r#""Notification""#,
            "messageType" => is_control = value == r#""CONTROL_MESSAGE""#,
            key => {
                let candidate = Candidate::of(key, value);
                best = match (best, candidate) {
                    (Some(best), Some(new)) if new.rank < best.rank => Some(new),
                    (best, new) => best.or(new),
                };
            }
        }
    }
    let envelope = best.map(|best| best.into_envelope(has_detail_type, is_notification));
    Ok(Object::Whole { end: members.at, envelope, is_control })
}

/// The members of an object, one after the other.
pub(crate) struct Members<'t> {
    text: &'t str,
    at: usize,
    is_first: bool,
}

impl<'t> Members<'t> {
    /// Of the object that `text` starts with.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 1, is_first: true }
    }

    /// The next member: its key, and where its value starts. None at the end of the object.
    fn next_key(&mut self) -> Result<Option<(Text<'t>, usize)>, Fault> {
        match (self.peek()?, self.is_first) {
            (b'}', _) => {
                self.at += 1;
                return Ok(None);
            }
            (b',', false) => {
                self.at += 1;
                self.peek()?;
            }
            (_, true) => {}
            (_, false) => return Err(self.broken(false)),
        }
        self.is_first = false;
        if self.peek()? != b'"' {
            return Err(self.broken(false));
        }
        let (key, len) = self.parse::<Text<'t>>(self.at)?;
        self.at += len;
        if self.peek()? != b':' {
            return Err(self.broken(false));
        }
        self.at += 1;
        self.peek()?;
        Ok(Some((key, self.at)))
    }

    /// The text of the value at `at`, which is passed over.
    fn value(&mut self, at: usize) -> Result<&'t str, Fault> {
        let (_, len) = self.parse::<IgnoredAny>(at)?;
        self.at = at + len;
        // A number may go on after the end of the text.
        if self.at >= self.text.len() {
            return Err(Fault::Cut);
        }
        Ok(self.text.get(at..self.at).unwrap_or_default())
    }

    /// The value of the first member of that name, if the object is whole.
    pub(crate) fn find(mut self, name: &str) -> Option<&'t str> {
        while let Ok(Some((key, at))) = self.next_key() {
            let value = self.value(at).ok()?;
            if key.as_str() == name {
                return Some(value);
            }
        }
        None
    }

    /// Where the elements start, if the value at `at` is an array whose elements are records, or may
    /// be.
    fn array_of_records(&self, at: usize, is_sure: bool) -> Result<Option<usize>, Fault> {
        let Some(array) = self.text.get(at..).and_then(|text| text.strip_prefix('[')) else {
            return Ok(None);
        };
        if is_sure {
            return Ok(Some(at + 1));
        }
        match elements(array) {
            Elements::Records => Ok(Some(at + 1)),
            Elements::Scalars => Ok(None),
            Elements::Cut => Err(Fault::Cut),
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<u8, Fault> {
        for byte in self.text.as_bytes().get(self.at..).unwrap_or_default() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                byte => return Ok(*byte),
            }
        }
        Err(Fault::Cut)
    }

    fn parse<T: serde::de::Deserialize<'t>>(&self, at: usize) -> Result<(T, usize), Fault> {
        let rest = self.text.get(at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        match values.next() {
            Some(Ok(value)) => Ok((value, values.byte_offset())),
            Some(Err(error)) if !error.is_eof() => Err(self.broken(error.line() > 1)),
            _ => Err(Fault::Cut),
        }
    }

    fn broken(&self, is_multiline: bool) -> Fault {
        let seen = self.text.get(..self.at).unwrap_or_default();
        Fault::Broken { is_multiline: is_multiline || seen.contains('\n') }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match look(text) {
            Ok(Object::Container { elements }) => format!("container {}", &text[elements..]),
            Ok(Object::Whole { is_control: true, .. }) => "control".to_owned(),
            Ok(Object::Whole { end, envelope, .. }) => {
                let content = envelope.and_then(|envelope| envelope.open());
                format!("{} {}", &text[..end], content.unwrap_or("-".into()))
            }
            Err(Fault::Cut) => "cut".to_owned(),
            Err(Fault::Broken { is_multiline }) => format!("broken {is_multiline}"),
        }
    }

    #[test]
    fn objects() {
        for (text, expected) in [
            (r#"{"Records":[{"#, "container {"),
            (r#"{"kind":"k","n":[1,{"items":[]}],"items": [ ]}"#, "container  ]}"),
            (r#"{"value":["{}"]}"#, r#"container "{}"]}"#),
            (r#"{"value":[1]} {"#, r#"{"value":[1]} -"#),
            (r#"{"value":["a"]}"#, r#"{"value":["a"]} -"#),
            (r#"{"value":[null,{"a":1}]}"#, r#"container null,{"a":1}]}"#),
            (r#"{"value":[null,1"#, "cut"),
            (r#"{"Records":[7,"#, "container 7,"),
            (r#"{"Records":["#, "container "),
            (r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{}]}"#, "control"),
            (r#"{"a":{"Records":[{}]}}"#, r#"{"a":{"Records":[{}]}} -"#),
            ("{}{", "{} -"),
            (r#"{"a":1"#, "cut"),
            (r#"{"a":"#, "cut"),
            (r#"{"a":"b\"#, "cut"),
            ("{", "cut"),
            (r#"{"a" 1}"#, "broken false"),
            (r#"{"a":1,}"#, "broken false"),
            (r#"{,"a":1}"#, "broken false"),
            (r#"{"a":1 "b":2}"#, "broken false"),
            ("{\"a\":1,\n\"b\":x}", "broken true"),
            ("{\"a\":[1,\nx]}", "broken true"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }
}
