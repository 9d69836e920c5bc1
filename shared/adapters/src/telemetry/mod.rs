//! What a function says of itself: a log of JSON lines, and counters as CloudWatch reads them.
//!
//! Both go to standard output, from where Lambda takes them. Promises that whatever a caller wrote
//! stays one bounded value of one line.

mod digest_metrics;
mod embedded;
mod feed_metrics;
mod line;
mod metrics;
mod response_metrics;

use std::io;
use std::panic;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

pub use self::digest_metrics::emit_digest;
pub use self::feed_metrics::emit_feeds;
use self::line::Line;
pub use self::metrics::Metrics;
pub use self::response_metrics::ResponseMetrics;

/// Starts the log. What is not ours is heard from warnings on: an SDK that is asked for more tells
/// the requests, and those hold what callers wrote. A panic becomes a line like any other.
pub fn init(level: Level) {
    // A second start changes nothing; that is for tests.
    if subscriber(level, io::stdout).try_init().is_ok() {
        panic::set_hook(Box::new(|panic| {
            let why = panic.payload_as_str().unwrap_or_default();
            let at = panic.location().map(ToString::to_string);
            tracing::error!(why, at, "the code panicked");
        }));
    }
}

fn subscriber<W>(level: Level, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().event_format(Line).with_writer(writer);
    let heard = Targets::new()
        .with_default(level.min(Level::WARN))
        .with_target("callerwatch", level)
        .with_target("bootstrap", level);
    registry().with(lines).with(heard)
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged, line by line, without the time.
    fn lines(level: Level, log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), log);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}']), "{text:?}");
        text.lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let time = line["timestamp"].take();
                assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
                line.as_object_mut().unwrap().remove("timestamp");
                line
            })
            .collect()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("reading a thing")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_line_is_json_whatever_is_in_it() {
        let lines = lines(Level::INFO, || {
            let span = tracing::info_span!("invocation", id = "7");
            let _entered = span.enter();
            let hostile = "\u{1b}[31m\n{\"level\":\"ERROR\"}\u{202e}";
            let error = Outer(io::Error::other("it broke"));
            tracing::warn!(
                error = &error as &dyn Error,
                agent = hostile,
                debugged = ?hostile,
                count = 3,
                is_it = true,
                ratio = 0.5,
                "something {}",
                "happened"
            );
            tracing::debug!("not told");
        });
        assert_eq!(
            lines,
            [json!({
                "level": "WARN",
                "target": "callerwatch_adapters::telemetry::tests",
                "message": "something happened",
                "error": "reading a thing: it broke",
                "agent": "\u{1b}[31m\n{\"level\":\"ERROR\"}\u{202e}",
                "debugged": "\"\\u{1b}[31m\\n{\\\"level\\\":\\\"ERROR\\\"}\\u{202e}\"",
                "count": 3,
                "is_it": true,
                "ratio": 0.5,
            })]
        );
    }

    #[test]
    fn lines_are_bounded() {
        let long = "\u{e9}".repeat(1_000_000);
        let lines = lines(Level::INFO, || tracing::info!(long, debugged = ?long, "{long}"));
        for name in ["long", "debugged", "message"] {
            let text = lines[0][name].as_str().unwrap();
            assert!((16_000..17_000).contains(&text.len()) && text.ends_with('\u{2026}'), "{name}");
        }
    }

    #[test]
    fn what_is_not_ours_is_heard_from_warnings_on() {
        let told = |level| {
            let lines = lines(level, || {
                tracing::debug!(target: "aws_smithy_runtime::client", "a request");
                tracing::warn!(target: "aws_smithy_runtime::client", "a retry");
                tracing::debug!("ours");
            });
            lines
                .iter()
                .map(|line| line["message"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(told(Level::TRACE), ["a retry", "ours"]);
        assert_eq!(told(Level::INFO), ["a retry"]);
        assert!(told(Level::ERROR).is_empty());
    }
}
