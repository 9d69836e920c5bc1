//! Decode: text → records, wherever they lie in it.
//!
//! Lines of JSON, concatenated JSON, arrays, objects that hold an array, envelopes, and these in
//! each other. Promises to hand over every record that can be read, to reject the others one by
//! one, and to do work in proportion to the text, whatever it is. Works on windows of text and
//! keeps nothing of them; records are decoded where they lie.

use std::borrow::Cow;

use callerwatch_detection::activity::Cloud;

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
            [b'[', inner @ ..] => match inner.trim_ascii_start() {
                [] => Step::Cut(at),
                [b'{' | b'[' | b'"' | b']', ..] => self.open(Level::Array, at, at + 1, sink),
                _ => self.no_record(at, sink),
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
                sink(Event::Reading(Reading::NotACall { cloud: Cloud::Aws, what }));
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

fn take(cloud: Cloud, record: &str, sink: Sink<'_>) -> bool {
    let sink = &mut |reading: Reading<'_>| sink(Event::Reading(reading));
    match cloud {
        Cloud::Aws => aws::read(record, sink),
        Cloud::Azure => azure::read(record, sink),
        Cloud::Gcp => gcp::read(record, sink),
    }
}

/// The record without its halves of surrogate pairs, which are JSON and no text; none where there
/// are none. Callers write them into what is logged of them.
fn mend(record: &str) -> Option<String> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let mut mended = String::new();
    let mut rest = record;
    let mut is_mended = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let first = escape.strip_prefix("\\u").and_then(unit);
        let second = escape.get(6..).and_then(|next| next.strip_prefix("\\u")).and_then(unit);
        let len = match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                is_mended = true;
                mended.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, behind) = escape.split_at_checked(len).unwrap_or((escape, ""));
        mended.push_str(kept);
        rest = behind;
    }
    mended.push_str(rest);
    is_mended.then_some(mended)
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Buffers, read, read_document};

    const RECORD: &str = r#"{"eventVersion":"1.11","eventSource":"s3.amazonaws.com","eventName":"A","eventTime":"2026-03-02T09:00:00Z"}"#;

    /// What comes of a text, in which `@` stands for a record of one operation, `A`, and `$` for
    /// one as a JSON string: operations, and rejections with their offsets and reasons.
    fn show(text: &str) -> String {
        let quoted = serde_json::to_string(RECORD).unwrap();
        let full = text.replace('@', RECORD).replace('$', &quoted);
        let short_offset = |at: u64| {
            let before = &full[..usize::try_from(at).unwrap()];
            before.replace(&quoted, "$").replace(RECORD, "@").len()
        };
        let mut shown = Vec::new();
        let mut sink = |event: Event<'_>| {
            shown.push(match event {
                Event::Reading(Reading::Activity(activity)) => activity.operation.into_owned(),
                Event::Reading(Reading::NotACall { what, .. }) => what.to_owned(),
                Event::Rejected(Rejected { at, why }) => format!("{}: {why}", short_offset(at)),
            });
        };
        match read(&mut full.as_bytes(), &mut Buffers::new(), &mut sink) {
            Ok(_) => {}
            Err(ReadError::Truncated { at }) => shown.push(format!("{}: cut", short_offset(at))),
            Err(error) => shown.push(error.to_string()),
        }
        shown.join(", ")
    }

    fn check(rows: &[(&str, &str)]) {
        for (text, expected) in rows {
            assert_eq!(show(text), *expected, "{text}");
        }
    }

    #[test]
    fn containers() {
        check(&[
            ("", ""),
            (" \n", ""),
            ("@", "A"),
            ("@\n@\n", "A, A"),
            ("\u{feff}@\r\n@\r\n", "A, A"),
            ("@@ @,\n@", "A, A, A, A"),
            ("[@,@]", "A, A"),
            ("[]", ""),
            ("[ @ , @ ] [@]", "A, A, A"),
            (r#"{"Records":[@,@]}"#, "A, A"),
            (r#"{"kind":"k","etag":"x","items":[@],"next":{"a":"]}"}}@"#, "A, A"),
            (r#"{"records":[]}{"value":[@]}"#, "A"),
            (r#"{"Records":[{"records":[@]},@]}"#, "A, A"),
            ("[[[[@]]]]", "A"),
            ("[[[[[@]]]],@]", "4: nested too deeply, A"),
            (r#"{"Records":[@{"a":1}@]}"#, "A, 13: not a record of a known log, A"),
        ]);
    }

    #[test]
    fn envelopes() {
        check(&[
            (r#"{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":@}"#, "A"),
            (r#"{"time":1,"event":@}"#, "A"),
            (r#"{"src":"x","kind":"y","event":@}"#, "A"),
            (r#"{"_source":{"event":{"original":$}}}"#, "A"),
            (r#"{"message":$,"event":{"action":"x"}}"#, "A"),
            (r#"{"Type":"Notification","Message":$}"#, "A"),
            (r#"{"Events":[{"EventId":"1","CloudTrailEvent":$}]}"#, "A"),
            (
                r#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":$},{"id":"2","message":"no"}]}"#,
                "A, 66: not a record of a known log",
            ),
            (
                r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"1","message":"x"}]}"#,
                "control message",
            ),
            (r#"[$,"x"]"#, "A, 3: not JSON"),
            (
                r#"{"message":{"data":"eyJhIjoxfQ"},"subscription":"s"}"#,
                "0: not a record of a known log",
            ),
            (r#"{"message":{"data":"!"}}"#, "0: not a record of a known log"),
            (r#"{"message":{"data":""}}"#, "0: not a record of a known log"),
            (r#"{"event":{"event":{"event":{"event":@}}}}"#, "A"),
            (r#"{"event":{"event":{"event":{"event":{"event":@}}}}}"#, "0: nested too deeply"),
        ]);
    }

    #[test]
    fn payloads_in_base64() {
        use base64::Engine as _;
        use std::io::Write as _;
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(format!(r#"{{"logEvents":[{{"message":{RECORD:?}}}]}}"#).as_bytes())
            .unwrap();
        let gzip = gzip.finish().unwrap();
        let pushed = base64(RECORD.as_bytes());
        for (text, expected) in [
            (format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64(&gzip)), "A"),
            (format!(r#"{{"message":{{"data":"{pushed}"}},"subscription":"s"}}"#), "A"),
            (
                format!(
                    r#"{{"receivedMessages":[{{"ackId":"a","message":{{"data":"{pushed}"}}}}]}}"#
                ),
                "A",
            ),
        ] {
            assert_eq!(show(&text), expected, "{text}");
        }
        let mut count = 0;
        read_document(&gzip, &mut |_| count += 1).unwrap();
        assert_eq!(count, 1);
    }

    #[test]
    fn broken_neighbours() {
        check(&[
            ("@\njunk\n@\n", "A, 2: not JSON, A"),
            ("junk\n@", "0: not JSON, A"),
            ("junk\nmore\n", "text that is not JSON"),
            ("{broken", "text that is not JSON"),
            ("[2026-03-02] INFO x\n[section]\n", "text that is not JSON"),
            ("@\n{\"a\":\"x}\n@\n", "A, 2: not JSON, A"),
            ("@\n{\"a\":[1\n@\n", "A, 2: not JSON, A"),
            ("@\n{\"a\":{},,}\n@\n", "A, 2: not JSON, A"),
            ("@\n{\"a\":\n{\"b\":\n@", "A, 2: not JSON, 8: not JSON, A"),
            ("{\n  \"a\": x,\n  \"b\": {}\n}\n@", "0: not JSON, A"),
            ("[@,{\"a\":x,\"b\":[{}]},@]", "A, 3: not JSON, A"),
            ("[@,1,null,@]", "A, 3: not JSON, 5: not JSON, A"),
            ("[@ junk,@]", "A, 3: not JSON, A"),
            ("[@,@", "A, A, 4: cut"),
            ("[@,{\"a", "A, 3: cut"),
            ("{\"Records\":[@]", "A, 14: cut"),
            ("@\n{\"a\":", "A, 2: cut"),
            ("{\"a\":1}\n@", "0: not a record of a known log, A"),
        ]);
    }

    #[test]
    fn halves_of_surrogate_pairs_cost_nothing() {
        for (name, expected) in [
            (r"\ud83d\ude00", "\u{1f600}"),
            (r"a\ud800", "a\u{fffd}"),
            (r"\udc00\ud800\\ud800\n", "\u{fffd}\u{fffd}\\ud800\n"),
        ] {
            assert_eq!(
                show(&RECORD.replace(r#""A""#, &format!(r#""{name}""#))),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn long_records_are_passed_over() {
        let long = |bytes: usize| format!(r#"{{"a":"{}{{"}}"#, "x".repeat(bytes));
        for (bytes, why) in [
            (3 << 20, "not a record of a known log"),
            (9 << 20, "longer than 8 MiB"),
            (20 << 20, "longer than 8 MiB"),
        ] {
            let long = long(bytes);
            assert_eq!(show(&format!("[@,{long},@]")), format!("A, 3: {why}, A"));
            assert_eq!(show(&format!("@\n{long}\n@")), format!("A, 2: {why}, A"));
        }
    }

    /// Each line opens what no line closes, so that every line might be the start of a value that
    /// goes on to the end.
    #[test]
    fn work_stays_in_proportion() {
        for line in [
            "{\"a\":[\n",
            "[{\"a\":\n",
            "[\n",
            "{\n",
            "{\"a\":1,\n",
            "[[[[[",
            "{\"a\":\"",
            "\"",
            "{\"Records\":[",
            "x\n{\"\n",
        ] {
            let text = line.repeat((2 << 20) / line.len());
            show(&text);
            show(&format!("{RECORD}\n{text}\nx"));
        }
    }
}
