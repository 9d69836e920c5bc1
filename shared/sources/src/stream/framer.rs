//! Decode: text → records, wherever they lie in it.
//!
//! Lines of JSON, concatenated JSON, arrays, objects that hold an array, envelopes, and these in
//! each other. Promises to hand over every record that can be read, to reject the others one by
//! one, and to do work in proportion to the text, whatever it is. Works on windows of text and
//! keeps nothing of them; records are decoded where they lie.

use std::borrow::Cow;

use callerwatch_detection::activity::Cloud;

use super::elements::{Elements, elements};
use super::mend::mend;
use super::object::{self, Fault, Object};
use super::skip::{Skip, Until};
use super::{Event, ReadError, Rejected, Why};
use crate::envelope::is_json_text;
use crate::lenient::Text;
use crate::reading::Reading;
use crate::{aws, azure, gcp};

/// How deep containers and envelopes may lie in each other.
const MAX_DEPTH: usize = 4;

/// Broken values of several lines after which the search for the next one no longer starts at
/// the next line: text made of them would be read as often as it has lines.
const MAX_RESTARTS: u32 = 16;

/// Lines that are no JSON, with nothing else before them, after which a text is no log.
const MAX_LEADING_JUNK: usize = 100;

/// Where elements lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Top,
    Array,
    ArrayOfObject,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a value, or the end of the level.
    Value,
    /// After a value of an array.
    Separator,
    Skipping(Skip),
}

/// How far one step came.
enum Step {
    To(usize),
    /// No further in this text.
    Cut(usize),
}

/// Finds the records of one input.
pub(super) struct Framer {
    levels: Vec<Level>,
    outer_depth: usize,
    state: State,
    /// What was consumed before the present text.
    consumed: u64,
    /// The offset to tell of records in an envelope: that of the envelope.
    fixed_offset: Option<u64>,
    /// The cloud of the latest record. Every input starts with the same one, so that what is read
    /// of it does not depend on the inputs before it.
    latest: Cloud,
    /// Whether the latest object of the top level was a record itself, and the next one is likely
    /// to be.
    is_bare: bool,
    /// Whether it ended with its line.
    is_line: bool,
    restarts: u32,
    has_json: bool,
    leading_junk: Vec<u64>,
}

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

impl Framer {
    pub(super) fn new() -> Self {
        Self {
            levels: vec![Level::Top],
            outer_depth: 0,
            state: State::Value,
            consumed: 0,
            fixed_offset: None,
            latest: Cloud::Aws,
            is_bare: false,
            is_line: false,
            restarts: 0,
            has_json: false,
            leading_junk: Vec::new(),
        }
    }

    /// Hands over the records of `text`, and tells how much of it is done with; the rest must come
    /// again, with more behind it. `is_last` tells that there is no more.
    pub(super) fn run(
        &mut self,
        text: &str,
        is_last: bool,
        sink: Sink<'_>,
    ) -> Result<usize, ReadError> {
        let mut at = 0;
        loop {
            let step = match &mut self.state {
                State::Skipping(skip) => match skip.run(text.get(at..).unwrap_or_default()) {
                    Some(end) => {
                        self.after_value();
                        Step::To(at + end)
                    }
                    None => Step::Cut(text.len()),
                },
                State::Separator => self.separator(text, at, sink),
                State::Value => self.value(text, at, sink),
            };
            if self.leading_junk.len() > MAX_LEADING_JUNK {
                return Err(ReadError::NotJson);
            }
            match step {
                Step::To(next) => at = next,
                Step::Cut(next) if !is_last => {
                    self.consumed += as_u64(next);
                    return Ok(next);
                }
                Step::Cut(next) => {
                    at = next;
                    if !self.end(text, at, sink)? {
                        return Ok(text.len());
                    }
                }
            }
        }
    }

    /// Passes over the value that comes next, which is longer than what is read.
    pub(super) fn pass_over_too_long(&mut self, sink: Sink<'_>) {
        self.has_json = true;
        self.reject(0, Why::TooLong, sink);
        self.skip(true);
    }

    /// At the end of the input. Tells whether to go on all the same, after an unfinished line.
    fn end(&mut self, text: &str, at: usize, sink: Sink<'_>) -> Result<bool, ReadError> {
        let rest = text.get(at..).unwrap_or_default();
        let is_finished = match self.state {
            State::Value => self.levels.len() == 1 && rest.is_empty(),
            State::Separator => false,
            State::Skipping(skip) => skip.may_end(),
        };
        if is_finished {
            let is_junk = !self.has_json && !self.leading_junk.is_empty();
            return if is_junk { Err(ReadError::NotJson) } else { Ok(false) };
        }
        let has_next_line = rest.contains("\n{") || rest.contains("\n[");
        if self.levels.len() == 1 && has_next_line && self.restarts < MAX_RESTARTS {
            self.reject(at, Why::NotJson, sink);
            self.skip(true);
            return Ok(true);
        }
        Err(ReadError::Truncated { at: self.offset(at) })
    }

