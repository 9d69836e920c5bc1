//! An event of the log as one line of JSON.
//!
//! Spans are left out: what a reader of the line needs is in the line. An error is told with all
//! that caused it.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use callerwatch_detection::plain::plain_json;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock;

/// Enough for all faults of a policy that anybody would read.
const TEXT_MAX_BYTES: usize = 16 * 1024;

/// Events as lines.
pub(super) struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut values = Values::default();
        event.record(&mut values);
        let Values(mut line) = values;
        let metadata = event.metadata();
        line.insert("timestamp".to_owned(), json!(clock::now().to_string()));
        line.insert("level".to_owned(), json!(metadata.level().as_str()));
        line.insert("target".to_owned(), json!(metadata.target()));
        // Logs are looked at in terminals too.
        writeln!(writer, "{}", plain_json(&Value::Object(line).to_string()))
    }
}

#[derive(Default)]
struct Values(Map<String, Value>);

impl Values {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }

    fn insert_text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let mut text = Bounded(String::new());
        // It fails where it is full, and where a value cannot tell itself: then its start is told.
        let _ = text.write_fmt(value);
        self.insert(field, Value::String(text.0));
    }
}

impl Visit for Values {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert_text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.insert_text(field, format_args!("{}", Chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert_text(field, format_args!("{value:?}"));
    }
}

/// A text that stops growing.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_MAX_BYTES.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        self.0.push('\u{2026}');
        Err(fmt::Error)
    }
}

/// An error and what caused it: `reading a thing: it broke`.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