    /// A record, a container, the end of one, or something that is no record.
    fn value(&mut self, text: &str, at: usize, sink: Sink<'_>) -> Step {
        let is_top = self.levels.len() == 1;
        let rest = text.get(at..).unwrap_or_default();
        // Between values of the top level: also commas, and the marks that start a file (BOM) or
        // a record (RFC 7464).
        let trimmed = if is_top {
            rest.trim_start_matches([' ', '\t', '\r', '\n', ',', '\u{feff}', '\u{1e}'])
        } else {
            rest.trim_start_matches([' ', '\t', '\r', '\n'])
        };
        let at = text.len() - trimmed.len();
        match trimmed.as_bytes() {
            [] => Step::Cut(at),
            [b'{', ..] => self.object(text, at, sink),
            [b'[', ..] => match elements_of(trimmed) {
                Elements::Records => self.open(Level::Array, at, at + 1, sink),
                Elements::Cut => Step::Cut(at),
                Elements::Scalars => self.no_record(at, sink),
            },
            [b']' | b'}', ..] if !is_top => self.close(at),
            [b'"', ..] if !is_top => self.string(text, at, sink),
            _ => self.no_record(at, sink),
        }
    }

    fn separator(&mut self, text: &str, at: usize, sink: Sink<'_>) -> Step {
        let trimmed = text.get(at..).unwrap_or_default().trim_start();
        let at = text.len() - trimmed.len();
        match trimmed.as_bytes() {
            [] => Step::Cut(at),
            [b',', ..] => {
                self.state = State::Value;
                Step::To(at + 1)
            }
            [b']' | b'}', ..] => self.close(at),
            // A comma that was forgotten costs nothing.
            [b'{' | b'[' | b'"', ..] => {
                self.state = State::Value;
                Step::To(at)
            }
            _ => self.no_record(at, sink),
        }
    }

    fn object(&mut self, text: &str, at: usize, sink: Sink<'_>) -> Step {
        let rest = text.get(at..).unwrap_or_default();
        let is_top = self.levels.len() == 1;
        let is_likely_bare = self.is_bare || !is_top;
        let mut tried = None;
        if is_likely_bare && self.latest == Cloud::Aws {
            tried = Some(Cloud::Aws);
            let first = aws::read_first(rest, &mut |reading| sink(Event::Reading(reading)));
            if let Ok(aws::First { end, taken: true }) = first {
                return self.took(Cloud::Aws, at + end, sink);
            }
        } else if self.is_bare && self.is_line && is_top {
            // Where lines end is found sooner than where objects do.
            let line = rest.split('\n').next().unwrap_or_default();
            if line.len() < rest.len() && take(self.latest, line, sink) {
                return self.took(self.latest, at + line.len(), sink);
            }
            self.is_line = false;
        }
        match object::look(rest) {
            Err(Fault::Cut) => Step::Cut(at),
            Err(Fault::Broken { is_multiline }) => {
                self.reject(at, Why::NotJson, sink);
                self.skip(is_multiline);
                Step::To(at)
            }
            Ok(Object::Container { elements }) => {
                self.open(Level::ArrayOfObject, at, at + elements, sink)
            }
            Ok(Object::Whole { end, is_control: true, .. }) => {
                let what = "control message";
                sink(Event::Reading(&Reading::NotACall { cloud: Cloud::Aws, what }));
                self.took(Cloud::Aws, at + end, sink)
            }
            Ok(Object::Whole { end, envelope, .. }) => {
                self.has_json(sink);
                let record = rest.get(..end).unwrap_or_default();
                let is_sure = envelope.as_ref().is_some_and(|envelope| envelope.is_sure);
                if !is_sure {
                    let others = Cloud::ALL.into_iter().filter(|cloud| *cloud != self.latest);
                    let in_order = std::iter::once(self.latest).chain(others);
                    for cloud in in_order.filter(|cloud| Some(*cloud) != tried) {
                        if take(cloud, record, sink) {
                            let behind = rest.get(end..).unwrap_or_default();
                            self.is_line = behind.starts_with(['\n', '\r']);
                            return self.took(cloud, at + end, sink);
                        }
                    }
                }
                let inner = match envelope {
                    Some(envelope) => envelope.open(),
                    None => mend(record).map(Cow::Owned),
                };
                match inner {
                    Some(inner) if !inner.trim().is_empty() => self.nested(&inner, at, sink),
                    _ => self.reject(at, Why::UnknownRecord, sink),
                }
                self.is_bare &= !is_top;
                self.after_value();
                Step::To(at + end)
            }
        }
    }

    /// An element that is a string may hold a record.
    fn string(&mut self, text: &str, at: usize, sink: Sink<'_>) -> Step {
        let rest = text.get(at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Text<'_>>();
        match values.next() {
            Some(Ok(inner)) if is_json_text(rest) => {
                self.nested(inner.as_str(), at, sink);
                self.after_value();
                Step::To(at + values.byte_offset())
            }
            Some(Err(error)) if error.is_eof() => Step::Cut(at),
            _ => self.no_record(at, sink),
        }
    }

    /// Reads what an envelope holds.
    fn nested(&mut self, text: &str, at: usize, sink: Sink<'_>) {
        let depth = self.outer_depth + self.levels.len();
        if depth > MAX_DEPTH {
            return self.reject(at, Why::TooDeep, sink);
        }
        let mut inner = Self::new();
        inner.outer_depth = depth;
        inner.fixed_offset = Some(self.offset(at));
        inner.latest = self.latest;
        inner.is_bare = true;
        match inner.run(text, true, sink) {
            Ok(_) => self.latest = inner.latest,
            Err(_) => self.reject(at, Why::NotJson, sink),
        }
    }

    fn open(&mut self, level: Level, at: usize, elements: usize, sink: Sink<'_>) -> Step {
        self.has_json(sink);
        self.is_bare &= self.levels.len() > 1;
        if self.outer_depth + self.levels.len() > MAX_DEPTH {
            self.reject(at, Why::TooDeep, sink);
            self.skip(true);
            return Step::To(at);
        }
        self.levels.push(level);
        self.state = State::Value;
        Step::To(elements)
    }

    /// At the bracket that closes a level. An object's brace stands in for a lost bracket.
    fn close(&mut self, at: usize) -> Step {
        let level = self.levels.pop();
        if level == Some(Level::ArrayOfObject) {
            self.state = State::Skipping(Skip::new(Until::Object));
        } else {
            self.after_value();
        }
        Step::To(at + 1)
    }

    fn took(&mut self, cloud: Cloud, end: usize, sink: Sink<'_>) -> Step {
        self.has_json(sink);
        self.latest = cloud;
        self.is_bare |= self.levels.len() == 1;
        self.after_value();
        Step::To(end)
    }

    fn after_value(&mut self) {
        self.state = if self.levels.len() == 1 { State::Value } else { State::Separator };
    }

    /// At something that starts no record.
    fn no_record(&mut self, at: usize, sink: Sink<'_>) -> Step {
        self.reject(at, Why::NotJson, sink);
        let until = if self.levels.len() == 1 { Until::Line } else { Until::Element };
        self.state = State::Skipping(Skip::new(until));
        Step::To(at)
    }

    /// Goes on after a value that was rejected and starts here.
    fn skip(&mut self, is_multiline: bool) {
        self.restarts += u32::from(is_multiline);
        self.state = State::Skipping(Skip::new(match self.levels.len() {
            1 if self.restarts <= MAX_RESTARTS => Until::ValueOrLine,
            1 => Until::Value,
            _ => Until::Element,
        }));
    }

    fn offset(&self, at: usize) -> u64 {
        self.fixed_offset.unwrap_or_else(|| self.consumed + as_u64(at))
    }

    /// Junk before any JSON is told only once there is some: a text without is no log at all.
    fn reject(&mut self, at: usize, why: Why, sink: Sink<'_>) {
        let at = self.offset(at);
        if why == Why::NotJson && !self.has_json {
            self.leading_junk.push(at);
        } else {
            sink(Event::Rejected(Rejected { at, why }));
        }
    }

    fn has_json(&mut self, sink: Sink<'_>) {
        self.has_json = true;
        for at in self.leading_junk.drain(..) {
            sink(Event::Rejected(Rejected { at, why: Why::NotJson }));
        }
    }
}

/// What the array that the text starts with holds. Strings in one that no key names are told one by
/// one.
fn elements_of(array: &str) -> Elements {
    let inner = array.get(1..).unwrap_or_default();
    if inner.trim_ascii_start().starts_with('"') { Elements::Records } else { elements(inner) }
}

fn take(cloud: Cloud, record: &str, sink: Sink<'_>) -> bool {
    let sink = &mut |reading: &Reading<'_>| sink(Event::Reading(reading));
    match cloud {
        Cloud::Aws => aws::read(record, sink),
        Cloud::Azure => azure::read(record, sink),
        Cloud::Gcp => gcp::read(record, sink),
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
